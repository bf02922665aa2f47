"""Caller turns are found, committed and answered in the order of the real server."""

import base64
from pathlib import Path
from typing import Any

import pytest

from gateway.sim.realtime.formats import FORMATS
from tests.sim.realtime.harness import (
    MODEL,
    PCMU,
    SCRIPT,
    TOOL,
    Peer,
    noise,
    offline,
    silence,
    tone,
)

WORDS = {"model": "gpt-4o-mini-transcribe"}
TURN = silence(320) + tone(640) + silence(300)


def hearing(**changes: Any) -> dict[str, Any]:
    """audio of a session.update: mu-law both ways, server_vad with changes."""
    detection = {"type": "server_vad", **changes}
    return {"input": {**PCMU, "turn_detection": detection, "transcription": WORDS}, "output": PCMU}


@pytest.mark.asyncio
async def test_a_spoken_turn_in_full(tmp_path: Path) -> None:
    """Detection, commit, item, answer: the order and the links of the golden trace (b)."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing(), tools=[TOOL])
        await peer.speak(TURN)
        done = await peer.until("response.done")
        heard = await peer.until("conversation.item.input_audio_transcription.completed")
        session = await server.wait_session()
    started = await peer.until("input_audio_buffer.speech_started")
    stopped = await peer.until("input_audio_buffer.speech_stopped")
    committed = await peer.until("input_audio_buffer.committed")
    added = await peer.until("conversation.item.added")
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (20, 960 + 224)
    assert {e["item_id"] for e in (started, stopped, committed, heard)} == {added["item"]["id"]}
    assert committed["previous_item_id"] is None
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert heard["transcript"] == "Where is my order?"
    first, second, third = session.conversation
    assert [item["id"] for item in done["response"]["output"]] == [second.id, third.id]
    assert first.audio_ms == 960 + 224 - 20
    assert first.transcript == "Where is my order?"
    assert (await peer.until("conversation.item.added"))["previous_item_id"] == first.id
    assert peer.kinds()[2:8] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
async def test_all_formats_are_heard_and_spoken(tmp_path: Path, form: Any) -> None:
    """The same turn in each format: same times, answer in the asked format and length."""
    both = {"format": form.wire()}
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio={"input": both, "output": both})
        await peer.speak(form.from_payload(TURN), chunk=961)
        done = await peer.until("response.done")
    assert (await peer.until("input_audio_buffer.speech_started"))["audio_start_ms"] == 20
    assert (await peer.until("input_audio_buffer.speech_stopped"))["audio_end_ms"] == 1184
    assert done["response"]["audio"]["output"]["format"] == both["format"]
    assert form.ms_of(len(peer.audio())) == pytest.approx(350, abs=0.2)


@pytest.mark.asyncio
async def test_barge_in_ends_the_answer(tmp_path: Path) -> None:
    """speech_started, then everything open is closed in the order of golden trace (c)."""
    async with offline(tmp_path, speed=4.5) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing())
        await peer.say("Caller pressed 5")
        await peer.send("response.create")
        first = await peer.until("response.output_audio.delta")
        await peer.speak(tone(320))
        done = await peer.until("response.done")
        await peer.send(
            "conversation.item.truncate",
            item_id=first["item_id"],
            content_index=0,
            audio_end_ms=30,
        )
        assert (await peer.until("conversation.item.truncated"))["audio_end_ms"] == 30
        await peer.send("conversation.item.retrieve", item_id=first["item_id"])
        kept = (await peer.until("conversation.item.retrieved"))["item"]
    assert peer.kinds()[-9:-2] == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    response = done["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["usage"]["total_tokens"] == 0
    assert response["output"][0]["status"] == "incomplete"
    assert kept["content"][0]["transcript"] == ""
    assert base64.b64decode(kept["content"][0]["audio"]) == peer.audio()[: 30 * 8]


@pytest.mark.asyncio
async def test_an_answer_that_is_done_is_not_cancelled(tmp_path: Path) -> None:
    """Generation outruns playback: late speech is announced and nothing more happens."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing())
        await peer.send("response.create")
        assert (await peer.until("response.done"))["response"]["status"] == "completed"
        await peer.until("rate_limits.updated")
        await peer.speak(tone(320))
        await peer.until("input_audio_buffer.speech_started")
        assert peer.kinds()[-1] == "input_audio_buffer.speech_started"
        await peer.send("input_audio_buffer.clear")
        await peer.until("input_audio_buffer.cleared")
        assert peer.kinds()[-2:] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.cleared",
        ]


