"""``gateway serve`` as a child that can be killed at any moment and started again.

It keeps its files and its address over all its lives. The log of each life is read line by line.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.chaos.nursery import order

START_LIMIT_S = 60.0
_ROOT = Path(__file__).parents[2]


class GatewayGone(Exception):
    """The gateway ended, or did not do in time what was waited for."""


class Life:
    """One process, from its start to its end, and what its log said."""

    def __init__(self, number: int) -> None:
        self.number = number
        """Counts the lives of a gateway from 1."""
        self.pid = 0
        self.spawned_s = time.monotonic()
        self.ready_s: float | None = None
        self.killed_s: float | None = None
        """When it was sent the signal (monotonic)."""
        self.fell = False
        """It had ended before it was sent one."""
        self.lines: list[dict[str, Any]] = []
        self.over = asyncio.Event()
        """It has ended: nobody holds its stderr any more."""
        self._news = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    def named(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of that event."""
        return [line for line in self.lines if line.get("event") == event]

    async def until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Returns when it holds; looked at with every line. Raises GatewayGone."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: condition() or self.over.is_set())
        except TimeoutError:
            raise GatewayGone(f"no {what} in {timeout_s:g} s") from None
        if not condition():
            raise GatewayGone(f"ended before {what}: {self.lines[-3:]}")

    async def said(self, event: str, timeout_s: float, count: int = 1) -> None:
        """Returns when the log has that many lines of an event. Raises GatewayGone."""
        await self.until(lambda: len(self.named(event)) >= count, timeout_s, event)

    def read(self, stderr: asyncio.StreamReader) -> None:
        """Reads its log from there, until it ends."""
        self._reading = asyncio.create_task(self._read(stderr))

    async def _read(self, stderr: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            async for line in stderr:
                await self._take(line)
        self.over.set()
        async with self._news:
            self._news.notify_all()

    async def _take(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            told = {"event": "text", "text": line.decode(errors="replace").rstrip()}
        if told.get("event") == "gateway.ready" and self.ready_s is None:
            self.ready_s = time.monotonic()
        async with self._news:
            self.lines.append(told)
            self._news.notify_all()


class GatewayProcess:
    """A gateway with one data directory; one life at a time."""

    def __init__(
        self, folder: Path, port: int, environment: Mapping[str, str], nursery: "Nursery | None"
    ) -> None:
        """``environment`` is all it is told, beside the port; ``nursery`` gives quick starts."""
        self.folder = folder
        self.lives: list[Life] = []
        self._words = ["serve", "--port", str(port)]
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_ROOT),
            "GATEWAY_MAX_LAG_MS": "0",  # a machine busy with tests refuses nobody
            **environment,
        }
        self._nursery = nursery

    @property
    def life(self) -> Life:
        """The newest one."""
        return self.lives[-1]

    async def start(self, *, cold: bool = False) -> Life:
        """A new process; returns as soon as there is one. ``cold``: a new interpreter, too."""
        life = Life(len(self.lives) + 1)
        self.lives.append(life)
        if self._nursery is None or cold:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", *self._words),
                cwd=self.folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            assert process.stderr is not None
            life.pid = process.pid
            life.read(process.stderr)
        else:
            life.pid, said = await self._nursery.born(
                "gateway", self._words, self._environment, self.folder
            )
            life.read(said)
        return life

    async def started(self, *, cold: bool = False) -> Life:
        """A new process that takes calls. Raises GatewayGone."""
        life = await self.start(cold=cold)
        await life.said("gateway.ready", START_LIMIT_S)
        return life

    async def kill(self) -> Life:
        """SIGKILL, now; returns when nothing of the process is left."""
        life = self.life
        life.fell = life.over.is_set()
        life.killed_s = time.monotonic()
        self.signal(signal.SIGKILL)
        await _over(life)
        return life

    async def stop(self) -> Life:
        """SIGTERM, and SIGKILL for who does not go."""
        self.signal(signal.SIGTERM)
        try:
            await _over(self.life)
        except TimeoutError:
            await self.kill()
            raise GatewayGone("did not stop when it was told to") from None
        return self.life

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, if there is still somebody to get it."""
        if not self.life.over.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.life.pid, number)


async def _over(life: Life) -> None:
    async with asyncio.timeout(START_LIMIT_S):
        await life.over.wait()


class Nursery:
    """Where quick starts come from."""

    def __init__(self, process: asyncio.subprocess.Process, door: Path) -> None:
        self._process = process
        self._door = door
        self._turn = asyncio.Lock()
        self._callers: asyncio.Queue[asyncio.StreamReader] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []
        """Kept: a writer that is collected closes the connection."""

    async def born(
        self, module: str, words: list[str], environment: Mapping[str, str], folder: Path
    ) -> tuple[int, asyncio.StreamReader]:
        """A new process that runs a module: its id, and its stderr."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        ordered = order(module, words, dict(environment), str(folder), str(self._door))
        async with self._turn:
            self._process.stdin.write(ordered)
            pid = int(await self._process.stdout.readline())
            return pid, await self._callers.get()

    async def called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A process opened its stderr."""
        self._writers = [each for each in self._writers if not each.is_closing()]
        self._writers.append(writer)
        await self._callers.put(reader)

    def close(self) -> None:
        """Ends all connections."""
        for each in self._writers:
            each.close()


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery that has read everything; gone afterwards, with nobody left in it."""
    with tempfile.TemporaryDirectory(prefix="nursery-") as folder:
        door = Path(folder) / "stderr"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.nursery"),
            cwd=_ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        place = Nursery(process, door)
        server = await asyncio.start_unix_server(place.called, door)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await process.stdout.readline()
            yield place
        finally:
            process.stdin.close()
            await process.wait()
            place.close()
            server.close()
            await server.wait_closed()
