"""Owns telling by ear what became of a call: busy, congestion, no such number, fax, a beep.

`Progress` hears the mu-law audio of the far end and tells each sound once, with its place. It
judges tones by their frequencies, lengths and order alone; `steadytones` finds them. Keypad tones
are `keytones`' matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from gateway.core.g711 import BYTES_PER_MS, FRAME_MS
from gateway.core.steadytones import Rest, SteadyTones, Tone

__all__ = ["CADENCES", "Cadence", "Heard", "Progress", "Sound"]


class Sound(StrEnum):
    """What can be told from a tone."""

    BUSY = "busy"
    CONGESTION = "congestion"
    INFORMATION = "information"
    """The three rising tones before an announcement of the network: the call failed."""
    FAX_CALLING = "fax_calling"
    FAX_ANSWERING = "fax_answering"
    BEEP = "beep"
    """A mailbox begins to record."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound, from `start` to `end` in samples since the start of the audio (right to 20 ms).

    `end` is where it ended, or where it was certain if it goes on.
    """

    sound: Sound
    start: int
    end: int


class Cadence(NamedTuple):
    """A tone of a country's exchanges: frequencies in Hz, then on, off, on, ... in ms."""

    sound: Sound
    hz: tuple[int, ...]
    on_off_ms: tuple[int, ...]


CADENCES: Final = {
    "US CA": (
        Cadence(Sound.BUSY, (480, 620), (500, 500)),
        Cadence(Sound.CONGESTION, (480, 620), (250, 250)),
    ),
    "GB": (
        Cadence(Sound.BUSY, (400,), (375, 375)),
        Cadence(Sound.CONGESTION, (400,), (400, 350, 225, 525)),
    ),
    "DE": (
        Cadence(Sound.BUSY, (425,), (480, 480)),
        Cadence(Sound.CONGESTION, (425,), (240, 240)),
    ),
    "CH DK IT NO PT": (
        Cadence(Sound.BUSY, (425,), (500, 500)),
        Cadence(Sound.CONGESTION, (425,), (200, 200)),
    ),
    "BG NL": (
        Cadence(Sound.BUSY, (425,), (500, 500)),
        Cadence(Sound.CONGESTION, (425,), (250, 250)),
    ),
    "AT": (
        Cadence(Sound.BUSY, (420,), (400, 400)),
        Cadence(Sound.CONGESTION, (420,), (200, 200)),
    ),
    "FR": (
        Cadence(Sound.BUSY, (440,), (500, 500)),
        Cadence(Sound.CONGESTION, (440,), (250, 250)),
    ),
}
"""By countries (ITU-T E.180, supplement 2). Where busy sounds as congestion does elsewhere (Spain,
Sweden, Brazil), it is told as that: either way the call is over.
"""
_ROWS: Final = tuple(row for rows in CADENCES.values() for row in rows)
_PAIRS: Final = tuple({(row.hz[0], row.hz[1]) for row in _ROWS if len(row.hz) > 1})
_SYLLABLE_MS: Final = 140
"""What is shorter is a voice on the line: no tone of the tables is."""
_PITCH_HZ: Final = 12
"""How far a tone of an exchange may be off."""
_REPEATED: Final = 4
"""Ons and offs that must fit: twice the tone, and the begin of a third. No cycle is longer."""
_KEPT: Final = _REPEATED // 2
_SLACK: Final = 0.1
_EDGE_MS: Final = 20
"""How far an on or off may be off: a tenth, and what the windows of 20 ms make of it."""
_SHORTENED_MS: Final = 12
"""A tone is found so much shorter than it is, and a gap longer."""
_SERIES_MS: Final = 1000
"""Longest pause inside a cadence."""

_SIT: Final = ((880, 1010), (1340, 1460), (1740, 1860))
_SIT_MS: Final = (210, 450)
_SIT_GAP_MS: Final = 80
"""Tones of 950, 1400 and 1800 Hz +-50 Hz, of 330 +-70 ms, at most 30 ms apart (ITU-T E.180); in
North America from 913 Hz on and down to 274 ms. Windows make gaps longer.
"""

_CNG_HZ: Final = (1060, 1140)
_CNG_MS: Final = (390, 600)
_CNG_EVERY_MS: Final = (2950, 4050)
"""1100 +-38 Hz for 0.5 s every 3.5 s, +-15 % (ITU-T T.30)."""
_CED_HZ: Final = (2080, 2120)
_CED_MS: Final = 700
"""2100 +-15 Hz for 2.6 to 4 s (T.30); a modem turns its phase every 450 ms (V.8)."""

