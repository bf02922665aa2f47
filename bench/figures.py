"""From records of calls to figures. Pure.

Times are milliseconds, truncation errors milliseconds relative to what the caller had heard when
the `clear` arrived (negative: the model believes that less was heard). Percentiles are nearest-
rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil

from bench.record import BYTES_PER_MS, CallRecord, Interruption, Item
from bench.stamps import BYTE_NS, FRAME_BYTES, FrameCount

Figures = dict[str, float]
NS_PER_MS = 1e6
FLUSH_NS = 400_000_000
"""Longer than any gateway may hold anything back on a loaded machine."""


@dataclass(frozen=True, slots=True)
class Window:
    """The steady part of a run, in ns of the clock of the records."""

    start_ns: int
    end_ns: int

    def __contains__(self, at_ns: int) -> bool:
        return self.start_ns <= at_ns < self.end_ns


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank of sorted `values`, which must not be empty."""
    return values[max(0, ceil(share * len(values)) - 1)]


def spread(name: str, values: Iterable[float]) -> Figures:
    """n, p50, p99 and max under `name`; only n when there is nothing to say."""
    ordered = sorted(values)
    figures: Figures = {f"{name}_n": len(ordered)}
    if ordered:
        figures[f"{name}_p50_ms"] = percentile(ordered, 0.5)
        figures[f"{name}_p99_ms"] = percentile(ordered, 0.99)
        figures[f"{name}_max_ms"] = ordered[-1]
    return figures


@dataclass(slots=True)
class Truncations:
    """How exactly the model was told what the caller had heard."""

    errors_ms: list[float] = field(default_factory=list)
    """Of every item that was playing when it was interrupted."""
    untold: int = 0
    """Playing items the model was told nothing about (their error counts in full)."""
    unheard_kept: int = 0
    """Items nobody heard that stay in the model's conversation."""
    needless: int = 0
    """Items heard to their end and truncated all the same."""
    uncleared: int = 0
    """Interruptions without any `clear`."""

    def add(self, records: Iterable[CallRecord], end_ns: int) -> None:
        """Takes in calls that were hung up at `end_ns`; what began just before it is left out."""
        for record in records:
            for interruption in record.interruptions:
                if interruption.started_ns + FLUSH_NS < end_ns:
                    self._interruption(interruption)
            interrupted = {item.index for i in record.interruptions for item in i.items}
            for item in record.items:
                if item.index not in interrupted and (item.deleted or _cut_short(item)):
                    self.needless += 1

    def figures(self) -> Figures:
        """Magnitudes as p50, p95 and max, the signed extremes, and the counts."""
        sizes = sorted(abs(error) for error in self.errors_ms)
        figures: Figures = {
            "truncation_n": len(sizes),
            "truncation_untold": self.untold,
            "truncation_needless": self.needless,
            "unheard_kept": self.unheard_kept,
            "uncleared": self.uncleared,
        }
        if sizes:
            figures["truncation_p50_ms"] = percentile(sizes, 0.5)
            figures["truncation_p95_ms"] = percentile(sizes, 0.95)
            figures["truncation_max_ms"] = sizes[-1]
            figures["truncation_lowest_ms"] = min(self.errors_ms)
            figures["truncation_highest_ms"] = max(self.errors_ms)
        return figures

    def _interruption(self, interruption: Interruption) -> None:
        if not interruption.clear_ns:
            self.uncleared += 1
            return
        for item, heard in zip(interruption.items, interruption.heard, strict=True):
            if heard >= item.written:
                self.needless += item.deleted or _cut_short(item)
            elif heard == 0:
                self.unheard_kept += not item.deleted and item.truncated_ms != 0
            else:
                self.untold += not item.deleted and item.truncated_ms is None
                self.errors_ms.append(_believed_ms(item) - heard / BYTES_PER_MS)


def _believed_ms(item: Item) -> float:
    """What the model thinks was heard of an item."""
    if item.deleted:
        return 0
    return item.generated_ms if item.truncated_ms is None else item.truncated_ms


def _cut_short(item: Item) -> bool:
    return item.truncated_ms is not None and item.truncated_ms < int(item.generated_ms)


def inbound(records: Iterable[CallRecord], window: Window) -> Figures:
    """Caller's frame written → the same audio at the model."""
    return spread(
        "inbound",
        (
            (arrived - sent) / NS_PER_MS
            for record in records
            for sent, arrived in zip(record.sent_ns, record.arrived_ns, strict=True)
            if arrived and sent in window
        ),
    )


