"""The carrier's first step: a signed voice webhook, and the `<Stream>` in its answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from twilio.request_validator import RequestValidator


@dataclass(frozen=True, slots=True)
class Account:
    """The account whose calls are placed, and the gateway's public address they are placed to."""

    sid: str
    token: str
    public_url: str

    def sign(self, url: str, params: dict[str, str]) -> str:
        """`X-Twilio-Signature` for a request to `url` (for an upgrade: no parameters)."""
        return cast(str, RequestValidator(self.token).compute_signature(url, params))


@dataclass(frozen=True, slots=True)
class Stream:
    """Where to connect, and what to pass in `start`."""

    url: str
    parameters: dict[str, str]


class WebhookRefused(Exception):
    """The gateway did not answer with `<Connect><Stream>`."""


async def request_stream(account: Account, call_sid: str, number: int) -> Stream:
    """Announces a call and reads the TwiML. Raises WebhookRefused, OSError, TimeoutError."""
    url = f"{account.public_url}/twilio/voice"
    params = {
        "AccountSid": account.sid,
        "ApiVersion": "2010-04-01",
        "CallSid": call_sid,
        "CallStatus": "ringing",
        "Called": "+15550100000",
        "Caller": f"+1555{number:07d}",
        "Direction": "inbound",
        "From": f"+1555{number:07d}",
        "To": "+15550100000",
    }
    async with asyncio.timeout(15):  # Twilio's own limit for a webhook
        status, body = await _post(url, params, account.sign(url, params))
    if status != 200:
        raise WebhookRefused(f"webhook answered {status}: {body[:200]!r}")
    stream = ElementTree.fromstring(body).find("./Connect/Stream")
    if stream is None or not stream.get("url"):
        raise WebhookRefused(f"no <Connect><Stream> in {body[:300]!r}")
    parameters = {p.get("name", ""): p.get("value", "") for p in stream.iter("Parameter")}
    return Stream(stream.get("url", ""), parameters)


async def _post(url: str, params: dict[str, str], signature: str) -> tuple[int, bytes]:
    parts, body = urlsplit(url), urlencode(params).encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"User-Agent: TwilioProxy/1.1\r\nX-Twilio-Signature: {signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        writer.write(head.encode() + body)
        answer = await reader.read()
    finally:
        writer.close()
    top, _, content = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in top.lower():
        content = _dechunk(content)
    return int(top.split(b" ", 2)[1]), content


def _dechunk(content: bytes) -> bytes:
    parts = []
    while content:
        size, _, content = content.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        parts.append(content[:length])
        content = content[length + 2 :]
    return b"".join(parts)
