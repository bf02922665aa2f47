"""Owns what happens to every REST request before and after its handler: password, record,
faults."""

import asyncio
import base64
import binascii
import hmac
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.sim.twilio.faults import RestFault
from gateway.sim.twilio.rest_errors import refusal

Pairs = tuple[tuple[str, str], ...]
_RECORDS_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class RestRequest:
    """One request as it came, without the password."""

    at_s: float
    user: str
    """Who it says it is (basic auth)."""
    method: str
    path: str
    headers: dict[str, str]
    query: Pairs
    form: Pairs
    """The form in its order, repeated names repeated."""


class RestBook:
    """What was asked of the REST API, and the faults its next requests will meet."""

    def __init__(self) -> None:
        self.requests: deque[RestRequest] = deque(maxlen=_RECORDS_KEPT)
        self.faults: list[RestFault] = []


class RestGate:
    """ASGI middleware around the REST API; what is below `/twin` needs the password only."""

    def __init__(self, app: ASGIApp, account_sid: str, auth_token: str, book: RestBook) -> None:
        self._book = book
        self._app = app
        self._password = f"{account_sid}:{auth_token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        own = request.url.path.startswith("/twin/")
        if not own:
            self._record(request, body)
        if not self._knows(request.headers.get("authorization", "")):
            await refusal(20003, "Authenticate", 401)(scope, receive, send)
            return
        handle = _replayed(self._app, scope, body)
        fault = None if own else self._take_fault(request)
        if fault is None:
            await handle(send)
        else:
            await _suffer(fault, handle, scope, send)

    def _record(self, request: Request, body: bytes) -> None:
        headers = {k: v for k, v in request.headers.items() if k != "authorization"}
        is_form = "urlencoded" in request.headers.get("content-type", "")
        form = parse_qsl(body.decode(errors="replace"), keep_blank_values=True) if is_form else []
        self._book.requests.append(
            RestRequest(
                at_s=time.monotonic(),
                user=_credentials(request.headers.get("authorization", ""))[0].decode("latin-1"),
                method=request.method,
                path=request.url.path,
                headers=headers,
                query=tuple(request.query_params.multi_items()),
                form=tuple(form),
            )
        )

    def _knows(self, authorization: str) -> bool:
        return hmac.compare_digest(b":".join(_credentials(authorization)), self._password)

    def _take_fault(self, request: Request) -> RestFault | None:
        for fault in self._book.faults:
            if fault.matches(request.method, request.url.path):
                self._book.faults.remove(fault)
                return fault
        return None


def _credentials(authorization: str) -> tuple[bytes, bytes]:
    """User and password of basic auth, both empty for anything else."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        given = b""
    user, _, password = given.partition(b":") if scheme.lower() == "basic" else (b"", b"", b"")
    return user, password


Handle = Callable[[Send], Awaitable[None]]


def _replayed(app: ASGIApp, scope: Scope, body: bytes) -> Handle:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def handle(send: Send) -> None:
        await app(scope, receive, send)

    return handle


async def _suffer(fault: RestFault, handle: Handle, scope: Scope, send: Send) -> None:
    if fault.after:
        await handle(_nowhere)
    if fault.delay_s:
        await asyncio.sleep(fault.delay_s)
    if fault.cut:
        # An answer that promises more than it holds makes the server close the connection.
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
    elif fault.status is not None:
        answer: Response = refusal(fault.code, fault.message, fault.status)
        await answer(scope, _no_body, send)
    elif not fault.after:
        await handle(send)


async def _nowhere(message: object) -> None:
    return None


async def _no_body() -> dict[str, object]:
    return {"type": "http.disconnect"}