@pytest.mark.asyncio
async def test_without_interrupt_response_the_answer_goes_on(tmp_path: Path) -> None:
    """The caller's turn is committed; its automatic answer fails while the other one runs."""
    async with offline(tmp_path, speed=0.5) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing(interrupt_response=False))
        await peer.say("Caller pressed 5")
        await peer.send("response.create")
        first = await peer.until("response.output_audio.delta")
        await peer.speak(TURN)
        await peer.until("input_audio_buffer.committed")
        wrong = await peer.fault()
        assert wrong["code"] == "conversation_already_has_active_response"
        assert first["response_id"] in wrong["message"]
        done = await peer.until("response.done")
    assert done["response"]["status"] == "completed"


@pytest.mark.asyncio
async def test_without_create_response_the_client_asks(tmp_path: Path) -> None:
    """Events and a commit, no response; a cough before the question shares its turn."""
    manual = hearing(create_response=False, interrupt_response=False)
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio=manual, tools=[TOOL])
        for _ in range(2):
            await peer.speak(TURN)
            await peer.until("input_audio_buffer.committed")
            await peer.until("conversation.item.input_audio_transcription.completed")
        assert "response.created" not in peer.kinds()
        await peer.send("response.create")
        done = await peer.until("response.done")
        said = done["response"]["output"][0]["content"][0]["transcript"]
        assert said == "One moment, please."


@pytest.mark.asyncio
async def test_without_turn_detection_the_client_commits(tmp_path: Path) -> None:
    """No VAD events; a commit makes an item of everything and no response."""
    off = {"input": {**PCMU, "turn_detection": None}, "output": PCMU}
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio=off)
        await peer.speak(TURN)
        await peer.send("input_audio_buffer.commit")
        item = (await peer.until("conversation.item.done"))["item"]
        await peer.send("conversation.item.retrieve", item_id=item["id"])
        kept = (await peer.until("conversation.item.retrieved"))["item"]
        assert base64.b64decode(kept["content"][0]["audio"]) == TURN
        wrong = await peer.error("input_audio_buffer.commit")
        assert wrong["message"].endswith("buffer only has 0.00ms of audio.")
    assert "response.created" not in peer.kinds()
    assert "input_audio_buffer.speech_started" not in peer.kinds()


@pytest.mark.asyncio
async def test_a_commit_in_mid_speech_takes_the_announced_id(tmp_path: Path) -> None:
    """What the caller goes on to say is announced anew."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing())
        await peer.speak(silence(320), tone(320))
        started = await peer.until("input_audio_buffer.speech_started")
        await peer.send("input_audio_buffer.commit")
        committed = await peer.until("input_audio_buffer.committed")
        assert committed["item_id"] == started["item_id"]
        await peer.speak(tone(320), silence(320))
        again = await peer.until("input_audio_buffer.speech_started")
        assert again["item_id"] != started["item_id"]
        stopped = await peer.until("input_audio_buffer.speech_stopped")
        assert stopped["item_id"] == again["item_id"]
        await peer.until("response.done")


@pytest.mark.asyncio
async def test_switching_detection_off_in_mid_speech_keeps_the_id(tmp_path: Path) -> None:
    """The announced item is committed by hand; switched on again, detection goes on."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing())
        await peer.speak(silence(320), tone(320))
        started = await peer.until("input_audio_buffer.speech_started")
        await peer.configure(audio={"input": {"turn_detection": None}})
        await peer.configure(audio=hearing())
        await peer.speak(silence(640))
        assert (await peer.until("input_audio_buffer.committed"))["item_id"] == started["item_id"]
        await peer.until("response.done")


