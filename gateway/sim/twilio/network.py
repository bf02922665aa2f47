"""Owns the network between carrier and gateway: delay, jitter, loss of caller audio.

A stream is one TCP connection, so delay never changes the order of messages. Loss is what happens
to caller audio before it reaches the carrier: a frame that is never sent, while chunk and timestamp
go on.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_EARLY_S = 0.0005  # timers may fire a little early; what is due within this is delivered


@dataclass(frozen=True, slots=True)
class Network:
    """What lies between the two ends. The default is no delay and no loss."""

    delay_ms: float = 0.0
    """One way, added in each direction."""
    jitter_ms: float = 0.0
    """On top, evenly distributed between 0 and this, drawn for each message."""
    loss: float = 0.0
    """Fraction (0 to 1) of the caller's frames that never come."""
    seed: int = 0


class Schedule:
    """Says when what is sent now arrives: never before what was sent earlier. Pure."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self._delay_s = network.delay_ms / 1000
        self._jitter_s = network.jitter_ms / 1000
        self._rng = rng
        self._last_s = float("-inf")

    def arrival(self, now: float) -> float:
        """When a message sent at `now` (seconds) arrives."""
        jitter = self._rng.uniform(0, self._jitter_s) if self._jitter_s else 0.0
        self._last_s = max(self._last_s, now + self._delay_s + jitter)
        return self._last_s


class Lane(Generic[T]):
    """One direction: takes messages and hands each on when it arrives, in order, with a single
    timer."""

    def __init__(self, schedule: Schedule, deliver: Callable[[T], None]) -> None:
        self._schedule = schedule
        self._deliver = deliver
        self._waiting: deque[tuple[float, T]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, message: T) -> None:
        """Sends one message on its way."""
        now = time.monotonic()
        arrival = self._schedule.arrival(now)
        if arrival <= now and not self._waiting:
            self._deliver(message)
            return
        self._waiting.append((arrival, message))
        if self._timer is None:
            self._arm(now)

    def close(self) -> None:
        """Drops everything that is still under way."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, now: float) -> None:
        delay = max(0.0, self._waiting[0][0] - now)
        self._timer = asyncio.get_running_loop().call_later(delay, self._arrived)

    def _arrived(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now + _EARLY_S:
            self._deliver(self._waiting.popleft()[1])
        if self._waiting and self._timer is None:
            self._arm(now)
