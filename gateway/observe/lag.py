"""How late the event loop is: what every frame of every call may have to wait before it is read.

A timer that should be due says how late it was. Looked at so often that a stall of a tenth of a
second cannot hide, and so seldom that it costs nothing (20 times a second, some 10 microseconds).
Timers of uvloop come up to a millisecond late by themselves: they are counted in whole ones.
"""

import asyncio
from collections.abc import Callable

LOOK_S = 0.05


class Lag:
    """The lag of one event loop, told to whoever observes it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._observers: list[Callable[[float], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def observe(self, callback: Callable[[float], None]) -> None:
        """``callback`` is told of each look on the loop: seconds it came late, never below 0."""
        self._observers.append(callback)

    def start(self) -> None:
        """Looks until :meth:`stop`; once only. On the loop."""
        self._set()

    def stop(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        self._due = self._loop.time() + LOOK_S
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        late_s = max(0.0, self._loop.time() - self._due)
        for callback in self._observers:
            callback(late_s)
        self._set()
