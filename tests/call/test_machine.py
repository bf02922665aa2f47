"""An answering machine takes a call of ours: what it hears, when, and how often."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from gateway.call import machine as machine_module
from gateway.call.context import Amd, Errand
from gateway.core.events import CalleeIdentified, MessageStarted
from tests.call import calls
from tests.call import model_events as said
from tests.call.calls import OFFER, LiveCall, live, media, plan, say, served, speech
from tests.call.carriers import SilentCarrier
from tests.call.hand_model import HandModel, ModelEnd
from tests.call.watching import turns

VOICE = b"\x20" * 160
SILENCE = b"\xff" * 160


@asynccontextmanager
async def rung(
    monkeypatch: pytest.MonkeyPatch, amd: Amd = "leave-message"
) -> AsyncIterator[tuple[LiveCall, ModelEnd]]:
    """A call of ours that was answered; the greeting is asked for and said."""
    errand = Errand("dial", amd=amd)
    monkeypatch.setattr(calls, "OFFER", replace(OFFER, direction="outbound-api", errand=errand))
    carrier = SilentCarrier(instant=True)
    async with HandModel() as model, live(plan(model.url), carrier) as running:
        yield running, await served(model, running)


def heard_by_model(end: ModelEnd) -> list[bytes]:
    """The audio the model got, frame by frame."""
    return [base64.b64decode(each["audio"]) for each in end.all("input_audio_buffer.append")]


def hear(running: LiveCall, payload: bytes, count: int = 1) -> None:
    """The other side is heard."""
    microphone = running.call.downstream.microphone
    for _ in range(count):
        microphone.frame(media(payload, microphone.frames * 20 + 20), 0.0)


def who(running: LiveCall) -> list[tuple[str, str]]:
    """What was told of who answered."""
    return [(event.who, event.by) for event in running.witness.all(CalleeIdentified)]


def requests(end: ModelEnd) -> list[dict[str, Any]]:
    """The answers that were asked for besides the greeting."""
    return end.all("response.create")[1:]


async def leaves_message(running: LiveCall, end: ModelEnd, *, spoken: bool = True) -> str:
    """The agent is asked for its message and says it; why the call ended."""
    await end.seen("response.create", 2)
    if spoken:
        await say(end, 100, response="resp_7")
    else:
        await end.send(said.response_created("resp_7"), said.response_done("resp_7"))
    return (await running.ended()).reason


@pytest.mark.asyncio
@pytest.mark.parametrize("word", ["machine_start", "machine_end_beep", "fax"])
async def test_a_machine_is_hung_up_on_at_once(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """When that is the wish; a fax is never spoken to."""
    amd: Amd = "leave-message" if word == "fax" else "hangup"
    async with rung(monkeypatch, amd) as (running, _end):
        running.call.machine.told(word)
        assert (await running.ended()).reason == "machine"
        assert who(running) == [("fax" if word == "fax" else "machine", "carrier")]


@pytest.mark.asyncio
async def test_it_may_be_known_before_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the stream is closed as soon as it is there."""
    errand = Errand("dial", amd="hangup", answered_by="machine_start")
    monkeypatch.setattr(calls, "OFFER", replace(OFFER, errand=errand))
    async with live(plan("ws://127.0.0.1:9/")) as running:
        assert (await running.ended()).reason == "machine"


@pytest.mark.asyncio
@pytest.mark.parametrize(("amd", "events"), [("off", []), ("hangup", [("human", "carrier")])])
async def test_others_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, amd: Amd, events: list[tuple[str, str]]
) -> None:
    """Whoever does not want to know, and humans."""
    async with rung(monkeypatch, amd) as (running, end):
        running.call.machine.told("human" if amd == "hangup" else "machine_start")
        hear(running, VOICE)
        await end.seen("input_audio_buffer.append")
        assert heard_by_model(end) == [VOICE]
        assert who(running) == events
        assert running.call.outcome is None


