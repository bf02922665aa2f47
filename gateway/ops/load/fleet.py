"""The fleet: worker processes that share the lines of one run, and everything they say.

One begin for all, on the clock they share. Raises GatewayError when a worker is lost: a run that
has lost callers nobody asked to leave is no measurement.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from types import TracebackType
from typing import Final, Self

import msgspec

from gateway.errors import GatewayError
from gateway.ops.load.record import Begin, Order, Pulse, Ready, Stop, Word

LINES_PER_WORKER: Final = 150
START_S: Final = 60.0
LEAD_NS: Final = 300_000_000
"""From the last worker's readiness to the beginning."""
FAREWELL_S: Final = 30.0
"""How long all calls may take to end after a stop: an answer may take the carrier's 15 s."""


def workers_for(calls: int) -> int:
    """How many processes so many lines need."""
    return max(1, -(-calls // LINES_PER_WORKER))


class Fleet:
    """Workers, from their start to their end. Used as a context."""

    def __init__(self, orders: Sequence[Order], hear: Callable[[Pulse], None]) -> None:
        """`hear` is told every pulse."""
        self._orders = orders
        self._hear = hear
        self._processes: list[asyncio.subprocess.Process] = []
        self._decode = msgspec.json.Decoder(Word).decode
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the fleet
        self._stopped = False
        self.begun = asyncio.Event()
        self.begin_ns = 0
        """When the run begins, once `begun` is set."""

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._end)
            try:
                async with asyncio.timeout(START_S):
                    await asyncio.gather(*(self._start(order) for order in self._orders))
            except TimeoutError:
                raise GatewayError(f"the workers were not ready in {START_S:g} s") from None
            undo.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def run(self) -> None:
        """Begins, and returns when all calls are over."""
        self.begin_ns = perf_counter_ns() + LEAD_NS
        for process in self._processes:
            self._tell(process, Begin(self.begin_ns))
        self.begun.set()
        await asyncio.gather(*(self._listen(process) for process in self._processes))

    def stop(self) -> None:
        """Everybody hangs up."""
        if not self._stopped:
            self._stopped = True
            for process in self._processes:
                self._tell(process, Stop())

    async def _start(self, order: Order) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.ops.load.worker"),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            limit=2**26,
        )
        self._processes.append(process)
        self._tell(process, order)
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line.endswith(b"\n") or not isinstance(self._decode(line), Ready):
            await process.wait()
            raise self._lost(process)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        whole = True
        async for line in process.stdout:
            whole = line.endswith(b"\n")
            if not whole:
                break  # it was killed in the middle of it
            word = self._decode(line)
            if isinstance(word, Pulse):
                self._hear(word)
        if await process.wait() or not whole:
            self.stop()
            raise self._lost(process)

    def _tell(self, process: asyncio.subprocess.Process, word: object) -> None:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(word) + b"\n")

    def _lost(self, process: asyncio.subprocess.Process) -> GatewayError:
        self._log.seek(0)
        said = self._log.read().decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else f"exit code {process.returncode}"
        return GatewayError(f"a worker of the load test was lost: {why}")

    async def _end(self) -> None:
        self.stop()
        try:
            async with asyncio.timeout(FAREWELL_S):
                await asyncio.gather(*(process.wait() for process in self._processes))
        except TimeoutError:
            for process in self._processes:
                if process.returncode is None:
                    process.kill()
        self._log.close()
