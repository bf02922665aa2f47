"""The hand-over from uvicorn to picows, and what it stands on."""

import asyncio
import inspect
import itertools
import logging
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from picows import WSAutoPingStrategy, WSListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.web.sockets import EXTENSION, MEDIA_PATH, MediaOrStock, abort, protocol_class
from tests.web.carrier import new_call_sid, quiet_frame
from tests.web.running import Gateway, running

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The key and its answer of RFC 6455, section 1.3."""


def with_echo(app: Starlette) -> None:
    """Another WebSocket route beside the media socket, as the dashboard will have one."""

    async def echo(websocket: WebSocket) -> None:
        assert EXTENSION not in websocket.scope["extensions"]
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text.upper())

    app.router.routes.append(WebSocketRoute("/echo", echo))


def handshake(gateway: Gateway, *more: str) -> bytes:
    """The upgrade request Twilio sends, with more headers."""
    lines = [
        f"GET {MEDIA_PATH} HTTP/1.1",
        "host: anything",
        "user-agent: Twilio.TmeWs/1.0",
        "connection: Upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        f"sec-websocket-key: {KEY}",
        f"x-twilio-signature: {gateway.upgrade_signature()}",
        "accept-encoding: gzip",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@pytest.mark.asyncio
async def test_the_media_socket_and_others_share_a_server(tmp_path: Path) -> None:
    """Stock sockets work beside media sockets in the same app, neither with compression."""
    async with running(tmp_path, extend=with_echo) as gateway:
        media = await gateway.call()
        url = f"ws://127.0.0.1:{gateway.port}/echo"
        async with connect(url, proxy=None) as stock:
            assert stock.protocol.extensions == []
            for word in ("one", "two" * 1000):
                await media.media(quiet_frame(1))
                await stock.send(word)
                assert await stock.recv() == word.upper()
            await stock.send(["in ", "three ", "fragments"])
            assert await stock.recv() == "IN THREE FRAGMENTS"
        session = await gateway.model.wait_session(1)
        await session.seen("input_audio_buffer.append", 2)
        assert session.input_audio == quiet_frame(1) * 2


@pytest.mark.asyncio
async def test_stock_sockets_have_the_same_size_limit(tmp_path: Path) -> None:
    """Over 64 KiB the stock class closes with 1009."""
    async with (
        running(tmp_path, extend=with_echo) as gateway,
        connect(f"ws://127.0.0.1:{gateway.port}/echo", proxy=None) as stock,
    ):
        await stock.send("x" * (64 * 1024 + 1))
        await asyncio.wait_for(stock.wait_closed(), 5)
        assert stock.close_code == 1009


@pytest.mark.asyncio
async def test_compression_is_declined(tmp_path: Path) -> None:
    """permessage-deflate may be offered; the answer has no extension and no subprotocol."""
    async with running(tmp_path) as gateway:
        async with await gateway.socket(compression="deflate") as stream:
            assert stream.ws.protocol.extensions == []
            call_sid = new_call_sid()
            await stream.start(call_sid, await gateway.ticket(call_sid))
            await gateway.admitted(call_sid)
        offer = "sec-websocket-extensions: permessage-deflate; client_max_window_bits"
        answer = await gateway.raw(handshake(gateway, offer, "sec-websocket-protocol: a, b"))
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert ACCEPT in answer
        assert b"sec-websocket-extensions" not in answer.lower()
        assert b"sec-websocket-protocol" not in answer.lower()


@pytest.mark.asyncio
async def test_a_handshake_may_come_in_pieces(tmp_path: Path) -> None:
    """However TCP cuts the request, in a name, a value or an empty line, the upgrade succeeds."""
    async with running(tmp_path) as gateway:
        whole = handshake(gateway)
        for cuts in (
            [1, 2, 3],
            [20, 60, 61, 200],
            [len(whole) - 3, len(whole) - 2, len(whole) - 1],
        ):
            places = [0, *cuts, len(whole)]
            pieces = [whole[a:b] for a, b in itertools.pairwise(places)]
            assert b"".join(pieces) == whole
            answer = await gateway.raw(*pieces)
            assert answer.startswith(b"HTTP/1.1 101 ")
            assert ACCEPT in answer


@pytest.mark.asyncio
async def test_a_long_handshake_is_served_or_refused(tmp_path: Path) -> None:
    """Proxies add headers: 12 KiB of them are fine; 20 KiB are refused, counted and forgotten."""
    async with running(tmp_path) as gateway:
        fine = [f"x-padding-{n}: {'x' * 1000}" for n in range(12)]
        assert (await gateway.raw(handshake(gateway, *fine))).startswith(b"HTTP/1.1 101 ")
        async with gateway.turns_away(handshake=1):
            with pytest.raises(asyncio.IncompleteReadError):
                await gateway.raw(handshake(gateway, *fine, *fine))
        await nobody_left(gateway)


@pytest.mark.asyncio
async def test_a_client_that_leaves_during_the_handshake_is_forgotten(tmp_path: Path) -> None:
    """A connection closed or reset right behind its request leaves nothing behind."""
    async with running(tmp_path) as gateway:
        for n in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(handshake(gateway))
            if n % 2:
                writer.transport.abort()
            writer.close()
        await nobody_left(gateway)


@pytest.mark.asyncio
async def test_headers_need_not_be_ascii(tmp_path: Path) -> None:
    """Bytes over 127 in headers neither crash the server nor cost the caller the stream."""
    async with running(tmp_path) as gateway:
        answer = await gateway.raw(handshake(gateway, "x-place: Zürich", "x-bytes: \xff\xfe"))
        assert answer.startswith(b"HTTP/1.1 101 ")
        wrong = handshake(gateway).replace(b"x-twilio-signature: ", b"x-twilio-signature: \xff")
        with gateway.refuses(upgrade_signature=1):
            assert (await gateway.raw(wrong)).startswith(b"HTTP/1.1 403 ")


@pytest.mark.asyncio
async def test_a_closed_media_socket_leaves_nothing_behind(tmp_path: Path) -> None:
    """Politely closed, aborted, refused: no task and no connection of it stays with the server."""
    async with running(tmp_path) as gateway:
        polite, abrupt = await gateway.call(), await gateway.call()
        refused = await gateway.socket()
        await polite.ws.close()
        abrupt.ws.transport.abort()
        await refused.ws.send("garbage")
        assert await refused.close_code() == 1008
        with pytest.raises(InvalidStatus):
            await gateway.socket(signature="wrong")
        await nobody_left(gateway)
        assert len(gateway.server.server_state.connections) == 1  # the HTTP client's own


async def nobody_left(gateway: Gateway) -> None:
    """No media socket is served any more."""
    async with asyncio.timeout(5):
        while gateway.server.server_state.tasks:
            await gateway.http.get("/healthz")


@pytest.mark.asyncio
async def test_a_socket_without_the_hand_over_is_refused(tmp_path: Path) -> None:
    """Under a server without our protocol class the media route refuses rather than half works."""
    async with running(tmp_path) as gateway:
        stock = type("Stock", (WebSocketsSansIOProtocol,), {})
        gateway.server.config.ws_protocol_class = stock
        with gateway.refuses(not_the_media_server=1), pytest.raises(InvalidStatus):
            await gateway.socket()


# What it stands on


def test_uvicorn_is_the_version_this_was_written_for() -> None:
    """What lies below its public surface was read in 0.54; another minor must be read again."""
    assert uvicorn.__version__.startswith("0.54.")


@pytest.mark.asyncio
async def test_uvicorns_class_has_what_is_used_of_it() -> None:
    """Names and meaning of what MediaOrStock overrides, reads and sets."""
    for name in ("data_received", "handle_connect", "connection_lost", "run_asgi", "shutdown"):
        assert inspect.isfunction(getattr(WebSocketsSansIOProtocol, name))
    assert list(inspect.signature(WebSocketsSansIOProtocol.handle_connect).parameters)[1:] == [
        "event"
    ]
    assert list(inspect.signature(WebSocketsSansIOProtocol.data_received).parameters)[1:] == [
        "data"
    ]
    config = uvicorn.Config(Starlette(), ws=protocol_class(7), log_config=None)
    config.load()
    assert config.ws_protocol_class is not None
    state = ServerState()
    protocol = config.ws_protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg]
    assert isinstance(protocol, MediaOrStock)
    assert protocol.handshake_complete is False
    assert protocol.connections is state.connections
    assert protocol.close_timer is None
    assert {"transport", "queue", "tasks"} <= vars(protocol).keys()


def test_the_ping_interval_is_the_deployments() -> None:
    """The class carries the setting, and another one made later does not change it."""
    first, second = protocol_class(5), protocol_class(7.5)
    assert (first.ping_interval_s, second.ping_interval_s) == (5, 7.5)  # type: ignore[attr-defined]
    assert issubclass(first, MediaOrStock)
    assert MediaOrStock.ping_interval_s == 20


@pytest.mark.asyncio
async def test_picows_has_what_is_used_of_it() -> None:
    """Its protocol takes the fifteen arguments in this order, and is a buffered one."""
    log, ping_when_idle = logging.getLogger("picows"), WSAutoPingStrategy.PING_WHEN_IDLE
    pings = (True, 1.0, 1.0, ping_when_idle, True)
    protocol: Any = WSProtocol(
        None, None, False, WSListener, log, True, 5, *pings, 1024, None, 4096
    )
    assert issubclass(WSProtocol, asyncio.BufferedProtocol)
    assert protocol.listener is None
    assert protocol.transport is None


@pytest.mark.asyncio
async def test_little_waits_for_a_peer_that_does_not_read(tmp_path: Path) -> None:
    """Of every socket but Twilio's: whoever sends learns of it after some 50 kB, not megabytes."""
    sent = [0]
    stuck = asyncio.Event()

    async def flood(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                async with asyncio.timeout(0.5):
                    await websocket.send_bytes(bytes(1600))
                sent[0] += 1600
        except TimeoutError:
            stuck.set()
            abort(websocket)

    def with_flood(app: Starlette) -> None:
        app.router.routes.append(WebSocketRoute("/flood", flood))

    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    async with running(tmp_path, extend=with_flood) as gateway:
        narrow.connect(("127.0.0.1", gateway.settings.port))
        url = f"ws://127.0.0.1:{gateway.settings.port}/flood"
        async with connect(url, sock=narrow, max_queue=1, proxy=None, close_timeout=0.1):
            async with asyncio.timeout(20):
                await stuck.wait()
    assert 16_000 < sent[0] < 300_000
