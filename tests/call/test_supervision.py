"""What may be done with a call from outside, when, and what is said when it may not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from gateway.call import supervision
from gateway.call.context import Destination, Route
from gateway.call.hold import HOLD
from gateway.call.supervision import HUNG_UP, NotNow, Unreachable
from gateway.call.transfer import OPERATOR
from gateway.core.direction import SOFTPHONE
from gateway.core.events import (
    BargeIn,
    ConsultStarted,
    TransferFailed,
    Whispered,
)
from tests.call import model_events as said
from tests.call.calls import OFFER, LiveCall, heard, live, plan, say, served
from tests.call.carriers import SilentCarrier
from tests.call.hand_model import HandModel, ModelEnd
from tests.call.test_transfer import OneColleague, told
from tests.call.watching import turns, until

PHONE = Destination("+493012345679")


@asynccontextmanager
async def on_the_line(
    carrier: SilentCarrier | None = None, **changes: Any
) -> AsyncIterator[tuple[ModelEnd, LiveCall, OneColleague]]:
    """A live call, and somebody who can be asked to take it."""
    colleague = OneColleague()
    more = {"route": Route(directory={"office": Destination("+442079460000")})}
    async with HandModel() as model:
        agent = plan(model.url, greeting=None, more=more)
        async with live(agent, carrier, colleagues=colleague, **changes) as running:
            end = await served(model, running)
            yield end, running, colleague


# Whisper


@pytest.mark.asyncio
async def test_a_whisper_is_an_instruction_and_asks_for_nothing() -> None:
    """Unless that is wanted: then the agent is asked at once."""
    async with on_the_line() as (end, running, _):
        assert supervision.whisper(running.call, "eva", "Be kind.", answer=False) == "none"
        assert supervision.whisper(running.call, "eva", "Ask why.", answer=True) == "now"
        await end.seen("response.create")
        kind, ask = told(end)
        assert kind.endswith(": Be kind.")
        assert ask.endswith(": Ask why.")
        roles = [event["item"]["role"] for event in end.all("conversation.item.create")]
        assert roles == ["system", "system"]
        assert len(end.all("response.create")) == 1
        assert [event.by for event in running.witness.all(Whispered)] == ["eva", "eva"]
        assert "kind" not in repr(running.witness.events)


@pytest.mark.asyncio
async def test_an_answer_waits_for_the_one_that_is_being_made() -> None:
    """A server refuses a second one."""
    async with on_the_line() as (end, running, _):
        answer = said.spoken(b"\x55" * 800)
        await end.send(*answer[:4])
        await heard(running, 20)
        assert supervision.whisper(running.call, "eva", "Ask why.", answer=True) == "later"
        await end.seen("conversation.item.create")
        assert end.all("response.create") == []
        await end.send(*answer[4:])
        await end.seen("response.create")


@pytest.mark.asyncio
async def test_a_caller_who_speaks_is_answered_once() -> None:
    """The answer to what they say is the answer to the whisper."""
    async with on_the_line() as (end, running, _):
        await end.send(said.speech_started())
        await until(lambda: running.call.dialogue.answers.caller_speaks)
        assert supervision.whisper(running.call, "eva", "Ask why.", answer=True) == "later"
        await end.seen("conversation.item.create")
        await turns()
        assert end.all("response.create") == []


@pytest.mark.asyncio
async def test_nobody_whispers_to_a_model_that_is_not_there() -> None:
    """Before it is ready, once it is lost, and when the call is over."""
    async with HandModel() as model, live(plan(model.url, greeting=None)) as running:
        with pytest.raises(NotNow, match="model is not there"):
            supervision.whisper(running.call, "eva", "x", answer=False)
        await served(model, running)
        running.call._upstream.give_up()
        with pytest.raises(NotNow, match="model is not there"):
            supervision.whisper(running.call, "eva", "x", answer=False)
        running.call.end("test")
        with pytest.raises(NotNow, match="over"):
            supervision.whisper(running.call, "eva", "x", answer=False)
        assert running.witness.all(Whispered) == []


@pytest.mark.asyncio
async def test_an_agent_without_a_caller_is_not_asked_to_speak() -> None:
    """It may be told something for later."""
    async with on_the_line() as (end, running, _):
        supervision.take_over(running.call, OPERATOR, PHONE, "Mine.")
        with pytest.raises(NotNow, match=r"under way.*; without `answer`"):
            supervision.whisper(running.call, "eva", "x", answer=True)
        assert supervision.whisper(running.call, "eva", "x", answer=False) == "none"
        await end.seen("conversation.item.create")


@pytest.mark.asyncio
async def test_an_agent_that_is_leaving_is_not_asked_to_speak() -> None:
    """Its goodbye would never end."""
    async with on_the_line(SilentCarrier()) as (end, running, _):
        await say(end, 600)
        await heard(running, 20)
        running.call.hang_up("agent_hung_up")
        await turns()
        with pytest.raises(NotNow, match="coming to its end"):
            supervision.whisper(running.call, "eva", "x", answer=True)


# Take over


@pytest.mark.asyncio
async def test_the_caller_waits_at_once_and_the_operator_is_rung() -> None:
    """In the middle of a word; what the agent had still to say is void."""
    async with on_the_line(SilentCarrier()) as (end, running, colleague):
        await say(end, 4000, whole=False)
        await heard(running, 40)
        supervision.take_over(running.call, OPERATOR, PHONE, "Mine.")
        assert running.call.state == "consulting"
        (request,) = colleague.asked
        assert (request.destination, request.summary) == (PHONE, "Mine.")
        assert [event.cause for event in running.witness.all(BargeIn)] == ["operator"]
        assert [event.destination for event in running.witness.all(ConsultStarted)] == [OPERATOR]
        assert running.call.dialogue.outbound.ledger.find(HOLD) is not None
        await end.seen("response.cancel")
        with pytest.raises(NotNow, match="under way"):
            supervision.take_over(running.call, "office", PHONE, "Mine.")
        assert colleague.asker.accepted()
        assert running.call.transfer.delivered is False
        colleague.asker.together()
        assert (await running.ended()).reason == "transferred"


@pytest.mark.asyncio
async def test_a_goodbye_does_not_end_a_call_that_is_taken_over() -> None:
    """Neither one that was on its way, nor one the agent thinks of too late."""
    async with on_the_line(SilentCarrier()) as (end, running, colleague):
        await say(end, 600)
        await heard(running, 20)
        running.call.hang_up("agent_hung_up")
        await turns()
        assert running.call.state == "ending"
        supervision.take_over(running.call, OPERATOR, PHONE, "Mine.")
        running.call.hang_up("agent_hung_up")
        await turns()
        assert (running.call.state, colleague.heard) == ("consulting", [])
        colleague.asker.declined("no-answer")
        assert (running.call.state, running.call.outcome) == ("live", None)
        (failed,) = running.witness.all(TransferFailed)
        assert (failed.destination, failed.status) == (OPERATOR, "no-answer")
        await end.seen("response.create")
        (words,) = told(end)
        assert words.startswith("A colleague wanted to take over from you, and could not")
        running.call.hang_up("agent_hung_up")  # now it may again
        await turns()
        assert running.call.state == "ending"


@pytest.mark.asyncio
async def test_what_cannot_be_taken_over_says_so() -> None:
    """Before the caller is there, when nobody can be rung, and when the call is over."""
    async with on_the_line(answered=False) as (_, running, colleague):
        with pytest.raises(NotNow, match="not on the line yet"):
            supervision.take_over(running.call, OPERATOR, PHONE, "Mine.")
        running.answer()
        colleague.busy = "TWILIO_PHONE_NUMBER is not set"
        with pytest.raises(Unreachable, match="TWILIO_PHONE_NUMBER"):
            supervision.take_over(running.call, OPERATOR, PHONE, "Mine.")
        running.call.machine.present = True
        with pytest.raises(NotNow, match="answering machine"):
            supervision.take_over(running.call, OPERATOR, PHONE, "Mine.")
        running.call.machine.present = False
        carried, running.call.offer = running.call.offer, replace(OFFER, direction=SOFTPHONE)
        with pytest.raises(NotNow, match="softphone"):
            supervision.take_over(running.call, OPERATOR, PHONE, "Mine.")
        running.call.offer = carried
        running.call.end("test")
        with pytest.raises(NotNow, match="over"):
            supervision.take_over(running.call, OPERATOR, PHONE, "Mine.")
        assert colleague.asked == []


@pytest.mark.asyncio
@pytest.mark.usefixtures("short_phrases")
async def test_a_caller_whose_model_is_lost_can_be_rescued() -> None:
    """While the apology plays; if nobody comes, they hear it to its end."""
    async with on_the_line(SilentCarrier(instant=True)) as (_, running, colleague):
        running.call.model_lost("model_closed", "gone")
        supervision.take_over(running.call, OPERATOR, PHONE, "Mine.")
        await turns()
        assert running.call.outcome is None
        colleague.asker.declined("busy")
        assert (await running.ended()).reason == "model_closed"


# Hang up


@pytest.mark.asyncio
async def test_a_call_is_hung_up_at_once() -> None:
    """Whatever is being said; twice is told so."""
    async with on_the_line(SilentCarrier()) as (end, running, _):
        await say(end, 4000, whole=False)
        await heard(running, 20)
        assert supervision.hang_up(running.call)
        with pytest.raises(NotNow, match="over"):
            supervision.hang_up(running.call)
        assert (await running.ended()).reason == HUNG_UP


@pytest.mark.asyncio
async def test_a_call_without_a_stream_is_the_carriers_to_end() -> None:
    """Nobody has come yet, or the caller is somewhere else."""
    async with on_the_line(answered=False) as (_, running, _):
        assert not supervision.hang_up(running.call)
        assert (await running.ended()).reason == HUNG_UP
