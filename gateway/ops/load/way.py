"""The way between one caller and the gateway: a socket, and what delays its messages.

A stream is one TCP connection: delay never changes the order of messages.
"""

import random
from functools import partial
from time import perf_counter_ns
from typing import Final

from picows import WSMsgType, WSTransport

from gateway.ops.load.clock import Clock, Due
from gateway.sim.twilio.network import Network, Schedule

APART_NS: Final = 10_000_000


class Way:
    """Both directions of one stream."""

    def __init__(self, clock: Clock, network: Network, rng: random.Random) -> None:
        self.transport: WSTransport | None = None
        self._clock = clock
        self._ideal = not (network.delay_ms or network.jitter_ms)
        self._out, self._back = (Schedule(network, random.Random(rng.random())) for _ in "ab")

    def send(self, message: str) -> None:
        """A text message to the gateway."""
        self._go(self._out, partial(self._transmit, message))

    def close(self) -> None:
        """The closing handshake, behind everything that was sent."""
        self._go(self._out, self._close_later)

    def arrive(self, obey: Due) -> None:
        """Calls `obey` with the nanosecond at which what came just now reaches the carrier."""
        self._go(self._back, obey)

    def answer_close(self) -> None:
        """The other side's close is answered, and the connection ends."""
        self._send_close(0)
        if self.transport is not None:
            self.transport.disconnect()

    def cut(self) -> None:
        """The connection is gone at once."""
        if self.transport is not None:
            # Without the rest: a peer that reads no more would keep the socket for ever.
            self.transport.disconnect(graceful=False)

    @property
    def unread_bytes(self) -> int:
        """How much the gateway has still to read."""
        if self.transport is None:
            return 0
        return int(self.transport.underlying_transport.get_write_buffer_size())

    def _go(self, schedule: Schedule, act: Due) -> None:
        now_ns = perf_counter_ns()
        if self._ideal:
            act(now_ns)
        else:
            self._clock.call_at(int(schedule.arrival(now_ns / 1e9) * 1e9), act)

    def _transmit(self, message: str, _: int) -> None:
        if self.transport is not None and not self.transport.is_disconnected:
            self.transport.send(WSMsgType.TEXT, message)

    def _close_later(self, now_ns: int) -> None:
        """Not in the same packet as `stop`: servers exist that read no further than a close."""
        self._clock.call_at(now_ns + APART_NS, self._send_close)

    def _send_close(self, _: int) -> None:
        if self.transport is not None and not self.transport.is_disconnected:
            self.transport.send_close()
