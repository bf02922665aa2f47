"""Owns the arithmetic of telephone audio: mono G.711 mu-law at 8 kHz, eight bytes per millisecond.

This is the only module that imports `audioop`: in the standard library up to 3.12 (where it warns
of its removal, PEP 594), and from 3.13 on the same name comes with the `audioop-lts` distribution.
Nobody else may import it directly, so that the warning is silenced in one place and a replacement
would be one edit.

`payload` means mu-law bytes everywhere. The codeword 0xFF decodes to zero amplitude (ITU-T G.711).
"""

import math
import warnings
from typing import Final

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

__all__ = [
    "BYTES_PER_MS",
    "FRAME_BYTES",
    "FRAME_MS",
    "SAMPLE_RATE",
    "SILENCE",
    "SILENCE_FRAME",
    "audioop",
    "bytes_of",
    "from_pcm16",
    "level_dbfs",
    "ms_of",
    "pad_to_frame",
    "silence",
    "to_pcm16",
    "whole_frames",
]

SAMPLE_RATE: Final = 8000
BYTES_PER_MS: Final = 8
FRAME_MS: Final = 20
FRAME_BYTES: Final = 160
SILENCE: Final = 0xFF
SILENCE_FRAME: Final = b"\xff" * 160

_PCM16_WIDTH: Final = 2
_PCM16_FULL_SCALE: Final = 32768.0
_LEVEL_FLOOR_DBFS: Final = -96.0


def silence(ms: int) -> bytes:
    """`ms` milliseconds of mu-law silence."""
    return b"\xff" * (ms * BYTES_PER_MS)


def whole_frames(n_bytes: int) -> int:
    """The largest whole number of 20 ms frames, in bytes, that is not above `n_bytes`."""
    return n_bytes - n_bytes % FRAME_BYTES


def pad_to_frame(payload: bytes) -> bytes:
    """`payload` filled up with silence to whole 20 ms frames; an empty payload stays empty."""
    missing = -len(payload) % FRAME_BYTES
    return payload + SILENCE_FRAME[:missing] if missing else payload


def ms_of(n_bytes: int) -> float:
    """How many milliseconds `n_bytes` of payload last."""
    return n_bytes / BYTES_PER_MS


def bytes_of(ms: int) -> int:
    """How many bytes of payload last `ms` milliseconds."""
    return ms * BYTES_PER_MS


def level_dbfs(payload: bytes) -> float:
    """RMS level of `payload` in dB of 16-bit full scale; silence and no audio at all are -96.0."""
    rms = audioop.rms(to_pcm16(payload), _PCM16_WIDTH)
    return 20.0 * math.log10(rms / _PCM16_FULL_SCALE) if rms else _LEVEL_FLOOR_DBFS


def to_pcm16(payload: bytes) -> bytes:
    """Mu-law to signed 16-bit linear samples in native byte order, twice as many bytes."""
    return audioop.ulaw2lin(payload, _PCM16_WIDTH)


def from_pcm16(pcm: bytes) -> bytes:
    """Native 16-bit linear samples to mu-law; `audioop.error` on an odd number of bytes."""
    return audioop.lin2ulaw(pcm, _PCM16_WIDTH)
