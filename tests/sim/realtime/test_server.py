"""Connections are taken, refused and closed as by the real server."""

import asyncio
import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from gateway.errors import ConfigError
from gateway.sim.realtime import RealtimeServer
from tests.fixtures.realtime.check import ROOT, load_trace, validate_server
from tests.sim.realtime.harness import (
    KEY,
    MODEL,
    SCRIPT,
    Peer,
    folded,
    offline,
    options,
    write_script,
)

BEARER = {"Authorization": f"Bearer {KEY}"}


def golden_refusal(name: str) -> tuple[dict[str, Any], tuple[int, str]]:
    """The error and the close of a golden trace."""
    _, event, close = load_trace(ROOT / "sequences" / f"a_fail_{name}.jsonl")
    return event["event"]["error"], (close["close"]["code"], close["close"]["reason"])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "query", "headers"),
    [
        ("auth_missing", f"?model={MODEL}", {}),
        ("auth_missing", f"?model={MODEL}", {"Authorization": "Bearer "}),
        ("beta_header", f"?model={MODEL}", {**BEARER, "OpenAI-Beta": "realtime=v1"}),
        ("model_missing", "", BEARER),
        ("model_invalid", "?model=gpt-nope", BEARER),
    ],
)
async def test_refusals_come_after_the_101(
    tmp_path: Path, name: str, query: str, headers: dict[str, str]
) -> None:
    """One error event, then a CLOSE with its reason, both as in the golden traces."""
    error, close = golden_refusal(name)
    async with offline(tmp_path) as server:
        async with await Peer.open(server, query, headers=headers) as peer:
            assert await peer.closing() == close
            (event,) = peer.events
            validate_server(event)
            assert event["error"] == error
        assert server.sessions == []
        assert server.connections == 1


@pytest.mark.asyncio
async def test_a_wrong_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """3000 invalid_api_key; the message shows the ends of the key only."""
    error, close = golden_refusal("auth_bad_key")
    wrong = f"sk-proj-{'x' * 20}0000"
    async with offline(tmp_path, api_key=KEY) as server:
        peer = await Peer.open(server, headers={"Authorization": f"Bearer {wrong}"})
        assert await peer.closing() == close
        assert peer.events[0]["error"] == error
        peer = await Peer.open(server, headers={"Authorization": "Bearer sk-short"})
        await peer.closing()
        assert "sk-short" not in str(peer.events)
        async with await Peer.open(server) as good:
            assert (await good.next())["type"] == "session.created"


@pytest.mark.asyncio
async def test_a_browser_offers_its_key_as_a_subprotocol(tmp_path: Path) -> None:
    """`realtime` is selected when offered, and never required."""
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{KEY}")]
    async with offline(tmp_path, api_key=KEY) as server:
        async with await Peer.open(server, headers={}, subprotocols=offered) as peer:
            assert peer.ws.subprotocol == "realtime"
            assert (await peer.next())["type"] == "session.created"
        async with await Peer.open(server) as peer:
            assert peer.ws.subprotocol is None


@pytest.mark.asyncio
@pytest.mark.parametrize("compression", ["deflate", None])
async def test_compression_is_negotiated_when_offered(
    tmp_path: Path, compression: str | None
) -> None:
    """permessage-deflate if the client wants it, otherwise none."""
    wanted: dict[str, Any] = {"compression": compression}
    async with offline(tmp_path) as server, await Peer.open(server, **wanted) as peer:
        agreed = [type(e) for e in peer.ws.protocol.extensions]
        assert agreed == ([PerMessageDeflate] if compression else [])
        await peer.next()


@pytest.mark.asyncio
async def test_a_session_begins_by_itself(tmp_path: Path) -> None:
    """session.created comes first, unasked, with the model of the address."""
    async with offline(tmp_path) as server:
        async with await Peer.open(server, "?model=gpt-realtime-2") as peer:
            created = await peer.next()
            session = await server.wait_session()
        assert created["type"] == "session.created"
        assert created["session"]["model"] == "gpt-realtime-2"
        assert created["session"]["id"] == session.id
        assert session.headers["Authorization"] == f"Bearer {KEY}"
        await asyncio.wait_for(session.closed.wait(), 5)
        assert (session.open, session.close_code) == (False, 1000)
        assert session.trace[-1]["dir"] == "C"
        assert session.trace[-1]["close"]["code"] == 1000


