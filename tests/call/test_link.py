"""The model link against a server's bare socket: framing, refusals, closes, proxies, secrets."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError

from bench.certificate import Certificate
from gateway.call.link import MAX_MESSAGE_BYTES, Dialler, ModelLink
from gateway.core import commands
from gateway.errors import ModelError
from tests.call.bare_server import (
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    BareServer,
    Connection,
    close_frame,
    frame,
    upgrade,
)
from tests.call.watching import DEADLINE_S, Chronicle, soon

KEY = "sk-do-not-tell-0123456789"
HEADERS = {"Authorization": f"Bearer {KEY}", "api-key": KEY}


class Listener:
    """The call's side of a link: shows what it was shown, keeps what it is told to keep."""

    def __init__(self) -> None:
        self.frames: Chronicle[bytes] = Chronicle()
        self.kept: Callable[[bytes], bool] = lambda _: False
        self.configured = 0
        self.closed: Chronicle[None] = Chronicle()

    def model_frame(self, frame: bytes) -> bool:
        self.frames.add(frame)
        return not self.kept(frame)

    def model_configured(self) -> None:
        self.configured += 1

    def model_closed(self) -> None:
        self.closed.add(None)


def dialler(connect_timeout_s: float = DEADLINE_S, ping_interval_s: float = 20) -> Dialler:
    return Dialler(connect_timeout_s=connect_timeout_s, ping_interval_s=ping_interval_s)


@asynccontextmanager
async def linked(
    ping_interval_s: float = 20,
) -> AsyncIterator[tuple[ModelLink, Connection, Listener]]:
    """A link, the server's end of it, and what the call heard."""
    listener = Listener()
    async with BareServer() as upstream:
        link = await dialler(ping_interval_s=ping_interval_s).dial(upstream.url, HEADERS, listener)
        connection = await upstream.connection()
        yield link, connection, listener
        link.abort()
        await listener.closed.until(lambda rows: len(rows) == 1)


async def collected(link: ModelLink) -> tuple[list[bytes], ConnectionClosedError | None]:
    """Everything the iteration gives, and how it ends."""
    messages: list[bytes] = []
    try:
        async with asyncio.timeout(DEADLINE_S):
            async for message in link:
                messages.append(message)  # noqa: PERF401 what came before an error counts too
    except ConnectionClosedError as error:
        return messages, error
    return messages, None


async def refused(serve: Callable[[Connection], Awaitable[None]]) -> ModelError:
    """What the dialler says about a server that does that."""
    async with BareServer(serve) as upstream:
        with pytest.raises(ModelError) as caught:
            await dialler().dial(upstream.url, HEADERS, Listener())
    return caught.value


def answering(status: str, *headers: str) -> Callable[[Connection], Awaitable[None]]:
    """A server that answers the upgrade with plain HTTP."""

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        connection.answer(status, *headers)

    return serve


# Messages


@pytest.mark.asyncio
async def test_a_whole_message_is_shown_first_and_then_passed_on() -> None:
    """The call sees each message in the read callback, the SDK gets the same bytes."""
    async with linked() as (link, server, listener):
        server.write(frame('{"type":"x","text":"é"}'.encode()))
        assert await soon(asyncio.ensure_future(anext(link))) == '{"type":"x","text":"é"}'.encode()
        assert listener.frames.rows == ['{"type":"x","text":"é"}'.encode()]


@pytest.mark.asyncio
async def test_what_the_call_keeps_never_reaches_the_sdk() -> None:
    """A frame the call keeps (audio) is not queued for the SDK; the order of the rest holds."""
    async with linked() as (link, server, listener):
        listener.kept = lambda message: b"audio" in message
        server.write(frame(b"1") + frame(b"audio") + frame(b"2") + close_frame(1000))
        assert await collected(link) == ([b"1", b"2"], None)
        assert listener.frames.rows == [b"1", b"audio", b"2"]


