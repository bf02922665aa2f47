"""Owns the person at the other end of the line: carries out the steps of a script, 20 ms at a time.

Pure: `Caller.tick` is called once per frame period, told what is heard, and says what the caller
says and does. It knows no sockets and no clock.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.core.g711 import audioop
from gateway.sim.twilio.steps import (
    Drop,
    Dtmf,
    HangUp,
    Mute,
    Pause,
    Play,
    Step,
    WaitForAgent,
    WaitForSilence,
    WaitUntil,
    checked,
    load_payload,
)

FRAME_MS: Final = 20
FRAME_BYTES: Final = 160
_AUDIBLE_RMS: Final = 100  # of 32768, about -50 dBFS: below it a telephone line counts as silent
_UTTERANCE_GAP_MS: Final = 600
_HELD_UP_S: Final = 0.2


class AgentEar:
    """What the caller hears of the agent: how long the current utterance lasts, how long it has
    been silent."""

    def __init__(self) -> None:
        self.utterance_ms = 0
        """Length of the current utterance, short pauses included; 0 when the agent is not
        speaking."""
        self.silent_ms = 0
        """How long nothing audible has been heard."""

    def hear(self, fresh: bytes, late_s: float = 0.0) -> None:
        """One frame period went by in which this agent audio was heard (mu-law, may be empty)."""
        audible = bool(fresh) and audioop.rms(audioop.ulaw2lin(fresh, 2), 2) >= _AUDIBLE_RMS
        self.perceive(audible, late_s)

    def perceive(self, audible: bool, late_s: float = 0.0) -> None:
        """One frame period went by in which the agent was audible, or not.

        `late_s` is how long ago that was. A twin that was held up has missed what was said in the
        meantime, more often than not by a gateway beside it: that was no silence of the agent's.
        """
        if audible:
            self.silent_ms = 0
            self.utterance_ms += FRAME_MS
            return
        if late_s > _HELD_UP_S:
            return
        self.silent_ms += FRAME_MS
        if self.silent_ms >= _UTTERANCE_GAP_MS:
            self.utterance_ms = 0
        elif self.utterance_ms:
            self.utterance_ms += FRAME_MS

    @property
    def audible(self) -> bool:
        """Whether something was heard in the last period."""
        return self.silent_ms == 0 and self.utterance_ms > 0


Action = Dtmf | HangUp | Drop


@dataclass(slots=True)
class Behaviour:
    """What the caller does in one frame period."""

    payload: bytes | None = None
    """160 bytes of speech, None when quiet."""
    muted: bool = False
    """The carrier sends nothing at all."""
    actions: list[Action] = field(default_factory=list)
    """Keys (one digit each), hanging up, dropping."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """For the timeline: kind and detail."""


class Caller:
    """Goes through a script. What is said in between (`say`) comes first, the script waits for
    it."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = deque(_prepared(step) for step in steps)
        self._frames: deque[bytes] = deque()
        self._frame = 0
        """Periods the current step has lasted."""
        self._period = 0
        """Periods since the beginning."""
        self._loud = False

    @property
    def done(self) -> bool:
        """Whether the script is over."""
        return not (self._steps or self._frames)

    def say(self, payload: bytes) -> None:
        """Says this mu-law audio next; the last frame is filled up with silence."""
        for start in range(0, len(payload), FRAME_BYTES):
            self._frames.append(payload[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\xff"))

    def tick(self, ear: AgentEar) -> Behaviour:
        """What the caller does in the next 20 ms."""
        behaviour = Behaviour()
        if not self._frames:
            self._follow_script(ear, behaviour)
        if self._frames:
            behaviour.payload = self._frames.popleft()
        self._period += 1
        self._note_speech(behaviour)
        return behaviour

    def _note_speech(self, behaviour: Behaviour) -> None:
        loud = behaviour.payload is not None
        if loud != self._loud:
            behaviour.notes.append(("caller-speaks" if loud else "caller-quiet", ""))
            self._loud = loud

    def _follow_script(self, ear: AgentEar, behaviour: Behaviour) -> None:
        """Takes up steps until one of them needs time."""
        while self._steps and not self._frames:
            if self._takes_longer(self._steps[0], ear, behaviour):
                self._frame += 1
                return
            self._steps.popleft()
            self._frame = 0

    def _takes_longer(self, step: Step, ear: AgentEar, behaviour: Behaviour) -> bool:
        match step:
            case Play():
                self.say(step.payload)
                return False
            case Pause(ms):
                return self._waited_ms < ms
            case WaitUntil(at_ms):
                return self._period * FRAME_MS < at_ms
            case Mute(ms):
                behaviour.muted = self._waited_ms < ms
                return behaviour.muted
            case WaitForAgent(heard_ms, timeout_ms):
                heard = ear.audible and ear.utterance_ms >= heard_ms
                return not (heard or self._gave_up(step, timeout_ms, behaviour))
            case WaitForSilence(ms, timeout_ms):
                return not (ear.silent_ms >= ms or self._gave_up(step, timeout_ms, behaviour))
            case Dtmf():
                return self._press(step, behaviour)
            case HangUp() | Drop():
                behaviour.actions.append(step)
                self._steps = deque([step])
                return False

    @property
    def _waited_ms(self) -> int:
        return self._frame * FRAME_MS

    def _gave_up(self, step: Step, timeout_ms: int, behaviour: Behaviour) -> bool:
        if self._waited_ms < timeout_ms:
            return False
        behaviour.notes.append(("wait-timeout", type(step).__name__))
        return True

    def _press(self, step: Dtmf, behaviour: Behaviour) -> bool:
        gap = max(1, step.gap_ms // FRAME_MS)
        index, rest = divmod(self._frame, gap)
        if rest == 0 and index < len(step.digits):
            behaviour.actions.append(Dtmf(step.digits[index]))
        return index < len(step.digits)


def _prepared(step: Step) -> Step:
    """Files are read before the call: a missing one is known at once, and no tick waits for a
    disk."""
    return Play(payload=load_payload(step)) if isinstance(step, Play) else checked(step)