def first_frames(records: Iterable[CallRecord], window: Window) -> Figures:
    """First delta of an answer written → its first audio at the caller."""
    return spread(
        "first_frame",
        (
            (item.first_ns - item.delta_ns[0]) / NS_PER_MS
            for record in records
            for item in record.items
            if item.first_ns and item.delta_ns[0] in window
        ),
    )


def interruptions(records: Iterable[CallRecord], window: Window) -> Figures:
    """`speech_started` written → `clear` at the caller."""
    return spread(
        "interruption",
        (
            (interruption.clear_ns - interruption.started_ns) / NS_PER_MS
            for record in records
            for interruption in record.interruptions
            if interruption.clear_ns and interruption.started_ns in window
        ),
    )


def lateness(records: Iterable[CallRecord], window: Window) -> Figures:
    """Silence at the caller within an answer whose audio the model had already written."""
    late = [ns / NS_PER_MS for r in records for at, ns in r.late_ns if at in window]
    return spread("late", late) | {"late_messages": sum(ms > 0 for ms in late)}


@dataclass(slots=True)
class Frames:
    """What became of every frame, both ways, from the first to the hang-up at `end_ns`."""

    end_ns: int
    sent_in: int = 0
    sent_out: int = 0
    lost_in: int = 0
    lost_out: int = 0
    doubled: int = 0
    reordered: int = 0
    ghosts: int = 0
    stray_bytes: int = 0
    losses: list[str] = field(default_factory=list)
    """Where frames were lost, for a person."""

    def add(self, record: CallRecord) -> None:
        """Takes in one finished call."""
        self.sent_in += len(record.sent_ns)
        self.lost_in += self._lost(record, record.inbound, len(record.sent_ns), "inbound")
        self.lost_out += record.wrongly_cleared // FRAME_BYTES
        self.stray_bytes += record.ear.reader.stray
        for item in record.items:
            self.sent_out += item.frames.next
            self.ghosts += item.ghosts
            owed = _owed(record, item, self.end_ns)
            self.lost_out += self._lost(record, item.frames, owed, f"item {item.index}")

    def figures(self) -> Figures:
        """The counts under their names."""
        return {
            "frames_in": self.sent_in,
            "frames_out": self.sent_out,
            "lost_in": self.lost_in,
            "lost_out": self.lost_out,
            "doubled": self.doubled,
            "reordered": self.reordered,
            "ghosts": self.ghosts,
            "stray_bytes": self.stray_bytes,
        }

    def _lost(self, record: CallRecord, count: FrameCount, owed: int | None, where: str) -> int:
        self.doubled += count.doubled
        self.reordered += count.reordered
        lost = count.lost(owed)
        if lost:
            got = f"{count.next} arrived or are missing before one that did, {owed} owed"
            self.losses.append(f"call {record.number}, {where}: {lost} frames lost ({got})")
        return lost


def _owed(record: CallRecord, item: Item, end_ns: int) -> int | None:
    """Frames of `item` the caller should have; None when it was cut short by caller or hang-up.

    A gateway may hold back what the caller will hear later, so an item is owed in full only when
    there was time to play it to its end.
    """
    if not item.written or any(item in interruption.items for interruption in record.interruptions):
        return None
    played_ns = item.delta_ns[-1] + item.written * BYTE_NS + FLUSH_NS
    return item.written // FRAME_BYTES if played_ns < end_ns else None


def talk_share(records: Sequence[CallRecord], window: Window) -> float:
    """Audio generated in the window, as a share of its length: the load, equal for all."""
    written = sum(
        item.delta_ends[n] - (item.delta_ends[n - 1] if n else 0)
        for record in records
        for item in record.items
        for n, at in enumerate(item.delta_ns)
        if at in window
    )
    seconds = (window.end_ns - window.start_ns) / 1e9 * len(records)
    return written / (BYTES_PER_MS * 1000) / seconds


def measure(
    records: Sequence[CallRecord], window: Window, end_ns: int
) -> tuple[Figures, list[str]]:
    """All figures of calls that were hung up at `end_ns`, and where frames were lost."""
    truncations, frames = Truncations(), Frames(end_ns)
    truncations.add(records, end_ns)
    for record in records:
        frames.add(record)
    figures = {
        **inbound(records, window),
        **first_frames(records, window),
        **lateness(records, window),
        **interruptions(records, window),
        **truncations.figures(),
        **frames.figures(),
        "generated_share": talk_share(records, window),
        "needless_clears": sum(record.needless_clears for record in records),
        "cleared_ms": sum(record.ear.playout.cleared for record in records) / BYTES_PER_MS,
    }
    return figures, frames.losses
