"""Owns finding steady tones in mu-law audio: from where to where, how high and how loud they are.

One tone of any frequency, or one of the pairs it was told of. What a tone means is not its matter.

Audio is read in windows of 20 ms. The frequency is found in three steps, each only taken when the
one before left a chance: two correlations say whether a window may be a tone and about where
(Pisarenko's estimate, which white noise does not move); bins 50 Hz apart find its place; the middle
three of them its frequency, to about a Hertz (Jacobsen's estimate), and so its share of the energy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from gateway.core.g711 import FRAME_BYTES, SAMPLE_RATE, audioop, to_pcm16
from gateway.core.goertzel import Bank, power

__all__ = ["Rest", "SteadyTones", "Tone"]

_WIDTH: Final = 2
_WINDOW: Final = FRAME_BYTES
_BIN_HZ: Final = SAMPLE_RATE // _WINDOW
_LOWEST: Final = 350 // _BIN_HZ
_HIGHEST: Final = 2250 // _BIN_HZ
"""Bins in which a tone may lie."""
_CLIMB: Final = 3
"""Bins that the first guess may be wrong: in noise as loud as a tenth of the tone it is two."""

_AUDIBLE: Final = 100
"""RMS of 16-bit samples, -50 dBFS."""
_LIKELY: Final = 0.5
"""Least share of a tone in the energy by the first guess, which is as rough."""
_FARTHEST: Final = 0.6
"""Bins that a tone may be off the strongest one: half of one, and what noise makes of it."""
_NEAR: Final = 0.85
"""Least part of the power of a tone that is in the strongest bin and the two beside it."""
_PURE: Final = 0.9
_SHARE: Final = 0.65
"""Least share of a tone in the energy of its window: noise may be 3 dB below it. Where it is less
than pure, it may be one of a pair.
"""
_PAIR_TWIST: Final = 4.0
"""How many times the power of one tone of a pair may be that of the other (6 dB)."""
_PAIR_HZ: Final = (400, 700)
_PAIR_CROSSINGS: Final = range(14, 50)
"""Zero crossings in a window of such a pair (16 to 28), and what noise adds."""
_STEADY_HZ: Final = 12.0
_STEADY_POWER: Final = 4.0
"""How far a window may be from the mean frequency, and from the mean power (6 dB), of its tone."""
_AMISS: Final = 2
"""Windows that a tone may be missing from: a click, a phase turned by a modem, a lost packet."""
_SHORTEST: Final = 3
"""Windows of a tone: 60 ms. What is shorter are harmonics of a voice."""


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone or a pair: `start` and `end` in samples since the start of the audio, right to 20 ms.

    While it sounds it is told anew with every window, and once more when it is `over`.
    """

    start: int
    end: int
    hz: tuple[float, ...]
    power: float
    """Mean square of its 16-bit samples."""
    share: float
    """Its part of the energy, 0 to 1."""
    over: bool


@dataclass(frozen=True, slots=True)
class Rest:
    """20 ms outside of tones; `power` is the mean square of the 16-bit samples."""

    start: int
    power: float


@dataclass(frozen=True, slots=True)
class _Window:
    start: int
    energy: float
    hz: tuple[float, ...] = ()
    power: float = 0.0


class SteadyTones:
    """Hears tones in audio that comes cut anywhere. A click or a lost packet ends none."""

    __slots__ = ("_amiss", "_pairs", "_pcm", "_run", "_start")

    def __init__(self, pairs: Sequence[tuple[int, int]] = ()) -> None:
        """The pairs of frequencies (Hz) that count as one tone; ValueError beyond 400 to 700."""
        if not all(_PAIR_HZ[0] <= hz <= _PAIR_HZ[1] for pair in pairs for hz in pair):
            raise ValueError("the tones of a pair must be from 400 to 700 Hz")
        self._pairs = tuple(((low, high), _bank(low, high)) for low, high in pairs)
        self._pcm = b""
        self._start = 0
        self._run = _Run()
        self._amiss: list[_Window] = []

    def feed(self, payload: bytes) -> list[Tone | Rest]:
        """More mu-law audio; what it was, in order. How the audio is cut changes nothing."""
        pcm = self._pcm + to_pcm16(payload)
        heard: list[Tone | Rest] = []
        size = _WINDOW * _WIDTH
        whole = len(pcm) - len(pcm) % size
        self._pcm = pcm[whole:]
        for place in range(0, whole, size):
            heard += self._place(self._read(pcm[place : place + size]))
            self._start += _WINDOW
        return heard

    def _read(self, pcm: bytes) -> _Window:
        level = audioop.rms(pcm, _WIDTH)
        energy = float(level * level)
        if level < _AUDIBLE:
            return _Window(self._start, energy)
        hz, loud = self._single_in(pcm, energy)
        if loud >= _PURE * energy:
            return _Window(self._start, energy, (hz,), loud)
        if audioop.cross(pcm, _WIDTH) in _PAIR_CROSSINGS:
            for pair, bank in self._pairs:
                low, high = map(power, bank.amplitudes(pcm))
                even = low <= _PAIR_TWIST * high and high <= _PAIR_TWIST * low
                if even and low + high >= max(_SHARE * energy, loud):
                    return _Window(self._start, energy, pair, low + high)
        if loud >= _SHARE * energy:
            return _Window(self._start, energy, (hz,), loud)
        return _Window(self._start, energy)

    def _single_in(self, pcm: bytes, energy: float) -> tuple[float, float]:
        """Frequency (Hz) and power: first where there has been a tone, for that guess is better."""
        if hz := self._run.single_hz:
            found = _refined(pcm, round(hz / _BIN_HZ))
            if found[1] >= _SHARE * energy:
                return found
        guess = _guess(pcm)
        return _refined(pcm, guess) if guess else (0.0, 0.0)

    def _place(self, window: _Window) -> Iterator[Tone | Rest]:
        """One window further: it goes on with a tone, ends one, begins one, or is none."""
        if not self._run:
            if window.hz:
                self._run.add(window)
            else:
                yield Rest(window.start, window.energy)
        elif self._run.goes_on_with(window):
            self._amiss = []
            self._run.add(window)
            if self._run.is_tone:
                yield self._run.tone(over=False)
        elif len(self._amiss) < _AMISS:
            self._amiss.append(window)
        else:
            yield from self._run.end()
            again, self._amiss, self._run = [*self._amiss, window], [], _Run()
            for each in again:
                yield from self._place(each)


