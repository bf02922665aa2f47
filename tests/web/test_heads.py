"""Requests whose headers never end: how much of them is held, and for how long."""

import asyncio
import contextlib
import inspect
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import connect

from gateway.web.heads import LONGEST, BoundedHeads
from tests.web.carrier import LIMIT_S, quiet_frame
from tests.web.running import Gateway, running
from tests.web.test_sockets import with_echo

SHORT_S = 0.3
GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits ten seconds here."""
    monkeypatch.setattr("gateway.web.heads.LIMIT_S", SHORT_S)


def padded(size: int) -> bytes:
    """A request whose line and headers have so many bytes."""
    head = GET + b"x-padding: "
    return head + b"x" * (size - len(head) - 4) + b"\r\n\r\n"


class Peer:
    """One connection, as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, gateway: Gateway) -> "Peer":
        """Connects."""
        return cls(*await asyncio.open_connection("127.0.0.1", gateway.port))

    async def send(self, data: bytes) -> None:
        """Bytes on their way."""
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> bytes:
        """Reads one answer, with its body; its status."""
        async with asyncio.timeout(LIMIT_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            await self.reader.readexactly(int(length))
        return head.split(b" ")[1]

    async def cut_off(self, drop: bytes, every_s: float = 0) -> None:
        """Sends the same again and again until the gateway has closed."""
        async with asyncio.timeout(LIMIT_S):
            with contextlib.suppress(ConnectionError):
                while True:
                    await self.send(drop)
                    await asyncio.sleep(every_s)
        self.writer.close()

    async def rest(self) -> bytes:
        """What comes until the gateway closes."""
        async with asyncio.timeout(LIMIT_S):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""
            finally:
                self.writer.close()


def with_slow_routes(app: Starlette) -> None:
    """A request that takes its time to answer, and one that reads its body."""

    async def slow(_request: Request) -> Response:
        await asyncio.sleep(3 * SHORT_S)
        return PlainTextResponse("slow")

    async def length(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    app.router.routes += [Route("/slow", slow), Route("/length", length, methods=["POST"])]


@pytest.mark.asyncio
async def test_headers_of_32_kib_are_read_and_no_more(tmp_path: Path) -> None:
    """One byte more is 431, and the connection is closed; however it is cut into segments."""
    async with running(tmp_path) as gateway:
        for size, status in ((LONGEST, b"200"), (LONGEST + 1, b"431"), (3 * LONGEST, b"431")):
            whole = padded(size)
            for cuts in ([0], [0, 10_000, 30_000]):
                peer = await Peer.of(gateway)
                for start, end in zip(cuts, [*cuts[1:], len(whole)], strict=True):
                    await peer.send(whole[start:end])
                    await gateway.http.get("/healthz")
                assert await peer.status() == status
                if status == b"431":
                    assert await peer.rest() == b""
                peer.writer.close()


@pytest.mark.asyncio
async def test_a_header_without_an_end_is_cut_off(tmp_path: Path) -> None:
    """One value, one name or one address that goes on and on: soon nobody listens any more."""
    async with running(tmp_path) as gateway:
        for start in (GET + b"x-endless: ", GET + b"x-", b"GET /"):
            peer = await Peer.of(gateway)
            await peer.send(start)
            await peer.cut_off(b"x" * 10_000)


@pytest.mark.asyncio
async def test_each_request_of_a_connection_is_counted_anew(tmp_path: Path) -> None:
    """Many long requests are fine where one too long is not."""
    async with running(tmp_path) as gateway:
        peer = await Peer.of(gateway)
        for _ in range(4):
            await peer.send(padded(20 * 1024))
            assert await peer.status() == b"200"
        await peer.send(padded(40 * 1024))
        assert await peer.status() == b"431"
        assert await peer.rest() == b""


@pytest.mark.asyncio
async def test_many_requests_in_one_segment_are_answered(tmp_path: Path) -> None:
    """Pipelined requests are no long header."""
    async with running(tmp_path) as gateway:
        peer = await Peer.of(gateway)
        await peer.send(padded(1024) * 60)
        assert [await peer.status() for _ in range(60)] == [b"200"] * 60
        peer.writer.close()


@pytest.mark.asyncio
async def test_trailers_are_counted_too(tmp_path: Path) -> None:
    """Headers may come behind a body in chunks: they are held as those before it."""
    async with running(tmp_path, extend=with_slow_routes) as gateway:
        peer = await Peer.of(gateway)
        chunks = b"POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        await peer.send(chunks + b"2\r\nab\r\n0\r\nx-trailer: fine\r\n\r\n")
        assert await peer.status() == b"200"
        await peer.send(chunks + b"2\r\nab\r\n0\r\nx-endless: ")
        await peer.cut_off(b"x" * 10_000)


@pytest.mark.asyncio
async def test_a_body_is_not_counted(tmp_path: Path) -> None:
    """It has limits of its own, where it is read."""
    async with running(tmp_path, extend=with_slow_routes) as gateway:
        peer = await Peer.of(gateway)
        head = b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n"
        await peer.send(head + bytes(300_000))
        assert await peer.status() == b"200"
        peer.writer.close()


@pytest.mark.asyncio
@pytest.mark.usefixtures("soon")
async def test_who_does_not_ask_in_time_is_closed(tmp_path: Path) -> None:
    """Silence from the start, half a request, and a line break now and then."""
    async with running(tmp_path) as gateway:
        for first in (b"", b"G", GET, b"\r\n"):
            peer = await Peer.of(gateway)
            await peer.send(first)
            assert await peer.rest() == b""


@pytest.mark.asyncio
@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("drop", [b"x", b"\r\n"])
async def test_drops_do_not_prolong_it(tmp_path: Path, drop: bytes) -> None:
    """Neither on a new connection nor on one that had an answer already."""
    async with running(tmp_path) as gateway:
        for before in (b"", GET + b"\r\n"):
            peer = await Peer.of(gateway)
            if before:
                await peer.send(before)
                assert await peer.status() == b"200"
            start = b"" if drop == b"\r\n" else GET + b"x-slow: "
            await peer.send(start)
            await peer.cut_off(drop, every_s=SHORT_S / 5)


@pytest.mark.asyncio
@pytest.mark.usefixtures("soon")
async def test_a_request_that_is_answered_is_not_closed(tmp_path: Path) -> None:
    """However long its answer takes, or its body; nor is a connection between two requests."""
    async with running(tmp_path, extend=with_slow_routes) as gateway:
        peer = await Peer.of(gateway)
        ask = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
        await peer.send(ask)
        assert await peer.status() == b"200"
        await asyncio.sleep(2 * SHORT_S)
        await peer.send(b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n")
        for part in (b"a", b"b", b"c"):
            await asyncio.sleep(SHORT_S)
            await peer.send(part)
        assert await peer.status() == b"200"
        # Half a request behind one that takes its time.
        await peer.send(ask + GET)
        assert await peer.status() == b"200"
        assert await peer.rest() == b""


@pytest.mark.asyncio
@pytest.mark.usefixtures("soon")
async def test_sockets_outlive_the_limit(tmp_path: Path) -> None:
    """A call's audio and every other socket: the limit is one of the handshake."""
    async with running(tmp_path, extend=with_echo) as gateway:
        media = await gateway.call()
        async with connect(f"ws://127.0.0.1:{gateway.port}/echo", proxy=None) as stock:
            await asyncio.sleep(3 * SHORT_S)
            await stock.send("still here")
            assert await stock.recv() == "STILL HERE"
        await media.media(quiet_frame(1))
        session = await gateway.model.wait_session(1)
        await session.seen("input_audio_buffer.append", 1)


@pytest.mark.asyncio
async def test_uvicorns_class_has_what_is_used_of_it() -> None:
    """Names and meaning of what BoundedHeads overrides and reads."""
    for name in (
        "connection_made",
        "connection_lost",
        "data_received",
        "on_message_begin",
        "on_headers_complete",
        "on_body",
        "on_message_complete",
    ):
        assert inspect.isfunction(getattr(HttpToolsProtocol, name))
    config = uvicorn.Config(Starlette(), http=BoundedHeads, log_config=None)
    config.load()
    assert config.http_protocol_class is BoundedHeads
    protocol = BoundedHeads(config=config, server_state=ServerState(), app_state={})
    assert vars(protocol)["cycle"] is None
    assert {"transport", "loop"} <= vars(protocol).keys()
