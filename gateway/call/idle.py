"""A caller who says nothing: asked a few times, then said goodbye to.

Owns how often was asked. When it is time is told by :mod:`gateway.call.silence`; the words are the
agent's own, in the language it speaks.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.call.dialogue import Dialogue
from gateway.call.silence import Silence, Vigil
from gateway.core import commands
from gateway.core.events import CallerIdle, CallerStopped, CallEvent, DtmfGroup


@dataclass(frozen=True, slots=True)
class IdleRules:
    """What is done about a caller who says nothing."""

    after_s: float
    """Seconds of silence, from the last frame the caller heard, until the agent asks."""
    asks: int = 2
    """How often it asks before it says goodbye; a turn of the caller's or a key starts anew."""
    ask: str = (
        "The caller has said nothing for a while. Ask whether they are still there, in one short "
        "sentence and in the language of the conversation."
    )
    """Instructions for the question."""
    goodbye: str = (
        "The caller does not answer any more. Say that you are hanging up now and goodbye, in one "
        "short sentence and in the language of the conversation."
    )
    """Instructions for the last words."""


class Idle:
    """One call's patience with a silent caller."""

    def __init__(
        self,
        rules: IdleRules,
        dialogue: Dialogue,
        silence: Silence,
        undisturbed: Callable[[], bool],
        hang_up: Callable[[str], None],
    ) -> None:
        """``undisturbed`` = caller and agent are on the line and nobody is leaving."""
        self._rules = rules
        self._dialogue = dialogue
        self._silence = silence
        self._undisturbed = undisturbed
        self._hang_up = hang_up
        self._asked = 0
        self._vigil = Vigil(rules.after_s, self._silent_s, self._speak_up)

    def hear(self, event: CallEvent) -> None:
        """One event of the call."""
        if isinstance(event, CallerStopped | DtmfGroup):
            self._asked = 0
        self._vigil.begin()

    def stop(self) -> None:
        """The call is over."""
        self._vigil.end()

    def _silent_s(self) -> float:
        silence = self._silence
        if silence.tools or silence.approvals or not self._undisturbed():
            return 0.0
        return silence.length_s()

    def _speak_up(self) -> None:
        self._silence.broken()  # the answer may be a moment in coming
        if self._asked < self._rules.asks:
            self._asked += 1
            self._say(self._rules.ask)
            self._dialogue.emit(CallerIdle(self._asked, self._dialogue.since_open_ms()))
        else:
            self._say(self._rules.goodbye)
            self._hang_up("idle")

    def _say(self, instructions: str) -> None:
        request = commands.create_response(instructions=instructions, tool_choice="none")
        self._dialogue.answers.ask(request)