@pytest.mark.asyncio
async def test_the_loop_has_its_turn_between_two_messages_for_the_sdk() -> None:
    """However many wait for one call, the SDK does not keep the others' audio waiting for all."""
    async with linked() as (link, server, listener):
        server.write(frame(b"1") + frame(b"2") + frame(b"3"))
        await listener.frames.until(lambda rows: len(rows) == 3)
        order: list[bytes] = []
        async with asyncio.timeout(DEADLINE_S):
            for _ in range(3):
                order.append(await anext(link))
                asyncio.get_running_loop().call_soon(order.append, b"another call")
        assert order == [b"1", b"another call", b"2", b"another call", b"3"]


@pytest.mark.asyncio
async def test_fragments_become_one_message_with_a_ping_between_them() -> None:
    """A fragmented message arrives whole; a ping in its middle is answered and changes nothing."""
    async with linked() as (link, server, listener):
        server.write(frame(b'{"type":', TEXT, fin=False))
        server.write(frame(b"are you there", PING))
        server.write(frame(b'"y', CONTINUATION, fin=False) + frame(b'"}', CONTINUATION))
        server.write(frame(b"next") + close_frame(1000))
        assert await collected(link) == ([b'{"type":"y"}', b"next"], None)
        assert len(listener.frames) == 2
        pong = (await server.frames.until(lambda rows: len(rows) >= 1))[0]
        assert (pong.opcode, pong.payload) == (PONG, b"are you there")


@pytest.mark.asyncio
async def test_a_message_of_exactly_8_mib_passes() -> None:
    """The cap is a cap, not a byte less: 8 MiB arrive, whole or in fragments."""
    big = b"x" * MAX_MESSAGE_BYTES
    half = MAX_MESSAGE_BYTES // 2
    async with linked() as (link, server, _):
        server.write(frame(big))
        server.write(frame(big[:half], fin=False) + frame(big[half:], CONTINUATION))
        server.write(close_frame(1000))
        messages, error = await collected(link)
        assert [len(message) for message in messages] == [len(big), len(big)]
        assert error is None


@pytest.mark.asyncio
@pytest.mark.parametrize("fragments", [1, 9])
async def test_a_message_over_8_mib_is_dropped_and_ends_the_link(fragments: int) -> None:
    """Nine MiB, in one frame or in nine, never reach the call; the link ends as broken."""
    part = b"x" * (9 * 1024 * 1024 // fragments)
    kinds = [TEXT] + [CONTINUATION] * (fragments - 1)
    async with linked() as (link, server, listener):
        server.write(frame(b"before"))
        await listener.frames.until(lambda rows: len(rows) == 1)
        for n, opcode in enumerate(kinds, 1):
            server.write(frame(part, opcode, fin=n == fragments))
        server.write(frame(b"after"))
        messages, error = await collected(link)
        assert messages == [b"before"]
        assert error is not None
        assert listener.frames.rows == [b"before"]


@pytest.mark.asyncio
async def test_a_silent_server_is_pinged_and_dropped_when_it_does_not_answer() -> None:
    """A server that neither speaks nor answers a ping is gone for us."""
    async with linked(ping_interval_s=0.02) as (link, server, _):
        messages, error = await collected(link)
        assert messages == []
        assert error is not None
        assert server.frames[0].opcode == PING


# Refusals


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("401 Unauthorized", "model_auth"),
        ("403 Forbidden", "model_auth"),
        ("400 Bad Request", "model_refused"),
        ("404 Not Found", "model_refused"),
        ("429 Too Many Requests", "model_refused"),
        ("500 Internal Server Error", "model_refused"),
        ("503 Service Unavailable", "model_refused"),
        ("200 OK", "model_refused"),
    ],
)
async def test_http_refusals_are_told_apart(status: str, reason: str) -> None:
    """A wrong key is told from every other refusal, with the status for the log."""
    error = await refused(answering(status))
    assert error.reason == reason
    assert f"HTTP {status[:3]}" in str(error)


@pytest.mark.asyncio
@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    """A redirect is a refusal: the other host never hears of us, let alone of the key."""
    async with BareServer() as elsewhere:
        error = await refused(answering(f"{status} Moved", f"Location: {elsewhere.url}"))
        assert error.reason == "model_refused"
        assert len(elsewhere.connections) == 0


@pytest.mark.asyncio
async def test_a_wrong_accept_key_is_refused() -> None:
    """A 101 that does not prove it read our request is no WebSocket."""

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        connection.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: bm90IHRoZSBrZXkgYXQgYWxsIQ==\r\n\r\n"
        )

    assert (await refused(serve)).reason == "model_refused"


