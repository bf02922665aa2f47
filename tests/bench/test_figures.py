"""Figures say what the records say."""

from __future__ import annotations

import pytest

from bench import figures
from bench.figures import Frames, Truncations, Window, percentile, spread
from bench.record import CallRecord, Interruption, Item

MS = 1_000_000
T0 = 5_000_000_000
END = T0 + 60_000 * MS


def item(index: int = 0, written: int = 8000) -> Item:
    """An item the model has written `written` bytes of."""
    made = Item(9, index, f"item_{index}", written)
    made.wrote(T0, written)
    return made


def interrupted(heard: list[int], items: list[Item]) -> CallRecord:
    """A call interrupted once, with so many bytes heard of each item when the clear arrived."""
    cut = Interruption(T0 + 100 * MS, items, clear_ns=T0 + 101 * MS, heard=heard)
    return CallRecord(1, items=items, interruptions=[cut])


def truncations(*records: CallRecord) -> Truncations:
    counted = Truncations()
    counted.add(records, END)
    return counted


def test_percentiles_are_nearest_rank() -> None:
    """A percentile is always one of the values."""
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7


def test_an_empty_spread_claims_nothing() -> None:
    """No samples, no percentiles."""
    assert spread("inbound", []) == {"inbound_n": 0}


def test_truncation_error_is_what_the_model_believes_minus_what_was_heard() -> None:
    """In milliseconds, with its sign: negative when the model believes too little."""
    early, late = item(), item()
    early.truncated_ms, late.truncated_ms = 400, 460
    counted = truncations(interrupted([3600], [early]), interrupted([3600], [late]))
    assert counted.errors_ms == [-50, 10]
    shown = counted.figures()
    assert (shown["truncation_lowest_ms"], shown["truncation_highest_ms"]) == (-50, 10)
    assert shown["truncation_p95_ms"] == 50


def test_a_model_told_nothing_believes_everything_was_heard() -> None:
    """The whole rest of the item is the error, and the case is counted."""
    counted = truncations(interrupted([1600], [item()]))
    assert counted.errors_ms == [800]
    assert counted.untold == 1


def test_deleting_an_item_that_was_partly_heard_is_an_error() -> None:
    """The model then believes that none of it was heard."""
    deleted = item()
    deleted.deleted = True
    assert truncations(interrupted([800], [deleted])).errors_ms == [-100]


@pytest.mark.parametrize(
    ("deleted", "truncated_ms", "kept"), [(True, None, 0), (False, None, 1), (False, 0, 0)]
)
def test_unheard_items_must_leave_the_conversation(
    deleted: bool, truncated_ms: int | None, kept: int
) -> None:
    """Deleted or emptied is right; an item nobody heard and the model keeps is counted."""
    playing, queued = item(0), item(1)
    playing.truncated_ms = 100
    queued.deleted, queued.truncated_ms = deleted, truncated_ms
    counted = truncations(interrupted([800, 0], [playing, queued]))
    assert counted.unheard_kept == kept
    assert counted.errors_ms == [0]


def test_an_item_heard_to_its_end_must_stay_whole() -> None:
    """Truncating it is needless, whether it happened at an interruption or without one."""
    at_end, alone = item(0), item(1)
    at_end.truncated_ms = alone.truncated_ms = 900
    record = interrupted([8000], [at_end])
    record.items = [at_end, alone]
    assert truncations(record).needless == 2
    assert truncations(record).errors_ms == []


def test_truncating_at_the_full_length_cuts_nothing() -> None:
    """A truncation that removes no audio is harmless."""
    whole = item(written=8001)
    whole.truncated_ms = 1000
    assert truncations(interrupted([8001], [whole])).needless == 0


def test_an_interruption_without_clear_is_counted() -> None:
    """There is no truth to compare with, but a failure to report."""
    record = interrupted([800], [item()])
    record.interruptions[0].clear_ns = 0
    counted = truncations(record)
    assert (counted.uncleared, counted.errors_ms) == (1, [])


def test_what_began_just_before_the_end_is_left_out() -> None:
    """A gateway is not blamed for an answer the hang-up cut short."""
    record = interrupted([800], [item()])
    counted = Truncations()
    counted.add([record], record.interruptions[0].started_ns + MS)
    assert (counted.untold, counted.errors_ms) == (0, [])


def delivered(record: CallRecord, frames: int) -> None:
    for seq in range(frames):
        record.items[0].frames.arrived(seq)


def test_an_answer_there_was_time_for_is_owed_in_full() -> None:
    """Frames missing at its end are lost; without the time to play them they are not."""
    record = CallRecord(1, items=[item()])
    delivered(record, 47)
    counted = Frames(END)
    counted.add(record)
    assert counted.lost_out == 3
    hasty = Frames(T0 + 900 * MS)
    hasty.add(record)
    assert hasty.lost_out == 0


def test_an_interrupted_answer_is_owed_without_holes_only() -> None:
    """What was not sent after the interruption is not lost, a hole before it is."""
    record = interrupted([800], [item()])
    delivered(record, 10)
    record.items[0].frames.arrived(12)
    counted = Frames(END)
    counted.add(record)
    assert counted.lost_out == 2
    assert len(counted.losses) == 1


def test_only_the_window_is_measured() -> None:
    """Latency samples outside of the steady part are ignored."""
    record = CallRecord(1)
    for n in range(4):
        record.frame_sent(T0 + n * 20 * MS)
        record.frame_arrived(T0 + n * 20 * MS + (n + 1) * MS, n)
    window = Window(T0 + 20 * MS, T0 + 60 * MS)
    found = figures.inbound([record], window)
    assert (found["inbound_n"], found["inbound_p50_ms"], found["inbound_max_ms"]) == (2, 2, 3)


def test_first_frames_are_timed_from_the_first_delta() -> None:
    """Answers that reached nobody have no latency."""
    heard, unheard = item(0), item(1)
    heard.first_ns = T0 + 3 * MS
    record = CallRecord(1, items=[heard, unheard])
    found = figures.first_frames([record], Window(T0, END))
    assert (found["first_frame_n"], found["first_frame_max_ms"]) == (1, 3)
