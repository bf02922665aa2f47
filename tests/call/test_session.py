"""From an agent's plan to a session: its own runner, its own model, and the greeting's request."""

import dataclasses
import json
from collections.abc import Mapping

import pytest
from agents import Usage
from agents.realtime import RealtimeAgent
from agents.realtime.items import InputText, UserMessageItem
from agents.realtime.model_events import (
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelUsageEvent,
)
from agents.realtime.model_inputs import RealtimeModelSendInterrupt

from gateway.call.audience import Audience
from gateway.call.context import CallContext
from gateway.call.greeting import RecordedGreeting
from gateway.call.link import ModelLink
from gateway.call.model import (
    ONLY_AHEAD,
    ONLY_FOR_GUARDRAILS,
    UNUSED_BY_SDK,
    TelephonyModel,
)
from gateway.call.session import KEPT, build_session, forget_oldest
from gateway.call.tools import ToolRunner
from gateway.core import commands
from tests.call.calls import plan
from tests.call.contexts import context

CONTEXT = context()


async def no_dial(url: str, headers: Mapping[str, str]) -> ModelLink:
    raise AssertionError("nothing is dialled before the session is entered")


def model() -> TelephonyModel:
    def interrupt(event: RealtimeModelSendInterrupt) -> None:
        raise AssertionError(event)

    return TelephonyModel(no_dial, interrupt, lambda tool, output: True)


def test_the_greeting_is_a_request_of_its_own() -> None:
    """It carries its instructions, and no tool may be called before anybody spoke."""
    request = plan("ws://127.0.0.1:9/", greeting="Say hello.").greeting_request()
    assert request is not None
    assert json.loads(request) == {
        "type": "response.create",
        "event_id": commands.ASKED,
        "response": {"instructions": "Say hello.", "tool_choice": "none"},
    }


def test_without_a_greeting_nothing_is_requested() -> None:
    """The caller speaks first."""
    assert plan("ws://127.0.0.1:9/", greeting=None).greeting_request() is None


def test_a_recorded_greeting_takes_the_place_of_the_models() -> None:
    """The caller is greeted once."""
    recorded = RecordedGreeting(b"", "Hello.")
    chosen = plan("ws://127.0.0.1:9/", greeting="Hi.", more={"recorded_greeting": recorded})
    assert chosen.greeting_request() is None


@pytest.mark.asyncio
async def test_every_call_has_its_own_session_and_model() -> None:
    """The SDK shares neither between calls; building one dials nothing."""
    chosen = plan("ws://127.0.0.1:9/")
    models = [model(), model()]
    sessions = [await build_session(chosen, each, CONTEXT) for each in models]
    assert sessions[0] is not sessions[1]
    assert [session.model for session in sessions] == models


@pytest.mark.asyncio
async def test_the_agent_is_made_for_its_call() -> None:
    """The builder is given the call's context, once for each session."""
    made: list[CallContext] = []

    async def build(context: CallContext) -> RealtimeAgent[CallContext]:
        made.append(context)
        return RealtimeAgent(name="made")

    chosen = dataclasses.replace(plan("ws://127.0.0.1:9/"), build=build)
    await build_session(chosen, model(), CONTEXT)
    assert made == [CONTEXT]


@pytest.mark.parametrize("guarded", [True, False])
def test_words_in_pieces_are_given_only_where_a_guardrail_may_read_them(guarded: bool) -> None:
    """Without any guardrail the most frequent event besides audio stays away from the SDK."""
    chosen = plan("ws://127.0.0.1:9/", more={"guarded": guarded})
    unread = frozenset() if guarded else ONLY_FOR_GUARDRAILS | ONLY_AHEAD
    assert chosen.withheld() == UNUSED_BY_SDK | unread


def test_an_agent_with_an_audience_hears_everything() -> None:
    """`raw_model_event` shows every event to an agent that listens."""
    audience = Audience(ToolRunner(threads=1, timeout_s=1), on_event=print)
    assert plan("ws://127.0.0.1:9/", more={"audience": audience}).withheld() == frozenset()


@pytest.mark.asyncio
async def test_a_long_conversation_is_forgotten_by_the_sdk_bit_by_bit() -> None:
    """It keeps the newest items, never more than twice as many, and goes on with them."""
    session = await build_session(plan("ws://127.0.0.1:9/"), model(), CONTEXT)
    longest = 0
    for number in range(5 * KEPT):
        said = UserMessageItem(item_id=f"item_{number}", content=[InputText(text="Hello?")])
        await session.on_event(RealtimeModelItemUpdatedEvent(item=said))
        forget_oldest(session)
        longest = max(longest, len(session._history))
    assert longest == 2 * KEPT
    newest = [item.item_id for item in session._history][-KEPT:]
    assert newest == [f"item_{number}" for number in range(4 * KEPT, 5 * KEPT)]
    deleted = RealtimeModelItemDeletedEvent(item_id=newest[-1])
    await session.on_event(deleted)
    assert session._history[-1].item_id == newest[-2]


@pytest.mark.asyncio
async def test_what_each_answer_used_is_forgotten_but_not_the_sum() -> None:
    """The SDK keeps one entry per answer; the newest stay, and the sums count all of them."""
    session = await build_session(plan("ws://127.0.0.1:9/"), model(), CONTEXT)
    kept = session._context_wrapper.usage
    longest = 0
    for number in range(1, 5 * KEPT + 1):
        used = Usage(requests=1, input_tokens=number, output_tokens=1, total_tokens=number + 1)
        await session.on_event(RealtimeModelUsageEvent(usage=used))
        forget_oldest(session)
        longest = max(longest, len(kept.request_usage_entries))
    assert longest == 2 * KEPT
    assert kept.request_usage_entries[-1].input_tokens == 5 * KEPT
    assert (kept.requests, kept.output_tokens) == (5 * KEPT, 5 * KEPT)
