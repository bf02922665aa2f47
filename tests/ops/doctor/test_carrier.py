"""The carrier the doctor plays: its requests are the carrier's own, and it believes nobody."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus

from gateway.core.refused import HEADER
from gateway.ops.doctor.carrier import CALLER, MOST_BYTES, Answer, Carrier, NoAnswer, new_call_sid
from gateway.settings import Settings, load_settings
from gateway.sim.twilio.signing import signature
from tests.ops.doctor.front import HEAD
from tests.ports import free_port

TOKEN = "a made-up token"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def settings(base: str) -> Settings:
    """Of a gateway with this public address."""
    return load_settings(
        _env_file=None,
        public_url=base,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=f"{TOKEN},another token",
        twilio_phone_number="+15550001000",
    )


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[Carrier]:
    """A carrier and a server that talks so, and closes."""
    talks: set[asyncio.Task[None]] = set()

    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            try:
                await talk(reader, writer)
                writer.close()
                await writer.wait_closed()
            finally:
                writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.get_running_loop().create_task(whole(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Carrier(settings(f"http://127.0.0.1:{port}")) as carrier:
        yield carrier
    server.close()
    for task in talks:
        task.cancel()
    await asyncio.gather(*talks, return_exceptions=True)


def saying(answer: bytes, heard: list[bytes] | None = None) -> Talk:
    """A server that takes a request, says this, and closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD)
        length = re.search(rb"content-length: (\d+)", head.lower())
        body = await reader.readexactly(int(length[1])) if length else b""
        if heard is not None:
            heard.extend([head, body])
        writer.write(answer)
        await writer.drain()

    return talk


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.mark.asyncio
async def test_a_webhook_is_signed_as_the_carrier_signs() -> None:
    """Over the public address and the form, with the first token."""
    heard: list[bytes] = []
    async with talking(saying(OK, heard)) as carrier:
        form = carrier.form("CA1", "ringing", Empty="")
        assert (await carrier.post("/twilio/voice", form)).status == 200
    head, body = heard[0].decode(), heard[1].decode()
    expected = signature(TOKEN, f"{carrier.base}/twilio/voice", form.items())
    assert head.startswith("POST /twilio/voice HTTP/1.1\r\n")
    assert f"x-twilio-signature: {expected}\r\n".lower() in head.lower()
    assert "user-agent: twilioproxy/1.1\r\n" in head.lower()
    assert "i-twilio-idempotency-token: " in head.lower()
    assert "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n" in head.lower()
    assert "Empty=&" in body + "&"


@pytest.mark.asyncio
async def test_it_may_be_sent_and_signed_for_other_places() -> None:
    """To see who accepts what."""
    heard: list[bytes] = []
    async with talking(saying(OK, heard)) as carrier:
        base, carrier.base = carrier.base, "https://voice.example.com"
        await carrier.post("/p", {"a": "b"}, to=base, signed_as="http://other.example.com")
    expected = signature(TOKEN, "http://other.example.com/p", [("a", "b")])
    assert expected in heard[0].decode()


@pytest.mark.asyncio
async def test_an_upgrade_is_the_carriers() -> None:
    """As captured: signed over the stream's address, no origin, no subprotocol, no extensions."""
    seen: list[Any] = []

    async def media(connection: ServerConnection) -> None:
        seen.append(connection.request)
        await connection.wait_closed()

    async with serve(media, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with Carrier(settings(f"http://127.0.0.1:{port}")) as carrier:
            url = carrier.settings.stream_url
            connection = await carrier.open(url)
            await connection.close()
    headers = seen[0].headers
    assert headers["X-Twilio-Signature"] == signature(TOKEN, url)
    assert headers["User-Agent"] == "Twilio.TmeWs/1.0"
    assert not {"Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} & set(headers)


@pytest.mark.asyncio
async def test_redirects_are_not_followed() -> None:
    """Neither by webhooks nor by upgrades: signatures are for one address."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with talking(saying(moved)) as carrier:
        answer = await carrier.post("/twilio/voice", {})
        assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1:1/")
        with pytest.raises(InvalidStatus):
            await carrier.open(carrier.settings.stream_url)


@pytest.mark.asyncio
async def test_an_endless_answer_is_read_so_far() -> None:
    """And no further."""
    async with talking(saying(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10 * MOST_BYTES)) as carrier:
        assert len((await carrier.get(carrier.base)).body) == MOST_BYTES


@pytest.mark.asyncio
async def test_no_answer_tells_whether_anybody_was_there() -> None:
    """Nobody, somebody who hangs up, and a name of nobody's."""
    async with talking(saying(b"")) as carrier:
        with pytest.raises(NoAnswer, match="cut off") as cut:
            await carrier.get(carrier.base)
        with pytest.raises(NoAnswer, match="Connection refused") as refused:
            await carrier.get(f"http://127.0.0.1:{free_port()}/")
        with pytest.raises(NoAnswer) as nameless:
            await carrier.get("http://nowhere.invalid/")
    assert cut.value.connected
    assert not refused.value.connected
    assert not nameless.value.connected


@pytest.mark.asyncio
async def test_silence_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whoever took the connection."""
    monkeypatch.setattr("gateway.ops.doctor.carrier.CONNECT_S", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking(silent) as carrier:
        with pytest.raises(NoAnswer, match="no answer within") as said_nothing:
            await carrier.get(carrier.base)
    assert said_nothing.value.connected


def test_a_call_of_the_doctors_is_like_no_other() -> None:
    """By its CallSid, which is one, and by whom it is from."""
    sids = {new_call_sid() for _ in range(100)}
    assert len(sids) == 100
    assert all(re.fullmatch("CAd0c70000[0-9a-f]{24}", sid) for sid in sids)
    form = Carrier(settings("https://voice.example.com")).form("CA1", "ringing")
    assert form["From"] == form["Caller"] == CALLER == "client:gateway-doctor"
    assert form["To"] == form["Called"] == "+15550001000"


def test_an_answer_tells_who_gave_it() -> None:
    """Our own gateway by its header; others by their name, if they have one."""
    ours = Answer(403, {HEADER.lower(): "signature_wrong"}, b"", 1.0)
    other = Answer(403, {"server": "nginx"}, b"  <h1>Forbidden</h1>  ", 1.0)
    assert (ours.refused, other.refused) == ("signature_wrong", "")
    assert (other.who, other.words) == ("nginx", "<h1>Forbidden</h1>")
    assert ours.who == "a server that does not say what it is"
