"""One absolute clock for everything the load does at a time: callers' frames, marks, the model's
deltas.

An event loop's own timers are rounded to whole milliseconds, which would send the frames of many
callers in bunches and spare the gateway wake-ups that real callers cause. This clock stands on a
Linux timerfd (CLOCK_MONOTONIC, which is also `time.perf_counter_ns`) and is right to tens of
microseconds. It measures its own lateness, because a late generator makes every figure worthless.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from array import array
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from time import perf_counter_ns

_CLOCK_MONOTONIC = 1
_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_TFD_TIMER_ABSTIME = 1

Due = Callable[[int], None]
"""Called with the nanosecond at which it was due (not the present one)."""


class _Itimerspec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class Clock:
    """Calls back at absolute nanoseconds of `time.perf_counter_ns`; use as a context manager."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.late_ns: array[int] = array("q")
        self._loop = loop
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._spec = _Itimerspec()
        self._spec_at = ctypes.byref(self._spec)
        self._fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._queue: list[tuple[int, int, Due]] = []
        self._order = count()
        self._armed = 0
        loop.add_reader(self._fd, self._fire)

    def __enter__(self) -> Clock:
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.clear()
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def call_at(self, when_ns: int, due: Due) -> None:
        """Calls `due(when_ns)` at `when_ns`, or as soon as possible after it."""
        heappush(self._queue, (when_ns, next(self._order), due))
        if when_ns < self._armed or not self._armed:
            self._arm(when_ns)

    def call_in(self, delay_s: float, due: Due) -> None:
        """Like `call_at`, that many seconds from now."""
        self.call_at(perf_counter_ns() + int(delay_s * 1e9), due)

    def _fire(self) -> None:
        """Runs what is due now; what falls due meanwhile waits for the sockets to be read once."""
        queue, now = self._queue, perf_counter_ns()
        self._armed = 1  # nothing queued from within may arm the timer: this method does at its end
        try:
            while queue and queue[0][0] <= now:
                when_ns, _, due = heappop(queue)
                self.late_ns.append(perf_counter_ns() - when_ns)
                due(when_ns)
        finally:
            # An expired timer nobody has set again stays readable: what is due already needs none.
            if not queue or queue[0][0] > perf_counter_ns():
                self._arm(queue[0][0] if queue else 0)

    def _arm(self, when_ns: int) -> None:
        """Sets the timer (0 stops it). Setting it also makes the descriptor unreadable again."""
        self._armed = when_ns
        self._spec.value_s, self._spec.value_ns = divmod(when_ns, 1_000_000_000)
        if self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, self._spec_at, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
