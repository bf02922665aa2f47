"""The API for the people and programs behind the agents: which tool calls wait, and their decision.

Everything under ``/api/`` goes through one gate, the token of GATEWAY_API_TOKEN, and is closed to
everybody while there is none. Answers are JSON and are kept by nobody on the way.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.call.approvals import ApprovalRequest, Approvals
from gateway.call.reception import Reception
from gateway.settings import Settings

MAX_BODY_BYTES = 16 * 1024
MAX_MESSAGE_CHARS = 500
_MILLISECOND = timedelta(milliseconds=1)

Handler = Callable[[Request], Awaitable[Any]]
"""Takes a request that may do what it asks for; its result is the JSON of the answer."""


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    decision: Literal["approve", "reject"]
    message: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_CHARS)] | None = None


class Api:
    """The gate before every endpoint under ``/api/``."""

    def __init__(self, settings: Settings, reception: Reception) -> None:
        token = settings.api_token
        self._token = None if token is None else token.get_secret_value().encode()
        self._reception = reception

    def endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """An ASGI endpoint that lets only bearers of the token through to ``handler``."""

        async def answer(request: Request) -> Response:
            try:
                self._admit(request)
                return _json(await handler(request))
            except HTTPException as refusal:
                # Whoever is refused may still be sending: the connection goes, too.
                headers = {**(refusal.headers or {}), "Connection": "close"}
                return _json({"error": refusal.detail}, refusal.status_code, headers)

        return answer

    def _admit(self, request: Request) -> None:
        if self._token is None:
            self._reception.rejected("api_token")
            raise HTTPException(403, "closed: GATEWAY_API_TOKEN is not set")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(token.strip().encode(), self._token)
        if not right or scheme.lower() != "bearer":
            self._reception.rejected("api_token")
            wanted = "Authorization: Bearer <GATEWAY_API_TOKEN>"
            raise HTTPException(401, f"needs {wanted}", {"WWW-Authenticate": "Bearer"})


class ApprovalHandlers:
    """``/api/approvals``: the tool calls that wait for a person."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    async def pending(self, _request: Request) -> list[dict[str, Any]]:
        """Every tool call that waits, oldest first."""
        now = datetime.now(UTC)
        return [_shown(each, now) for each in self._approvals.pending()]

    async def decide(self, request: Request) -> dict[str, str]:
        """Approves or rejects a tool call that waits."""
        tool_call_id = request.path_params["tool_call_id"]
        decided = _decision(await _body(request))
        found = self._approvals.decide(
            tool_call_id, approve=decided.decision == "approve", message=decided.message
        )
        if not found:
            raise HTTPException(404, "nothing waits under this tool_call_id (any more)")
        return {"tool_call_id": tool_call_id, "decision": decided.decision}


def _shown(request: ApprovalRequest, now: datetime) -> dict[str, Any]:
    return {
        "tool_call_id": request.tool_call_id,
        "call_sid": request.call_sid,
        "agent": request.agent,
        "tool": request.tool,
        "arguments": request.arguments,
        "asked_at": request.asked_at.isoformat(),
        "deadline": request.deadline.isoformat(),
        "waits_ms": max(0, (now - request.asked_at) // _MILLISECOND),
        "left_ms": max(0, (request.deadline - now) // _MILLISECOND),
    }


async def _body(request: Request) -> bytes:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(413, f"the body has over {MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise HTTPException(400, "the body broke off") from None
    return body


def _decision(body: bytes) -> _Decision:
    try:
        decided = msgspec.json.decode(body, type=_Decision)
    except ValueError as error:
        expected = (
            '{"decision": "approve" or "reject", '
            f'"message": at most {MAX_MESSAGE_CHARS} characters for the agent, with reject only}}'
        )
        raise HTTPException(400, f"{error}; expected {expected}") from None
    decided.message = (decided.message or "").strip() or None
    if decided.message is not None and decided.decision == "approve":
        raise HTTPException(400, "`message` is told to the agent with `decision` reject only")
    return decided


def _json(
    content: Any, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})
) -> Response:
    # Pure ASCII: a model may write half a surrogate pair, which no other encoding takes.
    text = json.dumps(content)
    return Response(text, status, {**headers, "Cache-Control": "no-store"}, "application/json")
