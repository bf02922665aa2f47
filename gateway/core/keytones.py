"""Owns hearing keypad tones (DTMF, ITU-T Q.23) in mu-law audio: which key, from where to where.

`KeyTones` hears a call and tells each key once, after 30 to 40 ms of it. `key_in` looks at a single
frame, for whoever must decide at once whether that frame may be let through: it prefers a wrong
alarm to a missed key.

What counts is ITU-T Q.24: 40 ms of tone and 40 ms of gap are enough, breaks of 10 ms are none; a
frequency may be off by 1.5 % and must not be by 3.5 %; the high tone may be 4 dB above or 8 dB
below the low one. Keys are what callers' PINs are made of: no text made here shows one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.core.g711 import FRAME_BYTES, SAMPLE_RATE, audioop, to_pcm16
from gateway.core.goertzel import Bank, power, shift_hz

__all__ = ["KeyDown", "KeyTones", "KeyUp", "Presence", "key_in"]

_LOW_HZ: Final = (697, 770, 852, 941)
_HIGH_HZ: Final = (1209, 1336, 1477, 1633)
_KEYS: Final = ("123A", "456B", "789C", "*0#D")

_WIDTH: Final = 2
_WINDOW: Final = FRAME_BYTES
_HOP: Final = 80
"""Windows of 20 ms every 10 ms: in 40 ms of tone, and in 40 ms of gap, lie two whole ones."""
_LOW: Final = Bank(_LOW_HZ, _WINDOW)
_HIGH: Final = Bank(_HIGH_HZ, _WINDOW)
_HALF_LOW: Final = Bank(_LOW_HZ, _HOP)
_HALF_HIGH: Final = Bank(_HIGH_HZ, _HOP)

_AUDIBLE: Final = 200
"""RMS of 16-bit samples, -44 dBFS: Q.24 asks for -29 dBm0 a tone, which is -32 dBFS together."""
_CROSSINGS: Final = range(22, 84)
"""Zero crossings in a window. A key has from 28 (697 Hz) to 65 (1633 Hz), noise adds some; most of
speech has fewer, or more, and costs no projection.
"""
_LEAST: Final = 0.05
_ROUGH_SHARE: Final = 0.4
"""Least share of the energy that each tone, and both, have by their bins. A bin misses up to half
of a tone beside its frequency, and how far beside it is shows only with the next window.
"""
_SHARE: Final = 0.74
"""Least share of the energy that the two tones of a key have. Nothing else sounds with a key."""
_CLEAR: Final = 4.0
"""How many times the power of the next frequency of its group a tone must have (6 dB)."""
_TWIST_DRIFT: Final = 1.6
"""How many times the one twist may be the other, in windows that follow each other (2 dB)."""
_TWIST: Final = (0.125, 3.6)
"""Power of the high tone by that of the low one: -9 to +5.6 dB, a decibel or so beyond Q.24."""
_OFF: Final = 0.021
"""How far a frequency may be off: between what Q.24 allows and what it forbids."""
_FAINT: Final = 60
_FEW_CROSSINGS: Final = 6
_HALF_SHARE: Final = 0.4
_ANY_TWIST: Final = 16.0
"""What 10 ms may be that hold a part of a key: 5 ms of it have these crossings and half the share,
and a bin of 10 ms tells less of the twist (12 dB).
"""
_MISSES: Final = 3
"""Windows without a key that end it. In 40 ms of gap lie three that hold hardly any tone."""
_BEGINS: Final = 8
_ENDS: Final = 112
"""Samples from the begin of the first and of the last window that heard a key to where its tone
begins and ends (measured; right to 10 ms).
"""


@dataclass(frozen=True, slots=True)
class KeyDown:
    """A key is being pressed; `at` is where its tone began, in samples since the start."""

    key: str = field(repr=False)
    at: int


@dataclass(frozen=True, slots=True)
class KeyUp:
    """That key was let go; `at` is where its tone ended, in samples since the start."""

    key: str = field(repr=False)
    at: int


class Presence(StrEnum):
    """Whether there is a key tone in a frame."""

    NO = "no"
    POSSIBLY = "possibly"
    SURELY = "surely"


class _Pair(NamedTuple):
    """The strongest low and high tone of a window."""

    row: int
    column: int
    low: complex
    high: complex
    energy: float


class KeyTones:
    """Hears the keys pressed in one call, in audio that comes cut anywhere."""

    __slots__ = ("_before", "_key", "_last_hit", "_misses", "_pcm", "_start")

    def __init__(self) -> None:
        self._pcm = b""
        self._start = 0
        self._before: _Pair | None = None
        self._key: str | None = None
        self._misses = 0
        self._last_hit = 0

    def __repr__(self) -> str:
        return f"<KeyTones {'idle' if self._key is None else 'key down'}>"

    @property
    def down(self) -> bool:
        """True while a key is pressed: between its `KeyDown` and its `KeyUp`."""
        return self._key is not None

    def feed(self, payload: bytes) -> list[KeyDown | KeyUp]:
        """More mu-law audio; what became certain with it. How the audio is cut changes nothing."""
        pcm = self._pcm + to_pcm16(payload)
        heard: list[KeyDown | KeyUp] = []
        place = 0
        while len(pcm) - place >= _WINDOW * _WIDTH:
            heard += self._hear(pcm[place : place + _WINDOW * _WIDTH])
            self._start += _HOP
            place += _HOP * _WIDTH
        self._pcm = pcm[place:]
        return heard

    def _hear(self, window: bytes) -> list[KeyDown | KeyUp]:
        """One window further."""
        before, self._before = self._before, _pair_in(window)
        pair = self._before
        if self._key is None:
            return [*self._press(before, pair)]
        if pair is not None and _key_of(pair) == self._key:
            self._last_hit, self._misses = self._start, 0
            return []
        self._misses += 1
        if self._misses < _MISSES:
            return []
        key, self._key, self._misses = self._key, None, 0
        return [KeyUp(key, self._last_hit + _ENDS), *self._press(before, pair)]

    def _press(self, before: _Pair | None, pair: _Pair | None) -> list[KeyDown]:
        """Two windows that agree are a key."""
        if before is None or pair is None or not _is_steady(before, pair):
            return []
        self._key, self._last_hit = _key_of(pair), self._start
        return [KeyDown(self._key, max(0, self._start - _HOP + _BEGINS))]


def key_in(frame: bytes) -> Presence:
    """Whether this 20 ms frame by itself holds a key tone, or the begin or end of one.

    `SURELY` is said of a frame full of it, and of one frame of speech in 500. `POSSIBLY` is said
    from 5 ms of it on, and of one frame of speech in 20. ValueError unless it has 160 bytes.
    """
    if len(frame) != FRAME_BYTES:
        raise ValueError(f"a frame has {FRAME_BYTES} bytes")
    pcm = to_pcm16(frame)
    if _pair_in(pcm) is not None:
        return Presence.SURELY
    middle = _HOP * _WIDTH
    half = any(_may_hold(part) for part in (pcm[:middle], pcm[middle:]))
    return Presence.POSSIBLY if half else Presence.NO


def _may_hold(half: bytes) -> bool:
    """Loosely: the two strongest tones are much of the energy, and neither is much the weaker."""
    level = audioop.rms(half, _WIDTH)
    if level < _FAINT or audioop.cross(half, _WIDTH) < _FEW_CROSSINGS:
        return False
    energy = level * level
    low = max(map(power, _HALF_LOW.amplitudes(half)))
    if low < _LEAST * energy:
        return False
    high = max(map(power, _HALF_HIGH.amplitudes(half)))
    return low + high >= _HALF_SHARE * energy and low <= _ANY_TWIST * high <= _ANY_TWIST**2 * low


def _key_of(pair: _Pair) -> str:
    return _KEYS[pair.row][pair.column]


def _pair_in(window: bytes) -> _Pair | None:
    """The tones of a key, if the window holds them and little else."""
    level = audioop.rms(window, _WIDTH)
    if level < _AUDIBLE or audioop.cross(window, _WIDTH) not in _CROSSINGS:
        return None
    energy = level * level
    lows = _LOW.amplitudes(window)
    row, low = _strongest(lows)
    if low < _LEAST * energy:
        return None
    highs = _HIGH.amplitudes(window)
    column, high = _strongest(highs)
    if high < _LEAST * energy or low + high < _ROUGH_SHARE * energy:
        return None
    return _Pair(row, column, lows[row], highs[column], energy)


def _strongest(amplitudes: list[complex]) -> tuple[int, float]:
    """The place and the power of the tone that stands out of its group; else no power."""
    powers = [power(each) for each in amplitudes]
    most = max(powers)
    place = powers.index(most)
    powers[place] = 0.0
    return place, most if most >= _CLEAR * max(powers) else 0.0


def _is_steady(before: _Pair, pair: _Pair) -> bool:
    """The same two tones, of just the frequencies of the key and of fitting powers."""
    if before[:2] != pair[:2]:
        return False
    low_hz, high_hz = _LOW_HZ[pair.row], _HIGH_HZ[pair.column]
    low_off = shift_hz(before.low, pair.low, low_hz, _HOP)
    high_off = shift_hz(before.high, pair.high, high_hz, _HOP)
    if abs(low_off) > _OFF * low_hz or abs(high_off) > _OFF * high_hz:
        return False
    low_gain, high_gain = _gain(low_off), _gain(high_off)
    twists = []
    for each in (before, pair):
        low, high = power(each.low) * low_gain, power(each.high) * high_gain
        twists.append(high / low)
        if low + high < _SHARE * each.energy:
            return False
    least, most = sorted(twists)
    return _TWIST[0] <= least and most <= min(_TWIST[1], least * _TWIST_DRIFT)


def _gain(off_hz: float) -> float:
    """What makes up for the power that a bin misses of a tone beside its frequency."""
    turn = math.pi * off_hz * _WINDOW / SAMPLE_RATE
    return (turn / math.sin(turn)) ** 2 if turn else 1.0