_BEEP_HZ: Final = (390, 2010)
_BEEP_MS: Final = (265, 2040)
_BEEP_SHARE: Final = 0.88
"""Least share of a beep in its energy. The louder tone of a key may have 0.86."""
_BEEP_QUIET_MS: Final = 300
_BEEP_DROP: Final = 0.16
"""What follows a beep has at most this part of its power (-8 dB)."""
_BUSY_QUIET_MS: Final = 720
"""The same for a beep that may be the begin of a busy tone: until that would come back."""
_RINGING_HZ: Final = (413, 452)
_RINGING_MS: Final = ((880, 1110), (1380, 1620))
"""A voice that says it will connect the caller is followed by this in most of Europe: 425 Hz for
1 s every 5 s, or 440 Hz for 1.5 s (France). Its return is too long to wait for: no beep is like it.
"""
_GREETING_MS: Final = 300
_VOICE: Final = 184.0**2
"""Mean square of 16-bit samples, -45 dBFS: less is not the voice of a greeting."""
_ABOVE_NOISE: Final = 6.3
"""How many times the power of the quietest 20 ms so far a voice has (8 dB). Noise is even."""
_APART_MS: Final = 100
"""Tones closer together are one sound, and no beep."""


class Progress:
    """Hears what the far end of one call plays, in audio that comes cut anywhere."""

    __slots__ = ("_ears", "_tones")

    def __init__(self) -> None:
        self._tones = SteadyTones(_PAIRS)
        self._ears = (_Cadences(), _Information(), _Fax(), _Beep())

    def feed(self, payload: bytes) -> list[Heard]:
        """More mu-law audio; what became certain with it. How the audio is cut changes nothing."""
        return [
            heard
            for piece in self._tones.feed(payload)
            for ear in self._ears
            if (heard := ear.hear(piece))
        ]