@pytest.mark.asyncio
async def test_an_answer_that_is_not_http_is_refused() -> None:
    """Something else that listens there (an SSH server, say) is a refusal, not a crash."""

    async def serve(connection: Connection) -> None:
        connection.write("SSH-2.0-OpenSSH_9.6\r\n\r\n")
        await connection.read_to_end()

    assert (await refused(serve)).reason == "model_refused"


@pytest.mark.asyncio
async def test_a_connection_closed_during_the_handshake_is_unreachable() -> None:
    """A server (or balancer) that hangs up instead of answering is unreachable."""

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        connection.eof()

    assert (await refused(serve)).reason == "model_unreachable"


@pytest.mark.asyncio
async def test_a_connection_reset_during_the_handshake_is_unreachable() -> None:
    """The same with a reset."""

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        connection.reset()

    assert (await refused(serve)).reason == "model_unreachable"


@pytest.mark.asyncio
async def test_a_closed_port_is_unreachable() -> None:
    """Nobody listens there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(ModelError, match="model_unreachable"):
            await dialler().dial(url, HEADERS, Listener())


@pytest.mark.asyncio
async def test_a_name_that_does_not_exist_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without an address is unreachable."""
    no_proxies(monkeypatch)
    with pytest.raises(ModelError, match="model_unreachable"):
        await dialler().dial("ws://gateway-test.invalid/", HEADERS, Listener())


@pytest.mark.asyncio
async def test_a_server_without_tls_is_unreachable_over_wss() -> None:
    """The TLS handshake fails and is never skipped."""

    async def serve(connection: Connection) -> None:
        connection.answer("400 Bad Request")

    async with BareServer(serve) as upstream:
        with pytest.raises(ModelError, match="model_unreachable"):
            await dialler().dial(upstream.url.replace("ws:", "wss:"), HEADERS, Listener())


async def never_answers(connection: Connection) -> None:
    """Takes the request and is silent."""
    await connection.read_request()
    await connection.read_to_end()


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_server_that_never_answers_is_given_up_and_hung_up_on(scheme: str) -> None:
    """One deadline holds over TLS and handshake, and no connection stays behind."""

    async def serve(connection: Connection) -> None:
        await connection.read_to_end()

    async with BareServer(serve) as upstream:
        url = upstream.url.replace("ws:", f"{scheme}:")
        with pytest.raises(ModelError, match="model_unreachable"):
            async with asyncio.timeout(DEADLINE_S):
                await dialler(connect_timeout_s=0.05).dial(url, HEADERS, Listener())
        await soon((await upstream.connection()).gone)


@pytest.mark.asyncio
async def test_a_server_that_answers_a_cancelled_dial_is_hung_up_on() -> None:
    """The caller hangs up while the model connects: a late 101 makes no session that stays."""
    asked: Chronicle[Connection] = Chronicle()
    answer = asyncio.Event()
    listener = Listener()

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        asked.add(connection)
        await answer.wait()
        await connection.accept()
        connection.write(frame(b"welcome"))
        await connection.read_frames()

    async with BareServer(serve) as upstream:
        dialling = asyncio.ensure_future(dialler(60).dial(upstream.url, HEADERS, listener))
        connection = (await asked.until(lambda rows: len(rows) == 1))[0]
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        answer.set()
        await soon(connection.gone)


@pytest.mark.asyncio
async def test_a_cancelled_dial_leaves_no_connection_beyond_the_deadline() -> None:
    """The same with a server that stays silent: its connection ends with the connect deadline."""
    asked: Chronicle[Connection] = Chronicle()

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        asked.add(connection)
        await connection.read_to_end()

    async with BareServer(serve) as upstream:
        dialling = asyncio.ensure_future(dialler(0.1).dial(upstream.url, HEADERS, Listener()))
        connection = (await asked.until(lambda rows: len(rows) == 1))[0]
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        await soon(connection.gone)


