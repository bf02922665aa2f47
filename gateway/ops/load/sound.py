"""Recorded callers as mu-law: from `.ulaw`, `.alaw` and `.wav` files of any rate.

Raises ConfigError, which names the file.
"""

import struct
from pathlib import Path
from typing import Final, NamedTuple

from gateway.core.g711 import FRAME_BYTES, SAMPLE_RATE, audioop
from gateway.core.resample import RATIO, Downsampler
from gateway.errors import ConfigError

RAW: Final = frozenset({".ulaw", ".alaw"})
SUFFIXES: Final = RAW | {".wav"}
_PCM, _ALAW, _MULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE
_QUIETEST: Final = 100
_FILTERED_RATE: Final = SAMPLE_RATE * RATIO


class _Format(NamedTuple):
    kind: int
    channels: int
    rate: int
    width: int


def load_sound(path: Path) -> bytes:
    """What is in the file, as mu-law at 8 kHz; several channels are mixed into one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{path}: a recording is .ulaw, .alaw or .wav")
    if suffix == ".wav":
        payload = _from_wav(content, path)
    else:
        payload = (
            audioop.lin2ulaw(audioop.alaw2lin(content, 2), 2) if suffix == ".alaw" else content
        )
    if not payload:
        raise ConfigError(f"{path}: there is no sound in it")
    return payload


def threshold_of(payload: bytes) -> int:
    """How loud a frame of this recording must be to count as speech (RMS of 16-bit samples).

    A fifth of its frames at least are taken for its background, which is no speech; but what is
    within 14 dB of the loudest is.
    """
    pcm = audioop.ulaw2lin(payload, 2)
    width = 2 * FRAME_BYTES
    levels = sorted(
        audioop.rms(pcm[start : start + width], 2) for start in range(0, len(pcm), width)
    )
    background, loudest = levels[len(levels) // 5], levels[-1]
    return max(_QUIETEST, min(2 * background, loudest // 5))


def _from_wav(content: bytes, path: Path) -> bytes:
    form, data = _chunks_of(content, path)
    pcm = _to_pcm16(form, data, path)
    if form.channels == 2:
        pcm = audioop.tomono(pcm, 2, 0.5, 0.5)
    if form.rate != SAMPLE_RATE:
        # To three times the line's rate with straight lines, from there with a true filter.
        pcm, _ = audioop.ratecv(pcm, 2, 1, form.rate, _FILTERED_RATE, None)
        filtered = Downsampler()
        pcm = filtered.feed(pcm) + filtered.flush()
    return audioop.lin2ulaw(pcm, 2)


def _chunks_of(content: bytes, path: Path) -> tuple[_Format, bytes]:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ConfigError(f"{path}: this is no WAV file")
    form, at = b"", 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        body = content[at + 8 : at + 8 + size]
        if name == b"fmt ":
            form = body
        elif name == b"data":
            return _format_of(form, path), body
        at += 8 + size + size % 2
    raise ConfigError(f"{path}: this WAV file has no sound in it")


def _format_of(form: bytes, path: Path) -> _Format:
    if len(form) < 16:
        raise ConfigError(f"{path}: this WAV file does not say what is in it")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if kind == _EXTENSIBLE and len(form) >= 26:
        kind = struct.unpack_from("<H", form, 24)[0]
    if channels not in (1, 2):
        raise ConfigError(f"{path}: {channels} channels; one or two can be played")
    if not 4000 <= rate <= 192_000:
        raise ConfigError(f"{path}: {rate} Hz; 4000 to 192000 can be played")
    return _Format(kind, channels, rate, bits // 8)


def _to_pcm16(form: _Format, data: bytes, path: Path) -> bytes:
    """Linear samples of 16 bits, an unfinished last one left out."""
    data = data[: len(data) - len(data) % max(1, form.width * form.channels)]
    match form.kind, form.width:
        case (k, 1) if k == _MULAW:
            return audioop.ulaw2lin(data, 2)
        case (k, 1) if k == _ALAW:
            return audioop.alaw2lin(data, 2)
        case (k, 1) if k == _PCM:
            return audioop.lin2lin(audioop.bias(data, 1, -128), 1, 2)
        case (k, (2 | 3 | 4) as width) if k == _PCM:
            return audioop.lin2lin(data, width, 2)
    raise ConfigError(
        f"{path}: format {form.kind} with {8 * form.width} bits; PCM of 8 to 32 bits, mu-law and "
        "A-law can be played"
    )
