"""The highest number of calls that is carried well: what counts as well, and how it is found. Pure.

A run at some number of calls is met, missed, or void. The search goes up in steps until a run is
not met, then halves the distance between the highest met and the lowest that was not, until they
are close. When the lowest that was not met is void, the generator gave out before the gateway did,
and the number found is a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bench.figures import Figures

Verdict = Literal["met", "missed", "void"]

ADDED_P99_MS = 20.0
SILENCE_MS = 20.0
"""A later frame is late when the caller hears silence in its place, that is when it missed its
schedule by more than the lead; one frame of silence is the least a telephone network can tell.
"""
GROWTH = 1.5
CLOSE = 0.04
"""The distance left between met and not met, as a share of the number of calls."""
STEP = 5
"""Numbers of calls are multiples of this."""

_LIMITS = (
    ("added inbound p99", "inbound_p99_ms", ADDED_P99_MS),
    ("added first frame p99", "first_frame_p99_ms", ADDED_P99_MS),
    ("silence within an answer", "late_max_ms", SILENCE_MS),
)
_NONE = ("lost_in", "lost_out", "doubled", "reordered", "problems")


def missed(figures: Figures) -> list[str]:
    """The criteria a run did not meet, in words with its figures; empty when all were met."""
    found = [
        f"{name} {figures.get(key, float('inf')):.1f} ms, limit {limit:g}"
        for name, key, limit in _LIMITS
        if not figures.get(key, float("inf")) <= limit
    ]
    return found + [f"{key} {figures[key]:.0f}" for key in _NONE if figures[key]]


def verdict(figures: Figures, *, void: bool) -> Verdict:
    """What a run says about its number of calls."""
    if void:
        return "void"
    return "missed" if missed(figures) else "met"


@dataclass(slots=True)
class Search:
    """Up in steps from `start`, at most to `limit`, then by halves."""

    start: int
    limit: int
    met: int = 0
    """The highest number of calls that was met; 0 when none was."""
    above: int | None = None
    """The lowest that was not."""
    gave_out: bool = False
    """The generator was what gave out there."""
    _first: bool = field(default=True)

    def next(self) -> int | None:
        """How many calls to try now; None when the answer is known."""
        if self._first:
            return self.start
        if self.above is None:
            return None if self.met >= self.limit else min(self.limit, _step(self.met * GROWTH))
        if self.above - self.met <= max(STEP, CLOSE * self.above):
            return None
        middle = _step((self.met + self.above) / 2)
        return middle if self.met < middle < self.above else None

    def told(self, calls: int, found: Verdict) -> None:
        """A run at that many calls has ended."""
        self._first = False
        if found == "met":
            self.met = max(self.met, calls)
        elif self.above is None or calls < self.above:
            self.above, self.gave_out = calls, found == "void"

    @property
    def is_bound(self) -> bool:
        """The capacity is at least `met`: nobody saw the gateway fail."""
        return self.gave_out or self.above is None


def _step(calls: float) -> int:
    return max(STEP, round(calls / STEP) * STEP)
