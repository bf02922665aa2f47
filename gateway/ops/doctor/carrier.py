"""Acts as the carrier would towards our public address: signed webhooks, signed upgrades.

Requests and limits are Twilio's (docs: webhooks, connection overrides; the upgrade as captured).
Redirects are not followed, and no proxy of the environment is used: the carrier has none.
"""

import asyncio
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import httpx2
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect

from gateway.core.refused import HEADER
from gateway.errors import GatewayError
from gateway.settings import Settings

CALLER = "client:gateway-doctor"
"""Who the doctor's calls are from, in records, logs and webhooks: no phone has such a number."""
CONNECT_S = 5.0
ANSWER_S = 15.0
MOST_BYTES = 64 * 1024
"""Twilio reads no longer TwiML (11750); neither does the doctor read any answer further."""
_CALL_SID = "CAd0c70000"
_FORM = "application/x-www-form-urlencoded; charset=UTF-8"


class NoAnswer(GatewayError):
    """A request was not answered; ``connected`` tells whether anybody was there at all."""

    def __init__(self, words: str, *, connected: bool) -> None:
        super().__init__(words)
        self.connected = connected


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """By names in small letters."""
    body: bytes
    took_ms: float

    @property
    def refused(self) -> str:
        """The reason with which our own gateway refused; empty when it was not ours."""
        return self.headers.get(HEADER.lower(), "")

    @property
    def who(self) -> str:
        """Who answered, as far as it says so."""
        return self.headers.get("server", "") or "a server that does not say what it is"

    @property
    def words(self) -> str:
        """The beginning of what it said."""
        return self.body[:80].decode(errors="replace").strip()


class _Upgrade(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Carrier:
    """Twilio, for one look at our public address."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.base = settings.public_url
        self.tls = ssl.create_default_context()
        self._http = httpx2.AsyncClient(
            verify=self.tls,
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    @property
    def host(self) -> str:
        """Host and port of the public address."""
        return urlsplit(self.base).netloc

    async def get(self, url: str) -> Answer:
        """A plain request, for what should be answered at once. Raises NoAnswer."""
        return await self._ask("GET", url, None, {}, limit_s=CONNECT_S)

    async def post(
        self, path: str, form: Mapping[str, str], *, to: str = "", signed_as: str = ""
    ) -> Answer:
        """A signed webhook. Raises NoAnswer.

        ``to`` is another base to send it to, ``signed_as`` another one to sign for.
        """
        url, signed = (to or self.base) + path, (signed_as or self.base) + path
        headers = {
            "Content-Type": _FORM,
            "I-Twilio-Idempotency-Token": str(uuid4()),
            "X-Twilio-Signature": self._signature(signed, form),
        }
        body = urlencode(form).encode()
        return await self._ask("POST", url, body, headers, limit_s=ANSWER_S)

    async def open(self, url: str) -> ClientConnection:
        """A media socket, upgraded. Raises what ``websockets`` raises."""
        return await _Upgrade(
            url,
            additional_headers={"X-Twilio-Signature": self._signature(url, {})},
            user_agent_header="Twilio.TmeWs/1.0",
            compression=None,
            proxy=None,
            open_timeout=CONNECT_S,
            close_timeout=2,
            ping_interval=None,
            max_size=1 << 20,
            ssl=self.tls if url.startswith("wss:") else None,
        )

    def form(self, call_sid: str, status: str, **more: str) -> dict[str, str]:
        """What every voice request of a call carries."""
        called = self.settings.twilio_phone_number or CALLER
        return {
            "AccountSid": self.settings.twilio_account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": call_sid,
            "CallStatus": status,
            "Called": called,
            "Caller": CALLER,
            "CallerName": "",
            "Direction": "inbound",
            "From": CALLER,
            "To": called,
            **more,
        }

    def _signature(self, url: str, form: Mapping[str, str]) -> str:
        tokens = self.settings.auth_tokens
        signature: str = RequestValidator(tokens[0]).compute_signature(url, form)
        return signature

    async def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        limit_s: float,
    ) -> Answer:
        began = time.monotonic()
        sent: dict[str, Any] = {"User-Agent": "TwilioProxy/1.1", "Accept": "*/*", **headers}
        try:
            # The client's own limits first: cancelled in the middle of TLS, it forgets its socket.
            async with (
                asyncio.timeout(limit_s + 2 * CONNECT_S),
                self._http.stream(
                    method,
                    url,
                    content=body,
                    headers=sent,
                    timeout=httpx2.Timeout(limit_s, connect=CONNECT_S),
                ) as response,
            ):
                said = await _beginning(response)
        except httpx2.ConnectTimeout:
            raise NoAnswer(f"no connection within {CONNECT_S:g} s", connected=False) from None
        except httpx2.ConnectError as error:
            raise NoAnswer(_why(error), connected=False) from None
        except (httpx2.TimeoutException, TimeoutError):
            raise NoAnswer(f"no answer within {limit_s:g} s", connected=True) from None
        except httpx2.TransportError as error:
            raise NoAnswer(f"cut off ({_why(error)})", connected=True) from None
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, named, said, (time.monotonic() - began) * 1000)


def new_call_sid() -> str:
    """A CallSid that begins like no other: the doctor's."""
    return _CALL_SID + uuid4().hex[: 34 - len(_CALL_SID)]


async def _beginning(response: httpx2.Response) -> bytes:
    said = b""
    async for part in response.aiter_bytes():
        said += part
        if len(said) >= MOST_BYTES:
            break
    return said[:MOST_BYTES]


def _why(error: BaseException) -> str:
    """The system's own words for it, where there are any beneath the library's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            # Negative: of the name look-up, with words of its own.
            return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
