"""Owns the arithmetic of the recordings: lists of samples (1.0 = 16-bit full scale) at 8 kHz.

Pure: no processes and no files. Whatever is random comes from a seed, so a fresh run gives the same
samples.
"""

import math
import random
from array import array
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from gateway.core.g711 import from_pcm16

Samples = list[float]
Span = tuple[int, int]
"""From and to in milliseconds."""

PER_MS: Final = 8
FRAME: Final = 160
PAUSE_MS: Final = 300
"""Shorter gaps are commas and stop consonants inside one piece of speech."""

_FULL_SCALE: Final = 32768.0
_MULAW_CLIP: Final = 32635  # the largest 16-bit value mu-law can carry (ITU-T G.711)
_WINDOW_MS: Final = 10
_HOP_MS: Final = 5
_ACTIVE_BELOW_PEAK_DB: Final = 30.0
_DOUBT_MS: Final = 40

_ROW_HZ: Final = (697.0, 770.0, 852.0, 941.0)
_COLUMN_HZ: Final = (1209.0, 1336.0, 1477.0)
_KEYS: Final = ("123", "456", "789", "*0#")
_TWIST_DB: Final = 2.0  # real phones send the high tone louder, because lines damp it more
_MAINS_HZ: Final = 50.0


def silence(n: int) -> Samples:
    """`n` samples of nothing."""
    return [0.0] * n


def to_mulaw(samples: Samples) -> bytes:
    """The mu-law payload of `samples`; what is beyond full scale is clipped."""
    clipped = (max(-_MULAW_CLIP, min(_MULAW_CLIP, round(x * _FULL_SCALE))) for x in samples)
    return from_pcm16(array("h", clipped).tobytes())


def gain(db: float) -> float:
    """The amplitude factor of `db`."""
    return float(10.0 ** (db / 20.0))


def rms(samples: Iterable[float]) -> float:
    """Root mean square of one sample or more."""
    squares = [x * x for x in samples]
    return math.sqrt(math.fsum(squares) / len(squares))


def decibels(amplitude: float) -> float:
    """`amplitude` relative to full scale; it must not be zero."""
    return 20.0 * math.log10(amplitude)


def amplified(samples: Samples, factor: float) -> Samples:
    """Every sample times `factor`."""
    return [x * factor for x in samples]


def mixed(one: Samples, other: Samples) -> Samples:
    """The sum of two signals of one length."""
    return [x + y for x, y in zip(one, other, strict=True)]


def active_spans(samples: Samples, pause_ms: int = PAUSE_MS) -> list[Span]:
    """Where a clean signal is within 30 dB of its loudest 10 ms; `pause_ms` or more divide it."""
    width, hop = _WINDOW_MS * PER_MS, _HOP_MS * PER_MS
    levels = [rms(samples[i : i + width]) for i in range(0, len(samples) - width + 1, hop)]
    threshold = max(levels) * gain(-_ACTIVE_BELOW_PEAK_DB)
    starts = [i * _HOP_MS for i, level in enumerate(levels) if level >= threshold]
    spans = [(starts[0], starts[0] + _WINDOW_MS)]
    for start in starts[1:]:
        first, last = spans[-1]
        if start - last < pause_ms:
            spans[-1] = (first, start + _WINDOW_MS)
        else:
            spans.append((start, start + _WINDOW_MS))
    return spans


def doubtful_pause(samples: Samples) -> Span | None:
    """A pause so near to the dividing 300 ms that another detector may see it differently."""
    spans = active_spans(samples, PAUSE_MS - _DOUBT_MS)
    gaps = ((end, start) for (_, end), (start, _) in pairwise(spans))
    return next((gap for gap in gaps if gap[1] - gap[0] < PAUSE_MS + _DOUBT_MS), None)


def level_of(samples: Samples, spans: Iterable[Span]) -> float:
    """RMS of `samples` inside `spans`, in dBFS."""
    inside = [x for start, stop in spans for x in samples[start * PER_MS : stop * PER_MS]]
    return decibels(rms(inside))


def faded(samples: Samples, ms: int) -> Samples:
    """`samples` with a linear fade of `ms` at both ends, so that a cut does not click."""
    n = ms * PER_MS
    result = list(samples)
    for i in range(n):
        result[i] *= i / n
        result[-1 - i] *= i / n
    return result


def white(n: int, seed: str) -> Samples:
    """Noise with the same power at every frequency."""
    dice = random.Random(seed)
    return [dice.gauss(0.0, 0.1) for _ in range(n)]


def brown(n: int, seed: str) -> Samples:
    """Noise that falls by 6 dB per octave: white noise through a leaky integrator."""
    result, x = [], 0.0
    for step in white(n, seed):
        x = 0.98 * x + 0.2 * step
        result.append(x)
    return result


def hum(n: int, seed: str) -> Samples:
    """The harmonics of the mains, each weaker than the one before."""
    dice = random.Random(seed)
    partials = [(k, dice.uniform(0.0, 2.0 * math.pi)) for k in range(1, 21)]
    step = 2.0 * math.pi * _MAINS_HZ / (PER_MS * 1000)
    return [math.fsum(math.sin(step * k * i + p) / (4 * k) for k, p in partials) for i in range(n)]


def crowd(voices: list[Samples], n: int, seed: str) -> Samples:
    """Babble: every voice, equally loud, talks in a circle from a random place on."""
    dice = random.Random(seed)
    result = silence(n)
    for voice in voices:
        start, factor = dice.randrange(len(voice)), 0.02 / rms(voice)
        result = [x + factor * voice[(start + i) % len(voice)] for i, x in enumerate(result)]
    return result


def cough(seed: str) -> Samples:
    """280 ms of noise: the burst, and 110 ms later the weaker second one, both decaying."""
    n = 280 * PER_MS

    def loudness(i: int) -> float:
        first = math.exp(-i / (60.0 * PER_MS))
        later = i - 110 * PER_MS
        return first + (0.6 * math.exp(-later / (90.0 * PER_MS)) if later >= 0 else 0.0)

    return faded([x * loudness(i) for i, x in enumerate(brown(n, seed))], 3)


def dtmf_tone(key: str, ms: int) -> Samples:
    """The two tones of one of the keys 0 to 9, * and # (ITU-T Q.23)."""
    row = next(i for i, keys in enumerate(_KEYS) if key in keys)
    pair = _ROW_HZ[row], _COLUMN_HZ[_KEYS[row].index(key)]
    low, high = (2.0 * math.pi * hz / (PER_MS * 1000) for hz in pair)
    twist = gain(_TWIST_DB)
    tone = [0.2 * (math.sin(low * i) + twist * math.sin(high * i)) for i in range(ms * PER_MS)]
    return faded(tone, 2)
