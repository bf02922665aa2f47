"""Failure modes are data, and each one does what its option says."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.sim.realtime.harness import Peer, offline, silence, tone


@pytest.mark.asyncio
async def test_http_status(tmp_path: Path) -> None:
    """The handshake is refused, with Retry-After when wanted; attempts are counted."""
    async with offline(tmp_path, http_status=429, http_retry_after_s=2) as server:
        for _ in range(3):
            with pytest.raises(InvalidStatus) as refused:
                await Peer.open(server)
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["Retry-After"] == "2"
        assert server.connections == 3
        assert server.sessions == []


@pytest.mark.asyncio
async def test_connect_and_session_delay(tmp_path: Path) -> None:
    """The 101 waits, then session.created waits."""
    began = time.monotonic()
    delays: dict[str, Any] = {"connect_delay_ms": 60, "session_delay_ms": 40}
    async with offline(tmp_path, **delays) as server, await Peer.open(server) as peer:
        opened = time.monotonic()
        await peer.next()
    assert opened - began >= 0.06
    assert time.monotonic() - opened >= 0.035


@pytest.mark.asyncio
async def test_a_connection_that_is_never_answered(tmp_path: Path) -> None:
    """A client gives up on its own; the server still stops at once."""
    async with offline(tmp_path, connect_delay_ms=3_600_000) as server:
        with pytest.raises(TimeoutError):
            await Peer.open(server, open_timeout=0.05)
        assert server.connections == 1
        began = time.monotonic()
        await server.stop()
    assert time.monotonic() - began < 3


@pytest.mark.asyncio
async def test_fail_after_audio_bytes(tmp_path: Path) -> None:
    """TCP is cut in mid-answer: no CLOSE, and no more than the next delta behind the limit."""
    async with offline(tmp_path, fail_after_audio_bytes=1200) as server:
        peer = await Peer.open(server)
        await peer.configure()
        await peer.say("Caller pressed 5")
        await peer.send("response.create")
        assert await peer.closing() == (1006, "")
        assert 0 < len(peer.audio()) <= 1200 + 401 * 8
        session = await server.wait_session()
        await asyncio.wait_for(session.closed.wait(), 5)
        assert session.trace[-1]["close"]["code"] == 1006


@pytest.mark.asyncio
async def test_close_after(tmp_path: Path) -> None:
    """Any code and reason, at any time."""
    close: dict[str, Any] = {"close_after_s": 0.03, "close_code": 1011, "close_reason": "oops"}
    async with offline(tmp_path, **close) as server:
        peer = await Peer.open(server)
        assert await peer.closing() == (1011, "oops")
        assert [event["type"] for event in peer.events] == ["session.created"]


@pytest.mark.asyncio
async def test_stall_of_sending(tmp_path: Path) -> None:
    """From the first response on nothing leaves, while TCP and pings go on."""
    stall: dict[str, Any] = {"stall": "sending", "ping_interval_s": 0.02}
    async with offline(tmp_path, **stall) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.send("response.create")
        await (await server.wait_session()).seen("response.done")
        with pytest.raises(TimeoutError):
            await peer.next(timeout_s=0.1)
        assert peer.ws.close_code is None


@pytest.mark.asyncio
async def test_stall_of_reading(tmp_path: Path) -> None:
    """The socket is not read any more: a sender fills its buffers and blocks."""
    stall: dict[str, Any] = {"stall": "reading", "stall_after_s": 0.0}
    async with offline(tmp_path, **stall) as server:
        peer = await Peer.open(server, compression=None, close_timeout=0.1)
        await peer.next()
        flood = peer.speak(bytes(50_000_000), chunk=1_000_000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flood, 0.5)
        session = await server.wait_session()
        assert session.input_audio == b""
        peer.ws.transport.abort()


@pytest.mark.asyncio
async def test_never_answer_close(tmp_path: Path) -> None:
    """The client's CLOSE stays unanswered; it has to give up by itself."""
    async with offline(tmp_path, never_answer_close=True) as server:
        peer = await Peer.open(server, close_timeout=0.1)
        await peer.next()
        await peer.ws.close()
        assert peer.ws.protocol.close_rcvd is None
        session = await server.wait_session()
        await asyncio.wait_for(session.closed.wait(), 5)


@pytest.mark.asyncio
async def test_late_deltas(tmp_path: Path) -> None:
    """So many deltas of the interrupted answer still follow speech_started."""
    async with offline(tmp_path, late_deltas=3, speed=1) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.say("a")
        await peer.send("response.create")
        await peer.until("response.output_audio.delta")
        await peer.speak(tone(320))
        await peer.until("response.done")
        kinds = [event["type"] for event in peer.events]
        behind = kinds[kinds.index("input_audio_buffer.speech_started") :]
        assert behind[1:5] == ["response.output_audio.delta"] * 2 + [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
        ]


@pytest.mark.asyncio
async def test_never_respond(tmp_path: Path) -> None:
    """The response is created and nothing follows; cancelling it works."""
    async with offline(tmp_path, never_respond=True) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.send("response.create")
        await peer.until("response.created")
        with pytest.raises(TimeoutError):
            await peer.next(timeout_s=0.1)
        await peer.send("response.cancel")
        done = (await peer.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        await peer.speak(silence(320), tone(320), silence(320))
        await peer.until("response.created")
        await peer.speak(tone(320))
        done = (await peer.until("response.done"))["response"]
        assert done["status_details"]["reason"] == "turn_detected"


@pytest.mark.asyncio
async def test_a_stalled_client_does_not_hold_the_server(tmp_path: Path) -> None:
    """stop() is quick although the peer neither reads nor answers."""
    async with offline(tmp_path) as server:
        peer = await Peer.open(server)
        await peer.next()
        peer.ws.transport.pause_reading()
        began = time.monotonic()
        await server.stop()
        assert time.monotonic() - began < 3
        peer.ws.transport.resume_reading()
        with pytest.raises(ConnectionClosed):
            await peer.ws.recv()
