"""A network in between: a TCP relay that delays every piece by a one-way delay and jitter, in
order.
"""

from __future__ import annotations

import asyncio
from random import Random
from time import perf_counter_ns
from typing import cast

from gateway.ops.load.clock import Clock

NS_PER_MS = 1_000_000


class _Pump(asyncio.Protocol):
    """One end of a relayed connection: what it reads, its peer writes later."""

    def __init__(self, relay: DelayRelay) -> None:
        self._relay = relay
        self._transport: asyncio.Transport | None = None
        self._peer: _Pump | None = None
        self._due_ns = 0
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def join(self, peer: _Pump) -> None:
        """From now on both ends are connected; what came before is delayed from now on."""
        self._peer, peer._peer = peer, self
        early, self._early = self._early, []
        for data in early:
            self.data_received(data)

    def data_received(self, data: bytes) -> None:
        peer = self._peer
        if peer is None:
            self._early.append(data)
        else:
            self._relay.clock.call_at(self._later(), lambda _: peer.write(data))

    def connection_lost(self, exc: Exception | None) -> None:
        peer = self._peer
        if peer is not None:
            self._relay.clock.call_at(self._later(), lambda _: peer.close())

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _later(self) -> int:
        """When what is read now arrives: never before what was read earlier."""
        self._due_ns = max(self._due_ns, perf_counter_ns() + self._relay.delay_ns())
        return self._due_ns


class DelayRelay:
    """Passes connections on to `target`, everything `delay_ms` ± `jitter_ms` later, each way."""

    def __init__(
        self, clock: Clock, target: tuple[str, int], delay_ms: float, jitter_ms: float
    ) -> None:
        self.clock = clock
        self._target = target
        self._delay_ms = delay_ms
        self._jitter_ms = jitter_ms
        self._random = Random(f"{delay_ms}/{jitter_ms}")
        self._server: asyncio.Server | None = None
        self._joining: set[asyncio.Task[None]] = set()

    def delay_ns(self) -> int:
        """A fresh one-way delay."""
        jitter_ms = self._random.uniform(-self._jitter_ms, self._jitter_ms)
        return int(max(0.0, self._delay_ms + jitter_ms) * NS_PER_MS)

    async def start(self) -> tuple[str, int]:
        """The address to connect to instead of `target`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", 0)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _accept(self) -> _Pump:
        near = _Pump(self)
        task = asyncio.get_running_loop().create_task(self._join(near))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)
        return near

    async def _join(self, near: _Pump) -> None:
        try:
            _, far = await asyncio.get_running_loop().create_connection(
                lambda: _Pump(self), *self._target
            )
        except OSError:
            near.close()
        else:
            near.join(far)
