"""One request to the carrier: what each kind of answer means, from a server that gives any."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.ops.wire import (
    CarrierAway,
    CarrierBusy,
    CarrierRefused,
    CarrierUnknown,
    Wire,
    refusal,
    unknown,
)


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that gives that answer to whatever it is asked, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65536))
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", asked
    finally:
        server.close()
        await server.wait_closed()


def http(status: int, body: str, *headers: str) -> bytes:
    """An answer."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body.encode())}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@pytest.mark.asyncio
async def test_an_answer_is_what_the_sdk_reads() -> None:
    """Status, text and headers; repeated values and odd characters in query and form."""
    async with answering(http(201, '{"a": "ü"}', "x-b: c")) as (url, asked):
        wire = Wire(url, 2)
        answer = await wire.request(
            "POST", url, params={"To>": "+1 2"}, data={"a": ["x", "y"]}, auth=("AC1", "token")
        )
        await wire.close()
    assert (answer.status_code, answer.text, answer.headers["x-b"]) == (201, '{"a": "ü"}', "c")
    assert asked[0].startswith(b"POST /?To%3E=%2B1+2 HTTP/1.1\r\n")
    assert b"authorization: basic qumxonrva2vu" in asked[0].lower()
    assert b"content-length: 7\r\n" in asked[0].lower()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (http(200, "<html>"), CarrierUnknown, "HTTP 200, an answer that is not JSON"),
        (http(200, "[1]"), CarrierUnknown, "not JSON"),
        (http(302, "", "location: http://127.0.0.1:1/"), CarrierUnknown, "HTTP 302"),
        (http(502, "<html>"), CarrierUnknown, "HTTP 502"),
        (http(503, '{"message": "later"}'), CarrierUnknown, "HTTP 503, later"),
        (http(404, "<html>"), CarrierRefused, "it does not say why .HTTP 404"),
        (http(429, ""), CarrierBusy, "HTTP 429"),
        (b"", CarrierUnknown, "cut off"),
        (b"nonsense\r\n\r\n", CarrierUnknown, "cut off"),
    ],
)
async def test_odd_answers_have_a_meaning(answer: bytes, kind: type, words: str) -> None:
    """None of them is taken for success, and no redirection is followed."""
    async with answering(answer) as (url, asked):
        wire = Wire(url, 2)
        with pytest.raises(kind, match=words):
            await wire.request("POST", url)
        await wire.close()
    assert len(asked) == 1


def test_a_refusal_in_either_shape() -> None:
    """Twilio's own and RFC 9457; a code that is no number is none."""
    old = refusal(400, {"code": 21211, "message": "not valid"})
    new = refusal(400, {"type": "x", "title": "No", "status": 400, "code": 7, "detail": "because"})
    assert (str(old), old.status, old.code) == (
        "the carrier refused: not valid (HTTP 400, 21211)",
        *(400, 21211),
    )
    assert (str(new), new.code) == ("the carrier refused: because (HTTP 400, 7)", 7)
    assert refusal(400, {"code": "x"}).code is None


def test_only_what_changes_something_may_have_been_done() -> None:
    """Of a question nobody needs to know."""
    assert str(unknown("GET", "x")) == "x"
    assert str(unknown("POST", "x")) == "x; it may have been done or not"


@pytest.mark.asyncio
async def test_plain_text_is_not_spoken_where_tls_is_meant() -> None:
    """A server that speaks no TLS is not spoken to, and nothing was sent."""
    async with answering(http(200, "{}")) as (url, _):
        wire = Wire("https" + url.removeprefix("http"), 2)
        with pytest.raises(CarrierAway):
            await wire.request("POST", "https" + url.removeprefix("http"))
        await wire.close()
