"""The course of a run: looks at the gateway, one a second, and what its end costs against its
beginning. Pure.

A call's history grows with every turn; what grows with it must neither cost more nor stay in memory
beyond what the history itself is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression

from bench.figures import Figures

END_S = 600.0
"""What is compared: the first and the last ten minutes, or sixths of what is shorter."""
SIXTHS = 6
TENTH = 0.1
"""Memory is the mean over this share of either end, the outer one."""


@dataclass(frozen=True, slots=True)
class Look:
    """The gateway at one moment of a window, `at_s` after its beginning."""

    at_s: float
    cpu_ns: int
    rss_kb: float


def slope(looks: Sequence[Look]) -> float:
    """How fast memory grew, KB per second."""
    return linear_regression([x.at_s for x in looks], [x.rss_kb for x in looks]).slope


def ends(looks: Sequence[Look], calls: int) -> Figures:
    """The last part of a run against the first, per call; `looks` are in order, at least three."""
    whole_s = looks[-1].at_s - looks[0].at_s
    part_s = min(END_S, whole_s / SIXTHS)
    first = _at_least_two(
        looks[:2], [look for look in looks if look.at_s <= looks[0].at_s + part_s + 1e-6]
    )
    last = _at_least_two(
        looks[-2:], [look for look in looks if look.at_s >= looks[-1].at_s - part_s - 1e-6]
    )
    before, after = _cpu_ms(first, calls), _cpu_ms(last, calls)
    outer = max(1, round(TENTH * len(first)))
    grown_kb = fmean(x.rss_kb for x in last[-outer:]) - fmean(x.rss_kb for x in first[:outer])
    return {
        "first_cpu_ms_per_call_s": before,
        "last_cpu_ms_per_call_s": after,
        "cpu_last_over_first": after / before if before else float("nan"),
        "rss_grown_kb_per_call": grown_kb / calls,
    }


def _at_least_two(instead: Sequence[Look], found: Sequence[Look]) -> Sequence[Look]:
    return found if len(found) > 1 else instead


def _cpu_ms(looks: Sequence[Look], calls: int) -> float:
    """CPU per call-second between the first and the last of these."""
    spent_ns = looks[-1].cpu_ns - looks[0].cpu_ns
    return spent_ns / 1e6 / calls / (looks[-1].at_s - looks[0].at_s)
