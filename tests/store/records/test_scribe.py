"""A scribe: what each event of a call changes in its records, whole, redacted and in order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallLive,
    CallOffered,
    ConsentChanged,
    DtmfGroup,
    GuardrailTripped,
    Handoff,
    ModelLost,
    Noted,
    RecordingEnded,
    RecordingStarted,
    ToolEnded,
    ToolStarted,
    TransferFailed,
    TransferStarted,
    TurnDone,
    UsageCounted,
)
from gateway.core.shown import event_name
from gateway.core.turns import Turn
from gateway.store.entry import Change, Entry, encode
from gateway.store.records.scribe import Scribe
from tests.store.anything import ANYTHING, ENDS
from tests.store.book import Book, Row, as_it_is, in_sqlite

CALL_SID = "CA" + "1" * 32
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
CALLER, CALLED = "+12025550123", "+12025550100"
OFFERED = CallOffered(CALLED, CALLER, "desk", "inbound", "office")
ENDED = CallEnded("caller_hung_up", 30_000.0, 9000.0, 1500, 2, 1)
USED = {"text_in": 10, "audio_in": 200, "audio_out": 300, "of_tomorrow": 5}

A_CALL: list[CallEvent] = [
    AgentSpoke("gateway_greeting", "Hello and welcome."),
    OFFERED,
    ConsentChanged("granted", 0.0),
    CallLive(12.0),
    CallAnswered("MZ1", 400.0),
    RecordingStarted("CA1.wav", 5.0),
    AgentStarted("gateway_greeting", "", 50.0),
    AgentStopped("gateway_greeting", "", 1000, 1000, 1050.0),
    CallerStarted(1400.0, "c1", 1200.0),
    CallerStopped(2700.0, "c1", 2200.0),
    ToolStarted("look_up", 3000.0, 1, "desk", '{"table": 4}'),
    ToolEnded("look_up", 12.5, 3012.5, 1, "free at eight"),
    Handoff("desk", "booking", 3050.0),
    TurnDone(Turn(1, "reply", "r1", 500.0, 300.0, 1.0, 20.0, 1100.0), 3300.0),
    AgentStarted("a1", "r1", 3300.0),
    CallerSpoke("c1", "A table for four please."),
    UsageCounted("response", "r1", "model", USED, 0.0, 0.01, 0.01, 3400.0),
    AgentSpoke("a1", "We have one at eight."),
    BargeIn("caller", "a1", 900, 1100, 1, 0, 20.0, 0.1, 4200.0),
    AgentStopped("a1", "r1", 900, 2000, 4200.0),
    CallerStarted(4200.0, "c2", 4000.0),
    CallerStopped(5500.0, "c2", 5000.0),
    GuardrailTripped("no_promises", 6000.0),
    Noted(6100.0, "wants the window"),
    TransferStarted("office", 7000.0),
    TransferFailed("office", "busy", 20_000.0),
    CallAnswered("MZ2", 20_900.0),
    DtmfGroup(3, 21_000.0),
    CallerSpoke("c2", "No, at seven."),
    ENDED,
    UsageCounted("transcription", "c2", "ears", {"audio_in": 30}, 1.5, None, 0.01, 30_100.0),
    RecordingEnded(29_900.0, "", True, 30_200.0),
]
"""Everything that leaves a row."""


def written(*events: CallEvent, **options: Any) -> list[Entry]:
    """The entries of these events, one second after the other."""
    scribe = Scribe(CALL_SID, "node", options.pop("redact", as_it_is), **options)
    return [scribe.tell(event, NOON + timedelta(seconds=n)) for n, event in enumerate(events)]


def book_of(*entries: Entry) -> Book:
    """What they come to; it is consistent at any moment."""
    book = Book()
    for entry in entries:
        book.write(entry)
        check(book)
    return book


def check(book: Book) -> None:
    """What must hold after any number of entries, because the process may stop at any moment."""
    assert {"owner", "state"} <= book.call.keys()
    assert [row["seq"] for row in book.rows("events")] == list(range(1, book.seq + 1))
    for table in ("turns", "handoffs", "guardrails", "usage", "notes"):
        numbers = [row["number"] for row in book.rows(table)]
        assert numbers == list(range(1, len(numbers) + 1))
    moments = [row["at"] for row in book.rows("events")]
    assert moments == sorted(moments)


def picked(rows: list[Row], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of rows."""
    return [tuple(row.get(name) for name in names) for row in rows]


# A whole call