# The end


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [1000, 1001])
async def test_an_orderly_close_ends_the_iteration_quietly(code: int) -> None:
    """1000 and 1001 end as the SDK expects; code and reason stay known, nothing is lost."""
    async with linked() as (link, server, listener):
        server.write(frame(b"last words") + close_frame(code, "session expired"))
        assert await collected(link) == ([b"last words"], None)
        assert (link.close_code, link.close_reason) == (code, "session expired")
        await listener.closed.until(lambda rows: len(rows) == 1)
        assert link.closed
        await soon(server.gone)
        assert [(f.opcode, f.close_code) for f in server.frames] == [(CLOSE, 1000)]


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [1011, 1013, 3000, 4000])
async def test_any_other_close_code_is_an_error_with_the_code(code: int) -> None:
    """Every other code raises as `websockets` would, after what came before it."""
    async with linked() as (link, server, _):
        server.write(frame(b"last words") + close_frame(code, "why"))
        messages, error = await collected(link)
        assert messages == [b"last words"]
        assert error is not None
        assert error.rcvd is not None
        assert (error.rcvd.code, error.rcvd.reason) == (code, "why")


@pytest.mark.asyncio
@pytest.mark.parametrize("end", ["eof", "reset"])
async def test_a_connection_that_breaks_is_an_error_without_a_code(end: str) -> None:
    """No CLOSE at all: the link is broken, and says so."""
    async with linked() as (link, server, listener):
        server.write(frame(b"half"))
        assert await soon(asyncio.ensure_future(anext(link))) == b"half"
        getattr(server, end)()
        messages, error = await collected(link)
        assert messages == []
        assert error is not None
        assert error.rcvd is None
        assert len(listener.closed) == 1


@pytest.mark.asyncio
async def test_close_says_goodbye_and_waits_for_the_answer() -> None:
    """An orderly server gets a CLOSE with 1000, answers it, and the connection is gone."""

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        await connection.accept()
        reading = asyncio.ensure_future(connection.read_frames())
        await connection.frames.until(lambda rows: any(f.opcode == CLOSE for f in rows))
        connection.write(close_frame(1000))
        await reading

    listener = Listener()
    async with BareServer(serve) as upstream:
        link = await dialler().dial(upstream.url, HEADERS, listener)
        await soon(asyncio.ensure_future(link.close()))
        assert link.closed
        server = await upstream.connection()
        await soon(server.gone)
        assert [(f.opcode, f.close_code) for f in server.frames] == [(CLOSE, 1000)]
        await soon(asyncio.ensure_future(link.close()))


