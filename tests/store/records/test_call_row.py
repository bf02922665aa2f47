"""The row of a call: its life, its figures, its costs and its recording."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import (
    BargeIn,
    CallAnswered,
    CallEnded,
    CallEnding,
    CallerStarted,
    CallEvent,
    CallLive,
    CallOffered,
    ConsentChanged,
    ConsultStarted,
    ModelConnected,
    RecordingEnded,
    RecordingStarted,
    TransferFailed,
    TransferStarted,
    TurnDone,
    UsageCounted,
)
from gateway.core.turns import Turn
from gateway.store.records.call_row import CallRow
from tests.store.anything import ANYTHING, ENDS

OFFERED = CallOffered(
    called="+12025550100",
    caller="+12025550123",
    agent="desk",
    direction="inbound",
    route="office",
    campaign="spring",
    stir="TN-Validation-Passed-A",
)
ANSWERED = CallAnswered("MZ1", 400.0)
LIVE = CallLive(120.0)
ASKS = ConsultStarted("office", 8000.0)
AWAY = TransferStarted("office", 9000.0)
BACK = TransferFailed("office", "busy", 20_000.0)
ENDING = CallEnding("agent_hung_up")
SPEAKS = CallerStarted(9500.0, "item_c", 9300.0)
CUT = BargeIn("caller", "item_a", 500, 1500, 1, 0, 20.0, 0.1, 9500.0)


def ended(reason: str = "caller_hung_up", duration_ms: float = 60_000.0) -> CallEnded:
    """The end of a call."""
    return CallEnded(reason, duration_ms, 30_000.0, 3000, 4, 1)


def used(cost_usd: float | None, call_usd: float) -> UsageCounted:
    """What an answer cost."""
    return UsageCounted("response", "r1", "model", {}, 0.0, cost_usd, call_usd, 1000.0)


def turn(number: int, response_ms: float | None) -> TurnDone:
    """A measured answer."""
    return TurnDone(Turn(number, "reply", f"r{number}", None, None, 1.0, 20.0, response_ms), 1.0)


def told(*events: CallEvent, carrier_usd: float | None = None) -> dict[str, Any]:
    """The row after these events, the first of them at minute 0, the second at minute 1, …"""
    row = CallRow("node", lambda _direction, _duration_ms: carrier_usd)
    kept: dict[str, Any] = {}
    for minute, event in enumerate(events):
        kept |= row.tell(event, moment(minute))
    assert kept == row.values
    return kept


def moment(minute: int) -> str:
    """A moment of the day as ISO text."""
    return f"2026-01-02T10:{minute:02}:00+00:00"


# Its life


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([OFFERED], "offered"),
        ([OFFERED, ModelConnected(1.0)], "offered"),
        ([OFFERED, ANSWERED], "answered"),
        ([OFFERED, ANSWERED, LIVE], "live"),
        ([OFFERED, LIVE], "offered"),
        ([OFFERED, LIVE, ANSWERED], "live"),
        ([OFFERED, ANSWERED, LIVE, AWAY], "away"),
        ([OFFERED, ANSWERED, LIVE, AWAY, BACK], "away"),
        ([OFFERED, ANSWERED, LIVE, AWAY, BACK, ANSWERED], "live"),
        ([OFFERED, ANSWERED, AWAY, BACK, ANSWERED], "answered"),
        ([OFFERED, ANSWERED, LIVE, ASKS], "consulting"),
        ([OFFERED, ANSWERED, LIVE, ASKS, BACK], "live"),
        ([OFFERED, ANSWERED, LIVE, ASKS, AWAY], "away"),
        ([OFFERED, ANSWERED, LIVE, ASKS, AWAY, BACK, ANSWERED], "live"),
        ([OFFERED, ANSWERED, LIVE, ENDING], "ending"),
        ([OFFERED, ANSWERED, LIVE, ENDING, SPEAKS], "live"),
        ([OFFERED, ANSWERED, LIVE, ENDING, CUT], "live"),
        ([OFFERED, ANSWERED, LIVE, SPEAKS], "live"),
        ([OFFERED, ANSWERED, LIVE, ENDING, ended()], "ended"),
        ([OFFERED, ended("no_stream")], "ended"),
        ([OFFERED, ended(), ANSWERED, LIVE, ENDING, AWAY, OFFERED], "ended"),
        ([ANSWERED, LIVE], "live"),
        ([ModelConnected(1.0)], "offered"),
    ],
)
def test_a_call_has_a_state(events: list[CallEvent], state: str) -> None:
    """Who speaks up keeps a call that was ending; nothing brings back one that has ended."""
    assert told(*events)["state"] == state


def test_the_offer_says_who_calls_whom() -> None:
    """And which process has the call, from the first entry on, so that a crash can be found."""
    assert told(OFFERED) == {
        "owner": "node",
        "state": "offered",
        "direction": "inbound",
        "caller": "+12025550123",
        "called": "+12025550100",
        "route": "office",
        "campaign": "spring",
        "agent": "desk",
        "stir": "TN-Validation-Passed-A",
        "offered_at": moment(0),
    }
    assert told(LIVE) == {"owner": "node", "state": "offered"}


def test_an_offer_told_twice_is_one() -> None:
    """The first one stands."""
    other = CallOffered("x", "y", "z", "outbound-api")
    assert told(OFFERED, other) == told(OFFERED)


def test_a_caller_who_comes_back_is_answered_once() -> None:
    """There are two streams, and the first one opened when the call was answered."""
    row = told(OFFERED, ANSWERED, LIVE, AWAY, BACK, ANSWERED)
    assert (row["answered_at"], row["segments"]) == (moment(1), 2)


def test_the_end_says_what_the_call_came_to() -> None:
    """Its reason, what follows from it, and the figures of the whole."""
    row = told(OFFERED, ANSWERED, LIVE, ended("agent_hung_up"))
    assert {name: row[name] for name in ("outcome", "reason", "ended_at")} == {
        "outcome": "completed",
        "reason": "agent_hung_up",
        "ended_at": moment(3),
    }
    assert (row["duration_ms"], row["heard_ms"], row["inbound_frames"]) == (60000, 30000, 3000)
    assert (row["turns"], row["interruptions"]) == (4, 1)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([OFFERED, ended("no_stream")], "missed"),
        ([OFFERED, ended("shutdown")], "missed"),
        ([OFFERED, ANSWERED, ended("shutdown")], "completed"),
        ([OFFERED, ANSWERED, AWAY, ended("transferred")], "transferred"),
        ([OFFERED, ANSWERED, ended("model_closed")], "failed"),
        ([OFFERED, ended("no_stream"), ANSWERED, ended("caller_hung_up")], "missed"),
    ],
)
def test_a_call_has_one_outcome(events: list[CallEvent], outcome: str) -> None:
    """Only the first end counts."""
    assert told(*events)["outcome"] == outcome


# Its figures


def test_turns_and_interruptions_are_counted_as_they_happen() -> None:
    """So they are known of a call whose end nobody could tell."""
    row = told(OFFERED, ANSWERED, turn(1, None), turn(2, 800.0), CUT)
    assert (row["turns"], row["interruptions"]) == (2, 1)


def test_latencies_are_kept_up_to_date() -> None:
    """Greetings have none and change nothing."""
    assert "response_p50_ms" not in told(OFFERED, turn(1, None))
    times = [900.0, 700.0, 2500.0, 800.0]
    row = told(OFFERED, turn(1, None), *(turn(n, time) for n, time in enumerate(times)))
    assert (row["response_p50_ms"], row["response_p95_ms"]) == (800.0, 2500.0)
    assert row["response_worst_ms"] == 2500.0


# Its costs


@pytest.mark.parametrize(
    ("events", "carrier_usd", "costs"),
    [
        ([], None, (None, None, None, None)),
        ([used(0.1, 0.1)], None, (0.1, None, 0.1, False)),
        ([used(0.1, 0.1), used(0.2, 0.3)], None, (0.3, None, 0.3, False)),
        ([used(0.1, 0.1), ended()], 0.02, (0.1, 0.02, 0.12, False)),
        ([ended()], 0.02, (None, 0.02, 0.02, None)),
        ([used(0.1, 0.1), ended()], None, (0.1, None, 0.1, False)),
        ([used(None, 0.0), used(0.1, 0.1)], None, (0.1, None, 0.1, True)),
        ([used(0.1, 0.1), ended(), used(0.2, 0.3)], 0.02, (0.3, 0.02, 0.32, False)),
    ],
)
def test_a_call_costs_what_is_known(
    events: list[CallEvent], carrier_usd: float | None, costs: tuple[Any, ...]
) -> None:
    """The model's and the carrier's part and both together, also when the last is counted late."""
    row = told(OFFERED, *events, carrier_usd=carrier_usd)
    names = ("model_usd", "carrier_usd", "cost_usd", "unpriced")
    assert tuple(row.get(name) for name in names) == pytest.approx(costs)


def test_the_carrier_is_paid_by_direction_and_length() -> None:
    """Both as the events told them."""
    asked: list[tuple[str, float]] = []
    row = CallRow("node", lambda direction, duration_ms: asked.append((direction, duration_ms)))
    for event in (OFFERED, ANSWERED, ended(duration_ms=61_000.0)):
        row.tell(event, moment(0))
    assert asked == [("inbound", 61_000.0)]


# Its recording

RECORDED = RecordingStarted("2026/CA1.wav", 1500.0)
KEPT = RecordingEnded(58_000.0, "", True, 60_000.0)
CUT_SHORT = RecordingEnded(20_000.0, "disk_full", True, 60_000.0)
NEVER_BEGUN = RecordingEnded(0.0, "disk_full", True, 60_000.0)
TOO_SHORT = RecordingEnded(0.0, "", True, 100.0)
NOT_KNOWN = RecordingEnded(0.0, "disk_slow", True, 60_000.0)
DELETED = RecordingEnded(58_000.0, "", False, 60_000.0)


@pytest.mark.parametrize(
    ("events", "recording"),
    [
        ([], (None, None, None, None)),
        ([RECORDED], ("2026/CA1.wav", 1500.0, None, None)),
        ([RECORDED, KEPT], ("2026/CA1.wav", 1500.0, 58_000.0, None)),
        ([RECORDED, ended(), KEPT], ("2026/CA1.wav", 1500.0, 58_000.0, None)),
        ([RECORDED, CUT_SHORT], ("2026/CA1.wav", 1500.0, 20_000.0, "disk_full")),
        ([RECORDED, NEVER_BEGUN], (None, None, None, "disk_full")),
        ([RECORDED, TOO_SHORT], (None, None, None, None)),
        ([RECORDED, NOT_KNOWN], ("2026/CA1.wav", 1500.0, 0.0, "disk_slow")),
        ([RECORDED, DELETED], (None, None, None, None)),
    ],
)
def test_a_recording_is_known_while_it_is_kept(
    events: list[CallEvent], recording: tuple[Any, ...]
) -> None:
    """One that was deleted leaves nothing behind, not even its name; of one that never got as far
    as a file there is no name either, but the reason why.
    """
    row = told(OFFERED, *events)
    names = ("recording", "recording_from_ms", "recording_ms", "recording_incomplete")
    assert tuple(row.get(name) for name in names) == recording


def test_consent_is_what_was_said_last() -> None:
    """Also after the end."""
    asked, granted = ConsentChanged("asked", 1.0), ConsentChanged("granted", 2.0)
    assert told(OFFERED, asked, granted)["consent"] == "granted"
    assert told(OFFERED, asked, ended(), granted)["consent"] == "granted"


# What programs outside are shown


def test_the_public_view_is_whole_from_the_beginning() -> None:
    """Whatever is not known yet is None; a recording is there or not, its file is nobody's."""
    row = CallRow("node", lambda _direction, _duration_ms: 0.02)
    before = row.public()
    events: list[CallEvent] = [OFFERED, ANSWERED, LIVE, RECORDED, used(0.1, 0.1), ended()]
    for minute, event in enumerate(events):
        row.tell(event, moment(minute))
    after = row.public()
    assert before.keys() == after.keys()
    assert set(before.values()) == {None, False}
    assert after["recording"] is True
    assert (after["state"], after["outcome"], after["cost_usd"]) == ("ended", "completed", 0.12)
    assert (after["offered_at"], after["ended_at"]) == (moment(0), moment(5))


# Whatever is told


@given(st.lists(ANYTHING, max_size=30), ENDS, st.lists(ANYTHING, max_size=10))
def test_what_has_ended_stays_ended(
    before: list[CallEvent], end: CallEvent, after: list[CallEvent]
) -> None:
    """Its life stands still at the first end."""
    row = CallRow("node", lambda _direction, _duration_ms: None)
    for event in (*before, end):
        row.tell(event, moment(1))
    life = ("state", "ended_at", "outcome", "reason", "segments", "turns", "duration_ms")
    ended = {name: row.values.get(name) for name in life}
    assert ended["state"] == "ended"
    for event in after:
        assert not row.tell(event, moment(2)).keys() & life
    assert {name: row.values.get(name) for name in life} == ended


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=40))
def test_latencies_are_ordered(times: list[float]) -> None:
    """Half, nearly all, the worst."""
    row = told(*(turn(number, time) for number, time in enumerate(times)))
    shown = [row[f"response_{name}_ms"] for name in ("p50", "p95", "worst")]
    assert all(less <= more for less, more in pairwise(shown))
    assert shown[-1] == round(max(times), 2)
