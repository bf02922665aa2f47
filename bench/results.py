"""What one invocation measured, combined over its rounds, and held against the targets. Pure.

A figure is the median of its rounds, a maximum the worst of all rounds, a count their sum. Void
runs (late generator) are left out of everything and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.figures import Figures

OURS, YARDSTICK = "gateway", "plain"
EXAMPLE, FLOOR = "example", "relay"


@dataclass(frozen=True, slots=True)
class Run:
    """One density run of one variant."""

    variant: str
    calls: int
    round: int
    figures: Figures
    void: bool = False
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Exact:
    """The truncation figures of one variant behind one network."""

    variant: str
    delay_ms: float
    jitter_ms: float
    figures: Figures
    void: bool = False


@dataclass(slots=True)
class Results:
    """All runs of one invocation."""

    density: list[Run] = field(default_factory=list)
    exactness: list[Exact] = field(default_factory=list)
    micro: dict[str, float] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    count_void: bool = False
    """Show what there is, for a look while the machine is busy; it is never published then."""
    failures: list[str] = field(default_factory=list)
    """Gateways that did not start or ended by themselves, with their last words."""

    def counts(self) -> list[int]:
        """The numbers of calls that were run."""
        return sorted({run.calls for run in self.density})

    def combined(self, variant: str, calls: int) -> Figures:
        """The figures of a variant at a number of calls; empty when no run was valid."""
        runs = self._valid(variant, calls)
        return combine([run.figures for run in runs])

    def rounds(self, variant: str, calls: int) -> tuple[int, int]:
        """Valid runs, void runs."""
        runs = [r for r in self.density if (r.variant, r.calls) == (variant, calls)]
        void = sum(run.void for run in runs)
        return len(runs) - void, void

    def by_round(self, variant: str, calls: int) -> dict[int, Figures]:
        """The figures of a variant by round, of the runs that count."""
        return {run.round: run.figures for run in self._valid(variant, calls)}

    def all_void(self) -> list[tuple[str, int]]:
        """Variants and numbers of calls of which no run counts: not to be published."""
        asked = dict.fromkeys((run.variant, run.calls) for run in self.density)
        return [(variant, calls) for variant, calls in asked if not self.rounds(variant, calls)[0]]

    def _valid(self, variant: str, calls: int) -> list[Run]:
        wanted = (variant, calls)
        runs = [r for r in self.density if (r.variant, r.calls) == wanted]
        return [run for run in runs if self.count_void or not run.void]


_SUMS = (
    "_n", "late_messages", "truncation_untold", "truncation_needless", "unheard_kept", "uncleared",
    "frames_in", "frames_out", "lost_in", "lost_out", "doubled", "reordered", "ghosts",
    "stray_bytes", "needless_clears", "cleared_ms", "problems",
)  # fmt: skip
_WORST = ("_max_ms", "_highest_ms")


def combine(rounds: Sequence[Figures]) -> Figures:
    """One set of figures from those of several rounds, key by key where a round has it."""
    keys = dict.fromkeys(key for figures in rounds for key in figures)
    return {key: _combiner(key)([f[key] for f in rounds if key in f]) for key in keys}


def _combiner(key: str) -> Callable[[Iterable[float]], float]:
    if key.endswith(_SUMS):
        return sum
    if key.endswith(_WORST):
        return max
    return min if key.endswith("_lowest_ms") else median


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to reach. `reached` is None when it was not measured."""

    name: str
    measured: float | None
    limit: float
    at_least: bool = False
    """The limit is from below."""

    @property
    def reached(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


ADDED_P50_MS = 0.3
ADDED_P99_MS = 3.0
INTERRUPTION_P99_MS = 5.0
TRUNCATION_P95_MS = 20.0
PLAIN_RATIO = 0.6
FLOOR_RATIO = 1.6
FLAT_RATIO = 1.1
RSS_PER_CALL_KB = 100.0
AT_CALLS = (50, 100, 200)
PLAIN_AT = (50, 100)
"""Beyond that the plain path has no core left, and its CPU per call says nothing any more."""
FEW_CALLS, MOST_CALLS = 20, 200
CPU = "cpu_ms_per_call_s"


def targets(results: Results) -> list[Target]:
    """The targets of the benchmark for our gateway, each with what was measured."""
    most = results.combined(OURS, MOST_CALLS)
    found = [
        Target(f"{label} at {MOST_CALLS} calls, ms", most.get(key), limit)
        for label, key, limit in (
            ("added latency inbound p50", "inbound_p50_ms", ADDED_P50_MS),
            ("added latency inbound p99", "inbound_p99_ms", ADDED_P99_MS),
            ("added latency first frame p50", "first_frame_p50_ms", ADDED_P50_MS),
            ("added latency first frame p99", "first_frame_p99_ms", ADDED_P99_MS),
            ("interruption p99", "interruption_p99_ms", INTERRUPTION_P99_MS),
        )
    ]
    for calls in AT_CALLS:
        others = [(FLOOR, FLOOR_RATIO), *([(YARDSTICK, PLAIN_RATIO)] if calls in PLAIN_AT else [])]
        for other, limit in others:
            name = f"CPU per call-second against {other}, {calls} calls"
            found.append(Target(name, ratio(results, OURS, other, calls), limit))
        rss = results.combined(OURS, calls).get("rss_per_call_kb")
        found.append(Target(f"RSS per call at {calls} calls, KB", rss, RSS_PER_CALL_KB))
    found.append(_flat_target(results))
    every = [results.combined(OURS, calls) for calls in results.counts()]
    for label, keys in (
        ("frames lost, doubled or reordered", ("lost_in", "lost_out", "doubled", "reordered")),
        ("cleared audio heard (frames)", ("ghosts",)),
        ("problems of protocol", ("problems",)),
    ):
        total = sum(f.get(key, 0) for f in every for key in keys) if any(every) else None
        found.append(Target(label, total, 0))
    return [*found, _exactness_target(results)]


def ratio(results: Results, variant: str, other: str, calls: int) -> float | None:
    """CPU per call-second of a variant over another's at as many calls."""
    ours, theirs = results.combined(variant, calls), results.combined(other, calls)
    return ours[CPU] / theirs[CPU] if ours and theirs else None


def flatness(results: Results, variant: str) -> float | None:
    """CPU per call-second at many calls over that at few; below 1, for wake-ups are shared."""
    few, most = results.combined(variant, FEW_CALLS), results.combined(variant, MOST_CALLS)
    return most[CPU] / few[CPU] if few and most else None


def _flat_target(results: Results) -> Target:
    floor = flatness(results, FLOOR)
    beside = "" if floor is None else f" ({FLOOR} itself: {floor:.2f})"
    name = f"CPU per call-second at {MOST_CALLS} calls over {FEW_CALLS}{beside}"
    return Target(name, flatness(results, OURS), FLAT_RATIO)


def _exactness_target(results: Results) -> Target:
    found = [e for e in results.exactness if e.variant == OURS]
    ours = [e.figures for e in found if results.count_void or not e.void]
    worst = max((f["truncation_p95_ms"] for f in ours if "truncation_p95_ms" in f), default=None)
    return Target("truncation error p95 behind the worst network, ms", worst, TRUNCATION_P95_MS)
