"""The running gateway's API, as commands ask it: where it is, what opens it, what went wrong."""

from types import TracebackType
from typing import Any

import httpx2

from gateway.errors import GatewayError
from gateway.ops.apitokens import api_tokens
from gateway.settings import Settings, is_loopback

LIMIT_S = 20.0
"""The API may have to ask the carrier, which has 15 s."""
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout)
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


class Unreachable(GatewayError):
    """Nobody answers there."""

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent
        """False when there was no connection, so that surely nothing was asked."""


class Refused(GatewayError):
    """The gateway says no."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        super().__init__(str(answer.get("error") or f"HTTP {status}"))
        self.status = status
        self.answer = answer


class GatewayApi:
    """One gateway's API. Used as a context: it is closed at the end."""

    def __init__(self, settings: Settings, url: str | None = None) -> None:
        """``url``: where the gateway is, if not where the settings say. Raises GatewayError.

        On its own machine a gateway that nobody can sign in at needs no token.
        """
        tokens = api_tokens(settings)
        self.url = (url or address_of(settings)).rstrip("/")
        if not tokens and not is_loopback(self.url):
            raise GatewayError("neither GATEWAY_API_TOKEN nor TWILIO_AUTH_TOKEN is set")
        self.headers = {"Authorization": f"Bearer {tokens[0]}"} if tokens else {}
        """What opens it, sockets too."""
        self._http = httpx2.Client(
            base_url=self.url,
            headers=self.headers,
            timeout=LIMIT_S,
            trust_env=False,
        )

    def __enter__(self) -> "GatewayApi":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The JSON object of one answer. Raises Unreachable, or Refused."""
        said = self._said(method, path, **request)
        if not isinstance(said, dict):
            raise self._no_gateway(200)
        return said

    def listed(self, path: str) -> list[dict[str, Any]]:
        """The JSON array of one answer. Raises Unreachable, or Refused."""
        said = self._said("GET", path)
        if not isinstance(said, list):
            raise self._no_gateway(200)
        return said

    def _said(self, method: str, path: str, **request: Any) -> Any:
        try:
            answer = self._http.request(method, path, **request)
        except httpx2.InvalidURL as error:
            raise GatewayError(f"{self.url} is no address: {error}") from None
        except httpx2.HTTPError as error:
            text = f"no gateway answers at {self.url} ({_why(error)})"
            raise Unreachable(text, sent=not isinstance(error, _UNSENT)) from None
        try:
            said = answer.json()
        except ValueError:
            said = None
        if answer.status_code < 400 and said is not None:
            return said
        if not isinstance(said, dict):
            raise self._no_gateway(answer.status_code)
        raise Refused(answer.status_code, said)

    def _no_gateway(self, status: int) -> GatewayError:
        return GatewayError(f"what answers at {self.url} is no gateway (HTTP {status})")


def address_of(settings: Settings) -> str:
    """Where a gateway of these settings listens, from the same machine."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host and '[' not in host else host}:{settings.port}"


def _why(error: httpx2.HTTPError) -> str:
    return str(error) or type(error).__name__
