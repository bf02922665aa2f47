"""Owns the way between the audio of the line, mu-law at 8 kHz, and what else a model may speak.

Formats have the names of the Realtime API (`session.audio.input.format.type`): `audio/pcmu` is what
the line speaks and needs no way, `audio/pcma` is A-law at 8 kHz, `audio/pcm` 16-bit samples at
24 kHz, little-endian, mono.
"""

from __future__ import annotations

from typing import Final, Protocol

from gateway.core.g711 import audioop, from_pcm16, to_pcm16
from gateway.core.resample import Downsampler, Upsampler

__all__ = ["Decoder", "Encoder", "decoder", "encoder"]

_CODEWORDS: Final = bytes(range(256))
_FROM_ALAW: Final = from_pcm16(audioop.alaw2lin(_CODEWORDS, 2))
_TO_ALAW: Final = audioop.lin2alaw(to_pcm16(_CODEWORDS), 2)


class Decoder(Protocol):
    """The model's audio to payload, one for each item of the agent."""

    def feed(self, audio: bytes) -> bytes:
        """More audio, cut anywhere; the payload that can be told already."""

    def flush(self) -> bytes:
        """The rest of the payload when the item is complete; ready for another item.

        All payload together lasts as long as the item, up to the last begun eighth of a
        millisecond, and never longer.
        """


class Encoder(Protocol):
    """The caller's payload to the model's audio, one for each call."""

    def feed(self, payload: bytes) -> bytes:
        """More payload, cut anywhere; the audio that can be told already."""


def decoder(wire_format: str) -> Decoder | None:
    """What turns this format into payload, None if it is payload; ValueError names any other."""
    if wire_format == "audio/pcm":
        return _FromPcm()
    return _Table(_FROM_ALAW) if _is_alaw(wire_format) else None


def encoder(wire_format: str) -> Encoder | None:
    """What turns payload into this format, None if it is payload; ValueError names any other."""
    if wire_format == "audio/pcm":
        return _ToPcm()
    return _Table(_TO_ALAW) if _is_alaw(wire_format) else None


def _is_alaw(wire_format: str) -> bool:
    if wire_format not in ("audio/pcma", "audio/pcmu"):
        raise ValueError(f"unknown audio format {wire_format!r}")
    return wire_format == "audio/pcma"


class _Table:
    """Codeword for codeword: both laws have 8 kHz and a byte per sample."""

    __slots__ = ("_table",)

    def __init__(self, table: bytes) -> None:
        self._table = table

    def feed(self, codewords: bytes) -> bytes:
        return codewords.translate(self._table)

    def flush(self) -> bytes:
        return b""


class _FromPcm:
    __slots__ = ("_resampler",)

    def __init__(self) -> None:
        self._resampler = Downsampler()

    def feed(self, audio: bytes) -> bytes:
        return from_pcm16(self._resampler.feed(audio))

    def flush(self) -> bytes:
        return from_pcm16(self._resampler.flush())


class _ToPcm:
    __slots__ = ("_resampler",)

    def __init__(self) -> None:
        self._resampler = Upsampler()

    def feed(self, payload: bytes) -> bytes:
        return self._resampler.feed(to_pcm16(payload))
