"""What requests under `/api/` bring and get."""

import json

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from gateway.web.api.answers import MAX_BODY_BYTES, answered, body_of


def request(*chunks: bytes, whole: bool = True) -> Request:
    """A request whose body comes in these pieces; or its client leaves before the end."""
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages.append({"type": "http.request", "body": b""} if whole else {"type": "http.disconnect"})

    async def receive() -> Message:
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


@pytest.mark.asyncio
async def test_a_body_is_put_together() -> None:
    """From all its pieces, up to the limit."""
    assert await body_of(request(b"ab", b"cd")) == b"abcd"
    assert len(await body_of(request(b"x" * MAX_BODY_BYTES))) == MAX_BODY_BYTES


@pytest.mark.asyncio
async def test_a_body_without_end_is_refused() -> None:
    """As is one that breaks off."""
    with pytest.raises(HTTPException) as long:
        await body_of(request(b"x" * MAX_BODY_BYTES, b"x"))
    with pytest.raises(HTTPException) as broken:
        await body_of(request(b"x", whole=False))
    assert (long.value.status_code, broken.value.status_code) == (413, 400)


def test_an_answer_is_json_that_nobody_keeps() -> None:
    """In ASCII, with its status and its headers."""
    answer = answered({"text": "ü\ud800"}, 201, {"X-More": "1"})
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    assert (answer.headers["cache-control"], answer.headers["x-more"]) == ("no-store", "1")
    body = bytes(answer.body)
    assert body.isascii()
    assert json.loads(body) == {"text": "ü\ud800"}
