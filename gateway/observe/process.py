"""What this process takes of its machine: share of a core, and memory."""

import contextlib
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = resource.getpagesize()
_LEAST_S = 0.5
"""A share over less time says more about the moment than about the process."""


def cpu_s() -> float:
    """CPU time of the process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss_bytes() -> int:
    """Memory of the process that is in RAM; where the system does not say, the most it ever was."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


class CpuShare:
    """The share of one core the process took since it was last asked."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, used: Callable[[], float] = cpu_s
    ) -> None:
        self._clock = clock
        self._used = used
        self._since = clock(), used()
        self._share = 0.0

    def now(self) -> float:
        """0 = idle, 1 = a whole core, more with several threads in C; at least half a second's."""
        at, used = self._clock(), self._used()
        lasted_s = at - self._since[0]
        if lasted_s >= _LEAST_S:
            self._share = round((used - self._since[1]) / lasted_s, 3)
            self._since = at, used
        return self._share
