"""Owns one question: how much of these frequencies is in that window of sound, and in what phase?

It is Goertzel's question, answered in C: `audioop.findfactor` projects a window on a reference of
the same length, and a cosine and a sine of one frequency make that a bin of Fourier's sum. A bin of
a 20 ms window so takes half a microsecond, where a loop over its samples would take twenty.

Windows are 16-bit samples. A window of N samples tells apart what is 8000/N Hz apart.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Final

from gateway.core.g711 import SAMPLE_RATE, audioop

__all__ = ["Bank", "power", "shift_hz"]

_PEAK: Final = 16384.0
"""Of the references. The steps of 16 bits then are nothing (-90 dB)."""
_POWER: Final = _PEAK * _PEAK / 2.0


class Bank:
    """The references of some frequencies for windows of one length; holds no state of a call."""

    __slots__ = ("_references",)

    def __init__(self, hz: Iterable[float], samples: int) -> None:
        """Raises ValueError for a frequency that 8 kHz cannot carry."""
        frequencies = tuple(hz)
        if not all(0 < each < SAMPLE_RATE / 2 for each in frequencies):
            raise ValueError("a frequency must be above 0 Hz and below 4000 Hz")
        self._references = [_references(each, samples) for each in frequencies]

    def amplitudes(self, window: bytes) -> list[complex]:
        """The share of each frequency in the window, in its order; `power` reads it.

        `audioop.error` unless the window has the length of the bank.
        """
        project = audioop.findfactor
        return [complex(project(window, c), project(window, s)) for c, s in self._references]

    def amplitude(self, window: bytes, place: int) -> complex:
        """The same of one frequency."""
        cosine, sine = self._references[place]
        return complex(audioop.findfactor(window, cosine), audioop.findfactor(window, sine))


def power(amplitude: complex) -> float:
    """The mean square of 16-bit samples that this much of a frequency has by itself."""
    return _POWER * (amplitude.real * amplitude.real + amplitude.imag * amplitude.imag)


def shift_hz(earlier: complex, later: complex, hz: float, samples: int) -> float:
    """How far a tone lies above `hz`, from two windows that begin `samples` apart.

    The phase of a tone of just `hz` moves on by a known angle. Farther away than half of
    8000/`samples` Hz it is mistaken for one on the other side.
    """
    turns = math.atan2(later.imag, later.real) - math.atan2(earlier.imag, earlier.real)
    off = turns / (2.0 * math.pi) - hz * samples / SAMPLE_RATE
    return (off - round(off)) * SAMPLE_RATE / samples


def _references(hz: float, samples: int) -> tuple[bytes, bytes]:
    turn = 2.0 * math.pi * hz / SAMPLE_RATE
    cosine = array("h", (round(_PEAK * math.cos(turn * i)) for i in range(samples)))
    sine = array("h", (round(-_PEAK * math.sin(turn * i)) for i in range(samples)))
    return cosine.tobytes(), sine.tobytes()