def test_a_call_leaves_its_rows() -> None:
    """Who spoke, what was used, what was done: each in its table."""
    book = book_of(*written(*A_CALL))
    turns = picked(book.rows("turns"), "who", "agent", "heard_text", "unheard_text", "text")
    assert turns == [
        ("agent", "desk", "Hello and welcome.", "", "Hello and welcome."),
        ("caller", None, None, None, "A table for four please."),
        ("agent", "booking", "We have", "one at eight.", "We have one at eight."),
        ("caller", None, None, None, "No, at seven."),
    ]
    assert picked(book.rows("tools"), "tool", "agent", "arguments", "result", "duration_ms") == [
        ("look_up", "desk", '{"table": 4}', "free at eight", 12.5)
    ]
    assert picked(book.rows("handoffs"), "from_agent", "to_agent", "at_ms") == [
        ("desk", "booking", 3050.0)
    ]
    assert picked(book.rows("guardrails"), "guardrail", "at_ms") == [("no_promises", 6000.0)]
    assert picked(book.rows("notes"), "text", "at_ms") == [("wants the window", 6100.0)]
    assert picked(
        book.rows("usage"), "source", "source_id", "audio_in", "text_out", "cost_usd"
    ) == [
        ("response", "r1", 200, 0, 0.01),
        ("transcription", "c2", 30, 0, None),
    ]


def test_a_call_leaves_the_row_of_the_whole() -> None:
    """It went away, came back and ended; what was counted after the end is in it."""
    call = book_of(*written(*A_CALL)).call
    assert (call["state"], call["outcome"], call["segments"]) == ("ended", "completed", 2)
    assert (call["model_usd"], call["unpriced"]) == (0.01, True)
    assert (call["recording"], call["recording_ms"]) == ("CA1.wav", 29_900.0)
    assert (call["response_p50_ms"], call["interruptions"]) == (1100.0, 1)
    assert call["ended_at"] == (NOON + timedelta(seconds=A_CALL.index(ENDED))).isoformat()


def test_a_real_database_takes_it() -> None:
    """Every table of the schema, as the entries say."""
    entries = written(*A_CALL)
    book, found = book_of(*entries), in_sqlite(entries)
    for table, rows in found.items():
        expected = [
            {name: row.get(name) for name in kept}
            for row, kept in zip(book.rows(table), rows, strict=True)
        ]
        assert rows == expected
    assert len(found["events"]) == len(A_CALL)


@settings(max_examples=20)
@given(st.lists(ANYTHING, max_size=20))
def test_a_real_database_takes_anything(events: list[CallEvent]) -> None:
    """Whatever is told."""
    assert len(in_sqlite(written(*events))["events"]) == len(events)


def test_an_entry_twice_is_an_entry() -> None:
    """Values are final: applied again, from wherever, the rows are the same."""
    entries = written(*A_CALL)
    assert in_sqlite([*entries, *entries]) == in_sqlite(entries)


# Each event


@pytest.mark.parametrize("event", A_CALL, ids=lambda event: type(event).__name__)
def test_every_event_is_one_entry_with_its_own_row(event: CallEvent) -> None:
    """The row says what happened, when, and what is shown of it."""
    _, entry = written(OFFERED, event)
    assert (entry.call_sid, entry.seq) == (CALL_SID, 2)
    (change,) = (change for change in entry.changes if change.table == "events")
    assert change.key == {"seq": 2}
    assert change.values["name"] == event_name(event)
    assert change.values["at"] == "2026-01-02T12:00:01+00:00"
    assert change.values["at_ms"] == getattr(event, "at_ms", None)
    assert "at_ms" not in change.values["fields"]


def test_the_fields_of_an_event_are_those_of_the_log() -> None:
    """Rounded, without words, a turn flat."""
    turn = Turn(1, "reply", "r1", 500.123, 300.0, 1.0, 20.0, 1100.0)
    entries = written(
        ModelLost("model_closed", "1006"),
        TurnDone(turn, 3300.005),
        ToolStarted("look_up", 1.0, 1, "desk", "secret"),
    )
    lost, done, started = (entry.changes[-1].values["fields"] for entry in entries)
    assert lost == {"reason": "model_closed", "detail": "1006"}
    assert (done["endpoint_ms"], done["response_id"]) == (500.12, "r1")
    assert started == {"tool": "look_up", "number": 1, "agent": "desk"}


def test_a_tool_is_its_number() -> None:
    """Two run at once, and the second is the first to answer."""
    entries = written(
        ToolStarted("look_up", 1.0, 1, "desk", "{}"),
        ToolStarted("look_up", 2.0, 2, "desk", "[]"),
        ToolEnded("look_up", 5.0, 7.0, 2, "two"),
        ToolEnded("look_up", 9.0, 10.0, 1, "one"),
    )
    rows = book_of(*entries).rows("tools")
    assert picked(rows, "number", "arguments", "result") == [(1, "{}", "one"), (2, "[]", "two")]


