"""One absolute clock for everything a load does at a time: callers' frames, marks, delays, and a
benchmark's model.

An event loop's timers are rounded to milliseconds, which would send the frames of many callers in
bunches. This one stands on a Linux timerfd (CLOCK_MONOTONIC, which `time.perf_counter_ns` is as
well and all processes of a machine share), never drifts, and counts how late it was.
"""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from time import perf_counter_ns
from types import TracebackType
from typing import Final, Self

from gateway.errors import GatewayError
from gateway.ops.load.lateness import Lateness

_CLOCK_MONOTONIC: Final = 1
_TFD_TIMER_ABSTIME: Final = 1

Due = Callable[[int], None]
"""Called with the nanosecond at which it was due, not with the present one."""


class _Itimerspec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class Clock:
    """Calls back at absolute nanoseconds of `time.perf_counter_ns`. Used as a context."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Raises GatewayError where there is no timerfd."""
        if not sys.platform.startswith("linux"):
            raise GatewayError("the load test needs Linux: its clock stands on a timerfd")
        self.lateness = Lateness()
        self._loop = loop
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._spec = _Itimerspec()
        self._spec_at = ctypes.byref(self._spec)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, flags)
        if self._fd < 0:
            raise GatewayError(f"no timerfd: {os.strerror(ctypes.get_errno())}")
        self._queue: list[tuple[int, int, Due]] = []
        self._order = count()
        self._armed_ns = 0
        loop.add_reader(self._fd, self._fire)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.clear()
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def call_at(self, when_ns: int, due: Due) -> None:
        """Calls `due(when_ns)` then, or as soon as possible after it."""
        heappush(self._queue, (when_ns, next(self._order), due))
        if when_ns < self._armed_ns or not self._armed_ns:
            self._arm(when_ns)

    def call_in(self, delay_s: float, due: Due) -> None:
        """Calls so many seconds from now."""
        self.call_at(perf_counter_ns() + int(delay_s * 1e9), due)

    def _fire(self) -> None:
        """Runs what is due now; what falls due meanwhile waits until sockets were read once."""
        queue, now_ns = self._queue, perf_counter_ns()
        self._armed_ns = 1  # what is queued from within does not arm the timer: that comes last
        try:
            while queue and queue[0][0] <= now_ns:
                when_ns, _, due = heappop(queue)
                self.lateness.add(perf_counter_ns() - when_ns)
                due(when_ns)
        finally:
            # An expired timer nobody has set again stays readable: what is due needs no new one.
            if not queue or queue[0][0] > perf_counter_ns():
                self._arm(queue[0][0] if queue else 0)

    def _arm(self, when_ns: int) -> None:
        """Sets the timer (0 stops it), which also makes the descriptor unreadable again."""
        self._armed_ns = when_ns
        self._spec.value_s, self._spec.value_ns = divmod(when_ns, 1_000_000_000)
        if self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, self._spec_at, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
