"""The timeline of a live call: every kind of event, and the entry that is made of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    ApprovalAsked,
    ApprovalDecided,
    BargeIn,
    CallAnswered,
    CalleeIdentified,
    CallEnded,
    CallEnding,
    CallerIdle,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallLive,
    CallOffered,
    CarrierOddity,
    ConsentChanged,
    ConsultAnswered,
    ConsultStarted,
    DtmfGroup,
    FalseAlarm,
    GuardrailTripped,
    Handoff,
    MessageStarted,
    ModelConnected,
    ModelErrorReported,
    ModelLost,
    Noted,
    RecordingEnded,
    RecordingStarted,
    SpendReached,
    ToolEnded,
    ToolStarted,
    TransferFailed,
    TransferStarted,
    TurnDone,
    UsageCounted,
    Whispered,
)
from gateway.core.redaction import Redactor
from gateway.core.turns import Turn
from gateway.core.words import NOT_SPOKEN
from gateway.observe.live.entries import MOST_CHARS, Timeline
from tests.store.anything import ANYTHING, KINDS

NOW_MS = 77.0
OFFERED = CallOffered("+12025550100", "+12025550123", "desk", "inbound")
MEASURED = Turn(1, "reply", "resp_1", 10.004, 200.0, None, 30.0, 240.0)
CARD = "4111 1111 1111 1111"


def told(*events: CallEvent, redact: Any = None, **limits: int) -> list[dict[str, Any]]:
    """The entries of these events as they are shown."""
    timeline = Timeline(**limits)
    for event in events:
        timeline.tell(event, NOW_MS, 1)
    clean = redact or (lambda words, asked: words)
    return [timeline.shown(entry, clean) for entry in timeline.entries]


ONE_ENTRY: list[tuple[CallEvent, dict[str, Any]]] = [
    (OFFERED, {"kind": "state", "at_ms": NOW_MS, "state": "offered", "reason": None}),
    (CallAnswered("MZ1", 4.0), {"kind": "state", "state": "answered", "reason": None}),
    (CallLive(3.0), {"kind": "state", "state": "live", "reason": None}),
    (CallEnding("idle"), {"kind": "state", "state": "ending", "reason": "idle"}),
    (
        CallEnded("idle", 9.0, 1.0, 5, 1, 0),
        {"kind": "state", "state": "ended", "reason": "idle"},
    ),
    (ModelLost("model_closed", "1006"), {"kind": "error", "code": "model_closed"}),
    (ModelErrorReported("bad_item"), {"kind": "error", "code": "bad_item"}),
    (
        CallerStarted(5.0, "a", 2.0),
        {
            "kind": "caller",
            "at_ms": 5.0,
            "item_id": "a",
            "from_ms": 2.0,
            "to_ms": None,
            "text": None,
        },
    ),
    (CallerStopped(5.0, "a", 2.0), {"kind": "caller", "from_ms": 2.0, "to_ms": 2.0}),
    (CallerSpoke("a", "hello"), {"kind": "caller", "item_id": "a", "text": "hello"}),
    (FalseAlarm(40.0, 5.0), {"kind": "false_alarm", "paused_ms": 40.0}),
    (
        AgentStarted("b", "resp", 9.123),
        {
            "kind": "agent",
            "at_ms": 9.12,
            "item_id": "b",
            "from_ms": 9.12,
            "heard_ms": 0,
            "audio_ms": 0,
            "text": None,
            "cut": False,
            "agent": "",
        },
    ),
    (
        AgentStopped("b", "resp", 0, 400, 9.0),
        {"kind": "agent", "from_ms": 9.0, "heard_ms": 0, "audio_ms": 400, "cut": True},
    ),
    (CalleeIdentified("fax", "tone", 1.0), {"kind": "machine", "who": "fax", "by": "tone"}),
    (MessageStarted("beep", 1.0), {"kind": "machine", "who": "message", "by": "beep"}),
    (CallerIdle(2, 1.0), {"kind": "idle", "asked": 2}),
    (
        TurnDone(MEASURED, 1.0),
        {
            "kind": "turn",
            "turn": "reply",
            "endpoint_ms": 10.0,
            "model_ms": 200.0,
            "gateway_ms": None,
            "play_ms": 30.0,
            "response_ms": 240.0,
        },
    ),
    (
        BargeIn("caller", "b", 100, 900, 1, 0, 2.0, 0.1, 1.0),
        {"kind": "barge_in", "cause": "caller", "heard_ms": 100, "dropped_ms": 900},
    ),
    (
        ToolStarted("book", 1.0, 1, "desk", "{}"),
        {
            "kind": "tool",
            "number": 1,
            "tool": "book",
            "agent": "desk",
            "arguments": "{}",
            "result": None,
            "duration_ms": None,
        },
    ),
    (Handoff("desk", "bill", 1.0), {"kind": "handoff", "from_agent": "desk", "to_agent": "bill"}),
    (ApprovalAsked("refund", 1.0), {"kind": "approval", "tool": "refund", "verdict": None}),
    (
        ConsultStarted("sales", 1.0),
        {"kind": "transfer", "what": "ringing", "destination": "sales", "status": None},
    ),
    (ConsultAnswered("sales", 1.0), {"kind": "transfer", "what": "answered"}),
    (TransferStarted("sales", 1.0), {"kind": "transfer", "what": "started"}),
    (
        TransferFailed("sales", "busy", 1.0),
        {"kind": "transfer", "what": "failed", "status": "busy"},
    ),
    (GuardrailTripped("polite", 1.0), {"kind": "guardrail", "guardrail": "polite"}),
    (Noted(1.0, "wants a table"), {"kind": "note", "text": "wants a table"}),
    (
        SpendReached("soft", "day", 0.1234567, 1.0, 1.0),
        {
            "kind": "spend",
            "limit": "soft",
            "scope": "day",
            "spent_usd": 0.123457,
            "limit_usd": 1.0,
        },
    ),
    (ConsentChanged("granted", 1.0), {"kind": "consent", "state": "granted"}),
    (RecordingStarted("2026-11/x.wav", 1.0), {"kind": "recording", "what": "started"}),
    (
        RecordingEnded(5.0, "disk_full", True, 1.0),
        {"kind": "recording", "what": "ended", "audio_ms": 5.0, "incomplete": "disk_full"},
    ),
    (RecordingEnded(5.0, "", False, 1.0), {"kind": "recording", "what": "deleted"}),
    (Whispered("ann", 1.0), {"kind": "whisper", "by": "ann"}),
    (DtmfGroup(4, 1.0), {"kind": "keys", "count": 4}),
]
NO_ENTRY: list[CallEvent] = [
    ModelConnected(5.0),
    CarrierOddity("unknown_event"),
    UsageCounted("response", "r", "m", {}, 0.0, None, 0.0, 1.0),
    AgentSpoke("b", "not heard yet"),
    CallerSpoke("a", " "),
    ToolEnded("book", 1.0, 1.0, 9, "late"),
    ApprovalDecided("refund", "approved", 1.0, 1.0),
]


@pytest.mark.parametrize(("event", "expected"), ONE_ENTRY, ids=lambda e: type(e).__name__)
def test_an_event_by_itself_makes_one_entry(event: CallEvent, expected: dict[str, Any]) -> None:
    """With these fields, and the moment it says or else that of now."""
    (entry,) = told(event)
    assert entry["n"] == 1
    assert entry["at_ms"] == pytest.approx(getattr(event, "at_ms", NOW_MS), abs=0.01)
    assert {name: entry[name] for name in expected} == expected


@pytest.mark.parametrize("event", NO_ENTRY, ids=lambda e: type(e).__name__)
def test_what_says_nothing_by_itself_makes_none(event: CallEvent) -> None:
    """What belongs to an entry that is not there, or to none."""
    assert told(event) == []


def test_every_kind_of_event_is_in_a_table() -> None:
    """A new kind of event cannot be forgotten."""
    assert {type(event) for event in [*NO_ENTRY, *(event for event, _ in ONE_ENTRY)]} == set(KINDS)


CHANGED: list[tuple[str, list[CallEvent], dict[str, Any]]] = [
    (
        "a caller's turn",
        [CallerStarted(5.0, "a", 2.0), CallerStopped(9.0, "a", 8.0), CallerSpoke("a", "hello")],
        {"from_ms": 2.0, "to_ms": 8.0, "text": "hello"},
    ),
    (
        "a turn whose item is known when it ends",
        [CallerStarted(5.0, "", 2.0), CallerStopped(9.0, "a", 8.0), CallerSpoke("a", "hello")],
        {"item_id": "a", "from_ms": 2.0, "to_ms": 8.0, "text": "hello"},
    ),
    (
        "words known before they are heard",
        [
            AgentSpoke("b", "one two three four"),
            AgentStarted("b", "r", 5.0),
            AgentStopped("b", "r", 500, 1000, 9.0),
        ],
        {
            "text": "one two three four",
            "heard_text": "one two",
            "unheard_text": "three four",
            "cut": True,
        },
    ),
    (
        "words known after the end",
        [
            AgentStarted("b", "r", 5.0),
            AgentStopped("b", "r", 1000, 1000, 9.0),
            AgentSpoke("b", "all"),
        ],
        {"heard_text": "all", "unheard_text": "", "cut": False},
    ),
    (
        "an item that turned out longer",
        [
            AgentStarted("b", "r", 5.0),
            AgentStopped("b", "r", 100, 200, 9.0),
            AgentStopped("b", "r", 100, 900, 9.5),
        ],
        {"heard_ms": 100, "audio_ms": 900},
    ),
    (
        "a tool",
        [ToolStarted("book", 1.0, 1), ToolEnded("book", 30.0, 9.0, 1, "done")],
        {"result": "done", "duration_ms": 30.0, "at_ms": 1.0},
    ),
    (
        "an approval",
        [ApprovalAsked("refund", 1.0), ApprovalDecided("refund", "rejected", 5.0, 6.0)],
        {"verdict": "rejected"},
    ),
    (
        "a warm transfer",
        [
            ConsultStarted("sales", 1.0),
            ConsultAnswered("sales", 2.0),
            TransferStarted("sales", 3.0, warm=True),
        ],
        {"what": "started", "at_ms": 1.0},
    ),
    (
        "a transfer nobody took",
        [TransferStarted("sales", 1.0), TransferFailed("sales", "no-answer", 9.0)],
        {"what": "failed", "status": "no-answer"},
    ),
]


@pytest.mark.parametrize(
    ("events", "expected"), [each[1:] for each in CHANGED], ids=[each[0] for each in CHANGED]
)
def test_what_belongs_together_is_one_entry(
    events: list[CallEvent], expected: dict[str, Any]
) -> None:
    """It changes, and keeps its number."""
    (entry,) = told(*events)
    assert {name: entry[name] for name in expected} == expected


def test_what_happens_again_is_another_entry() -> None:
    """A second attempt to transfer, and the gateway's own words said again under their name."""
    again: list[CallEvent] = [
        TransferStarted("sales", 1.0),
        TransferFailed("sales", "busy", 2.0),
        TransferStarted("sales", 3.0),
        AgentStarted("gateway:apology", "", 4.0),
        AgentStopped("gateway:apology", "", 10, 10, 5.0),
        AgentStarted("gateway:apology", "", 6.0),
    ]
    assert [each["kind"] for each in told(*again)] == ["transfer", "transfer", "agent", "agent"]


