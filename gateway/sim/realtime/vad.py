"""Owns the offline voice activity detection: levels in, speech started and stopped out. Pure.

The real detector is a neural one; this stand-in hears energy. A frame is voiced when its level
exceeds both a fixed gate and the tracked noise floor by a margin; `threshold` raises both. Two
voiced frames in a row begin speech, counted from the first of them.

`server_vad` works in 32 ms frames (all captured values fit that grid) and ends speech after
`silence_duration_ms` without voice. `semantic_vad` works in 40 ms frames and, where the real one
judges by the words, ends speech after an eighth of the eagerness's maximum wait (low 8 s,
medium and auto 4 s, high 2 s); a caller who has said next to nothing yet, such as "um", is given
the whole wait.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from gateway.core.g711 import audioop

_SERVER_FRAME_MS: Final = 32
_SEMANTIC_FRAME_MS: Final = 40
_SEMANTIC_PREFIX_MS: Final = 300
_SEMANTIC_WAIT_MS: Final = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
_HESITATION_MS: Final = 250

_SILENCE_DBFS: Final = -96.0
_LOWEST_FLOOR_DBFS: Final = -70.0
_HIGHEST_FLOOR_DBFS: Final = -36.0
_HYSTERESIS_DB: Final = 4.0
_ONSET_FRAMES: Final = 2
_RISE_IN_SPEECH_DB_PER_MS: Final = 0.0005


def level_dbfs(samples: bytes) -> float:
    """RMS level of 16-bit samples relative to full scale; digital silence is -96."""
    rms = audioop.rms(samples, 2)
    return 20 * math.log10(rms / 32768) if rms else _SILENCE_DBFS


@dataclass(frozen=True, slots=True)
class VadSettings:
    """What a session's `turn_detection` means for the detector."""

    frame_ms: int = _SERVER_FRAME_MS
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    quiet_ms: int = 200
    hesitation_quiet_ms: int | None = None

    @classmethod
    def of(cls, turn_detection: dict[str, Any]) -> "VadSettings":
        """From the effective configuration of a session."""
        if turn_detection["type"] == "semantic_vad":
            longest = _SEMANTIC_WAIT_MS[turn_detection["eagerness"]]
            return cls(_SEMANTIC_FRAME_MS, 0.5, _SEMANTIC_PREFIX_MS, longest // 8, longest)
        return cls(
            _SERVER_FRAME_MS,
            turn_detection["threshold"],
            turn_detection["prefix_padding_ms"],
            turn_detection["silence_duration_ms"],
        )

    @property
    def gate_dbfs(self) -> float:
        """The level below which nothing is voice: -42 at the default threshold."""
        return -52 + 20 * self.threshold

    @property
    def margin_db(self) -> float:
        """How far voice stands above the noise floor: 9 at the default threshold."""
        return 3 + 12 * self.threshold


class VadEvent(NamedTuple):
    """Speech began or ended; `at_ms` is the value of the wire event."""

    kind: Literal["started", "stopped"]
    at_ms: int


class Vad:
    """One caller's detector, fed one level per frame."""

    def __init__(self, settings: VadSettings) -> None:
        self.settings = settings
        self.speaking = False
        self._floor: float | None = None
        self._onset_frames = 0
        self._voiced_ms = 0
        self._quiet_ms = 0

    def rest(self) -> None:
        """The speech so far is dealt with; what follows begins a new one."""
        self.speaking = False
        self._onset_frames = 0

    def feed(self, level: float, end_ms: int) -> VadEvent | None:
        """One frame of `level` dBFS that ended at `end_ms` of the session's audio."""
        if self._floor is None:
            self._floor = _bounded(level)
        return self._in_speech(level, end_ms) if self.speaking else self._in_quiet(level, end_ms)

    def _in_quiet(self, level: float, end_ms: int) -> VadEvent | None:
        if level < self._gate():
            self._onset_frames = 0
            self._learn(level, rise=0.1)
            return None
        self._onset_frames += 1
        if self._onset_frames < _ONSET_FRAMES:
            return None
        spoken_ms = self._onset_frames * self.settings.frame_ms
        self.speaking, self._onset_frames = True, 0
        self._voiced_ms, self._quiet_ms = spoken_ms, 0
        return VadEvent("started", max(0, end_ms - spoken_ms - self.settings.prefix_padding_ms))

    def _in_speech(self, level: float, end_ms: int) -> VadEvent | None:
        frame_ms = self.settings.frame_ms
        if level >= self._gate() - _HYSTERESIS_DB:
            self._voiced_ms += frame_ms
            self._quiet_ms = 0
        else:
            self._quiet_ms += frame_ms
        self._learn(level, rise=0, steady_db=_RISE_IN_SPEECH_DB_PER_MS * frame_ms)
        if self._quiet_ms < max(self._wanted_quiet_ms(), frame_ms):
            return None
        self.speaking = False
        return VadEvent("stopped", end_ms)

    def _wanted_quiet_ms(self) -> int:
        hesitation = self.settings.hesitation_quiet_ms
        if hesitation is not None and self._voiced_ms < _HESITATION_MS:
            return hesitation
        return self.settings.quiet_ms

    def _gate(self) -> float:
        floor = _SILENCE_DBFS if self._floor is None else self._floor
        return max(self.settings.gate_dbfs, floor + self.settings.margin_db)

    def _learn(self, level: float, *, rise: float, steady_db: float = 0.0) -> None:
        """The floor falls fast and rises slowly; steady noise that came with speech sinks in."""
        floor = _bounded(level) if self._floor is None else self._floor
        share = 0.5 if level < floor else rise
        self._floor = _bounded(floor + share * (level - floor) + steady_db)


def _bounded(level: float) -> float:
    return min(max(level, _LOWEST_FLOOR_DBFS), _HIGHEST_FLOOR_DBFS)
