"""The live board: what events make of a call, and how long it is remembered."""

from typing import Any

import pytest

from gateway.core.events import (
    AgentStarted,
    AgentStopped,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallOffered,
    CarrierOddity,
    Handoff,
    ModelConnected,
    ModelLost,
    RecordingEnded,
    RecordingStarted,
    TurnDone,
    UsageCounted,
)
from gateway.core.turns import Turn
from gateway.observe.live.board import KEPT_S, MOST_ENDED, Beside, Board

OFFERED = CallOffered("+12025550100", "+12025550123", "desk", "inbound", route="+12025550100")
SID = "CA1"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def living(_call_sid: str) -> Beside:
    """Every call is on the line."""
    return Beside("live")


def board_of(*events: CallEvent, **options: Any) -> Board:
    """A board that was told these events of one call."""
    board = Board(lambda words, asked: words, **options)
    for event in (OFFERED, *events):
        board.hear(SID, event)
    return board


def view_of(board: Board) -> dict[str, Any]:
    """The call as it is shown."""
    call = board.find(SID)
    assert call is not None
    return board.view(call)


def done(response_ms: float | None) -> TurnDone:
    """A turn after which the caller waited so long."""
    return TurnDone(Turn(1, "reply", "r", None, None, None, 1.0, response_ms), 1.0)


def test_an_offered_call_is_there_with_all_there_is() -> None:
    """Every field has its value, or says that there is none."""
    view = view_of(board_of())
    offered_at = view.pop("offered_at")
    assert offered_at.endswith("+00:00")
    assert view == {
        "call_sid": SID,
        "direction": "inbound",
        "caller": "+12025550123",
        "called": "+12025550100",
        "agent": "desk",
        "route": "+12025550100",
        "state": "offered",
        "reason": None,
        "speaking": "",
        "answered_at": None,
        "turns": 0,
        "interruptions": 0,
        "response_ms": None,
        "worst_ms": None,
        "cost_usd": None,
        "recording": False,
        "approvals": 0,
        "phone": False,
        "listeners": 0,
    }


CALLER, STOPPED = CallerStarted(1.0, "a", 1.0), CallerStopped(2.0, "a", 2.0)
AGENT, SILENT = AgentStarted("b", "r", 1.0), AgentStopped("b", "r", 5, 5, 9.0)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([CALLER], {"speaking": "caller"}),
        ([CALLER, STOPPED], {"speaking": ""}),
        ([AGENT], {"speaking": "agent"}),
        ([AGENT, CALLER], {"speaking": "both"}),
        ([AGENT, CALLER, SILENT], {"speaking": "caller"}),
        ([AGENT, AgentStopped("other", "r", 0, 5, 9.0)], {"speaking": "agent"}),
        ([AgentStarted("gateway:hold", "", 1.0)], {"speaking": ""}),
        ([done(300.004), done(200.0)], {"turns": 2, "response_ms": 200.0, "worst_ms": 300.0}),
        ([done(300.0), done(None)], {"turns": 2, "response_ms": None, "worst_ms": 300.0}),
        ([BargeIn("caller", "b", 1, 2, 1, 0, 1.0, 1.0, 1.0)], {"interruptions": 1}),
        (
            [UsageCounted("response", "r", "m", {}, 0.0, 0.1, 0.12345678, 1.0)],
            {"cost_usd": 0.123457},
        ),
        ([Handoff("desk", "bill", 1.0)], {"agent": "bill"}),
        ([RecordingStarted("f", 1.0)], {"recording": True}),
        ([RecordingStarted("f", 1.0), RecordingEnded(1.0, "", True, 2.0)], {"recording": False}),
        (
            [AGENT, CALLER, CallEnded("idle", 1, 1, 1, 1, 0)],
            {"state": "ended", "reason": "idle", "speaking": ""},
        ),
    ],
)
def test_events_change_the_call(events: list[CallEvent], expected: dict[str, Any]) -> None:
    """Each what it is about."""
    view = view_of(board_of(*events))
    assert {name: view[name] for name in expected} == expected


def test_a_look_asks_for_what_events_do_not_tell() -> None:
    """State, listeners, approvals; an edition is closed only when something changed."""
    board = board_of()
    assert board.look(lambda _sid: Beside("live", 2, 1))
    view = view_of(board)
    assert (view["state"], view["listeners"], view["approvals"]) == ("live", 2, 1)
    assert not board.look(lambda _sid: Beside("live", 2, 1))
    assert board.look(lambda _sid: Beside("ending", 2, 1))


def test_numbers_are_hidden_when_they_are_to_be() -> None:
    """But for two digits, as in logs."""
    view = view_of(board_of(hide_numbers=True))
    assert (view["caller"], view["called"]) == ("+*********23", "+*********00")


def test_a_call_begins_with_its_offer() -> None:
    """What comes of one that is not known is left out."""
    board = Board(lambda words, asked: words)
    board.hear(SID, CALLER)
    assert board.find(SID) is None
    assert not board.look(living)


def test_what_changes_nothing_makes_no_edition() -> None:
    """A viewer is told nothing then."""
    board = board_of()
    board.look(living)
    board.hear(SID, CarrierOddity("odd"))
    assert not board.look(living)


def test_the_end_is_told_and_remembered_for_a_minute() -> None:
    """Then the call is forgotten; what comes after its end is still taken."""
    clock = Clock()
    board = board_of(clock=clock)
    board.look(living)
    edition = board.edition.number
    board.hear(SID, CallEnded("idle", 1, 1, 1, 1, 0))
    board.hear(SID, CallerSpoke("a", "bye"))
    board.look(living)
    assert [call.reason for call in board.gone(edition)] == ["idle"]
    assert list(board.calls()) == []
    call = board.find(SID)
    assert call is not None
    assert "bye" in list(board.entries(call))[-1]
    clock.now += KEPT_S
    board.look(living)
    assert board.find(SID) is not None
    clock.now += 1
    board.look(living)
    assert board.find(SID) is None


def test_no_more_than_so_many_ended_calls_are_remembered() -> None:
    """However many end within a minute."""
    board = Board(lambda words, asked: words)
    for number in range(MOST_ENDED + 5):
        board.hear(f"CA{number}", OFFERED)
        board.hear(f"CA{number}", CallEnded("idle", 1, 1, 1, 1, 0))
    assert board.find("CA4") is None
    assert board.find("CA5") is not None


def test_the_model_is_counted() -> None:
    """Connections, failures, and how long the last connection took."""
    board = board_of(ModelConnected(30.0), ModelConnected(20.004), ModelLost("model_closed", ""))
    counts = board.model
    assert (counts.connects, counts.failures, counts.last_connect_ms) == (2, 1, 20.0)


def test_words_before_the_stream_have_no_time_of_their_own() -> None:
    """Events that do not say when they were are put at the moment they came."""
    clock = Clock()
    board = board_of(clock=clock)
    board.hear(SID, CallAnswered("MZ1", 1.0))
    clock.now += 1.5
    board.hear(SID, CallerSpoke("a", "hello"))
    call = board.find(SID)
    assert call is not None
    assert [entry.fields["at_ms"] for entry in call.timeline.entries] == [0.0, 0.0, 1500.0]