@pytest.mark.parametrize("item_id", sorted(NOT_SPOKEN))
def test_what_nobody_says_makes_no_entry(item_id: str) -> None:
    """Fillers, hold music and key tones are no turns."""
    own: list[CallEvent] = [
        AgentSpoke(item_id, "x"),
        AgentStarted(item_id, "", 1.0),
        AgentStopped(item_id, "", 5, 5, 2.0),
    ]
    assert told(*own) == []


def test_the_agent_that_speaks_is_named() -> None:
    """The one that was offered the call, then whoever took over."""
    entries = told(
        OFFERED,
        AgentStarted("a", "r", 1.0),
        Handoff("desk", "bill", 2.0),
        AgentStarted("b", "s", 3.0),
    )
    assert [each["agent"] for each in entries if each["kind"] == "agent"] == ["desk", "bill"]


def test_words_are_redacted_as_records_are() -> None:
    """Cards in everything that was said, told and answered; a code when it was asked for."""
    redact = Redactor().text
    entries = told(
        AgentStarted("b", "r", 1.0),
        AgentSpoke("b", "What is your PIN?"),
        CallerStarted(2.0, "a", 2.0),
        CallerSpoke("a", "1234"),
        CallerSpoke("c", f"and {CARD}"),
        Noted(3.0, f"pays with {CARD}"),
        ToolStarted("pay", 4.0, 1, "desk", f'{{"card": "{CARD}"}}'),
        ToolEnded("pay", 1.0, 5.0, 1, f"charged {CARD}"),
        redact=redact,
    )
    texts = [each["text"] for each in entries if "text" in each]
    assert texts == [
        "What is your PIN?",
        "[secret digits]",
        "and [card number]",
        "pays with [card number]",
    ]
    assert entries[-1]["arguments"] == '{"card": "[card number]"}'
    assert entries[-1]["result"] == "charged [card number]"