@pytest.mark.asyncio
async def test_a_server_that_lasts_keeps_no_session_that_has_ended(tmp_path: Path) -> None:
    """However it ended; the next one draws its own delays all the same."""
    async with offline(tmp_path, keep_sessions=False) as server:
        ended = []
        for broken in (False, True, False):
            async with await Peer.open(server) as peer:
                await peer.next()
                (session,) = server.sessions
                ended.append(session)
                if broken:
                    peer.ws.transport.abort()
            await asyncio.wait_for(session.closed.wait(), 5)
            while server.sessions:  # noqa: ASYNC110 it tells nobody; the handler returns at once
                await asyncio.sleep(0)
        assert len({each.rng.random() for each in ended}) == 3


@pytest.mark.asyncio
async def test_a_client_close_is_echoed(tmp_path: Path) -> None:
    """1000 with a reason comes back as 1000."""
    async with offline(tmp_path) as server:
        peer = await Peer.open(server)
        await peer.ws.close(1000, "done")
        assert peer.ws.close_code == 1000
        session = await server.wait_session()
        await asyncio.wait_for(session.closed.wait(), 5)
        assert session.close_reason == "done"


@pytest.mark.asyncio
async def test_pings_have_four_bytes(tmp_path: Path) -> None:
    """The server pings by itself while nothing else happens."""
    pinged: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    async with offline(tmp_path, ping_interval_s=0.02) as server, await Peer.open(server) as peer:
        answer = peer.ws.protocol.recv_frame

        def listen(frame: Frame) -> None:
            if frame.opcode is Opcode.PING and not pinged.done():
                pinged.set_result(bytes(frame.data))
            answer(frame)

        peer.ws.protocol.recv_frame = listen  # type: ignore[method-assign]
        assert len(await asyncio.wait_for(pinged, 5)) == 4
        assert peer.ws.close_code is None


@pytest.mark.asyncio
async def test_a_client_that_does_not_pong_is_dropped(tmp_path: Path) -> None:
    """Unanswered pings end in 1011."""
    async with offline(tmp_path, ping_interval_s=0.02, ping_timeout_s=0.02) as server:
        peer = await Peer.open(server)
        answer = peer.ws.protocol.recv_frame

        def ignore_pings(frame: Frame) -> None:
            if frame.opcode is not Opcode.PING:
                answer(frame)

        peer.ws.protocol.recv_frame = ignore_pings  # type: ignore[method-assign]
        assert await peer.closing() == (1011, "keepalive ping timeout")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/chat", 404),
        (f"/v1/realtime?model={MODEL}&intent=transcription", 501),
        (f"/v1/realtime?model={MODEL}&call_id=rtc_1", 501),
        (f"/v1/realtime?model={MODEL}&script=nobody", 400),
        (f"/v1/realtime?model={MODEL}&script=..%2Fsecret", 400),
    ],
)
async def test_what_is_not_offered_is_refused_before_the_101(
    tmp_path: Path, path: str, status: int
) -> None:
    """Unknown paths, other kinds of sessions, unknown scripts."""
    async with offline(tmp_path) as server:
        address = server.url.removesuffix("/v1/realtime") + path
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, additional_headers=BEARER, proxy=None)
        assert refused.value.response.status_code == status
        assert server.sessions == []