@pytest.mark.asyncio
async def test_close_does_not_wait_for_a_server_that_never_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server takes the CLOSE and holds the line: after its bound the link drops it."""
    monkeypatch.setattr("gateway.call.link._CLOSE_DEADLINE_S", 0.05)
    async with linked() as (link, server, listener):
        await soon(asyncio.ensure_future(link.close()))
        await soon(server.gone)
        await listener.closed.until(lambda rows: len(rows) == 1)
        assert [f.opcode for f in server.frames] == [CLOSE]


@pytest.mark.asyncio
async def test_nothing_is_sent_after_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """After our CLOSE the server gets nothing, whoever still writes."""
    monkeypatch.setattr("gateway.call.link._CLOSE_DEADLINE_S", 0.05)
    async with linked() as (link, server, _):
        link.write(b"before")
        closing = asyncio.ensure_future(link.close())
        await server.frames.until(lambda rows: any(f.opcode == CLOSE for f in rows))
        link.write(b"after")
        await link.send("after")
        await soon(closing)
        link.write(b"much later")
        with pytest.raises(ConnectionClosedError):
            await link.send("much later")
        await soon(server.gone)
        assert [f.opcode for f in server.frames] == [TEXT, CLOSE]


@pytest.mark.asyncio
async def test_abort_drops_the_connection_at_once() -> None:
    """No CLOSE, no wait; twice does no harm."""
    async with linked() as (link, server, listener):
        link.abort()
        link.abort()
        await soon(server.gone)
        await listener.closed.until(lambda rows: len(rows) == 1)
        assert server.frames.rows == []


@pytest.mark.asyncio
@pytest.mark.parametrize("secure", [False, True])
async def test_a_server_that_stops_reading_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, secure: bool
) -> None:
    """What waits unread is bounded: the link ends and says why, and nothing is written behind."""
    certificate = Certificate.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.shown))

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        await connection.accept()
        await asyncio.get_running_loop().create_future()

    listener = Listener()
    append = commands.append(b"\xff" * 160)
    async with BareServer(serve, certificate.server() if secure else None) as upstream:
        link = await dialler().dial(upstream.url, HEADERS, listener)
        written = 0
        while not link.closed and written < 64 * 1024 * 1024:
            for _ in range(1000):
                link.write(append)
            written += 1000 * len(append)
            await asyncio.sleep(0)
        assert link.closed
        assert link.close_reason == "the server stopped reading"
        assert len(listener.closed) == 1
        assert caplog.records == []


# What is sent


@pytest.mark.asyncio
async def test_the_upgrade_carries_the_headers_and_offers_no_compression() -> None:
    """Headers as given, a User-Agent of our own, no extension that would cost time per frame."""
    async with linked() as (_, server, _):
        assert server.header("Authorization") == f"Bearer {KEY}"
        assert (server.header("User-Agent") or "").startswith("gateway/")
        assert server.header("Sec-WebSocket-Extensions") is None


@pytest.mark.asyncio
async def test_the_first_session_update_is_told_and_the_newest_is_kept() -> None:
    """`model_configured` comes once, after the first one is written; the newest can be replayed."""
    first = '{"session":{"voice":"marin"},"type":"session.update"}'
    second = '{"session":{"voice":"cedar"},"type":"session.update"}'
    async with linked() as (link, server, listener):
        await link.send('{"type":"response.create"}')
        assert (listener.configured, link.session_update) == (0, None)
        await link.send(first)
        await link.send(second)
        assert (listener.configured, link.session_update) == (1, second)
        frames = await server.frames.until(lambda rows: len(rows) == 3)
        assert [f.payload.decode() for f in frames][1:] == [first, second]


@pytest.mark.asyncio
async def test_words_that_look_like_a_session_update_are_only_words() -> None:
    """A caller's or a tool's text that quotes the protocol configures nothing."""
    text = 'she said "type":"session.update" and {"type":"session.update"}'
    async with linked() as (link, _, listener):
        await link.send(json.dumps({"type": "x", "text": text}, separators=(",", ":")))
        assert (listener.configured, link.session_update) == (0, None)


# Secrets


def texts_of(error: BaseException | None) -> Iterator[str]:
    """Every text an exception or what is chained to it could show."""
    while error is not None:
        yield from (str(error), repr(error), repr(error.args), repr(vars(error)))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.asyncio
async def test_no_failure_tells_the_key(caplog: pytest.LogCaptureFixture) -> None:
    """Neither an exception nor a log line of a refusal or a break holds a header's value."""
    caplog.set_level("DEBUG")

    async def hangs_up(connection: Connection) -> None:
        await connection.read_request()
        connection.eof()

    errors: list[BaseException] = [
        await refused(answering("401 Unauthorized", f"X-Echo: {KEY}")),
        await refused(answering("500 Oops", f"X-Echo: {KEY}")),
        await refused(answering("302 Found", f"Location: ws://127.0.0.1:1/?key={KEY}")),
        await refused(hangs_up),
    ]
    async with linked() as (link, server, _):
        server.write(close_frame(1011, "broken"))
        _, error = await collected(link)
        assert error is not None
        errors.append(error)
    assert not [text for error in errors for text in texts_of(error) if KEY in text]
    assert KEY not in caplog.text


# Proxies


PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any proxy."""
    no_proxies(monkeypatch)
    assert not [name for name in os.environ if name.lower() in PROXY_VARIABLES]
    return monkeypatch


def tunnel(
    targets: Chronicle[str], behind: Callable[[Connection], Awaitable[None]] = upgrade
) -> Callable[[Connection], Awaitable[None]]:
    """A CONNECT proxy whose every target is the same server behind it."""

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        targets.add(connection.request.decode())
        connection.write("HTTP/1.1 200 Connection established\r\n\r\n")
        await behind(connection)

    return serve


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_the_proxy_of_the_environment_is_used(
    environment: pytest.MonkeyPatch, scheme: str
) -> None:
    """An address outside goes through the proxy, which resolves the name; also without `http://`
    before the proxy, as many environments have it.
    """
    targets: Chronicle[str] = Chronicle()
    listener = Listener()
    async with BareServer(tunnel(targets)) as proxy:
        environment.setenv("http_proxy", f"{scheme}127.0.0.1:{proxy.port}")
        link = await dialler().dial("ws://model.invalid:8080/v1", HEADERS, listener)
        assert targets[0].startswith("CONNECT model.invalid:8080 HTTP/1.1\r\n")
        connection = await proxy.connection()
        connection.write(frame(b"hello") + close_frame(1000))
        assert await collected(link) == ([b"hello"], None)
        assert connection.header("Host") == "model.invalid:8080"


@pytest.mark.asyncio
async def test_a_secure_address_goes_through_the_proxy_for_https(
    environment: pytest.MonkeyPatch,
) -> None:
    """wss counts as https; the key is never spoken before TLS is up."""
    targets: Chronicle[str] = Chronicle()

    async def no_tls(connection: Connection) -> None:
        connection.answer("400 Bad Request")

    async with BareServer(tunnel(targets, no_tls)) as proxy:
        environment.setenv("https_proxy", f"http://user:{KEY}@127.0.0.1:{proxy.port}")
        with pytest.raises(ModelError, match="model_unreachable") as caught:
            await dialler().dial("wss://model.invalid/v1", HEADERS, Listener())
        assert targets[0].startswith("CONNECT model.invalid:443 HTTP/1.1\r\n")
        assert "Proxy-Authorization: Basic" in targets[0]
        assert "Authorization: Bearer" not in targets[0]
        assert not [text for text in texts_of(caught.value) if KEY in text]


@pytest.mark.asyncio
async def test_the_proxy_for_all_is_the_last_resort(environment: pytest.MonkeyPatch) -> None:
    """`all_proxy` holds where no closer one is named."""
    targets: Chronicle[str] = Chronicle()
    async with BareServer(tunnel(targets)) as proxy:
        environment.setenv("all_proxy", f"http://127.0.0.1:{proxy.port}")
        link = await dialler().dial("ws://model.invalid/", HEADERS, Listener())
        assert len(targets) == 1
        link.abort()


@pytest.mark.asyncio
async def test_loopback_and_no_proxy_go_directly(environment: pytest.MonkeyPatch) -> None:
    """This machine's own addresses and those of `no_proxy` never go through a proxy."""
    targets: Chronicle[str] = Chronicle()
    async with BareServer(tunnel(targets)) as proxy, BareServer() as upstream:
        environment.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        environment.setenv("no_proxy", "model.invalid")
        for host in ("127.0.0.1", "localhost"):
            url = f"ws://{host}:{upstream.port}/"
            (await dialler().dial(url, HEADERS, Listener())).abort()
        with pytest.raises(ModelError, match="model_unreachable"):
            await dialler().dial("ws://model.invalid/", HEADERS, Listener())
        assert len(targets) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", ["407 Proxy Authentication Required", "502 Bad Gateway"])
async def test_a_proxy_that_refuses_makes_the_model_unreachable(
    environment: pytest.MonkeyPatch, answer: str
) -> None:
    """What the proxy says is no answer of the model."""
    async with BareServer(answering(answer)) as proxy:
        environment.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(ModelError, match="model_unreachable"):
            await dialler().dial("ws://model.invalid/", HEADERS, Listener())


@pytest.mark.asyncio
async def test_a_proxy_that_never_answers_is_inside_the_deadline(
    environment: pytest.MonkeyPatch,
) -> None:
    """The one deadline covers the proxy too, and its connection is closed."""
    async with BareServer(never_answers) as proxy:
        environment.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(ModelError, match="model_unreachable"):
            async with asyncio.timeout(DEADLINE_S):
                await dialler(connect_timeout_s=0.05).dial("ws://model.invalid/", {}, Listener())
        await soon((await proxy.connection()).gone)


def test_the_link_looks_as_the_sdk_expects() -> None:
    """What the SDK calls on a connection is there: send, close, async iteration."""
    assert {"send", "close", "__aiter__", "__anext__"} <= vars(ModelLink).keys()
    assert asyncio.iscoroutinefunction(ModelLink.send)
    assert asyncio.iscoroutinefunction(ModelLink.close)