@pytest.mark.parametrize("before", range(MOST_CHARS - 35, MOST_CHARS + 2))
def test_a_long_text_is_cut_and_hides_what_the_cut_goes_through(before: int) -> None:
    """A card number at the cut is not shown by half."""
    (entry,) = told(
        Noted(1.0, "x" * (before - 1) + f" {CARD} and so on and on"), redact=Redactor().text
    )
    assert len(entry["text"]) <= MOST_CHARS + 20
    assert entry["text"].endswith("…")
    assert not any(char.isdigit() for char in entry["text"])


def test_redacting_is_done_once() -> None:
    """However often an entry is looked at, until its words are others."""
    asked: list[str] = []

    def redact(words: str, _asked: str) -> str:
        asked.append(words)
        return words

    timeline = Timeline()
    timeline.tell(CallerSpoke("a", "one"), 0.0, 1)
    (entry,) = timeline.entries
    for _ in range(3):
        timeline.shown(entry, redact)
    timeline.tell(CallerStopped(1.0, "a", 1.0), 0.0, 2)
    timeline.shown(entry, redact)
    timeline.tell(CallerSpoke("a", "two"), 0.0, 3)
    timeline.shown(entry, redact)
    assert asked == ["one", "two"]


def test_the_newest_entries_are_kept() -> None:
    """What is known of an entry that is gone changes nothing any more."""
    events: list[CallEvent] = [ToolStarted("book", 1.0, 1), *(DtmfGroup(n, 1.0) for n in range(5))]
    entries = told(*events, ToolEnded("book", 1.0, 2.0, 1, "late"), most=3)
    assert [each["n"] for each in entries] == [4, 5, 6]


@given(st.lists(ANYTHING, max_size=60), st.integers(1, 20))
def test_whatever_is_told_can_be_shown(events: list[CallEvent], most: int) -> None:
    """In any order, with anything in it; numbers have no gap, and no more is kept than may be."""
    timeline = Timeline(most)
    for event in events:
        timeline.tell(event, NOW_MS, 1)
    shown = [timeline.told(entry, Redactor().text) for entry in timeline.entries]
    numbers = [entry.n for entry in timeline.entries]
    assert len(shown) <= most
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    assert len(timeline._by_key) <= len(timeline.entries)
