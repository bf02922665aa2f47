"""One request to the carrier's REST interface, and what each way of failing means.

The SDK asks through this: its own clients have no limit on an answer (the blocking one waits for
ever, the asynchronous one ignores its `timeout`, measured with 9.13), and both let errors of the
library underneath out as they are.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from gateway.errors import GatewayError
from gateway.settings import is_loopback

CONNECT_S = 5.0
"""Longest wait for a connection."""
LIMIT_S = 15.0
"""Longest wait for an answer."""
_UNSENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


class CarrierRefused(GatewayError):
    """The carrier said no: nothing was done."""

    def __init__(self, text: str, status: int, code: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        """Of HTTP."""
        self.code = code
        """The carrier's own number for it (https://www.twilio.com/docs/api/errors), if any."""


class CarrierBusy(CarrierRefused):
    """429: never processed, safe to ask again."""


class CarrierUnknown(GatewayError):
    """It failed, was silent or hung up in the middle: it may or may not have been done."""


class CarrierAway(GatewayError):
    """No connection was made: nothing was sent."""


CARRIER_FAULTS = (CarrierRefused, CarrierUnknown, CarrierAway)
"""What a question to the carrier may end with."""


class Answer:
    """What the SDK reads of an answer."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.text = text
        self.headers = headers


class Wire:
    """What the SDK calls its HTTP client. Raises the errors of this module only.

    Each request has a connection of its own: one that was kept might be closed by the other side
    at the very moment of a request, and nobody would know whether it had been read.
    """

    is_async = True

    def __init__(self, url: str, limit_s: float = LIMIT_S) -> None:
        """``url``: where the requests go. ``limit_s``: longest wait for an answer."""
        self._limit_s = limit_s
        self._place = _place(url)
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(limit_s, connect=min(CONNECT_S, limit_s)),
            limits=httpx2.Limits(max_keepalive_connections=0),
            trust_env=not is_loopback(url),  # no proxy on the way to this machine
        )

    async def close(self) -> None:
        """Closes what is open."""
        await self._http.aclose()

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Answer:
        """One request, never repeated here; what it is answered if that is 2xx and JSON."""
        try:
            answer = await self._http.request(
                method,
                f"{url}?{urlencode(params, doseq=True)}" if params else url,
                content=urlencode(data, doseq=True) if data else None,
                headers=dict(headers or {}),
                auth=auth,
            )
        except _UNSENT as error:
            raise CarrierAway(f"{self._place}: {_cause(error)}; nothing was sent") from None
        except httpx2.TimeoutException:
            raise unknown(method, f"{self._place}: no answer within {self._limit_s:g} s") from None
        except httpx2.HTTPError as error:
            raise unknown(method, f"{self._place}: cut off ({_cause(error)})") from None
        return self._judged(method, answer)

    def _judged(self, method: str, answer: httpx2.Response) -> Answer:
        status, said = answer.status_code, _object(answer.text)
        if 200 <= status < 300 and said is not None:
            return Answer(status, answer.text, answer.headers)
        if 400 <= status < 500:
            raise refusal(status, said or {})
        text = (
            "an answer that is not JSON" if status < 300 else str((said or {}).get("message", ""))
        )
        raise unknown(method, f"{self._place}: HTTP {status}" + (f", {text}" if text else ""))


def refusal(status: int, said: Mapping[str, Any]) -> CarrierRefused:
    """What an answer of class 4xx means. ``said``: its JSON."""
    code = said.get("code")
    number = code if isinstance(code, int) else None
    known = f"HTTP {status}" + (f", {number}" if number else "")
    if status == 401:
        return CarrierRefused(
            "TWILIO_AUTH_TOKEN: the carrier does not accept it for this TWILIO_ACCOUNT_SID "
            f"({known}); of several the first is used",
            status,
            number,
        )
    if status == 429:
        return CarrierBusy(f"the carrier takes no more requests just now ({known})", status, number)
    # RFC 9457 has `detail` and `title`, Twilio's older form `message`.
    text = said.get("message") or said.get("detail") or said.get("title") or "it does not say why"
    return CarrierRefused(f"the carrier refused: {text} ({known})", status, number)


def unknown(method: str, text: str) -> CarrierUnknown:
    """The error of a request whose fate is not known; one that only reads has none."""
    return CarrierUnknown(text if method == "GET" else f"{text}; it may have been done or not")


def _place(url: str) -> str:
    """Who is asked, in the words of the setting."""
    host = urlsplit(url).netloc
    return "Twilio" if host == "api.twilio.com" else f"GATEWAY_TWILIO_API_URL ({host})"


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__


def _object(text: str) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
