"""The API for the people and programs behind the agents: which tool calls wait, and their decision.

Everything under ``/api/`` goes through one gate: the token of GATEWAY_API_TOKEN, or the one the
command line makes of the first auth token, so that it needs no set-up on the gateway's own machine.
Without the one it is closed to everybody who has not the other.
"""

import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.call.approvals import ApprovalRequest, Approvals
from gateway.call.reception import Reception
from gateway.ops.apitokens import api_tokens
from gateway.settings import Settings
from gateway.web.answers import answered, body_of

MAX_MESSAGE_CHARS = 500
_MILLISECOND = timedelta(milliseconds=1)

Handler = Callable[[Request], Awaitable[Any]]
"""Takes a request that may do what it asks for; its result is the JSON of the answer, or it."""


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    decision: Literal["approve", "reject"]
    message: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_CHARS)] | None = None


class Api:
    """The gate before every endpoint under ``/api/``."""

    def __init__(self, settings: Settings, reception: Reception) -> None:
        self._open = settings.api_token is not None
        self._tokens = [each.encode() for each in api_tokens(settings)]
        self._reception = reception

    def endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """An ASGI endpoint that lets only bearers of the token through to ``handler``."""

        async def answer(request: Request) -> Response:
            try:
                self._admit(request)
                result = await handler(request)
                return result if isinstance(result, Response) else answered(result)
            except HTTPException as refusal:
                # Whoever is refused may still be sending: the connection goes, too.
                headers = {**(refusal.headers or {}), "Connection": "close"}
                return answered({"error": refusal.detail}, refusal.status_code, headers)

        return answer

    def _admit(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip().encode()
        right = [hmac.compare_digest(given, each) for each in self._tokens]
        if any(right) and scheme.lower() == "bearer":
            return
        self._reception.rejected("api_token")
        if not self._open:
            raise HTTPException(403, "closed: GATEWAY_API_TOKEN is not set")
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
        decided = _decision(await body_of(request))
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