class _Run:
    """Windows that hold the same tone."""

    __slots__ = ("_energy", "_first", "_hz", "_last", "_n", "_power")

    def __init__(self) -> None:
        self._first: list[_Window] = []
        self._last = 0
        self._n = 0
        self._hz: tuple[float, ...] = ()
        self._power = 0.0
        self._energy = 0.0

    def __bool__(self) -> bool:
        return self._n > 0

    @property
    def is_tone(self) -> bool:
        return self._n >= _SHORTEST

    @property
    def single_hz(self) -> float:
        """0 where there is no tone or a pair."""
        return self._hz[0] if len(self._hz) == 1 else 0.0

    def goes_on_with(self, window: _Window) -> bool:
        if len(window.hz) != len(self._hz):
            return False
        mean = self._power / self._n
        return (
            all(abs(new - old) <= _STEADY_HZ for new, old in zip(window.hz, self._hz, strict=True))
            and mean <= _STEADY_POWER * window.power
            and window.power <= _STEADY_POWER * mean
        )

    def add(self, window: _Window) -> None:
        old, n = self._hz or window.hz, self._n
        self._hz = tuple((a * n + b) / (n + 1) for a, b in zip(old, window.hz, strict=True))
        self._n += 1
        self._last = window.start
        self._power += window.power
        self._energy += window.energy
        if self._n < _SHORTEST:
            self._first.append(window)

    def tone(self, *, over: bool) -> Tone:
        return Tone(
            start=self._first[0].start,
            end=self._last + _WINDOW,
            hz=self._hz,
            power=self._power / self._n,
            share=min(1.0, self._power / self._energy),
            over=over,
        )

    def end(self) -> Iterator[Tone | Rest]:
        """What the run was after all."""
        if self.is_tone:
            yield self.tone(over=True)
        else:
            yield from (Rest(window.start, window.energy) for window in self._first)


def _guess(pcm: bytes) -> int:
    """The bin about which a tone may lie that fills the window; 0 if there is none."""
    one, two = audioop.findfactor(pcm[2:], pcm[:-2]), audioop.findfactor(pcm[4:], pcm[:-4])
    cosine = (two + math.sqrt(two * two + 8.0 * one * one)) / (4.0 * one) if one else 0.0
    if not -1.0 < cosine < 1.0 or (one / cosine if abs(cosine) > 0.1 else -two) < _LIKELY:
        return 0
    return round(math.acos(cosine) / (2.0 * math.pi) * _WINDOW)


def _refined(pcm: bytes, guess: int) -> tuple[float, float]:
    """Frequency (Hz) and power of a tone in the bins about the strongest one near a guess."""
    bins = _bins()
    place = min(max(guess, _LOWEST), _HIGHEST) - _LOWEST + 1
    below, middle, above = (bins.amplitude(pcm, place + i) for i in (-1, 0, 1))
    for _ in range(_CLIMB):
        most = abs(middle)
        if abs(above) > most and place < _HIGHEST - _LOWEST + 1:
            place += 1
            below, middle, above = middle, above, bins.amplitude(pcm, place + 1)
        elif abs(below) > most and place > 1:
            place -= 1
            below, middle, above = bins.amplitude(pcm, place - 1), below, middle
        else:
            break
    bend = 2.0 * middle - below - above
    off = ((below - above) / bend).real if bend else 1.0
    if abs(off) > _FARTHEST:
        return 0.0, 0.0
    turn = math.pi * off
    loud = power(middle) * ((turn / math.sin(turn)) ** 2 if turn else 1.0)
    near = power(below) + power(middle) + power(above)
    return (place - 1 + _LOWEST + off) * _BIN_HZ, min(loud, near / _NEAR)


@cache
def _bins() -> Bank:
    """The bins, and one more at each end."""
    return Bank((_BIN_HZ * i for i in range(_LOWEST - 1, _HIGHEST + 2)), _WINDOW)


@cache
def _bank(low: int, high: int) -> Bank:
    return Bank((low, high), _WINDOW)
