"""Tool calls that wait for a person: who asks for what, until when, and what was decided.

One registry for all calls of the process, on the call loop. Each request is decided once: by a
person, by its time running out, or by nobody because its call ended. What the tool would be called
with is for the person who decides, never for a log.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

NOBODY_DECIDED = "Not done: nobody approved it in time. Tell the caller that it was not done."
"""What the agent learns when the time is up."""
CANNOT_BE_TOLD_APART = "Not done: it could not be put to anybody for approval. Tell the caller."
"""What the agent learns when another call waits under the same ID."""

Verdict = Literal["approved", "rejected", "timed_out"]
Decide = Callable[[Verdict, str | None], None]
"""Takes the verdict, and words for the agent when it is not ``approved``; None = the usual ones."""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """One tool call that waits."""

    tool_call_id: str
    call_sid: str
    agent: str
    tool: str
    arguments: str = field(repr=False)
    """What the model wrote: JSON, if it did as it should."""
    asked_at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: ApprovalRequest
    decide: Decide
    timer: asyncio.TimerHandle


class Approvals:
    """The tool calls that wait, oldest first."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._waiting: dict[str, _Waiting] = {}

    def ask(
        self,
        call_sid: str,
        agent: str,
        tool: str,
        tool_call_id: str,
        arguments: str,
        decide: Decide,
    ) -> None:
        """Puts a tool call up for decision; ``decide`` is called at most once.

        An ID another call waits under is refused at once: whoever approves must not be able to
        mean the wrong caller. A request asked twice by its own call waits once.
        """
        known = self._waiting.get(tool_call_id)
        if known is not None:
            if known.request.call_sid != call_sid:
                decide("rejected", CANNOT_BE_TOLD_APART)
            return
        now = datetime.now(UTC)
        deadline = now + timedelta(seconds=self._timeout_s)
        request = ApprovalRequest(tool_call_id, call_sid, agent, tool, arguments, now, deadline)
        timer = asyncio.get_running_loop().call_later(self._timeout_s, self._expire, tool_call_id)
        self._waiting[tool_call_id] = _Waiting(request, decide, timer)

    def decide(self, tool_call_id: str, *, approve: bool, message: str | None = None) -> bool:
        """Ends a request; False when none of that ID waits (any more).

        ``message`` is told to the agent when it is refused.
        """
        verdict: Verdict = "approved" if approve else "rejected"
        return self._end(tool_call_id, verdict, None if approve else message)

    def withdraw(self, call_sid: str) -> None:
        """The call has ended: nothing of it waits any more, and nothing is decided."""
        for each in [each for each in self._waiting.values() if each.request.call_sid == call_sid]:
            each.timer.cancel()
            del self._waiting[each.request.tool_call_id]

    def pending(self) -> list[ApprovalRequest]:
        """What waits now, oldest first."""
        return [each.request for each in self._waiting.values()]

    @property
    def waiting(self) -> int:
        """How many wait now; from any thread."""
        return len(self._waiting)

    def _expire(self, tool_call_id: str) -> None:
        self._end(tool_call_id, "timed_out", NOBODY_DECIDED)

    def _end(self, tool_call_id: str, verdict: Verdict, message: str | None) -> bool:
        waiting = self._waiting.pop(tool_call_id, None)
        if waiting is None:
            return False
        waiting.timer.cancel()
        waiting.decide(verdict, message)
        return True
