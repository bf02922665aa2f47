"""How late the event loop runs what is due: the number behind every late frame.

A timer ten times a second, and nothing else: what it finds is kept for a minute.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from gateway.core.latency import percentile

EVERY_S = 0.1
KEPT = 600
"""Samples: a minute of them."""

Observe = Callable[[float], None]
"""Takes how late the loop was (s)."""


class Lag:
    """Samples the lateness of one loop."""

    def __init__(self, every_s: float = EVERY_S, kept: int = KEPT) -> None:
        self._every_s = every_s
        self._late_s: deque[float] = deque(maxlen=kept)
        self._observers: list[Observe] = []

    def observe(self, callback: Observe) -> None:
        """``callback`` is told of every sample from now on, on the loop; it must not raise."""
        self._observers.append(callback)

    async def run(self) -> None:
        """Samples the running loop until cancelled."""
        while True:
            due = time.monotonic() + self._every_s
            await asyncio.sleep(self._every_s)
            self.sample(time.monotonic() - due)

    def sample(self, late_s: float) -> None:
        """One sample; timers of whole milliseconds may be early, which is not late."""
        late_s = max(0.0, late_s)
        self._late_s.append(late_s)
        for observe in self._observers:
            observe(late_s)

    def percentile_ms(self, share: float) -> float | None:
        """Of the last minute; None before the first sample."""
        found = percentile(self._late_s, share)
        return None if found is None else round(found * 1000, 2)
