"""``/api/approvals``: which tool calls wait for a person, and what they decide."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.call.approvals import ApprovalRequest, Approvals
from gateway.store.audit import AuditLog
from gateway.web.api.answers import body_of
from gateway.web.api.endpoint import Endpoint, who_asks

MAX_MESSAGE_CHARS = 500
_MILLISECOND = timedelta(milliseconds=1)


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody decided."""

    decision: Literal["approve", "reject"]
    message: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_CHARS)] | None = None


class Waits(msgspec.Struct):
    """A tool call that waits."""

    tool_call_id: str
    call_sid: str
    agent: str
    tool: str
    arguments: str
    asked_at: datetime
    deadline: datetime
    waits_ms: int
    left_ms: int


class Decided(msgspec.Struct):
    """What was decided, and of which."""

    tool_call_id: str
    decision: Literal["approve", "reject"]


class ApprovalHandlers:
    """``/api/approvals``: the tool calls that wait for a person."""

    def __init__(self, approvals: Approvals, audit: AuditLog | None = None) -> None:
        self._approvals = approvals
        self._audit = audit

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        path = "/api/approvals"
        return [
            Endpoint(
                "GET",
                path,
                "viewer",
                self.pending,
                "The tool calls that wait, oldest first",
                answer=list[Waits],
            ),
            Endpoint(
                "POST",
                f"{path}/{{tool_call_id}}",
                "operator",
                self.decide,
                "Approves or rejects a tool call that waits",
                body=Decision,
                answer=Decided,
            ),
        ]

    async def pending(self, _request: Request) -> list[dict[str, Any]]:
        """Every tool call that waits, oldest first."""
        return waiting(self._approvals)

    async def decide(self, request: Request) -> dict[str, str]:
        """Approves or rejects a tool call that waits."""
        tool_call_id = request.path_params["tool_call_id"]
        decided = _decision(await body_of(request))
        waits = [each for each in self._approvals.pending() if each.tool_call_id == tool_call_id]
        found = self._approvals.decide(
            tool_call_id, approve=decided.decision == "approve", message=decided.message
        )
        if not found:
            raise HTTPException(404, "nothing waits under this tool_call_id (any more)")
        if self._audit is not None:
            who, action = who_asks(request), decided.decision
            for each in waits:
                self._audit.note(who, action, call_sid=each.call_sid, detail=each.tool)
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


def _decision(body: bytes) -> Decision:
    try:
        decided = msgspec.json.decode(body, type=Decision)
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
