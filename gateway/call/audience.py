"""Functions of the agent's own that hear what happens in its calls.

Owns their order and their bounds: each hears the events of a call one after the other, away from
the call loop, and one that is slow or raises costs its own events, never the call.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog
from agents.realtime.model import RealtimeModelListener

from gateway.call.context import CallContext
from gateway.call.tools import ToolRunner

MOST_WAITING = 2000
"""Events of one call that may wait for a slow function; later ones are dropped and counted."""

Hearer = Callable[[CallContext, Any], Any]
"""``function(call, event)``, sync or async."""

_log = structlog.get_logger()


class Audience:
    """Who hears an agent's events: those of the session, those of the model under it."""

    def __init__(
        self,
        runner: ToolRunner,
        on_event: Hearer | None = None,
        on_model_event: Hearer | None = None,
    ) -> None:
        self._runner = runner
        self._on_event = on_event
        self._on_model_event = on_model_event

    def seat(self, context: CallContext) -> "Seat":
        """The audience of one call."""
        return Seat(self._runner, context, self._on_event, self._on_model_event)


class Seat(RealtimeModelListener):
    """One call's events on their way to the agent's functions, in order."""

    def __init__(
        self,
        runner: ToolRunner,
        context: CallContext,
        on_event: Hearer | None,
        on_model_event: Hearer | None,
    ) -> None:
        self._runner = runner
        self._context = context
        self._on_event = on_event
        self._on_model_event = on_model_event
        self._waiting: deque[tuple[Hearer, Any]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._dropped = 0

    def hear(self, event: Any) -> None:
        """An event of the session."""
        self._add(self._on_event, event)

    async def on_event(self, event: Any) -> None:
        """An event of the model: the SDK's listener interface, which must return at once."""
        self._add(self._on_model_event, event)

    async def leave(self, limit_s: float) -> None:
        """The call is over: what waits is told, within the limit."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=limit_s)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._dropped:
            _log.warning("audience.slow", call_sid=self._context.call_sid, dropped=self._dropped)

    def _add(self, hearer: Hearer | None, event: Any) -> None:
        if hearer is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.append((hearer, event))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self._waiting:
            hearer, event = self._waiting.popleft()
            try:
                await self._runner.run(hearer, self._context, event)
            except Exception as error:  # noqa: BLE001 somebody else's code, which only listens
                call_sid, name = self._context.call_sid, type(error).__name__
                _log.warning("audience.failed", call_sid=call_sid, error=name)
