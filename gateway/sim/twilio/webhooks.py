"""Owns the requests Twilio makes of an application: signed, form-encoded, with its timeouts and
retries.

Time limits and retries: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
Redirects are not followed: anything but a 2xx answer is error 11200.
"""

import asyncio
import functools
import ssl
import time
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from gateway.sim.twilio.debugger import (
    HTTP_CONNECT_FAILED,
    HTTP_ERROR,
    STATUS_CALLBACK_ANSWER,
    Debugger,
    TwilioFault,
)
from gateway.sim.twilio.signing import signature
from gateway.sim.twilio.twiml import parse

Pairs = Sequence[tuple[str, str]]

_USER_AGENT: Final = "TwilioProxy/1.1"
_RECORDS_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered."""

    url: str
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """One attempt of one request, for assertions."""

    at_s: float
    call_sid: str
    method: str
    url: str
    pairs: Pairs
    status: int | None
    """HTTP status; None when there was no answer."""
    token: str
    """`I-Twilio-Idempotency-Token`, the same for all attempts of a request."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Connection overrides from the fragment of a URL, e.g. `#ct=2000&rt=5000&rc=2&rp=all`."""

    connect_ms: int = 5000
    read_ms: int = 15_000
    total_ms: int = 15_000
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})
    """Which failures are tried again: 4xx, 5xx, ct, rt, all. Twilio's default is not documented."""

    @classmethod
    def of(cls, url: str, total_ms: int = 15_000) -> "Overrides":
        """The overrides in this URL; values out of range are moved into it, nonsense counts as
        absent."""
        given = dict(parse_qsl(url.partition("#")[2]))
        return cls(
            connect_ms=_within(given.get("ct"), 100, 10_000, 5000),
            read_ms=_within(given.get("rt"), 100, 15_000, total_ms),
            total_ms=_within(given.get("tt"), 100, 15_000, total_ms),
            retries=_within(given.get("rc"), 0, 5, 1),
            policy=frozenset(given.get("rp", "ct").split(",")),
        )

    def again(self, failure: str) -> bool:
        """Whether a failure of this kind is tried again."""
        return "all" in self.policy or failure in self.policy


def _within(text: str | None, low: int, high: int, default: int) -> int:
    return min(high, max(low, int(text))) if text and text.isdecimal() else default


class _Failed(Exception):
    def __init__(self, kind: str, code: int, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.code = code
        self.detail = detail


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """Loading the certificates takes longer than many a call; once is enough."""
    return ssl.create_default_context()


class Webhooks:
    """Makes the requests of one account."""

    def __init__(self, auth_token: str, debugger: Debugger, timeout_s: float = 15.0) -> None:
        self.records: deque[WebhookRecord] = deque(maxlen=_RECORDS_KEPT)
        self._auth_token = auth_token
        self._debugger = debugger
        self._total_ms = round(timeout_s * 1000)
        self._client = httpx2.AsyncClient(
            verify=_tls_context(),
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def fetch(self, call_sid: str, url: str, pairs: Pairs, method: str = "POST") -> Answer:
        """Asks `url`, trying again as the overrides say; `TwilioFault` 11200 or 11205 when nothing
        helps."""
        if not is_url(url):
            raise TwilioFault(HTTP_ERROR, f"{url!r} is not an absolute URL")
        overrides = Overrides.of(url, self._total_ms)
        token = str(uuid.uuid4())
        left = overrides.retries
        while True:
            try:
                return await self._attempt(call_sid, url, pairs, method, overrides, token)
            except _Failed as failed:
                if not left or not overrides.again(failed.kind):
                    raise TwilioFault(failed.code, failed.detail) from failed
                left -= 1

    async def notify(self, call_sid: str, url: str, pairs: Pairs, method: str = "POST") -> None:
        """Sends a status callback. Its answer must be 204, or 200 with valid TwiML, else 15003 is
        logged."""
        try:
            answer = await self.fetch(call_sid, url, pairs, method)
            if answer.status != 204:
                parse(answer.body, answer.content_type)
        except TwilioFault as fault:
            self._debugger.log(STATUS_CALLBACK_ANSWER, call_sid, f"{_plain(url)}: {fault}")

    async def _attempt(
        self,
        call_sid: str,
        url: str,
        pairs: Pairs,
        method: str,
        overrides: Overrides,
        token: str,
    ) -> Answer:
        status: int | None = None
        try:
            answer = await self._send(url, pairs, method, overrides, token)
            status = answer.status
        finally:
            record = WebhookRecord(time.monotonic(), call_sid, method, url, pairs, status, token)
            self.records.append(record)
        if 200 <= status < 300:
            return answer
        kind = "5xx" if status >= 500 else "4xx" if status >= 400 else "3xx"
        raise _Failed(kind, HTTP_ERROR, f"{_plain(url)} answered {status}")

    async def _send(
        self, url: str, pairs: Pairs, method: str, overrides: Overrides, token: str
    ) -> Answer:
        try:
            request = self._request(url, pairs, method, overrides, token)
            async with asyncio.timeout((overrides.connect_ms + overrides.total_ms) / 1000):
                response = await self._client.send(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            detail = f"{_plain(url)}: no connection ({error})"
            raise _Failed("ct", HTTP_CONNECT_FAILED, detail) from error
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise _Failed("rt", HTTP_ERROR, f"{_plain(url)}: no answer in time") from error
        except httpx2.InvalidURL as error:
            raise _Failed("url", HTTP_ERROR, f"{url!r}: {error}") from error
        except httpx2.TransportError as error:
            detail = f"{_plain(url)}: the connection broke ({error})"
            raise _Failed("rt", HTTP_ERROR, detail) from error
        content_type = response.headers.get("content-type", "")
        return Answer(url, response.status_code, content_type, response.content)

    def _request(
        self, url: str, pairs: Pairs, method: str, overrides: Overrides, token: str
    ) -> httpx2.Request:
        target = _plain(url)
        content: bytes | None = None
        signed: Iterable[tuple[str, str]] = ()
        headers = {"User-Agent": _USER_AGENT, "Accept": "*/*", "I-Twilio-Idempotency-Token": token}
        if method == "GET":
            target = with_query(target, pairs)
        else:
            signed = pairs
            content = urlencode(pairs).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        headers["X-Twilio-Signature"] = signature(self._auth_token, target, signed)
        read_s = overrides.read_ms / 1000
        timeout = httpx2.Timeout(read_s, connect=overrides.connect_ms / 1000, pool=None)
        return self._client.build_request(
            method, target, content=content, headers=headers, timeout=timeout
        )


def is_url(text: str) -> bool:
    """Whether it is an absolute http or https URL."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def with_query(url: str, pairs: Pairs) -> str:
    """`url` with these pairs added to its query."""
    if not pairs:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs)}"


def _plain(url: str) -> str:
    return url.partition("#")[0]