def test_the_clock_of_the_machine_may_be_set_back() -> None:
    """The call has not ended before it was answered."""
    scribe, book = Scribe(CALL_SID, "node", as_it_is), Book()
    events: list[CallEvent] = [OFFERED, CallAnswered("MZ1", 1.0), ENDED]
    for n, event in enumerate(events):
        book.write(scribe.tell(event, NOON - timedelta(hours=n)))
    assert book.call["offered_at"] == book.call["answered_at"] == book.call["ended_at"]


# What is kept of what was said


def test_words_are_redacted_before_they_are_kept() -> None:
    """Whoever said, noted or answered them; a text is redacted first and divided then."""
    entries = written(
        CallerSpoke("c1", "my code is 4711"),
        AgentSpoke("a0", "so it is 4711"),
        AgentStarted("a1", "r1", 1.0),
        AgentStopped("a1", "r1", 100, 200, 101.0),
        AgentSpoke("a1", "4711 4711"),
        ToolStarted("look_up", 1.0, 1, "desk", '{"code": "4711"}'),
        ToolEnded("look_up", 1.0, 2.0, 1, "4711 is right"),
        Noted(1.0, "said 4711"),
        ENDED,
        redact=lambda text, _asked: text.replace("4711", "[code]"),
    )
    assert not any(b"4711" in encode(entry) for entry in entries)
    texts = [row["text"] for row in book_of(*entries).rows("turns")]
    assert texts == ["my code is [code]", "[code] [code]", "so it is [code]"]


@given(st.lists(ANYTHING, max_size=30), st.randoms())
def test_phone_numbers_have_one_place(events: list[CallEvent], chance: Any) -> None:
    """The row of the call, from where they can be erased; no event repeats them."""
    told = [*events]
    told.insert(chance.randint(0, len(told)), OFFERED)
    for entry in written(*told):
        for change in entry.changes:
            if change.table != "calls":
                assert CALLER.encode() not in encode(Entry("", 1, (change,)))


def test_words_are_in_no_event() -> None:
    """They are in the tables of what was said only."""
    for entry in written(*A_CALL):
        for change in entry.changes:
            if change.table == "events":
                shown = str(change.values)
                assert not any(word in shown for word in ("table", "eight", "window", "Hello"))


# Whoever else is to be told


def test_an_outbox_may_add_a_change() -> None:
    """It sees the call as it is with the event, and its change is part of the entry."""

    def outbox(scribe: Scribe, event: CallEvent, seq: int, at: datetime) -> Change | None:
        if not isinstance(event, CallEnded):
            return None
        state = scribe.summary()["state"]
        return Change("deliveries", {"seq": seq}, {"event": state, "created_at": at.isoformat()})

    entries = written(OFFERED, ENDED, outbox=outbox)
    assert book_of(*entries).rows("deliveries") == [
        {"seq": 2, "event": "ended", "created_at": "2026-01-02T12:00:01+00:00"}
    ]


def test_a_summary_is_the_call_so_far() -> None:
    """As JSON, without what is nobody's business outside."""
    scribe = Scribe(CALL_SID, "node", as_it_is, carrier_usd=lambda _direction, _duration_ms: 0.02)
    for event in A_CALL:
        scribe.tell(event, NOON)
    summary = scribe.summary()
    assert summary == {
        "call_sid": CALL_SID,
        "state": "ended",
        "direction": "inbound",
        "caller": CALLER,
        "called": CALLED,
        "route": "office",
        "campaign": "",
        "agent": "desk",
        "outcome": "completed",
        "reason": "caller_hung_up",
        "offered_at": NOON.isoformat(),
        "answered_at": NOON.isoformat(),
        "ended_at": NOON.isoformat(),
        "duration_ms": 30_000.0,
        "heard_ms": 9000.0,
        "turns": 2,
        "interruptions": 1,
        "response_p50_ms": 1100.0,
        "cost_usd": 0.03,
        "recording": True,
    }


# Whatever is told


@given(st.lists(ANYTHING, max_size=50), ENDS, st.lists(ANYTHING, max_size=10))
def test_records_are_consistent_at_any_moment(
    before: list[CallEvent], end: CallEvent, after: list[CallEvent]
) -> None:
    """In any order of any events; in the end the call has ended, after all that came before."""
    call = book_of(*written(*before, end, *after)).call
    assert (call["state"], "outcome" in call) == ("ended", True)
    moments = [call.get(name) for name in ("offered_at", "answered_at", "ended_at")]
    known = [moment for moment in moments if moment is not None]
    assert max(known) == call["ended_at"]
