"""Since when nobody speaks in one call, and waiting until that has lasted.

Owns what there is besides talk: running tools, approvals that wait.
Silence begins with the last frame the caller *heard*, which may be long after it was sent.
"""

import asyncio
import time
from collections.abc import Callable

from gateway.call.dialogue import Dialogue
from gateway.core.events import (
    ApprovalAsked,
    ApprovalDecided,
    CallAnswered,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallLive,
    DtmfGroup,
    ToolEnded,
    ToolStarted,
)

_LEAST_WAIT_S = 0.001


class Silence:
    """What interrupts the silence of one call."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.tools = 0
        """Tools that run now."""
        self.approvals = 0
        """Tools that wait for a person."""
        self._dialogue = dialogue
        self._broken_at = time.monotonic()

    def hear(self, event: CallEvent) -> None:
        """One event of the call, in the callback that told it."""
        match event:
            case ToolStarted():
                self.tools += 1
                return  # nobody hears that
            case ToolEnded():
                self.tools = max(0, self.tools - 1)  # one that was refused has never started
            case ApprovalAsked():
                self.approvals += 1
            case ApprovalDecided():
                self.approvals -= 1
            case CallAnswered() | CallLive() | CallerStarted() | CallerStopped() | DtmfGroup():
                pass
            case _:
                return
        self.broken()

    def broken(self) -> None:
        """Something happened: the silence begins anew."""
        self._broken_at = time.monotonic()

    def length_s(self) -> float:
        """How long nobody has spoken; 0 while somebody does, negative when the caller still hears
        what has left already.
        """
        outbound, answers = self._dialogue.outbound, self._dialogue.answers
        if answers.caller_speaks or answers.pending or outbound.ledger.queued:
            return 0.0
        return time.monotonic() - max(self._broken_at, outbound.ledger.playout.ends_at)


class Vigil:
    """Acts each time a silence has lasted so long. One timer, set anew when it is due: never for a
    frame.
    """

    def __init__(
        self, after_s: float, silent_s: Callable[[], float], act: Callable[[], None]
    ) -> None:
        """``silent_s`` is asked when it could be time; ``act`` ends the silence it is told of."""
        self._after_s = after_s
        self._silent_s = silent_s
        self._act = act
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Keeps watch from now on; a watch that is kept goes on."""
        if self._timer is None:
            self._look()

    def end(self) -> None:
        """Keeps watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        wait_s = self._after_s - self._silent_s()
        if wait_s <= 0:
            wait_s = self._after_s
            self._set(wait_s)  # before acting, which may end the watch
            self._act()
        else:
            self._set(wait_s)

    def _set(self, wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(_LEAST_WAIT_S, wait_s), self._look)
