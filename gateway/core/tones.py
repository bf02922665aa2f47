"""Owns the sounds the gateway makes by itself: DTMF for the far end, and the tone of a held call.

Levels are RMS in dB of 16-bit full scale, as in `g711.level_dbfs`; 0 dBm0 is -6.2 of them.
"""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from typing import Final

from gateway.core.g711 import FRAME_MS, SAMPLE_RATE, bytes_of, from_pcm16, pad_to_frame, silence

__all__ = ["PAUSE", "PAUSE_MS", "dtmf", "hold_tone"]

PAUSE: Final = "w"
PAUSE_MS: Final = 500

_SHORTEST_MS: Final = 40
"""Tones and gaps below it need not be recognised (ITU-T Q.24)."""
_LOW_HZ: Final = {697: "123A", 770: "456B", 852: "789C", 941: "*0#D"}
_HIGH_HZ: Final = (1209, 1336, 1477, 1633)
_KEYS: Final = {
    key: (low, high)
    for low, keys in _LOW_HZ.items()
    for key, high in zip(keys, _HIGH_HZ, strict=True)
}
"""Frequencies of each key (ITU-T Q.23)."""
_LOW_DBFS: Final = -14.1
_HIGH_DBFS: Final = -12.1
"""Lines lose more of the high tone. Together -10 dBFS; each is between -6 and -8 dBm0."""
_CLICKLESS_MS: Final = 4

_HOLD_HZ: Final = 425
_HOLD_DBFS: Final = -30.0
_HOLD_BEEP_MS: Final = 300
_HOLD_SOFT_MS: Final = 60
_HOLD_EVERY_MS: Final = 3000

_FULL_SCALE: Final = 32768.0


def dtmf(digits: str, tone_ms: int = 100, gap_ms: int = 100) -> bytes:
    """The payload of these keys, each with a gap after it, filled up to whole frames.

    Keys are `0-9`, `*`, `#` and `A-D`; `w` is a pause of half a second. Raises ValueError for
    anything else, naming its place and not the digits (they may be a PIN), and for tones or gaps
    shorter than 40 ms.
    """
    if min(tone_ms, gap_ms) < _SHORTEST_MS:
        raise ValueError(f"tone_ms and gap_ms must be at least {_SHORTEST_MS}")
    for place, key in enumerate(digits, start=1):
        if key not in _KEYS and key != PAUSE:
            raise ValueError(f"character {place} of {len(digits)} is none of 0-9, *, #, A-D and w")
    gap = silence(gap_ms)
    return pad_to_frame(
        b"".join(silence(PAUSE_MS) if key == PAUSE else _key(key, tone_ms) + gap for key in digits)
    )


def hold_tone(ms: int) -> bytes:
    """A soft beep every three seconds, the first at once: payload of exactly `ms`.

    A beep that would not be complete is left out. Raises ValueError unless `ms` is whole frames.
    """
    if ms < 0 or ms % FRAME_MS:
        raise ValueError(f"ms must be a multiple of {FRAME_MS}, not below 0")
    cycles, rest = divmod(ms, _HOLD_EVERY_MS)
    last = _hold_cycle()[: bytes_of(rest)] if rest >= _HOLD_BEEP_MS else silence(rest)
    return _hold_cycle() * cycles + last


@lru_cache(maxsize=64)
def _key(key: str, ms: int) -> bytes:
    low, high = _KEYS[key]
    return _tone({low: _LOW_DBFS, high: _HIGH_DBFS}, ms, _CLICKLESS_MS)


@lru_cache(maxsize=1)
def _hold_cycle() -> bytes:
    beep = _tone({_HOLD_HZ: _HOLD_DBFS}, _HOLD_BEEP_MS, _HOLD_SOFT_MS)
    return beep + silence(_HOLD_EVERY_MS - _HOLD_BEEP_MS)


def _tone(levels: dict[int, float], ms: int, ramp_ms: int) -> bytes:
    """Sines of these frequencies (Hz) and levels, faded in and out along half a cosine."""
    n, ramp = bytes_of(ms), bytes_of(ramp_ms)
    mixed = [0.0] * n
    for hz, dbfs in levels.items():
        turn = 2.0 * math.pi * hz / SAMPLE_RATE
        peak = math.sqrt(2.0) * _FULL_SCALE * 10.0 ** (dbfs / 20.0)
        mixed = [so_far + peak * math.sin(turn * i) for i, so_far in enumerate(mixed)]
    for i in range(ramp):
        fade = math.sin(math.pi / 2.0 * (i + 0.5) / ramp) ** 2
        mixed[i] *= fade
        mixed[-1 - i] *= fade
    return from_pcm16(array("h", map(round, mixed)).tobytes())
