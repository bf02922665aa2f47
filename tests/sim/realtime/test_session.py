"""A session answers updates, expires, and stays open over mistakes."""

import asyncio
import json
import time
from base64 import b64decode
from pathlib import Path

import pytest

from gateway.sim.realtime.formats import FORMATS, AudioFormat
from tests.fixtures.realtime.check import ROOT
from tests.sim.realtime.harness import PCMU, TOOL, Peer, offline, silence, tone

UPDATE = json.loads((ROOT / "client" / "session.update.json").read_text())


@pytest.mark.asyncio
async def test_every_update_is_answered_with_the_whole_session(tmp_path: Path) -> None:
    """Two updates, two session.updated; a success does not repeat the event id."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.send("session.update", **{k: v for k, v in UPDATE.items() if k != "type"})
        first = await peer.until("session.updated")
        await peer.send("session.update", session={"type": "realtime", "tracing": "auto"})
        second = await peer.until("session.updated")
    golden = json.loads((ROOT / "server" / "session.updated.json").read_text())
    own = {name: second["session"][name] for name in ("id", "expires_at")}
    assert first["session"] == second["session"] == {**golden["session"], **own}
    assert list(first) == list(golden)


@pytest.mark.asyncio
async def test_the_session_says_when_it_expires(tmp_path: Path) -> None:
    """expires_at is the second of the end."""
    async with offline(tmp_path, expiry_s=1800) as server, await Peer.open(server) as peer:
        created = await peer.next()
    assert abs(created["session"]["expires_at"] - time.time() - 1800) < 5


@pytest.mark.asyncio
async def test_expiry_is_an_error_and_a_1001(tmp_path: Path) -> None:
    """session_expired, then CLOSE 1001 with the same sentence."""
    golden = json.loads((ROOT / "errors" / "session_expired.json").read_text())["error"]
    async with offline(tmp_path, expiry_s=0.05) as server:
        peer = await Peer.open(server)
        assert await peer.closing() == (1001, golden["message"])
        assert [event["type"] for event in peer.events] == ["session.created", "error"]
        assert peer.events[-1]["error"] == golden
        session = await server.wait_session()
        await asyncio.wait_for(session.closed.wait(), 5)
        assert session.trace[-1] == {
            "t_ms": session.trace[-1]["t_ms"],
            "dir": "S",
            "close": {"code": 1001, "reason": golden["message"]},
        }


@pytest.mark.asyncio
async def test_what_follows_an_update_meets_the_new_configuration(tmp_path: Path) -> None:
    """Events are handled in order, even though the update takes its time."""
    async with offline(tmp_path, update_delay_ms=30) as server, await Peer.open(server) as peer:
        update = {"type": "realtime", "output_modalities": ["text"], "tools": [TOOL]}
        await peer.send("session.update", session=update)
        await peer.send("response.create")
        created = await peer.until("response.created")
        assert created["response"]["output_modalities"] == ["text"]
        assert "session.updated" in peer.kinds()


@pytest.mark.asyncio
@pytest.mark.parametrize("spoken", FORMATS.values(), ids=lambda form: f"out-{form.type}")
@pytest.mark.parametrize("heard", FORMATS.values(), ids=lambda form: f"in-{form.type}")
async def test_each_direction_has_its_own_format(
    tmp_path: Path, heard: AudioFormat, spoken: AudioFormat
) -> None:
    """The caller is heard on the same clock, answered in whole samples, and truncated by ms."""
    audio = {
        "input": {"format": heard.wire(), "turn_detection": {"type": "server_vad"}},
        "output": {"format": spoken.wire()},
    }
    turn = silence(320) + tone(640) + silence(320)
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        effective = await peer.configure(audio=audio)
        assert effective["audio"]["input"]["format"] == heard.wire()
        assert effective["audio"]["output"]["format"] == spoken.wire()
        await peer.speak(heard.from_payload(turn), chunk=20 * heard.bytes_per_ms)
        started = await peer.until("input_audio_buffer.speech_started")
        stopped = await peer.until("input_audio_buffer.speech_stopped")
        assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (20, 1184)
        done = await peer.until("response.done")
        said = peer.audio()
        assert said == spoken.from_payload(tone(350, hz=500))
        deltas = [e for e in peer.events if e["type"] == "response.output_audio.delta"]
        assert all(len(b64decode(e["delta"])) % spoken.sample_bytes == 0 for e in deltas)
        (item,) = done["response"]["output"]
        where = {"item_id": item["id"], "content_index": 0}
        wrong = await peer.error("conversation.item.truncate", **where, audio_end_ms=360)
        length_ms = int(spoken.ms_of(len(said)))
        assert wrong["message"] == f"Audio content of {length_ms}ms is already shorter than 360ms"
        await peer.send("conversation.item.truncate", **where, audio_end_ms=100)
        await peer.until("conversation.item.truncated")
        await peer.send("conversation.item.retrieve", item_id=item["id"])
        kept = (await peer.until("conversation.item.retrieved"))["item"]["content"][0]["audio"]
        assert b64decode(kept) == said[: 100 * spoken.bytes_per_ms]


@pytest.mark.asyncio
async def test_a_format_that_is_not_applied_is_shown(tmp_path: Path) -> None:
    """ignore_format: session.updated keeps PCM, and PCM is what leaves."""
    async with offline(tmp_path, ignore_format=True) as server, await Peer.open(server) as peer:
        effective = await peer.configure(audio={"input": PCMU, "output": PCMU})
        pcm = {"type": "audio/pcm", "rate": 24000}
        assert effective["audio"]["input"]["format"] == pcm
        assert effective["audio"]["output"]["format"] == pcm
        await peer.send("response.create")
        done = await peer.until("response.done")
        assert done["response"]["audio"]["output"]["format"] == pcm
        assert len(peer.audio()) == pytest.approx(600 * 48, abs=8)


@pytest.mark.asyncio
async def test_a_format_that_is_a_lie_is_not_shown(tmp_path: Path) -> None:
    """lie_about_format: session and response say mu-law, and PCM is what leaves."""
    async with offline(tmp_path, lie_about_format=True) as server, await Peer.open(server) as peer:
        effective = await peer.configure(audio={"input": PCMU, "output": PCMU})
        assert effective["audio"]["output"]["format"] == PCMU["format"]
        await peer.send("response.create")
        done = await peer.until("response.done")
        assert done["response"]["audio"]["output"]["format"] == PCMU["format"]
        assert len(peer.audio()) == pytest.approx(600 * 48, abs=8)