@pytest.mark.asyncio
async def test_a_connection_chooses_its_script(tmp_path: Path) -> None:
    """The query parameter beats the server's own; the built-in echo needs no file."""
    echo = f"?model={MODEL}&script=echo"
    async with offline(tmp_path) as server, await Peer.open(server, echo) as peer:
        await peer.configure()
        await peer.send("response.create")
        done = await peer.until("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Beep."


@pytest.mark.asyncio
async def test_an_agent_with_a_script_of_its_name_speaks_it(tmp_path: Path) -> None:
    """Other agents speak the server's own; a `script=` beats the agent's."""
    async with offline(tmp_path) as server:
        write_script(tmp_path, SCRIPT.replace("hello", "bye"), name="survey")
        for query, words in (
            ("agent=survey", "Goodbye."),
            ("agent=nobody", "Hello, how can I help?"),
            ("agent=..%2Fsecret", "Hello, how can I help?"),
            ("agent=", "Hello, how can I help?"),
            ("agent=survey&script=echo", "Beep."),
        ):
            async with await Peer.open(server, f"?model={MODEL}&{query}") as peer:
                await peer.configure()
                await peer.send("response.create")
                done = await peer.until("response.done")
                assert done["response"]["output"][0]["content"][0]["transcript"] == words


@pytest.mark.asyncio
async def test_an_agents_broken_script_is_told_and_not_passed_over(tmp_path: Path) -> None:
    """400 with the complaint: a script of that name is meant to be spoken."""
    async with offline(tmp_path) as server:
        write_script(tmp_path, "name = 1", name="survey")
        with pytest.raises(InvalidStatus) as refused:
            await Peer.open(server, f"?model={MODEL}&agent=survey")
        assert refused.value.response.status_code == 400
        assert b"survey.toml: voice: is missing" in (refused.value.response.body or b"")


@pytest.mark.asyncio
async def test_a_wrong_script_does_not_start(tmp_path: Path) -> None:
    """start() raises the complaint and listens to nothing."""
    server = RealtimeServer(options(tmp_path, 'name = "x"\nvoice = "nobody"\n'))
    with pytest.raises(ConfigError, match=r"lines\.toml: no such file"):
        await server.start()
    await server.stop()
    assert server.url == ""


@pytest.mark.asyncio
async def test_sessions_are_counted_and_waited_for(tmp_path: Path) -> None:
    """wait_session gives the n-th one, also when it comes later, and gives up in time."""
    async with offline(tmp_path) as server:
        waiting = asyncio.create_task(server.wait_session(2))
        async with await Peer.open(server), await Peer.open(server):
            assert (await waiting) is server.sessions[1]
            assert (await server.wait_session(1)) is server.sessions[0]
        with pytest.raises(TimeoutError):
            await server.wait_session(3, timeout_s=0.01)
        assert server.connections == 2


@pytest.mark.asyncio
async def test_options_may_change_between_connections(tmp_path: Path) -> None:
    """A server that refused can be told to accept, and the other way round."""
    async with offline(tmp_path, http_status=503) as server:
        with pytest.raises(InvalidStatus):
            await Peer.open(server)
        server.options = replace(server.options, http_status=None)
        async with await Peer.open(server) as peer:
            await peer.next()


@pytest.mark.asyncio
async def test_stopping_closes_sessions_with_1001(tmp_path: Path) -> None:
    """Clients see the server going away; nothing is left running."""
    async with offline(tmp_path) as server:
        peer = await Peer.open(server)
        await peer.next()
        before = asyncio.all_tasks()
        await server.stop()
        assert await peer.closing() == (1001, "")
        assert not server.sessions[0].open
        assert asyncio.all_tasks() < before


@pytest.mark.asyncio
async def test_the_caller_audio_is_kept(tmp_path: Path) -> None:
    """input_audio is every byte that was appended."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.speak(bytes(range(256)), b"abc")
        session = await server.wait_session()
        await session.seen("input_audio_buffer.append", 2)
        await peer.error("nope")
        assert bytes(session.input_audio) == bytes(range(256)) + b"abc"
        rows = [row["event"] for row in session.trace if row["dir"] == "C"]
        sent = [row["audio"] for row in rows if row["type"] == "input_audio_buffer.append"]
        assert b"".join(map(base64.b64decode, sent)) == bytes(session.input_audio)


@pytest.mark.asyncio
async def test_traces_can_be_bounded_and_switched_off(tmp_path: Path) -> None:
    """A limit stops a trace; without a trace or audio a session still works."""
    async with offline(tmp_path, trace_rows=3) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.configure()
        assert len((await server.wait_session()).trace) == 3
    quiet: dict[str, Any] = {"trace": False, "keep_audio": False}
    async with offline(tmp_path, **quiet) as server, await Peer.open(server) as peer:
        await peer.configure(audio={"input": {"turn_detection": None}})
        await peer.speak(bytes(9600))
        await peer.send("input_audio_buffer.commit")
        item_id = (await peer.until("conversation.item.done"))["item"]["id"]
        session = await server.wait_session()
        assert session.trace == []
        assert session.input_audio == b""
        assert session.conversation[0].audio_ms == 200
        await peer.send("conversation.item.retrieve", item_id=item_id)
        retrieved = await peer.until("conversation.item.retrieved")
        assert "audio" not in retrieved["item"]["content"][0]
        assert folded(["a", "a", "b"]) == ["a", "b"]
