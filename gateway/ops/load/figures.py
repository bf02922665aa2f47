"""Figures of a run from its calls: percentiles by nearest rank, and exact counts. Pure.

Every figure has one name, the same in JSON, in `--fail-if` and in the report.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from gateway.core.latency import percentile
from gateway.ops.load.lateness import Lateness
from gateway.ops.load.record import CallRecord

MEASURES: Final = {
    "webhook": "webhook",
    "connect": "stream connected",
    "answer": "answer to audio",
    "turn": "turn response",
    "interruption": "interruption",
    "frame_late": "audio late",
    "clock_late": "own clock late",
}
"""What is measured in milliseconds, in words; from what to what is in `docs/loadtest.md`."""
STATISTICS: Final = ("p50", "p95", "p99", "max")
COUNTS: Final = {
    "calls": "calls placed",
    "ok": "calls without any fault",
    "failed": "calls with a fault",
    "failed_share": "failed of placed calls, 0 to 1",
    "peak_up": "calls up at the same time, at most",
    "turned_away": "callers who found all lines taken and were not placed",
    "turns": "answers heard",
    "interruptions": "times the agent was cut off",
    "late_frames": "messages of the agent that came too late",
    "spoke_on": "times the agent spoke on for 3 s though the caller spoke over it",
    "unanswered": "times the caller had to speak again without an answer",
    "refused": "messages the carrier refuses",
    "frames": "caller frames sent",
    "lost": "caller frames lost on purpose",
    "discarded": "caller frames discarded, the gateway read too slowly",
    "cpu_mean": "CPU of the target while calls were up, in cores",
    "cpu_max": "the same, in its busiest second",
    "memory_max_mb": "resident memory of the target, at most",
}
"""What is counted, or measured in other units."""


class Spread(msgspec.Struct, frozen=True):
    """How a measure was distributed; None where nothing was measured."""

    count: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


def spread(values: Sequence[float]) -> Spread:
    """Of values in milliseconds, in any order."""
    ordered = sorted(values)
    return Spread(
        len(ordered),
        percentile(ordered, 0.50),
        percentile(ordered, 0.95),
        percentile(ordered, 0.99),
        percentile(ordered, 1.0),
    )


def spread_of(lateness: Lateness) -> Spread:
    """Of a clock's delays."""
    return Spread(
        lateness.total,
        lateness.percentile_ms(0.50),
        lateness.percentile_ms(0.95),
        lateness.percentile_ms(0.99),
        lateness.percentile_ms(1.0),
    )


def spreads(records: Sequence[CallRecord], clock: Lateness) -> dict[str, Spread]:
    """Every measure of a run."""
    late = [wait.ms for record in records for wait in record.late]
    in_time = sum(record.in_time for record in records)
    return {
        "webhook": spread(_known(record.webhook_ms for record in records)),
        "connect": spread(_known(record.connect_ms for record in records)),
        "answer": spread(_known(record.answer_ms for record in records)),
        "turn": spread([wait.ms for record in records for wait in record.turns]),
        "interruption": spread([each.ms for record in records for each in record.interruptions]),
        "frame_late": spread([0.0] * in_time + late),
        "clock_late": spread_of(clock),
    }


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def counts(records: Sequence[CallRecord], turned_away: int) -> dict[str, float | None]:
    """Everything that is counted in the calls themselves."""
    failed = sum(bool(record.failure) for record in records)
    return {
        "calls": len(records),
        "ok": len(records) - failed,
        "failed": failed,
        "failed_share": failed / len(records) if records else 0.0,
        "peak_up": most_at_once(records),
        "turned_away": turned_away,
        "turns": sum(len(record.turns) for record in records),
        "interruptions": sum(len(record.interruptions) for record in records),
        "late_frames": sum(len(record.late) for record in records),
        "spoke_on": sum(record.spoke_on for record in records),
        "unanswered": sum(record.unanswered for record in records),
        "refused": sum(record.refused for record in records),
        "frames": sum(record.frames for record in records),
        "lost": sum(record.lost for record in records),
        "discarded": sum(record.discarded for record in records),
    }


def most_at_once(records: Iterable[CallRecord]) -> int:
    """How many streams were up at the same time, at most."""
    edges = [
        edge
        for record in records
        if record.up_s is not None
        for edge in ((record.up_s, 1), (record.ended_s, -1))
    ]
    most = up = 0
    for _, change in sorted(edges):
        up += change
        most = max(most, up)
    return most


def reasons(records: Iterable[CallRecord]) -> dict[str, int]:
    """How many calls failed for which reason, the most frequent first."""
    return dict(Counter(record.failure for record in records if record.failure).most_common())


def ends(records: Iterable[CallRecord]) -> dict[str, int]:
    """Who ended how many calls."""
    return dict(Counter(str(record.end) for record in records).most_common())


def flat(
    measures: Mapping[str, Spread], counted: Mapping[str, float | None]
) -> dict[str, float | None]:
    """Every figure by its name: `turn_p95` (milliseconds), `failed`."""
    found = dict(counted)
    for name, each in measures.items():
        for statistic in STATISTICS:
            found[f"{name}_{statistic}"] = getattr(each, f"{statistic}_ms")
    return found


def names() -> list[str]:
    """Every name that `flat` knows."""
    return [*(f"{name}_{each}" for name in MEASURES for each in STATISTICS), *COUNTS]
