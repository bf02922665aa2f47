"""`<Say>`, `<Play>` and `<Pause>`: they take their time and can be interrupted."""

import io
import wave

import pytest
from starlette.responses import Response

from gateway.sim.twilio import HangUp, WaitForAgent, WaitForSilence
from tests.sim.twilio.peer import CALLER, NUMBER, codes, kinds, peer_and_twin


def wav(ms: int) -> bytes:
    """A silent WAV file."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16 * ms))
    return data.getvalue()


@pytest.mark.asyncio
async def test_prompts_take_as_long_as_they_are() -> None:
    """Text by its length, a file by its own, digits by their number."""
    async with peer_and_twin(say_ms_per_character=10) as (peer, twin):
        peer.answers["/hello.wav"] = Response(wav(80), media_type="audio/wav")
        peer.answers["/hello.ulaw"] = Response(bytes(8 * 80), media_type="audio/basic")
        peer.answers["/broken.wav"] = Response(b"RIFF", media_type="audio/wav")
        peer.answers["/voice"] = (
            "<Response><Say>1234567890</Say><Play>/hello.wav</Play><Play>hello.ulaw</Play>"
            "<Play>/broken.wav</Play><Play digits='1'/><Pause length='0.1'/></Response>"
        )
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    ended = call.timeline[-1]
    assert ended.kind == "ended"
    assert ended.at_ms >= 850
    assert [k for k in kinds(call.timeline) if k in ("say", "play", "play-digits")] == [
        "say",
        "play",
        "play",
        "play",
        "play-digits",
    ]
    assert all(hook.signed for hook in peer.hooks)


@pytest.mark.asyncio
async def test_the_caller_hears_that_somebody_speaks() -> None:
    """A script can wait for a prompt as it waits for an agent, and hang up in the middle of it."""
    async with peer_and_twin(say_ms_per_character=1000) as (peer, twin):
        peer.answers["/voice"] = "<Response><Say>a very long text</Say></Response>"
        call = twin.place_call(NUMBER, CALLER, [WaitForAgent(heard_ms=100), HangUp()])
        await call.wait(10)
        quiet = twin.place_call(NUMBER, CALLER, [WaitForSilence(ms=100, timeout_ms=200), HangUp()])
        await quiet.wait(10)
    assert "agent-speaks" in kinds(call.timeline)
    assert call.end_reason == "caller-hangup"
    assert call.timeline[-1].at_ms < 5000
    assert "wait-timeout" in kinds(quiet.timeline)


@pytest.mark.asyncio
async def test_a_file_that_is_not_there_is_11200_and_the_next_verb_runs() -> None:
    """A missing sound is no reason to end a call."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/none.wav"] = Response(status_code=404)
        peer.answers["/voice"] = "<Response><Play>/none.wav</Play><Say>x</Say></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [11200]
    assert "say" in kinds(call.timeline)
