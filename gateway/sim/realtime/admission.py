"""Owns the door: which upgrade requests are refused, and where in the handshake. Pure.

Wrong keys and models are refused after the 101, by an `error` event and a CLOSE (captured).
Wrong paths never get that far.
"""

import hmac
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers

from gateway.sim.realtime import errors
from gateway.sim.realtime.options import RealtimeOptions

PATH = "/v1/realtime"
_KEY_SUBPROTOCOL = "openai-insecure-api-key."


@dataclass(frozen=True, slots=True)
class Request:
    """What an upgrade request asks for."""

    path: str
    query: dict[str, str]
    headers: Headers

    @classmethod
    def of(cls, target: str, headers: Headers) -> "Request":
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return cls(parts.path, query, headers)


def admit(request: Request, options: RealtimeOptions) -> str:
    """The model of the new session; raises the `Refusal` to send."""
    _check_key(_key(request.headers), options.api_key)
    if any(value.strip() == "realtime=v1" for value in request.headers.get_all("OpenAI-Beta")):
        raise errors.beta_shape()
    model = request.query.get("model")
    if model is None:
        raise errors.no_model()
    if model not in options.models:
        raise errors.bad_model(model)
    return model


def _check_key(key: str, wanted: str | None) -> None:
    if not key:
        raise errors.no_key()
    if wanted is not None and not hmac.compare_digest(key.encode(), wanted.encode()):
        raise errors.bad_key(key)


def _key(headers: Headers) -> str:
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    # Browsers cannot set headers: they offer the key as a subprotocol.
    offered = ",".join(headers.get_all("Sec-WebSocket-Protocol")).split(",")
    names = (name.strip() for name in offered)
    keys = (name[len(_KEY_SUBPROTOCOL) :] for name in names if name.startswith(_KEY_SUBPROTOCOL))
    return next(keys, "")
