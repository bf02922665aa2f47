"""Who has the floor when the gateway decides it: was that the caller, or a cough?

Owns the decision of interruption mode ``gateway``. The model's detector hears sound; while the
agent speaks, its audio is held back at once, and how long the sound lasts above the line's own
noise tells whether the caller wants the floor. Pure: levels and events in, actions out.

Transcripts cannot decide this: they arrive more than a second after the commit.
"""

from dataclasses import dataclass
from typing import Literal

Act = Literal["pause", "resume", "interrupt", "grant", "answer", "forget"]
"""What is to be done now.

``pause``: hold the agent back, keep what was not heard. ``resume``: play on from there.
``interrupt``: the caller has the floor; what was not heard is final. ``grant``: the caller has the
floor, and what the agent is saying is heard to its end. ``answer``: the caller's turn is in the
conversation, ask for an answer. ``forget``: delete the turn, it was no speech.
"""


@dataclass(frozen=True, slots=True)
class FloorRules:
    """The thresholds of the decision."""

    min_speech_ms: int = 350
    """Sound that ends before it lasted this long does not interrupt the agent."""
    backchannel_ms: int = 0
    """The same for an agent whom "mm-hm" should not stop: about 700. 0 = it stops."""
    voice_dbfs: float = -45.0
    """Quieter frames are no voice, however quiet the line is (RMS, dB of full scale)."""
    noise_margin_db: float = 9.0
    """Voice stands above the line's noise by this much."""
    greeting_is_heard: bool = False
    """The greeting (a legal notice, perhaps) is not interrupted."""
    quiet_ms: int = 240
    """Sound is over after this much quiet; longer than the gaps inside a word."""

    @property
    def least_ms(self) -> int:
        """Shortest sound that interrupts."""
        return max(self.min_speech_ms, self.backchannel_ms)


class VoiceMeter:
    """How long the present sound of the caller lasts, above the noise of the line."""

    __slots__ = ("_floor_dbfs", "_rules", "quiet_ms", "voiced_ms")

    def __init__(self, rules: FloorRules) -> None:
        self.voiced_ms = 0.0
        """Voiced frames of the present sound."""
        self.quiet_ms = 0.0
        """Quiet since its last voiced frame."""
        self._rules = rules
        self._floor_dbfs = 0.0  # the first frame is quieter: it is what is known of the line

    def frame(self, level_dbfs: float, ms: float) -> None:
        """One frame of the caller's."""
        rules = self._rules
        rise_db = _FLOOR_RISE_DB_PER_S * ms / 1000
        self._floor_dbfs = max(_LOWEST_DBFS, min(level_dbfs, self._floor_dbfs + rise_db))
        least_dbfs = max(rules.voice_dbfs, self._floor_dbfs + rules.noise_margin_db)
        if level_dbfs >= least_dbfs:
            if self.quiet_ms >= rules.quiet_ms:
                self.voiced_ms = 0.0
            self.voiced_ms += ms
            self.quiet_ms = 0.0
        else:
            self.quiet_ms += ms

    @property
    def over(self) -> bool:
        """True when the present sound has ended."""
        return self.quiet_ms >= self._rules.quiet_ms


_LOWEST_DBFS = -70.0
_FLOOR_RISE_DB_PER_S = 6.0
"""The noise is the quietest frame of late: speech has gaps, noise has none. It is forgotten this
fast, so that a louder line is noticed within seconds.
"""


class Floor:
    """One call's floor: nobody's, disputed, or the caller's."""

    __slots__ = ("_rules", "_state", "meter")

    def __init__(self, rules: FloorRules) -> None:
        self.meter = VoiceMeter(rules)
        self._rules = rules
        self._state: Literal["free", "paused", "dismissed", "granted"] = "free"

    @property
    def paused(self) -> bool:
        """True while the agent is held back and nothing is decided."""
        return self._state == "paused"

    def frame(self, level_dbfs: float, ms: float) -> Act | None:
        """One frame of the caller's audio: ``resume``, ``interrupt`` or nothing."""
        self.meter.frame(level_dbfs, ms)
        if self._state == "paused" and self.meter.over:
            self._state = "dismissed"
            return "resume"
        if self._state in ("paused", "dismissed") and not self.meter.over and self._is_speech():
            self._state = "granted"
            return "interrupt"
        return None

    def started(self, *, sounding: bool, protected: bool = False) -> Act:
        """The model hears the caller; ``sounding`` = agent audio is outstanding, ``protected`` =
        it must not be cut.
        """
        if protected:
            self._state = "granted"
            return "grant"
        if not sounding or (self._is_speech() and not self.meter.over):
            self._state = "granted"
            return "interrupt"
        self._state = "paused"
        return "pause"

    def stopped(self) -> Act | None:
        """The model hears the end of the caller's turn; what is still disputed is decided now."""
        if self._state != "paused":
            return None
        if self._is_speech():
            self._state = "granted"
            return "interrupt"
        self._state = "dismissed"
        return "resume"

    def committed(self) -> Act:
        """The caller's turn has become an item of the conversation."""
        dismissed = self._state in ("paused", "dismissed")
        self._state = "free"
        return "forget" if dismissed else "answer"

    def _is_speech(self) -> bool:
        return self.meter.voiced_ms >= self._rules.least_ms
