"""A caller who waits on the line while somebody else is asked: a quiet tone, and no agent.

Owns what the wait means for both: the caller hears the tone and nothing else, the agent neither the
caller's voice nor their keys, and no answer of it is heard. Both find each other as they were.
"""

import asyncio

from gateway.call.dialogue import Dialogue
from gateway.call.inbound import Microphone
from gateway.core import tones

HOLD = "gateway:hold"
"""The gateway's own item of a hold; nobody's words."""
_TONE_MS = 30_000
"""The tone waits as one piece to be sent, and is played again when it takes longer."""


class Hold:
    """The wait of one caller, if they wait."""

    def __init__(self, dialogue: Dialogue, microphone: Microphone) -> None:
        self.on = False
        self._dialogue = dialogue
        self._microphone = microphone
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, cause: str = "transfer") -> None:
        """From now on the caller waits; ``cause`` = why the agent was cut off, if it was."""
        self.on = True
        self._dialogue.interrupt(cause, cancel=True)
        self._dialogue.answers.refuse = self._dialogue.refuse_answer
        self._microphone.deaf = True
        self._sound()

    def end(self) -> None:
        """The caller waits no more, whatever comes now."""
        if not self.on:
            return
        self.on = False
        if self._dialogue.answers.refuse == self._dialogue.refuse_answer:
            self._dialogue.answers.refuse = None
        self._microphone.deaf = False
        if self._timer is not None:
            self._timer.cancel()
        self._dialogue.outbound.clear()

    def _sound(self) -> None:
        self._dialogue.outbound.play_own(HOLD, tones.hold_tone(_TONE_MS))
        self._timer = asyncio.get_running_loop().call_later(_TONE_MS / 1000, self._sound)
