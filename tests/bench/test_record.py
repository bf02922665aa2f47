"""A call's record notes what happened to every frame and what was heard when."""

from __future__ import annotations

import pytest

from bench.record import CallRecord, Exchange, Item
from bench.stamps import FRAME_BYTES, Stamp, stamped_frame

MS = 1_000_000
T0 = 5_000_000_000
SESSION = 9


def frames(item: int, *seqs: int) -> bytes:
    """Outbound audio with these frames of an item."""
    return b"".join(stamped_frame(int(Stamp(SESSION, item, seq))) for seq in seqs)


@pytest.fixture
def record() -> CallRecord:
    """A call whose model has written one item of a second, 200 ms at a time, 45 ms apart."""
    record = CallRecord(3, session=SESSION)
    record.items.append(written_item(0))
    return record


def written_item(index: int, deltas: int = 5) -> Item:
    item = Item(SESSION, index, f"item_{index}", 8000)
    for n in range(deltas):
        item.wrote(T0 + n * 45 * MS, 1600)
    return item


def test_outbound_frames_are_counted_per_item(record: CallRecord) -> None:
    """A lost, a doubled and a reordered frame are each reported as what they are."""
    record.media_arrived(T0, frames(0, 0, 1, 3, 2))
    record.media_arrived(T0, frames(0, 4, 4, 6))
    count = record.items[0].frames
    assert (count.lost(), count.doubled, count.reordered) == (1, 1, 1)
    assert record.problems == []


def test_inbound_frames_keep_their_times() -> None:
    """Each frame's way is timed once, also when it arrives twice; an unknown one is a problem."""
    record = CallRecord(3)
    for n in range(3):
        assert record.frame_sent(T0 + n * 20 * MS) == n
    record.frame_arrived(T0 + 1 * MS, 0)
    record.frame_arrived(T0 + 42 * MS, 2)
    record.frame_arrived(T0 + 43 * MS, 2)
    record.frame_arrived(T0 + 44 * MS, 7)
    assert list(record.arrived_ns) == [T0 + MS, 0, T0 + 42 * MS]
    assert (record.inbound.lost(3), record.inbound.doubled) == (1, 1)
    assert len(record.problems) == 1


def test_audio_of_another_call_is_a_problem(record: CallRecord) -> None:
    """A caller who hears somebody else's agent is never just a lost frame."""
    record.media_arrived(T0, stamped_frame(int(Stamp(SESSION + 1, 0, 0))))
    assert len(record.problems) == 1
    assert record.items[0].frames.next == 0


def test_lateness_is_silence_while_audio_was_there(record: CallRecord) -> None:
    """A continuation is late by the time the buffer was dry and the model had written the audio."""
    record.media_arrived(T0 + 1 * MS, frames(0, *range(5)))
    record.media_arrived(T0 + 90 * MS, frames(0, *range(5, 10)))
    record.media_arrived(T0 + 231 * MS, frames(0, 10))
    assert [late for _, late in record.late_ns] == [0, 30 * MS]


def test_the_model_is_waited_for_without_blame(record: CallRecord) -> None:
    """Silence before the model wrote the audio is not the gateway's."""
    item = record.items[0]
    item.delta_ns[1] = T0 + 280 * MS
    record.media_arrived(T0 + 1 * MS, frames(0, *range(10)))
    record.media_arrived(T0 + 281 * MS, frames(0, *range(10, 15)))
    assert [late for _, late in record.late_ns] == [1 * MS]


def test_heard_is_taken_when_the_clear_arrives(record: CallRecord) -> None:
    """Not when the caller began to speak: what plays on meanwhile is heard."""
    record.media_arrived(T0, frames(0, *range(50)))
    record.speech_started(T0 + 300 * MS, record.items)
    record.clear_arrived(T0 + 350 * MS)
    (interruption,) = record.interruptions
    assert interruption.started_ns == T0 + 300 * MS
    assert interruption.heard == [350 * 8]
    assert interruption.clear_ns == T0 + 350 * MS


def test_nothing_unheard_is_no_interruption(record: CallRecord) -> None:
    """A caller who speaks after the agent's last word interrupts nothing."""
    record.media_arrived(T0, frames(0, *range(50)))
    record.speech_started(T0 + 1500 * MS, record.items)
    assert record.interruptions == []


def test_audio_on_its_way_can_be_interrupted(record: CallRecord) -> None:
    """Written by the model and not yet at the caller counts as unheard, later items too."""
    record.items.append(written_item(1, deltas=1))
    record.speech_started(T0 + 10 * MS, record.items)
    record.media_arrived(T0 + 20 * MS, frames(0, 0, 1))
    record.clear_arrived(T0 + 30 * MS)
    (interruption,) = record.interruptions
    assert interruption.items == record.items
    assert interruption.heard == [80, 0]


def test_audio_after_its_clear_is_a_ghost(record: CallRecord) -> None:
    """Cleared audio that arrives again is counted, and not as a missing or doubled frame."""
    record.media_arrived(T0, frames(0, *range(20)))
    record.speech_started(T0 + 100 * MS, record.items)
    record.clear_arrived(T0 + 101 * MS)
    record.media_arrived(T0 + 102 * MS, frames(0, 30, 31, 32))
    assert record.items[0].ghosts == 3
    assert record.items[0].frames.lost() == 0


def test_a_clear_nobody_asked_for_takes_audio_away(record: CallRecord) -> None:
    """It is counted with the bytes it cost."""
    record.media_arrived(T0, frames(0, *range(10)))
    record.clear_arrived(T0 + 100 * MS)
    assert (record.needless_clears, record.wrongly_cleared) == (1, 5 * FRAME_BYTES)


def test_a_session_is_bound_to_the_call_it_hears() -> None:
    """The first caller audio tells; audio of a second call in the same session is a problem."""
    exchange = Exchange(calls={1: CallRecord(1), 2: CallRecord(2)}, sessions={SESSION: []})
    assert exchange.bind(SESSION, 1) is exchange.calls[1]
    assert exchange.bind(SESSION, 2) is None
    assert exchange.calls[2].session is None
    assert len(exchange.problems) == 1


def test_a_greeting_binds_as_well() -> None:
    """When the agent speaks before the caller was heard, its audio tells whose session it is."""
    exchange = Exchange(calls={1: CallRecord(1)}, sessions={SESSION: [written_item(0)]})
    exchange.greeted(exchange.calls[1], b"\xff" * 320)
    assert exchange.owners == {}
    exchange.greeted(exchange.calls[1], frames(0, 0))
    assert exchange.calls[1].session == SESSION
    assert exchange.bind(SESSION, 1) is exchange.calls[1]
    assert exchange.problems == []
