"""Turns what the SDK's session tells (tools, handoffs, guardrails, errors) into call events."""

import time
from collections.abc import Callable

from agents.realtime.events import (
    RealtimeError,
    RealtimeGuardrailTripped,
    RealtimeHandoffEvent,
    RealtimeSessionEvent,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
)

from gateway.core.events import (
    ApprovalAsked,
    CallEvent,
    GuardrailTripped,
    Handoff,
    ModelErrorReported,
    ToolEnded,
    ToolStarted,
)


class Narrator:
    """Tells one call's session events in the vocabulary of call events."""

    def __init__(self, emit: Callable[[CallEvent], None], at_ms: Callable[[], float]) -> None:
        self._emit = emit
        self._at_ms = at_ms
        self._tools: dict[tuple[str, str], list[tuple[int, float]]] = {}
        """Those that run, with number and begin. The SDK gives a run no ID, so of several with the
        same arguments the one that began first is taken for the one that ends first.
        """
        self._count = 0

    def tell(self, event: RealtimeSessionEvent) -> None:
        """One event of the session; those without a meaning for the call are passed over."""
        if isinstance(event, RealtimeToolStart):
            self._tool_started(event)
        elif isinstance(event, RealtimeToolEnd):
            self._tool_ended(event)
        elif isinstance(event, RealtimeHandoffEvent):
            self._emit(Handoff(event.from_agent.name, event.to_agent.name, self._at_ms()))
        elif isinstance(event, RealtimeToolApprovalRequired):
            self._emit(ApprovalAsked(event.tool.name, self._at_ms()))
        elif isinstance(event, RealtimeGuardrailTripped):
            names = [result.guardrail.get_name() for result in event.guardrail_results]
            self._emit(GuardrailTripped(", ".join(names), self._at_ms()))
        elif isinstance(event, RealtimeError) and isinstance(event.error, Exception):
            # Errors of the server are told from its own event; these are the SDK's.
            self._emit(ModelErrorReported(type(event.error).__name__))

    def _tool_started(self, event: RealtimeToolStart) -> None:
        self._count += 1
        tool = event.tool.name
        runs = self._tools.setdefault((tool, event.arguments), [])
        runs.append((self._count, time.monotonic()))
        at_ms, agent = self._at_ms(), event.agent.name
        self._emit(ToolStarted(tool, at_ms, self._count, agent, event.arguments))

    def _tool_ended(self, event: RealtimeToolEnd) -> None:
        key = event.tool.name, event.arguments
        runs = self._tools.get(key)
        if not runs:
            return  # the SDK also ends a tool that was refused and never ran
        number, begin = runs.pop(0)
        if not runs:
            del self._tools[key]
        duration_ms = (time.monotonic() - begin) * 1000
        result = str(event.output)
        self._emit(ToolEnded(event.tool.name, duration_ms, self._at_ms(), number, result))
