"""What the SDK's session tells becomes call events, and the rest is passed over."""

from types import SimpleNamespace
from typing import Any, cast

from agents.realtime import RealtimeAgent
from agents.realtime.events import (
    RealtimeAgentStartEvent,
    RealtimeError,
    RealtimeEventInfo,
    RealtimeGuardrailTripped,
    RealtimeHandoffEvent,
    RealtimeSessionEvent,
    RealtimeToolEnd,
    RealtimeToolStart,
)
from agents.run_context import RunContextWrapper

from gateway.call.control import end_call
from gateway.call.narrator import Narrator
from gateway.core.events import (
    CallEvent,
    GuardrailTripped,
    Handoff,
    ModelErrorReported,
    ToolEnded,
    ToolStarted,
)
from tests.digits import stand_in

INFO = RealtimeEventInfo(context=RunContextWrapper(None))
TRIAGE: RealtimeAgent[Any] = RealtimeAgent(name="triage")
ORDERS: RealtimeAgent[Any] = RealtimeAgent(name="orders")


def told(*events: RealtimeSessionEvent) -> list[CallEvent]:
    """What becomes of session events, 1234 ms into the call."""
    out: list[CallEvent] = []
    narrator = Narrator(out.append, lambda: 1234.0)
    for event in events:
        narrator.tell(event)
    return out


def test_a_tool_is_told_with_its_duration() -> None:
    """Start and end of a tool by its name; the time between them is the tool's."""
    start = RealtimeToolStart(agent=TRIAGE, tool=end_call, arguments="{}", info=INFO)
    end = RealtimeToolEnd(agent=TRIAGE, tool=end_call, arguments="{}", output="bye", info=INFO)
    began, ended = told(start, end)
    assert began == ToolStarted("end_call", 1234.0, 1, "triage", "{}")
    assert isinstance(ended, ToolEnded)
    assert (ended.tool, ended.at_ms, ended.number) == ("end_call", 1234.0, 1)
    assert ended.result == "bye"
    assert ended.duration_ms >= 0


def test_tools_are_counted() -> None:
    """Two that run side by side are told apart, whichever ends first."""
    first, second = (
        RealtimeToolStart(agent=TRIAGE, tool=end_call, arguments=text, info=INFO)
        for text in ("{}", "[]")
    )
    end = RealtimeToolEnd(agent=TRIAGE, tool=end_call, arguments="[]", output="b", info=INFO)
    events = told(first, second, end)
    assert [event.number for event in events if isinstance(event, ToolStarted)] == [1, 2]
    assert [event.number for event in events if isinstance(event, ToolEnded)] == [2]


def test_two_runs_with_the_same_arguments_both_end() -> None:
    """The caller asks again while the tool works; a run has no ID. A third end is none."""
    start = RealtimeToolStart(agent=TRIAGE, tool=end_call, arguments="{}", info=INFO)
    end = RealtimeToolEnd(agent=TRIAGE, tool=end_call, arguments="{}", output="b", info=INFO)
    events = told(start, start, end, end, end)
    assert [event.number for event in events if isinstance(event, ToolStarted)] == [1, 2]
    assert [event.number for event in events if isinstance(event, ToolEnded)] == [1, 2]


def test_a_tool_that_never_ran_has_not_ended() -> None:
    """The SDK shows the end of a tool that was refused, without its start: nothing is told."""
    end = RealtimeToolEnd(agent=TRIAGE, tool=end_call, arguments="{}", output="no", info=INFO)
    assert told(end) == []


def test_arguments_and_results_are_words() -> None:
    """They may be private: no log and no repr shows them."""
    start = RealtimeToolStart(agent=TRIAGE, tool=end_call, arguments='{"pin":"4711"}', info=INFO)
    end = RealtimeToolEnd(
        agent=TRIAGE, tool=end_call, arguments='{"pin":"4711"}', output="secret", info=INFO
    )
    assert not stand_in(repr(told(start, end)), "4711")
    assert "secret" not in repr(told(start, end))


def test_a_handoff_names_both_agents() -> None:
    """Who spoke before and who speaks now."""
    event = RealtimeHandoffEvent(from_agent=TRIAGE, to_agent=ORDERS, info=INFO)
    assert told(event) == [Handoff("triage", "orders", 1234.0)]


def test_a_guardrail_is_told_by_name() -> None:
    """All the guardrails that tripped, without what was said."""
    results = [
        SimpleNamespace(guardrail=SimpleNamespace(get_name=lambda name=name: name))
        for name in ("no_prices", "no_names")
    ]
    event = RealtimeGuardrailTripped(
        guardrail_results=cast(Any, results), message="the forbidden words", info=INFO
    )
    assert told(event) == [GuardrailTripped("no_prices, no_names", 1234.0)]


def test_the_sdks_own_errors_are_told_by_type() -> None:
    """An exception is told by its class and never by its text; the server's own `error` events are
    told elsewhere, from their source.
    """
    own = RealtimeError(error=ValueError("secret"), info=INFO)
    servers = RealtimeError(error={"message": "no such item"}, info=INFO)
    assert told(own, servers) == [ModelErrorReported("ValueError")]


def test_everything_else_is_passed_over() -> None:
    """An event without a meaning for the call makes none."""
    assert told(RealtimeAgentStartEvent(agent=TRIAGE, info=INFO)) == []