@pytest.mark.asyncio
async def test_a_human_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens for beeps any more, and what comes later of machines is wrong or too late."""
    async with rung(monkeypatch) as (running, end):
        hear(running, VOICE)
        running.call.machine.told("human")
        microphone = running.call.downstream.microphone
        assert microphone.deliver == running.call.dialogue.caller_audio
        hear(running, VOICE)
        running.call.machine.told("machine_end_beep")
        await end.seen("input_audio_buffer.append", 2)
        assert heard_by_model(end) == [VOICE, VOICE]
        assert not running.call.machine.present
        assert who(running) == [("human", "carrier")]


@pytest.mark.asyncio
async def test_a_machine_is_silence_to_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It hears nothing of it, what it says is cut off, and what it begins to say is refused."""
    async with rung(monkeypatch) as (running, end):
        await say(end, 4000, whole=False)
        await end.seen("session.update")
        await turns(50)
        running.call.machine.told("machine_start")
        cancel = await end.seen("response.cancel")
        assert cancel["response_id"] == "resp_1"
        hear(running, VOICE, 3)
        await end.seen("input_audio_buffer.append", 3)
        assert heard_by_model(end) == [SILENCE] * 3
        await end.send(said.response_done("resp_1", "cancelled"), said.response_created("resp_2"))
        assert (await end.seen("response.cancel", 2))["response_id"] == "resp_2"
        audio = running.carrier.audio
        await end.send(said.delta(speech(100), "resp_2", "item_2"))
        await end.send(said.response_done("resp_2", "cancelled"))
        await turns(50)
        assert running.carrier.audio == audio
        assert requests(end) == []
        running.call.machine.told("machine_end_beep")
        assert await leaves_message(running, end) == "message_left"


@pytest.mark.asyncio
async def test_the_message_is_left_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is said that the machine records: told what to do, no tools, and the end."""
    async with rung(monkeypatch) as (running, end):
        await say(end, 100)
        for word in ("machine_end_beep", "machine_end_beep", "machine_end_other", "human"):
            running.call.machine.told(word)
        assert await leaves_message(running, end) == "message_left"
        (request,) = requests(end)
        assert request["response"]["tool_choice"] == "none"
        texts = [each["item"] for each in end.all("conversation.item.create")]
        assert [item["role"] for item in texts] == ["system"]
        assert "answering machine" in texts[0]["content"][0]["text"]
        assert [event.cause for event in running.witness.all(MessageStarted)] == ["carrier"]
        assert who(running) == [("machine", "carrier")]


@pytest.mark.asyncio
async def test_an_agent_without_words_has_left_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the call ends as one that a machine took."""
    monkeypatch.setattr(machine_module, "MESSAGE_LIMIT_S", 0.2)
    async with rung(monkeypatch) as (running, end):
        await say(end, 100)
        running.call.machine.told("machine_end_beep")
        assert await leaves_message(running, end, spoken=False) == "machine"


@pytest.mark.asyncio
async def test_a_model_that_does_not_come_to_rest_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer to the greeting would be the message."""
    monkeypatch.setattr(machine_module, "_READY_LIMIT_S", 0.5)
    async with rung(monkeypatch) as (running, end):
        await say(end, 100)
        await end.send(said.speech_started())
        await turns(50)
        running.call.machine.told("machine_end_beep")
        assert (await running.ended()).reason == "machine"
        assert requests(end) == []


LIMITS: list[tuple[str, str, float, Callable[[LiveCall], None], str]] = [
    ("machine_start", "SILENCE_S", 0.1, lambda running: hear(running, SILENCE, 6), "silence"),
    ("machine_start", "LIMIT_S", 0.1, lambda running: hear(running, VOICE), "time"),
    ("machine_end_silence", "BEEP_WAIT_S", 0.1, lambda running: hear(running, VOICE), "carrier"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("word", "limit", "seconds", "then", "cause"), LIMITS)
async def test_a_beep_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
    word: str,
    limit: str,
    seconds: float,
    then: Callable[[LiveCall], None],
    cause: str,
) -> None:
    """Silence, the carrier's word that the greeting is over, or too much time: it is left."""
    monkeypatch.setattr(machine_module, limit, seconds)
    async with rung(monkeypatch) as (running, end):
        await say(end, 100)
        running.call.machine.told(word)
        then(running)
        begun = await running.witness.first(MessageStarted)
        assert begun.cause == cause
        assert await leaves_message(running, end) == "message_left"


@pytest.mark.asyncio
async def test_a_voice_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause in the greeting is not its end."""
    monkeypatch.setattr(machine_module, "SILENCE_S", 0.1)
    async with rung(monkeypatch) as (running, _end):
        running.call.machine.told("machine_start")
        for _ in range(4):
            hear(running, SILENCE, 4)
            hear(running, VOICE)
        await turns()
        assert running.witness.all(MessageStarted) == []


@pytest.mark.asyncio
async def test_who_is_not_known_is_listened_to_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is whoever it is."""
    monkeypatch.setattr(machine_module, "LIMIT_S", 0.05)
    async with rung(monkeypatch) as (running, _end):
        microphone, dialogue = running.call.downstream.microphone, running.call.dialogue
        assert microphone.deliver != dialogue.caller_audio
        while microphone.deliver != dialogue.caller_audio:
            await turns()
        assert not running.call.machine.present