@pytest.mark.asyncio
async def test_clearing_drops_audio_and_keeps_the_clock(tmp_path: Path) -> None:
    """Times count audio appended since the session began, whatever happened to it."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing(prefix_padding_ms=0))
        await peer.speak(silence(3200))
        await peer.send("input_audio_buffer.clear")
        await peer.until("input_audio_buffer.cleared")
        await peer.speak(TURN)
        started = await peer.until("input_audio_buffer.speech_started")
        assert started["audio_start_ms"] == 3520
        await peer.until("response.done")


@pytest.mark.asyncio
async def test_silence_is_answered_after_the_idle_timeout(tmp_path: Path) -> None:
    """Armed when an answer has been played: trigger, commit, answer, as in golden trace (f)."""
    async with offline(tmp_path, idle_scale=0.01) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing(idle_timeout_ms=5000))
        await peer.speak(silence(6000))
        await peer.send("response.create")
        await peer.until("response.done")
        event = await peer.until("input_audio_buffer.timeout_triggered")
        assert (event["audio_start_ms"], event["audio_end_ms"]) == (1000, 6000)
        assert (await peer.until("input_audio_buffer.committed"))["item_id"] == event["item_id"]
        done = await peer.until("response.done")
        said = done["response"]["output"][0]["content"][0]["transcript"]
        assert said == "Anything else?"
        words = await peer.until("conversation.item.input_audio_transcription.completed")
        assert words["transcript"] == server.options.heard_in_silence
        session = await server.wait_session()
        assert session.conversation[1].audio_ms == 5000


@pytest.mark.asyncio
async def test_speech_stops_the_idle_timer(tmp_path: Path) -> None:
    """A caller who speaks in time is not asked again."""
    async with offline(tmp_path, idle_scale=0.05) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing(idle_timeout_ms=5000, create_response=False))
        await peer.send("response.create")
        await peer.until("response.done")
        await peer.speak(silence(320), tone(320))
        await peer.until("input_audio_buffer.speech_started")
        with pytest.raises(TimeoutError):
            await peer.until("input_audio_buffer.timeout_triggered", timeout_s=0.4)


@pytest.mark.asyncio
async def test_semantic_detection_gives_the_same_events(tmp_path: Path) -> None:
    """Only the waiting differs."""
    semantic = {"type": "semantic_vad", "eagerness": "high"}
    audio = {"input": {**PCMU, "turn_detection": semantic}, "output": PCMU}
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        effective = await peer.configure(audio=audio)
        assert effective["audio"]["input"]["turn_detection"]["interrupt_response"] is True
        await peer.speak(silence(400), tone(800), silence(400))
        assert (await peer.until("input_audio_buffer.speech_stopped"))["audio_end_ms"] == 1480
        await peer.until("response.done")


@pytest.mark.asyncio
async def test_the_echo_script_gives_the_speech_back(tmp_path: Path) -> None:
    """What was committed is what is played, byte for byte."""
    turn = silence(320) + noise(640, -20) + noise(320, -70)
    echo = f"?model={MODEL}&script=echo"
    async with offline(tmp_path) as server, await Peer.open(server, echo) as peer:
        await peer.configure(audio=hearing(prefix_padding_ms=0))
        await peer.speak(turn)
        await peer.until("response.done")
        assert peer.audio() == turn[320 * 8 : (960 + 224) * 8]


@pytest.mark.asyncio
async def test_several_turns_in_one_append(tmp_path: Path) -> None:
    """A client that sends seconds at once gets each turn, in order."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing(create_response=False))
        await peer.speak(TURN, TURN, TURN, chunk=100_000)
        stops = [await peer.until("input_audio_buffer.speech_stopped") for _ in range(3)]
        assert [stop["audio_end_ms"] for stop in stops] == [1184, 2464, 3712]
        session = await server.wait_session()
        assert [item.audio_ms for item in session.conversation] == [1164, 1196, 1196]


@pytest.mark.asyncio
async def test_transcriptions_may_fail_or_come_for_nothing(tmp_path: Path) -> None:
    """transcription.failed instead of completed; a deleted item is not transcribed any more."""
    slow: dict[str, Any] = {"transcription_ms": (60, 80), "transcription_fails": True}
    async with offline(tmp_path, SCRIPT, **slow) as server, await Peer.open(server) as peer:
        await peer.configure(audio=hearing(create_response=False))
        await peer.speak(TURN)
        failed = await peer.until("conversation.item.input_audio_transcription.failed")
        assert failed["error"]["code"] == "audio_unintelligible"
        await peer.speak(TURN)
        item_id = (await peer.until("input_audio_buffer.committed"))["item_id"]
        item_id = (await peer.until("input_audio_buffer.committed"))["item_id"]
        await peer.send("conversation.item.delete", item_id=item_id)
        await peer.until("conversation.item.deleted")
        with pytest.raises(TimeoutError):
            await peer.until("conversation.item.input_audio_transcription.failed", timeout_s=0.2)
