"""Whole calls over real sockets: twin, gateway, offline model."""

import asyncio
import dataclasses
import random
from typing import Any

import pytest

from gateway.core.events import BargeIn, CallAnswered, CallLive, DtmfGroup, ModelLost, TurnDone
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import Dtmf, HangUp, Network, Pause, Play, WaitForAgent, WaitForSilence
from tests.e2e.harness import CALLS, LIMIT_S, PHRASES, SPEECH, House, hears, house

QUICK = RealtimeOptions(first_audio_ms=50, transcription_ms=(50, 80))
ASK = Play(path=CALLS / "order_question.ulaw")
INTERRUPT = Play(path=CALLS / "interruption.ulaw")
BYE = Play(path=CALLS / "thanks_goodbye.ulaw")


def kinds(running: House, direction: str) -> list[str]:
    """Event types of the first model session in order, one direction."""
    trace = running.model.sessions[0].trace
    return [row["event"]["type"] for row in trace if row["dir"] == direction and row.get("event")]


@pytest.mark.asyncio
async def test_the_caller_hears_the_agents_audio_byte_for_byte() -> None:
    """What the model said for the greeting is what the caller hears: nothing lost or changed."""
    async with house(QUICK) as running:
        call = running.place(WaitForAgent(heard_ms=200), WaitForSilence(ms=700), HangUp())
        ended = await running.ended(call)
        assert ended.reason == "caller_hung_up"
        assert hears(call, (SPEECH / "greeting.ulaw").read_bytes())
        assert [entry.code for entry in running.twin.debugger] == []


@pytest.mark.asyncio
async def test_the_model_gets_the_callers_audio_byte_for_byte_from_the_first_frame() -> None:
    """A model that needs 400 ms to connect misses nothing the caller said meanwhile."""
    slow = dataclasses.replace(QUICK, connect_delay_ms=400)
    async with house(slow) as running:
        question = (CALLS / "order_question.ulaw").read_bytes()
        call = running.place(Play(payload=question), Pause(ms=200), HangUp())
        ended = await running.ended(call)
        heard_by_model = bytes(running.model.sessions[0].input_audio)
        assert question in heard_by_model
        assert len(heard_by_model) == 160 * ended.inbound_frames
        assert heard_by_model in call.said
        assert running.of(CallLive, call.sid)[0].held_ms > 0


@pytest.mark.asyncio
async def test_the_greeting_is_asked_for_as_soon_as_the_session_exists() -> None:
    """response.create follows session.created and the settings at once, waiting for no stream."""
    async with house(QUICK) as running:
        call = running.place(WaitForAgent(heard_ms=100), HangUp())
        await running.ended(call)
        asked = kinds(running, "C")
        assert asked[:2] == ["session.update", "response.create"]


@pytest.mark.asyncio
@pytest.mark.parametrize("delay_ms", [0, 80])
async def test_an_interruption_is_truncated_where_the_caller_stopped_listening(
    delay_ms: int,
) -> None:
    """The model is told what was heard when the clear reached the carrier, to two frames."""
    async with house(QUICK) as running:
        network = Network(delay_ms=delay_ms)
        call = running.place(
            WaitForAgent(heard_ms=1500), INTERRUPT, Pause(ms=300), HangUp(), network=network
        )
        await running.ended(call)
        (barge_in,) = running.of(BargeIn, call.sid)
        (clear,) = call.clears
        told = [
            row["event"]["audio_end_ms"]
            for row in running.model.sessions[0].trace
            if row.get("event", {}).get("type") == "conversation.item.truncate"
        ]
        assert told == [barge_in.heard_ms]
        assert abs(barge_in.heard_ms - clear.heard_bytes_total / 8) <= 40
        greeting = (SPEECH / "greeting.ulaw").read_bytes()
        assert call.heard.count(greeting[-800:]) == 0


@pytest.mark.asyncio
async def test_the_whole_story_interruption_tool_and_goodbye() -> None:
    """Question, tool, interruption, answer, goodbye heard to its end, hang-up by the agent."""
    async with house(QUICK) as running:
        call = running.place(
            WaitForAgent(heard_ms=300),
            WaitForSilence(ms=700),
            ASK,
            WaitForAgent(heard_ms=3500),
            INTERRUPT,
            WaitForAgent(heard_ms=500),
            WaitForSilence(ms=700),
            BYE,
        )
        ended = await running.ended(call)
        assert ended.reason == "agent_hung_up"
        assert ended.interruptions == 1
        assert hears(call, (SPEECH / "goodbye.ulaw").read_bytes())
        assert hears(call, (SPEECH / "monday.ulaw").read_bytes())
        errors = {entry.code for entry in running.twin.debugger}
        assert errors <= {31921}  # our side closed: expected when the agent hangs up
        replies = [e.turn for e in running.of(TurnDone, call.sid) if e.turn.kind == "reply"]
        assert all(turn.response_ms is not None and turn.response_ms > 0 for turn in replies)


