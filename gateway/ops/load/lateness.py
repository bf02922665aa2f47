"""How late a clock was, counted. Pure.

A worker calls back thousands of times a second, so lateness is not kept but counted, in steps of
10 µs: percentiles are exact to a step, and sums of several counts are counts again.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

STEP_NS: Final = 10_000
VOID_MS: Final = 5.0
"""A generator whose p99 is later than this says nothing about whom it loads."""


class Lateness:
    """A count of delays."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts: Counter[int] = Counter(counts or {})
        """By number of the step."""

    def add(self, late_ns: int) -> None:
        """One delay; early counts as in time."""
        self.counts[(late_ns + STEP_NS // 2) // STEP_NS if late_ns > 0 else 0] += 1

    def take(self) -> "Lateness":
        """What was counted, which starts again from nothing."""
        taken = Lateness()
        taken.counts, self.counts = self.counts, taken.counts
        return taken

    def copy(self) -> "Lateness":
        """What was counted so far, for :meth:`since`."""
        return Lateness(self.counts)

    def since(self, before: "Lateness") -> "Lateness":
        """What was counted after a copy was made; of one clock several may ask."""
        return Lateness(self.counts - before.counts)

    def join(self, other: "Lateness") -> None:
        """Adds another count."""
        self.counts.update(other.counts)

    @property
    def total(self) -> int:
        """How many delays."""
        return self.counts.total()

    def percentile_ms(self, share: float) -> float | None:
        """The nearest rank, rounded to its step; None without any delay."""
        rank = max(1, math.ceil(round(self.total * share, 9)))
        seen = 0
        for step in sorted(self.counts):
            seen += self.counts[step]
            if seen >= rank:
                return step * STEP_NS / 1e6
        return None

    @property
    def late(self) -> bool:
        """Whether this clock was too late to be believed. One that never ticked was not late."""
        p99_ms = self.percentile_ms(0.99)
        return p99_ms is not None and p99_ms > VOID_MS
