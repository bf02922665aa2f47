"""Each call has its scribe, for as long as anything of it may still come."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.core.events import (
    AgentSpoke,
    CallAnswered,
    CallEnded,
    CallerSpoke,
    CallEvent,
    CallOffered,
    RecordingEnded,
)
from gateway.store.entry import Entry
from gateway.store.records.listener import KEPT_S, MOST_KEPT, Records, Told
from gateway.store.records.scribe import Scribe
from tests.store.anything import ANYTHING, ENDS, OFFERS
from tests.store.book import as_it_is

OFFERED = CallOffered("+12025550100", "+12025550123", "desk", "inbound")
ENDED = CallEnded("caller_hung_up", 30_000.0, 9000.0, 1500, 2, 1)


class Desk:
    """Records, with what they made and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
        self.put: list[Entry] = []
        self.records = Records(lambda call_sid: Scribe(call_sid, "node", as_it_is))

    def hear(self, call_sid: str, *events: CallEvent) -> None:
        """Events of one call."""
        for event in events:
            entry = self.records.entry(Told(call_sid, event, self.now))
            self.put += [] if entry is None else [entry]

    def of(self, call_sid: str) -> list[int]:
        """The numbers of the entries of one call."""
        return [entry.seq for entry in self.put if entry.call_sid == call_sid]


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Records, and nothing written to the terminal."""
    with capture_logs():
        yield Desk()


def test_calls_are_kept_apart(desk: Desk) -> None:
    """Each has entries of its own, numbered from 1 without a gap, in the order they were told."""
    desk.hear("CA1", OFFERED)
    desk.hear("CA2", OFFERED, CallAnswered("MZ2", 1.0))
    desk.hear("CA1", CallAnswered("MZ1", 1.0), ENDED)
    assert [(entry.call_sid, entry.seq) for entry in desk.put] == [
        ("CA1", 1),
        ("CA2", 1),
        ("CA2", 2),
        ("CA1", 2),
        ("CA1", 3),
    ]


def test_an_entry_has_the_moment_it_was_told(desk: Desk) -> None:
    """Not the one at which it was taken down."""
    desk.hear("CA1", OFFERED)
    desk.now += timedelta(seconds=3)
    desk.hear("CA1", ENDED)
    assert [entry.changes[-1].values["at"] for entry in desk.put] == [
        "2026-01-02T12:00:00+00:00",
        "2026-01-02T12:00:03+00:00",
    ]


def test_what_comes_after_the_end_belongs_to_the_call(desk: Desk) -> None:
    """Words are transcribed and recordings closed later than the call."""
    desk.hear("CA1", OFFERED, ENDED)
    desk.now += timedelta(seconds=KEPT_S - 1)
    desk.hear("CA2", OFFERED, ENDED)
    desk.hear("CA1", CallerSpoke("c1", "Goodbye"), RecordingEnded(1.0, "", True, 1.0))
    assert desk.of("CA1") == [1, 2, 3, 4]


def test_a_call_that_ended_long_ago_is_forgotten(desk: Desk) -> None:
    """When the next one ends; what lives is never forgotten."""
    desk.hear("CA0", OFFERED)
    desk.hear("CA1", OFFERED, ENDED)
    desk.now += timedelta(seconds=KEPT_S)
    desk.hear("CA2", OFFERED, ENDED)
    assert len(desk.records) == 2
    desk.hear("CA0", ENDED)
    assert desk.of("CA0") == [1, 2]


def test_only_so_many_calls_that_ended_are_known(desk: Desk) -> None:
    """However many end at once."""
    for number in range(MOST_KEPT + 5):
        desk.hear(f"CA{number}", OFFERED, ENDED)
    assert len(desk.records) == MOST_KEPT
    desk.hear("CA4", AgentSpoke("a1", "late"))
    desk.hear("CA5", AgentSpoke("a1", "late"))
    assert (desk.of("CA4"), desk.of("CA5")) == ([1, 2], [1, 2, 3])


def test_an_end_told_twice_keeps_nothing_longer(desk: Desk) -> None:
    """The first one counts."""
    desk.hear("CA1", OFFERED, ENDED)
    desk.now += timedelta(seconds=KEPT_S - 1)
    desk.hear("CA1", ENDED)
    desk.now += timedelta(seconds=1)
    desk.hear("CA2", OFFERED, ENDED)
    assert len(desk.records) == 1


def test_a_stranger_is_named_and_left_out(desk: Desk) -> None:
    """Its entries would have the numbers of others; the line says what it was, no words."""
    with capture_logs() as lines:
        desk.hear("CA1", AgentSpoke("a1", "late words"))
    assert desk.put == []
    assert len(desk.records) == 0
    assert lines == [
        {
            "event": "records.stray",
            "call_sid": "CA1",
            "stray": "agent.spoke",
            "log_level": "warning",
        }
    ]


@given(st.lists(st.tuples(st.sampled_from(["CA1", "CA2"]), ANYTHING | OFFERS | ENDS), max_size=40))
def test_anything_can_be_heard(told: list[tuple[str, CallEvent]]) -> None:
    """It never raises, and an event of a call that was offered is an entry."""
    desk = Desk()
    offered: set[str] = set()
    expected = 0
    with capture_logs():
        for call_sid, event in told:
            desk.hear(call_sid, event)
            offered |= {call_sid} if isinstance(event, CallOffered) else set()
            expected += call_sid in offered
    assert len(desk.put) == expected
    for call_sid in offered:
        assert desk.of(call_sid) == list(range(1, len(desk.of(call_sid)) + 1))