@pytest.mark.asyncio
async def test_keys_reach_the_model_as_one_message_and_silence_the_agent() -> None:
    """Four keys and a hash are one user message; the agent falls silent at the first key."""
    async with house(QUICK) as running:
        call = running.place(
            WaitForAgent(heard_ms=800), Dtmf("4711#"), WaitForAgent(heard_ms=400), HangUp()
        )
        await running.ended(call)
        texts = [item.text for item in running.model.sessions[0].conversation if item.text]
        assert [text for text in texts if "4711" in text] == texts[-1:]
        assert [group.count for group in running.of(DtmfGroup, call.sid)] == [4]
        assert running.of(BargeIn, call.sid)[0].cause == "dtmf"


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"http_status": 401}, "model_auth"),
    ({"http_status": 500}, "model_refused"),
    ({"api_key": "another key"}, "model_auth"),
    ({"models": ("no-such-model",)}, "model_refused"),
    ({"ignore_format": True}, "model_audio_format"),
    ({"close_after_s": 0.8, "close_code": 1001}, "model_closed"),
    ({"close_after_s": 0.8, "close_code": 1011}, "model_closed"),
    ({"fail_after_audio_bytes": 9000}, "model_closed"),
    ({"expiry_s": 0.8}, "model_refused"),
]


async def lose_the_model(fault: dict[str, Any]) -> tuple[str, list[str], bool]:
    """One call whose model fails so: why it ended, the losses told, was the apology heard."""
    async with house(dataclasses.replace(QUICK, **fault)) as running:
        call = running.place()
        ended = await running.ended(call)
        losses = [lost.reason for lost in running.of(ModelLost, call.sid)]
        return ended.reason, losses, hears(call, (PHRASES / "apology.ulaw").read_bytes())


@pytest.mark.asyncio
async def test_a_model_that_is_lost_ends_in_an_apology_the_caller_hears() -> None:
    """However the model goes, the caller hears the whole apology, then the call ends once."""
    outcomes = await asyncio.gather(*(lose_the_model(fault) for fault, _ in FAULTS))
    for (fault, reason), outcome in zip(FAULTS, outcomes, strict=True):
        assert outcome == (reason, [reason], True), fault


@pytest.mark.asyncio
async def test_a_webhook_without_a_stream_leaves_nothing_behind() -> None:
    """A model dialled for nobody is closed in time."""
    async with house(QUICK, no_stream_timeout_s=0.5) as running:
        from gateway.call.call import Offer

        running.reception.offer(Offer("CA" + "1" * 32, "AC" + "0" * 32, "+15550100", "+1555"))
        session = await running.model.wait_session()
        await asyncio.wait_for(session.closed.wait(), LIMIT_S)
        await asyncio.wait_for(running.reception.registry.wait_empty(), LIMIT_S)


@pytest.mark.asyncio
async def test_many_calls_a_third_aborted_at_random_leave_nothing_behind() -> None:
    """Tasks, sessions and calls are back to where they were, whatever moment a call ended at."""
    rng = random.Random(7)
    async with house(QUICK) as running:
        await running.ended(running.place(WaitForAgent(heard_ms=100), HangUp()))
        before = len(asyncio.all_tasks())
        calls = []
        for number in range(45):
            call = running.place(WaitForAgent(heard_ms=300), HangUp())
            if number % 3 == 0:
                asyncio.get_running_loop().call_later(rng.uniform(0.0, 0.6), call.drop)
            calls.append(call)
        for call in calls:
            await call.wait(LIMIT_S)
        await asyncio.wait_for(running.reception.registry.wait_empty(), LIMIT_S)
        for session in running.model.sessions:
            await asyncio.wait_for(session.closed.wait(), LIMIT_S)
        async with asyncio.timeout(LIMIT_S):
            while len(asyncio.all_tasks()) > before + 2:  # noqa: ASYNC110 nothing signals this
                await asyncio.sleep(0.05)
        assert running.of(ModelLost) == []
        assert len(running.of(CallAnswered)) <= 46
