"""What a caller hears while a tool takes its time: a phrase, then a quiet tone.

Owns when the filler begins and what it is. It never enters the conversation: the model does not
know of it, and whatever is to be heard replaces it (:meth:`gateway.call.outbound.Outbound.hush`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from gateway.call.control import CALL_CONTROL
from gateway.call.dialogue import Dialogue
from gateway.call.outbound import FILLER
from gateway.call.silence import Silence, Vigil
from gateway.core import tones
from gateway.core.events import CallEnding, CallEvent, ToolEnded, ToolStarted

_QUICK = frozenset({*CALL_CONTROL, "transfer_call"})
"""Tools that act on the call itself; what they do is heard."""
_TONE_MS = 30_000
"""The tone waits as one piece to be sent, and is played again when a tool takes longer."""


@dataclass(frozen=True, slots=True)
class FillerRules:
    """When and with what the silence of a slow tool is filled."""

    after_s: float = 1.5
    """Seconds of silence while a tool runs, from the last frame the caller heard."""
    audio: bytes | None = field(default=None, repr=False)
    """The phrase, mu-law; heard once for each wait. None = the tone alone."""


class Filler:
    """One call's filler."""

    def __init__(
        self,
        rules: FillerRules,
        dialogue: Dialogue,
        silence: Silence,
        undisturbed: Callable[[], bool],
    ) -> None:
        """``undisturbed`` = caller and agent are on the line and nobody is leaving."""
        self._rules = rules
        self._dialogue = dialogue
        self._silence = silence
        self._undisturbed = undisturbed
        self._tools = 0
        self._since = 0.0
        self._phrase: bytes | None = None
        """What is still to be said in this wait."""
        self._tone = False
        self._vigil = Vigil(rules.after_s, self._silent_s, self._fill)

    def hear(self, event: CallEvent) -> None:
        """One event of the call, in the callback that told it."""
        if isinstance(event, ToolStarted) and event.tool not in _QUICK:
            self._begin()
        elif isinstance(event, ToolEnded) and event.tool not in _QUICK:
            self._tools = max(0, self._tools - 1)
            if not self._tools:
                self._end()
        elif isinstance(event, CallEnding):
            self._dialogue.outbound.hush()

    def stop(self) -> None:
        """The call is over."""
        self._vigil.end()

    def _begin(self) -> None:
        self._tools += 1
        if self._tools == 1:
            self._since = time.monotonic()
            self._phrase = self._rules.audio
            self._vigil.begin()

    def _end(self) -> None:
        """The tool is done; a phrase that has begun is finished unless the agent is quicker."""
        self._vigil.end()
        if self._tone:
            self._tone = False
            self._dialogue.outbound.hush()

    def _silent_s(self) -> float:
        if not self._undisturbed():
            return 0.0
        return min(self._silence.length_s(), time.monotonic() - self._since)

    def _fill(self) -> None:
        self._tone = self._phrase is None
        self._dialogue.outbound.play_own(FILLER, self._phrase or _tone())
        self._phrase = None


@cache
def _tone() -> bytes:
    return tones.hold_tone(_TONE_MS)