class _Cadences:
    """Busy and congestion: the same tone again and again, in the rhythm of some country."""

    __slots__ = ("_bursts", "_told")

    def __init__(self) -> None:
        self._bursts: list[Tone] = []
        self._told = False

    def hear(self, piece: Tone | Rest) -> Heard | None:
        if isinstance(piece, Rest) or _is_syllable(piece):
            return None
        latest = self._bursts[-1] if self._bursts else None
        if latest is not None and latest.start == piece.start:
            self._bursts[-1] = piece
            return None
        if latest is None or not _is_repeated(latest, piece):
            self._bursts, self._told = [], False
        self._bursts = [*self._bursts[-_KEPT:], piece]
        return None if self._told else self._judge()

    def _judge(self) -> Heard | None:
        """A burst began: whether it and those before it are a cadence."""
        lengths: list[float] = []
        for burst, following in pairwise(self._bursts):
            lengths.append(_ms(burst.end - burst.start) + _SHORTENED_MS)
            lengths.append(_ms(following.start - burst.end) - _SHORTENED_MS)
        if len(lengths) < _REPEATED:
            return None
        first, latest = self._bursts[-1 - _REPEATED // 2], self._bursts[-1]
        for row in _ROWS:
            if _is_pitch(latest, row) and _is_rhythm(lengths[-_REPEATED:], row.on_off_ms):
                self._told = True
                return Heard(row.sound, first.start, latest.start)
        return None


class _Information:
    """Special information tones: three of them, rising."""

    __slots__ = ("_tones",)

    def __init__(self) -> None:
        self._tones: list[Tone] = []

    def hear(self, piece: Tone | Rest) -> Heard | None:
        if isinstance(piece, Rest) or not piece.over or _is_syllable(piece):
            return None
        self._tones = [*self._tones[-2:], piece]
        if len(self._tones) < len(_SIT):
            return None
        pitch = all(_is_single(tone, hz) for tone, hz in zip(self._tones, _SIT, strict=True))
        length = all(_lasts(tone, _SIT_MS) for tone in self._tones)
        first, second, third = self._tones
        pauses = (second.start - first.end, third.start - second.end)
        if not (pitch and length and _ms(max(pauses)) <= _SIT_GAP_MS):
            return None
        return Heard(Sound.INFORMATION, first.start, third.end)


class _Fax:
    """A fax machine: the calling tone when it comes back, the answering tone when it lasts."""

    __slots__ = ("_answering", "_calling")

    def __init__(self) -> None:
        self._calling: Tone | None = None
        self._answering = -1

    def hear(self, piece: Tone | Rest) -> Heard | None:
        if isinstance(piece, Rest):
            return None
        if _is_single(piece, _CED_HZ):
            if piece.start == self._answering or _ms(piece.end - piece.start) < _CED_MS:
                return None
            self._answering = piece.start
            return Heard(Sound.FAX_ANSWERING, piece.start, piece.end)
        if not (piece.over and _is_single(piece, _CNG_HZ) and _lasts(piece, _CNG_MS)):
            return None
        before, self._calling = self._calling, piece
        shortest, longest = _CNG_EVERY_MS
        if before is None or not shortest <= _ms(piece.start - before.start) <= longest:
            return None
        return Heard(Sound.FAX_CALLING, before.start, piece.end)


class _Beep:
    """A single tone by itself, after a voice and before silence."""

    __slots__ = ("_beep", "_before", "_floor", "_quiet_ms", "_voice_ms")

    def __init__(self) -> None:
        self._voice_ms = 0.0
        self._floor = math.inf
        self._before: Tone | None = None
        self._beep: Tone | None = None
        self._quiet_ms = 0.0

    def hear(self, piece: Tone | Rest) -> Heard | None:
        if isinstance(piece, Rest):
            self._floor = min(self._floor, piece.power)
            if piece.power >= max(_VOICE, _ABOVE_NOISE * self._floor):
                self._voice_ms += FRAME_MS
        if self._beep is not None:
            return self._wait(self._beep, piece)
        if isinstance(piece, Tone) and piece.over and not _is_syllable(piece):
            before, self._before = self._before, piece
            if self._voice_ms >= _GREETING_MS and _is_beep(piece, before):
                self._beep, self._quiet_ms = piece, 0.0
        return None

    def _wait(self, beep: Tone, piece: Tone | Rest) -> Heard | None:
        """Whether what follows a beep is silence; its own end may be in the first window."""
        own = isinstance(piece, Rest) and piece.start == beep.end
        if piece.power > _BEEP_DROP * beep.power and not own:
            self._beep = None
            return None
        self._quiet_ms += FRAME_MS
        if self._quiet_ms < (_BUSY_QUIET_MS if _may_be_busy(beep) else _BEEP_QUIET_MS):
            return None
        self._beep = None
        return Heard(Sound.BEEP, beep.start, beep.end)


def _is_beep(tone: Tone, before: Tone | None) -> bool:
    """By itself: of a beep's pitch and length, and no part of a series or of a melody."""
    if not (_is_single(tone, _BEEP_HZ) and _lasts(tone, _BEEP_MS) and tone.share >= _BEEP_SHARE):
        return False
    if _is_single(tone, _RINGING_HZ) and any(_lasts(tone, ms) for ms in _RINGING_MS):
        return False
    if before is None:
        return True
    return _ms(tone.start - before.end) > _APART_MS and not _is_repeated(before, tone)


def _is_syllable(tone: Tone) -> bool:
    return _ms(tone.end - tone.start) < _SYLLABLE_MS


def _may_be_busy(tone: Tone) -> bool:
    return any(_is_pitch(tone, row) and len(row.hz) == 1 for row in _ROWS)


def _is_repeated(before: Tone, tone: Tone) -> bool:
    """The same tone again, soon after."""
    same = len(before.hz) == len(tone.hz) and all(
        abs(one - other) <= _PITCH_HZ for one, other in zip(before.hz, tone.hz, strict=True)
    )
    return same and _ms(tone.start - before.end) <= _SERIES_MS


def _is_pitch(tone: Tone, row: Cadence) -> bool:
    return len(tone.hz) == len(row.hz) and all(
        abs(one - other) <= _PITCH_HZ for one, other in zip(tone.hz, row.hz, strict=True)
    )


def _is_rhythm(lengths: list[float], on_off_ms: tuple[int, ...]) -> bool:
    """Whether ons and offs, beginning with some on of the cycle, follow it."""
    size = len(on_off_ms)
    return any(
        all(
            abs(length - on_off_ms[(turn + i) % size])
            <= _EDGE_MS + _SLACK * on_off_ms[(turn + i) % size]
            for i, length in enumerate(lengths)
        )
        for turn in range(0, size, 2)
    )


def _is_single(tone: Tone, hz: tuple[int, int]) -> bool:
    return len(tone.hz) == 1 and hz[0] <= tone.hz[0] <= hz[1]


def _lasts(tone: Tone, ms: tuple[int, int]) -> bool:
    return ms[0] <= _ms(tone.end - tone.start) <= ms[1]


def _ms(samples: int) -> float:
    return samples / BYTES_PER_MS
