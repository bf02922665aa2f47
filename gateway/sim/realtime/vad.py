"""Owns the offline voice activity detection: levels in, speech started and stopped out. Pure.

The real detector is a neural one; this stand-in hears energy. A frame is voiced when its level
exceeds a fixed gate and stands above the noise floor by a margin; `threshold` raises both. The
floor is the lowest level of the last second and a half: speech has gaps, noise has none. Two
voiced frames in a row begin speech, counted from the first of them, and two in a row keep it up.

`server_vad` works in 32 ms frames (all captured values fit that grid) and ends speech after
`silence_duration_ms` without voice. `semantic_vad` works in 40 ms frames and, where the real one
judges by the words, ends speech after an eighth of the eagerness's maximum wait (low 8 s,
medium and auto 4 s, high 2 s); a caller who has said next to nothing yet, such as "um", is given
the whole wait.
"""

import math
from collections import deque
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
_HIGHEST_FLOOR_DBFS: Final = -34.0
_FLOOR_FRAMES: Final = 48
_HYSTERESIS_DB: Final = 4.0
_ROW: Final = 2


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
        """The level below which nothing is voice: -38 at the default threshold."""
        return -48 + 20 * self.threshold

    @property
    def margin_db(self) -> float:
        """How far voice stands above the noise floor: 12 at the default threshold."""
        return 6 + 12 * self.threshold


class VadEvent(NamedTuple):
    """Speech began or ended; `at_ms` is the value of the wire event."""

    kind: Literal["started", "stopped"]
    at_ms: int


class Vad:
    """One caller's detector, fed one level per frame."""

    def __init__(self, settings: VadSettings) -> None:
        self.settings = settings
        self.speaking = False
        self._levels: deque[float] = deque(maxlen=_FLOOR_FRAMES)
        self._row = 0
        self._voiced_ms = 0
        self._quiet_ms = 0

    def rest(self) -> None:
        """The speech so far is dealt with; what follows begins a new one."""
        self.speaking = False
        self._row = 0

    def feed(self, level: float, end_ms: int) -> VadEvent | None:
        """One frame of `level` dBFS that ended at `end_ms` of the session's audio."""
        self._levels.append(level)
        gate = self._gate()
        if self.speaking:
            self._row = self._row + 1 if level >= gate - _HYSTERESIS_DB else 0
            return self._in_speech(end_ms)
        self._row = self._row + 1 if level >= gate else 0
        return self._in_quiet(end_ms)

    def _in_quiet(self, end_ms: int) -> VadEvent | None:
        if self._row < _ROW:
            return None
        spoken_ms = _ROW * self.settings.frame_ms
        self.speaking = True
        self._voiced_ms, self._quiet_ms = spoken_ms, 0
        return VadEvent("started", max(0, end_ms - spoken_ms - self.settings.prefix_padding_ms))

    def _in_speech(self, end_ms: int) -> VadEvent | None:
        frame_ms = self.settings.frame_ms
        if self._row >= _ROW:
            self._voiced_ms += frame_ms
            self._quiet_ms = 0
            return None
        self._quiet_ms += frame_ms
        if self._quiet_ms < self._wanted_quiet_ms():
            return None
        self.speaking, self._row = False, 0
        return VadEvent("stopped", end_ms)

    def _wanted_quiet_ms(self) -> int:
        hesitation = self.settings.hesitation_quiet_ms
        if hesitation is not None and self._voiced_ms < _HESITATION_MS:
            return hesitation
        return self.settings.quiet_ms

    def _gate(self) -> float:
        floor = min(max(min(self._levels), _LOWEST_FLOOR_DBFS), _HIGHEST_FLOOR_DBFS)
        return max(self.settings.gate_dbfs, floor + self.settings.margin_db)
