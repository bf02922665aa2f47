"""What a call does by itself because time passes: ask, fill, warn, end.

Owns which of it an agent's plan asks for, and hands them the call's events.
"""

from collections.abc import Callable

from gateway.call.dialogue import Dialogue
from gateway.call.filler import Filler
from gateway.call.idle import Idle
from gateway.call.limit import TimeLimit
from gateway.call.session import AgentPlan
from gateway.call.silence import Silence
from gateway.core.events import CallAnswered, CallEvent, CallLive


class Patience:
    """One call's sense of time."""

    def __init__(
        self,
        plan: AgentPlan,
        dialogue: Dialogue,
        undisturbed: Callable[[], bool],
        hang_up: Callable[[str], None],
        on_over: Callable[[], None],
    ) -> None:
        """``undisturbed`` = caller and agent are on the line and nobody is leaving; ``on_over``
        ends a call that has lasted long enough.
        """
        self._silence = silence = Silence(dialogue)
        self._limit = TimeLimit(plan.route, dialogue, undisturbed, on_over)
        self._watching: list[Idle | Filler] = []
        if plan.idle is not None:
            self._watching.append(Idle(plan.idle, dialogue, silence, undisturbed, hang_up))
        if plan.filler is not None:
            self._watching.append(Filler(plan.filler, dialogue, silence, undisturbed))
        self._over = False

    def hear(self, event: CallEvent) -> None:
        """One event of the call, in the callback that told it."""
        if self._over:
            return
        self._silence.hear(event)
        if isinstance(event, CallAnswered | CallLive):
            self._limit.attended()
        for each in self._watching:
            each.hear(event)

    def key(self) -> None:
        """The caller pressed a key, which may be the first of several."""
        self._silence.broken()

    def stop(self) -> None:
        """The call is over: nothing more happens by itself."""
        self._over = True
        self._limit.stop()
        for each in self._watching:
            each.stop()
