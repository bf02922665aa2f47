"""What a test holds of a call: its hands and its truth."""

import wave
from pathlib import Path

import pytest

from gateway.core.g711 import audioop
from gateway.sim.twilio import Drop, Network, Pause
from tests.sim.twilio.peer import CALLER, NUMBER, Stream, echo, peer_and_twin


@pytest.mark.asyncio
async def test_the_hands_of_the_caller() -> None:
    """`say` and `press` act while the call is live."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect()
        call = twin.place_call(NUMBER, CALLER)
        await call.until("stream-started", 10)
        call.say(b"\x01" * 320)
        call.press("5")
        await call.until("caller-quiet", 10)
        call.hang_up()
        await call.wait(10)
    assert b"\x01" * 320 in call.said
    assert [m["dtmf"]["digit"] for m in peer.streams[0].of("dtmf")] == ["5"]
    assert call.ending is not None


@pytest.mark.asyncio
async def test_a_drop_step_ends_the_call_without_stop() -> None:
    """As `drop()` does."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect()
        call = twin.place_call(NUMBER, CALLER, [Pause(100), Drop()])
        await call.wait(10)
        await peer.hook("/status", CallStatus="completed")
    assert call.end_reason == "dropped"
    assert peer.streams[0].of("stop") == []


@pytest.mark.asyncio
async def test_the_tracks_are_aligned_and_written_as_stereo(tmp_path: Path) -> None:
    """An echo is heard later than it was said, by no less than the network's round trip."""
    async with peer_and_twin(network=Network(delay_ms=40)) as (peer, twin):
        peer.answers["/voice"] = peer.connect()
        peer.on_media = echo
        call = twin.place_call(NUMBER, CALLER)
        await call.until("stream-started", 10)
        call.say(b"\x01" * 1600)
        await call.until("agent-quiet", 10)
        call.hang_up()
        await call.wait(10)
        call.write_wav(tmp_path / "call.wav")
    said, heard = call.said.index(b"\x01"), call.heard.index(b"\x01")
    assert heard - said >= 8 * 80
    with wave.open(str(tmp_path / "call.wav"), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        frames = file.readframes(file.getnframes())
    left, right = audioop.tomono(frames, 2, 1, 0), audioop.tomono(frames, 2, 0, 1)
    assert audioop.lin2ulaw(left, 2)[: len(call.said)].index(b"\x01") == said
    assert audioop.lin2ulaw(right, 2)[: len(call.heard)].index(b"\x01") == heard


@pytest.mark.asyncio
async def test_the_truth_is_empty_before_anything_happened() -> None:
    """A call that was never answered has no tracks, and waiting for it can time out."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = "<Response><Pause length='60'/></Response>"
        call = twin.place_call(NUMBER, CALLER)
        assert (call.heard, call.said, call.clears, call.marks) == (b"", b"", [], [])
        assert (call.status, call.end_reason, call.duration_s) == ("queued", "", 0)
        with pytest.raises(TimeoutError):
            await call.wait(0.05)
        with pytest.raises(TimeoutError):
            await call.until("no such thing", 0.05)


@pytest.mark.asyncio
async def test_the_agent_is_seen_on_the_timeline() -> None:
    """When it begins to be audible, and when it was audible last."""

    async def speak(stream: Stream) -> None:
        await stream.start()
        await stream.media(b"\x01" * 8 * 300)
        await stream.drain()

    async with peer_and_twin() as (peer, twin):
        peer.on_media = speak
        peer.answers["/voice"] = peer.connect()
        call = twin.place_call(NUMBER, CALLER)
        await call.until("agent-quiet", 10)
        call.hang_up()
        await call.wait(10)
    times = {entry.kind: entry.at_ms for entry in call.timeline}
    assert times["agent-quiet"] - times["agent-speaks"] == pytest.approx(300, abs=41)
