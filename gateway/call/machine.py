"""An answering machine at the other end of a call of ours: found out, waited for, spoken to.

Owns what is known of who answered, and what is done about a machine as the errand wishes: the call
ends at once, or the agent is silenced until the machine records, leaves its message, once, and the
call ends when that was heard. Whom the carrier calls a human has the agent as in any other call.

The carrier's answer may come late, or never; a beep is heard here as well. Whichever is first
counts. With `DetectMessageEnd` the carrier says nothing of a machine before its greeting is over:
https://www.twilio.com/docs/voice/answering-machine-detection
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from gateway.call.context import Errand
from gateway.call.departure import Departure
from gateway.call.dialogue import Dialogue
from gateway.call.inbound import Microphone
from gateway.core import commands
from gateway.core.events import CallAnswered, CalleeIdentified, CallEvent, MessageStarted
from gateway.core.g711 import BYTES_PER_MS, level_dbfs
from gateway.core.progress import Progress, Sound

BEEP_WAIT_S = 3.0
"""The carrier says that the greeting is over and it heard no beep: it may still come."""
SILENCE_S = 5.0
"""A machine that has said nothing for so long records, beep or not."""
LIMIT_S = 60.0
"""The longest a greeting is waited for, and the longest a beep is listened for."""
MESSAGE_LIMIT_S = 60.0
"""How long a message may take to be generated."""
_READY_LIMIT_S = 10.0
_CALM_S = 0.3
"""So long the model must have been quiet before it is asked for the message: an answer to the
machine's greeting that is on its way would be taken for it.
"""
_LOOK_S = 0.05
_VOICE_DBFS = -45.0
"""Less is not the voice of a greeting."""
_MESSAGE = (
    "You have reached an answering machine. Its greeting is over, and it records what you say from "
    "now on. Leave your message now, in one go: who is calling and why, in a few short sentences. "
    "Nobody hears you now: ask nothing, wait for nothing, greet once and say goodbye once."
)

_log = structlog.get_logger()


class Machine:
    """One call's answering machine, if one answers."""

    def __init__(
        self,
        errand: Errand | None,
        dialogue: Dialogue,
        microphone: Microphone,
        departure: Departure,
        end: Callable[[str], None],
    ) -> None:
        self.present = False
        """True once a machine is known to have taken the call."""
        self._errand = errand or Errand("")
        self._dialogue = dialogue
        self._microphone = microphone
        self._deliver = microphone.deliver
        self._departure = departure
        self._end = end
        self._known = ""
        self._answered = False
        self._progress: Progress | None = None
        """Made for those that are listened to: most calls have none."""
        self._quiet_ms = 0.0
        self._deaf = False
        self._timer: asyncio.TimerHandle | None = None
        self._saying: asyncio.Task[None] | None = None

    # What happens

    def hear(self, event: CallEvent) -> None:
        """One event of the call, in the callback that told it."""
        if not isinstance(event, CallAnswered) or self._errand.amd == "off" or self._answered:
            return
        self._answered = True
        if self._known:
            return
        if self._errand.answered_by:
            self.told(self._errand.answered_by)
        elif self._errand.amd == "leave-message":
            self._begin_listening()
            self._set_timer(LIMIT_S, self._stop_listening)

    def told(self, who: str) -> None:
        """The carrier says who answered (``AnsweredBy``). What it says of a human is final; a
        machine may still come to the end of its greeting.
        """
        decided = self._known not in ("", "machine")
        if self._errand.amd == "off" or decided or self._saying is not None:
            return
        if who.startswith("machine"):
            self._found("machine", "carrier")
            if who == "machine_end_beep":
                self._leave("carrier")
            elif who.startswith("machine_end"):
                self._set_timer(BEEP_WAIT_S, lambda: self._leave("carrier"))
        elif who == "fax":
            self._found("fax", "carrier")
        elif not self._known:
            self._identify(who, "carrier")
            self._stop_listening()

    def stop(self) -> None:
        """The call is over."""
        self._set_timer(None)
        self._microphone.deliver = self._deliver
        self._dialogue.answers.refuse = None
        if self._saying is not None:
            self._saying.cancel()

    # Inside

    def _identify(self, who: str, by: str) -> None:
        self._known = who
        self._dialogue.emit(CalleeIdentified(who, by, self._dialogue.since_open_ms()))

    def _found(self, who: str, by: str) -> None:
        """It is a machine, or a fax: nobody is there."""
        if self.present:
            return
        self.present = True
        self._identify(who, by)
        if self._errand.amd == "hangup" or who == "fax":
            self._end("machine")
            return
        self._silence()
        self._set_timer(LIMIT_S, lambda: self._leave("time"))

    def _silence(self) -> None:
        """The agent says nothing, and hears nothing it could answer."""
        self._deaf = True
        self._begin_listening()
        self._dialogue.handshake.forget_greeting()
        self._dialogue.answers.refuse = self._interrupt
        self._interrupt()

    def _interrupt(self) -> None:
        self._dialogue.interrupt("machine", cancel=True)

    def _begin_listening(self) -> None:
        self._progress = self._progress or Progress()
        self._microphone.deliver = self._listen

    def _listen(self, payload: bytes) -> None:
        """The callee's audio (mu-law), while it is not known to be a human's."""
        self._deliver(b"\xff" * len(payload) if self._deaf else payload)
        if self._saying is not None or self._progress is None:
            return
        sounds = {heard.sound for heard in self._progress.feed(payload)}
        if sounds & {Sound.FAX_CALLING, Sound.FAX_ANSWERING}:
            self._found("fax", "tone")
        elif Sound.BEEP in sounds:
            self._found("machine", "tone")
            self._leave("beep")
        elif self.present:
            self._hear_silence(payload)

    def _hear_silence(self, payload: bytes) -> None:
        loud = level_dbfs(payload) > _VOICE_DBFS
        self._quiet_ms = 0.0 if loud else self._quiet_ms + len(payload) / BYTES_PER_MS
        if self._quiet_ms >= SILENCE_S * 1000:
            self._leave("silence")

    def _stop_listening(self) -> None:
        """Nothing says that it is a machine: the agent talks to whoever is there."""
        self._set_timer(None)
        self._microphone.deliver = self._deliver

    def _leave(self, cause: str) -> None:
        if self._saying is None:
            self._set_timer(None)
            self._dialogue.emit(MessageStarted(cause, self._dialogue.since_open_ms()))
            self._saying = asyncio.get_running_loop().create_task(self._say())

    async def _say(self) -> None:
        """Once, whatever the model was about to say."""
        if not await self._calm():
            _log.warning("message.not_left", reason="no model, or it would not be quiet")
            self._end("machine")
            return
        self._dialogue.answers.refuse = None
        self._dialogue.send(commands.system_text(_MESSAGE))
        self._dialogue.answers.ask(commands.create_response(tool_choice="none"))
        self._departure.begin("message_left", self._left, said=False, limit_s=MESSAGE_LIMIT_S)

    def _left(self, reason: str) -> None:
        self._dialogue.answers.refuse = self._interrupt  # there is one message
        self._end(reason if self._dialogue.answers.spoke_last else "machine")

    async def _calm(self) -> bool:
        """True as soon as the model is there, and was quiet for a moment."""
        dialogue, calm_since = self._dialogue, time.monotonic()
        give_up_at = calm_since + _READY_LIMIT_S
        while (now := time.monotonic()) < give_up_at:
            busy = dialogue.answers.caller_speaks or dialogue.answers.pending
            if busy or not (dialogue.connected and dialogue.inbound.is_open):
                calm_since = now
            elif now - calm_since >= _CALM_S:
                return True
            await asyncio.sleep(_LOOK_S)
        return False

    def _set_timer(self, after_s: float | None, act: Callable[[], None] = lambda: None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if after_s is not None:
            self._timer = asyncio.get_running_loop().call_later(after_s, act)
