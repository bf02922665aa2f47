"""``/api/approvals``: which tool calls wait for a person, and what they decide."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.call.approvals import ApprovalRequest, Approvals
from gateway.web.api.answers import body_of
from gateway.web.api.endpoint import Endpoint

MAX_MESSAGE_CHARS = 500
_MILLISECOND = timedelta(milliseconds=1)


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    decision: Literal["approve", "reject"]
    message: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_CHARS)] | None = None


class ApprovalHandlers:
    """``/api/approvals``: the tool calls that wait for a person."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        path = "/api/approvals"
        return [
            Endpoint("GET", path, "viewer", self.pending, "The tool calls that wait, oldest first"),
            Endpoint(
                "POST",
                f"{path}/{{tool_call_id}}",
                "operator",
                self.decide,
                "Approves or rejects a tool call that waits",
            ),
        ]

    async def pending(self, _request: Request) -> list[dict[str, Any]]:
        """Every tool call that waits, oldest first."""
        return waiting(self._approvals)

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


def waiting(approvals: Approvals) -> list[dict[str, Any]]:
    """The tool calls that wait, oldest first, for JSON."""
    now = datetime.now(UTC)
    return [_shown(each, now) for each in approvals.pending()]


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
