"""A session answers updates, expires, and stays open over mistakes."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.fixtures.realtime.check import ROOT
from tests.sim.realtime.harness import PCMU, TOOL, Peer, offline

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
