"""Opening the stream's socket: the request as captured from Twilio, and a code for each refusal."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from twilio.request_validator import RequestValidator

from gateway.sim.twilio.debugger import TwilioFault
from gateway.sim.twilio.upgrade import open_socket, stream_url
from tests.ports import free_port
from tests.sim.twilio.peer import CALLER, NUMBER, TOKEN, codes, peer_and_twin


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("wss://example.com/media", "wss://example.com/media"),
        ("wss://example.com:8443/media", "wss://example.com:8443/media"),
        ("wss://example.com/media?ticket=1", "wss://example.com/media"),
        ("wss://example.com/media#x", "wss://example.com/media"),
        ("ws://127.0.0.1:8000/media", "ws://127.0.0.1:8000/media"),
        ("ws://localhost/media", "ws://localhost/media"),
        ("ws://[::1]:80/media", "ws://[::1]:80/media"),
    ],
)
def test_the_query_is_stripped(given: str, used: str) -> None:
    """Twilio does not support query strings; ours goes without one, as Twilio's does."""
    assert stream_url(given) == used


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.com/media", 31922),
        ("ws://example.com/media", 31922),
        ("ws://10.0.0.1/media", 31922),
        ("", 31923),
        ("/media", 31923),
        ("wss:///media", 31923),
        ("wss://example.com:port/media", 31923),
        ("wss://example.com/a b", 31923),
    ],
)
def test_other_urls_are_refused(url: str, code: int) -> None:
    """Not wss is 31922, malformed is 31923."""
    with pytest.raises(TwilioFault) as refused:
        stream_url(url)
    assert refused.value.code == code


@pytest.mark.asyncio
async def test_the_upgrade_is_twilios() -> None:
    """User agent and signature are there; origin, subprotocol and extensions are not."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect(stream=f'url="{peer.media_url}?ticket=1"')
        call = twin.place_call(NUMBER, CALLER)
        await call.until("stream-started", 10)
        call.hang_up()
        await call.wait(10)
        (headers,) = peer.upgrades
        assert headers["user-agent"] == "Twilio.TmeWs/1.0"
        assert headers["accept-encoding"] == "gzip"
        assert not {"origin", "sec-websocket-protocol", "sec-websocket-extensions"} & headers.keys()
        signature = headers["x-twilio-signature"]
        assert RequestValidator(TOKEN).validate(peer.media_url, {}, signature)
        assert codes(twin) == []


@contextlib.asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """A server that answers any request with these bytes (None: with nothing) and closes."""
    done = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await done.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/media"
    done.set()
    server.close()


async def refusal(url: str, timeout_s: float = 5) -> int:
    """The code with which a stream to this URL is refused."""
    with pytest.raises(TwilioFault) as refused:
        await open_socket(url, TOKEN, timeout_s=timeout_s, close_timeout_s=1)
    return refused.value.code


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        b"what?\r\n\r\n",
        b"",
    ],
)
async def test_any_answer_but_101_is_a_handshake_error(answer: bytes) -> None:
    """31920, redirects included: they are not followed."""
    async with answering(answer) as url:
        assert await refusal(url) == 31920


@pytest.mark.asyncio
async def test_nobody_there_is_refused() -> None:
    """31902 when the port is closed."""
    port = free_port()
    assert await refusal(f"ws://127.0.0.1:{port}/media") == 31902


@pytest.mark.asyncio
async def test_silence_is_a_timeout() -> None:
    """31901 when no answer comes in time."""
    async with answering(None) as url:
        assert await refusal(url, timeout_s=0.1) == 31901


@pytest.mark.asyncio
async def test_plain_talk_on_a_tls_port_is_a_tls_error() -> None:
    """31910 when the other side does not speak TLS."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await refusal(f"wss://127.0.0.1:{port}/media") == 31910
    server.close()
