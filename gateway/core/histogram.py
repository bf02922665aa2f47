"""How often values fell into which bucket: a list of whole numbers made once, and nothing else.

Owns the counting that is cheap enough to stand beside the audio path: no lock, no name, no look-up.
Whoever shows it to others copies it first (:meth:`Histogram.cumulated`), from any thread.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from operator import sub


class Histogram:
    """Values by bucket. A bucket holds what is at most its bound, the last one all the rest."""

    __slots__ = ("_counts", "bounds", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """``bounds`` rise; there is one bucket more than bounds."""
        self.bounds = tuple(bounds)
        if not self.bounds or any(low >= high for low, high in pairwise(self.bounds)):
            raise ValueError("the bounds of a histogram rise")
        self._counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0
        """Sum of all values."""

    def add(self, value: float) -> None:
        """Counts a value; one below zero (two clocks that disagree) counts as nothing."""
        if value < 0.0:
            value = 0.0
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add_steps(self, moments: Sequence[float]) -> None:
        """Counts the distance of each moment from the one before it.

        Many at once cost half of what each by itself does: they are sorted, and each bound is
        looked for once.
        """
        steps = sorted(map(sub, moments[1:], moments))
        if not steps:
            return
        below, most = 0, len(steps)
        for bucket, bound in enumerate(self.bounds):
            upto = bisect_right(steps, bound, below)
            self._counts[bucket] += upto - below
            below = upto
            if below == most:
                break
        self._counts[-1] += most - below
        self.total += moments[-1] - moments[0]

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self._counts)

    def cumulated(self) -> list[int]:
        """How many values there were up to each bound, and at the end how many in all."""
        return list(accumulate(self._counts.copy()))
