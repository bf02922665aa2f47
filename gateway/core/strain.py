"""Whether a process has more to do than it can, judged by how late it does what is due.

Pure. Calls that are let in beyond that make all of them worse, and the work for callers who are
given up meanwhile is lost: measured, a gateway that takes everybody at one and a half times of what
it can carry ends with nobody on the line at all. So new callers are refused while it lasts.
"""

from collections import deque
from typing import Final

SAMPLES: Final = 20
"""How many samples are looked at: at ten a second, two seconds."""
_LATE: Final = SAMPLES // 4


class Strain:
    """Looks at samples of how late the event loop is."""

    def __init__(self, limit_ms: float) -> None:
        """Later than ``limit_ms`` is too late; 0 = never."""
        self._limit_s = limit_ms / 1000
        self._late: deque[bool] = deque(maxlen=SAMPLES)

    def sample(self, late_s: float) -> None:
        """The loop was so late (s)."""
        self._late.append(0 < self._limit_s < late_s)

    @property
    def too_much(self) -> bool:
        """True while a quarter of the samples is too late: a stall by itself is one of them."""
        return self._late.count(True) >= _LATE
