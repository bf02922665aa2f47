"""Owns the change of sample rate between the model's 24 kHz and the line's 8 kHz, both ways.

The filter is one windowed sinc with its corner at 4 kHz. It is flat to 3.4 kHz (±0.02 dB), and what
lies above 4.6 kHz is at least 50 dB down: neither sibilants folded into the speech band on the way
to the line nor images of it on the way to the model. (`audioop.ratecv` draws straight lines between
samples: no filter at all on the way down, 4.2 dB lost at 3 kHz on the way up.)

A convolution is a multiplication of polynomials, and a polynomial with small integer coefficients
is one large integer with a slot of bits for each of them. So each phase of the filter is a single
product of two Python integers: exact, the same however the audio is cut, and several times faster
than a scaled copy and a sum per tap.

Samples are 16 bits, signed, mono, in native order: little-endian, as on the model's wire, on every
machine the gateway's packages are built for.
"""

from __future__ import annotations

import math
from array import array
from typing import Final

from gateway.core.g711 import audioop

__all__ = ["RATIO", "Downsampler", "Upsampler"]

RATIO: Final = 3
"""24 kHz to 8 kHz."""

_REACH: Final = 12
"""How far the filter looks to either side, in samples of 8 kHz: 1.5 ms of delay."""
_KAISER_BETA: Final = 5.0
"""More is a deeper stopband, less a steeper edge; at this reach 5 makes the most of both."""
_SKIPPED: Final = 2 * _REACH - 1
"""Slots at either end of a product that miss some of the taps."""
_UNITY: Final = 1 << 14
"""A tap of 1.0. The sum of a phase stays below 2^31 at full scale, whatever the samples are."""
_SAMPLE_BYTES: Final = 2
_SLOT_BYTES: Final = 4
_SLOT_BITS: Final = 32
_ZERO: Final = 1 << 15
"""What a sample of no amplitude becomes in a slot, where nothing may be negative."""
_PEDESTAL: Final = (1 << 30).to_bytes(_SLOT_BYTES, "little")
"""Lifts every slot of a product above zero, so that none borrows from its neighbour."""


def _bessel_i0(x: float) -> float:
    return math.fsum((x / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(30))


def _tap(m: int) -> float:
    """The impulse response at sample `m` of 24 kHz; its sum is 1."""
    edge = 1.0 - (m / (RATIO * _REACH)) ** 2
    window = _bessel_i0(_KAISER_BETA * math.sqrt(edge)) / _bessel_i0(_KAISER_BETA)
    x = math.pi * m / RATIO
    return window / RATIO * (math.sin(x) / x if m else 1.0)


class _Phase:
    """Every third tap as one integer, the first in the lowest slot."""

    __slots__ = ("number", "sum")

    def __init__(self, offset: int, gain: float) -> None:
        ms = range(offset - RATIO * _REACH, RATIO * _REACH, RATIO)
        taps = [round(_UNITY * gain * _tap(m)) for m in ms]
        self.number = sum(tap << _SLOT_BITS * k for k, tap in enumerate(taps))
        self.sum = sum(taps)


# At every third sample a sinc of this corner is zero, but in its middle: that phase only delays.
_DOWN_MIDDLE: Final = round(_UNITY * _tap(0))
_DOWN: Final = (_Phase(1, 1.0), _Phase(2, 1.0))
_DOWN_SUM: Final = _DOWN_MIDDLE + _DOWN[0].sum + _DOWN[1].sum
_UP: Final = (_Phase(1, RATIO), _Phase(2, RATIO))


def _spread(samples: array[int]) -> int:
    """One large integer with a sample in the upper half of each slot, none of them negative."""
    unsigned = audioop.bias(samples, _SAMPLE_BYTES, -_ZERO)
    return int.from_bytes(audioop.lin2lin(unsigned, _SAMPLE_BYTES, _SLOT_BYTES), "little")


def _gather(product: int, n: int, taps_sum: int) -> bytes:
    """The `n` filtered samples that saw all taps, rounded and limited to 16 bits."""
    slots = n + 2 * _SKIPPED
    lifted = product + int.from_bytes(b"\0\0" + _PEDESTAL * slots, "little")
    first = _SKIPPED * _SLOT_BYTES + 2
    whole = lifted.to_bytes((slots + 1) * _SLOT_BYTES, "little")[first : first + n * _SLOT_BYTES]
    surplus = taps_sum * _ZERO + (1 << 30) - _UNITY // 2
    signed = audioop.bias(whole, _SLOT_BYTES, -surplus)
    limited = audioop.mul(signed, _SLOT_BYTES, (1 << 16) / _UNITY)
    return audioop.lin2lin(limited, _SLOT_BYTES, _SAMPLE_BYTES)


class Downsampler:
    """24 kHz to 8 kHz, as it comes: any number of bytes at a time.

    `n` samples become `ceil(n / 3)`, each in line with the first of its three.
    """

    __slots__ = ("_held",)

    _BLOCK = RATIO * _SAMPLE_BYTES

    def __init__(self) -> None:
        self._held = bytes(_REACH * self._BLOCK)

    def feed(self, pcm: bytes) -> bytes:
        """More audio; what of it can be told already, 1.5 ms behind."""
        held = self._held + pcm
        whole = len(held) // self._BLOCK
        n = whole - _SKIPPED
        if n <= 0:
            self._held = held
            return b""
        self._held = held[n * self._BLOCK :]
        samples = array("h", held[: whole * self._BLOCK])
        middle = _spread(samples[0::RATIO]) * _DOWN_MIDDLE << _SLOT_BITS * (_REACH - 1)
        after = _spread(samples[1::RATIO]) * _DOWN[1].number
        before = _spread(samples[2::RATIO]) * _DOWN[0].number
        return _gather(before + middle + after, n, _DOWN_SUM)

    def flush(self) -> bytes:
        """The end of the audio, which silence follows; ready for another. Half a sample is lost."""
        odd = len(self._held) % _SAMPLE_BYTES
        held = self._held[: len(self._held) - odd]
        self._held = held + bytes(-len(held) % self._BLOCK)
        end = self.feed(bytes((_REACH - 1) * self._BLOCK))
        self._held = bytes(_REACH * self._BLOCK)
        return end


class Upsampler:
    """8 kHz to 24 kHz, as it comes: any number of bytes at a time.

    `n` samples become `3 * n`, every third of them the untouched sample.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytes((_REACH - 1) * _SAMPLE_BYTES)

    def feed(self, pcm: bytes) -> bytes:
        """More audio; what of it can be told already, 1.5 ms behind."""
        held = self._held + pcm
        whole = len(held) // _SAMPLE_BYTES
        n = whole - _SKIPPED
        if n <= 0:
            self._held = held
            return b""
        self._held = held[n * _SAMPLE_BYTES :]
        samples = array("h", held[: whole * _SAMPLE_BYTES])
        spread = _spread(samples)
        out = array("h", bytes(n * RATIO * _SAMPLE_BYTES))
        out[0::RATIO] = samples[_REACH - 1 : _REACH - 1 + n]
        for offset, phase in enumerate(_UP, start=1):
            out[offset::RATIO] = array("h", _gather(spread * phase.number, n, phase.sum))
        return out.tobytes()

    def flush(self) -> bytes:
        """The end of the audio, which silence follows; ready for another. Half a sample is lost."""
        odd = len(self._held) % _SAMPLE_BYTES
        self._held = self._held[: len(self._held) - odd]
        end = self.feed(bytes(_REACH * _SAMPLE_BYTES))
        self._held = bytes((_REACH - 1) * _SAMPLE_BYTES)
        return end
