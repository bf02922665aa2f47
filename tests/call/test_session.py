"""From an agent's plan to a session: its own runner, its own model, and the greeting's request."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from agents import GuardrailFunctionOutput, OutputGuardrail
from agents.realtime import RealtimeAgent, realtime_handoff
from agents.realtime.model_inputs import RealtimeModelSendInterrupt

from gateway.call.link import ModelLink
from gateway.call.model import ONLY_FOR_GUARDRAILS, UNUSED_BY_SDK, TelephonyModel
from gateway.call.session import WIRE_FORMAT, build_session
from gateway.call.tools import CallContext
from tests.call.calls import plan

CONTEXT = CallContext("CA1", "+1", "+2", "assistant", lambda reason: None)


async def no_dial(url: str, headers: Mapping[str, str]) -> ModelLink:
    raise AssertionError("nothing is dialled before the session is entered")


def model() -> TelephonyModel:
    def interrupt(event: RealtimeModelSendInterrupt) -> None:
        raise AssertionError(event)

    return TelephonyModel(no_dial, interrupt, lambda tool: True)


def test_the_greeting_is_a_request_of_its_own() -> None:
    """It carries its instructions, and no tool may be called before anybody spoke."""
    request = plan("ws://127.0.0.1:9/", greeting="Say hello.").greeting_request()
    assert request is not None
    assert json.loads(request) == {
        "type": "response.create",
        "response": {"instructions": "Say hello.", "tool_choice": "none"},
    }


def test_without_a_greeting_nothing_is_requested() -> None:
    """The caller speaks first."""
    assert plan("ws://127.0.0.1:9/", greeting=None).greeting_request() is None


def test_the_wire_is_mulaw() -> None:
    """What the carrier speaks is what the session must confirm."""
    assert WIRE_FORMAT == "audio/pcmu"


@pytest.mark.asyncio
async def test_every_call_has_its_own_session_and_model() -> None:
    """The SDK shares neither between calls; building one dials nothing."""
    chosen = plan("ws://127.0.0.1:9/")
    models = [model(), model()]
    sessions = [await build_session(chosen, each, CONTEXT) for each in models]
    assert sessions[0] is not sessions[1]
    assert [session.model for session in sessions] == models


async def passes(_context: Any, _agent: Any, _text: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)


GUARD = OutputGuardrail[Any](guardrail_function=passes, name="passes")
PLAIN = RealtimeAgent[CallContext](name="plain")
GUARDED = RealtimeAgent[CallContext](name="guarded", output_guardrails=[GUARD])
FAR = RealtimeAgent[CallContext](name="far", handoffs=[RealtimeAgent(name="b", handoffs=[GUARDED])])
UNKNOWN = RealtimeAgent[CallContext](name="unknown", handoffs=[realtime_handoff(PLAIN)])
CIRCLE = RealtimeAgent[CallContext](name="circle")
CIRCLE.handoffs = [RealtimeAgent(name="back", handoffs=[CIRCLE])]


@pytest.mark.parametrize(
    ("agent", "guarded"),
    [(PLAIN, False), (CIRCLE, False), (GUARDED, True), (FAR, True), (UNKNOWN, True)],
)
def test_words_in_pieces_are_given_only_where_a_guardrail_may_read_them(
    agent: RealtimeAgent[CallContext], guarded: bool
) -> None:
    """An agent with a guardrail, here or behind a handoff, or one nobody can see yet."""
    chosen = plan("ws://127.0.0.1:9/", agent=agent)
    assert chosen.withheld() == UNUSED_BY_SDK | (frozenset() if guarded else ONLY_FOR_GUARDRAILS)


def test_a_guardrail_of_the_run_reads_all_agents() -> None:
    """The run's own guardrails count for every agent."""
    chosen = plan("ws://127.0.0.1:9/", output_guardrails=[GUARD])
    assert chosen.withheld() == UNUSED_BY_SDK
