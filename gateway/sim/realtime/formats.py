"""Owns the three audio formats of the wire and the way between them. Pure; keeps no audio.

Linear samples are 16-bit in native byte order, which is the wire's on every little-endian host.
"""

from dataclasses import dataclass
from typing import Any, Final

from gateway.core.g711 import audioop

_RATE: Final = 8000
_PCM_RATE: Final = 24000


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One wire format; mono."""

    type: str
    bytes_per_ms: int
    sample_bytes: int

    def wire(self) -> dict[str, Any]:
        """As the session shows it: only linear PCM has a rate."""
        return {"type": self.type, "rate": _PCM_RATE} if self is PCM else {"type": self.type}

    def bytes_of(self, ms: float) -> int:
        """The bytes of `ms` milliseconds, cut to a whole sample."""
        whole = int(ms * self.bytes_per_ms)
        return whole - whole % self.sample_bytes

    def ms_of(self, n_bytes: int) -> float:
        return n_bytes / self.bytes_per_ms

    def linear(self, data: bytes) -> bytes:
        """16-bit samples at this format's own rate."""
        if self is PCMU:
            return audioop.ulaw2lin(data, 2)
        if self is PCMA:
            return audioop.alaw2lin(data, 2)
        return data

    def to_payload(self, data: bytes) -> bytes:
        """Mu-law at 8 kHz."""
        if self is PCMU:
            return data
        samples = self.linear(data)
        if self is PCM:
            samples = _resampled(samples, _PCM_RATE, _RATE)
        return audioop.lin2ulaw(samples, 2)

    def from_payload(self, payload: bytes) -> bytes:
        """This format, from mu-law at 8 kHz."""
        if self is PCMU:
            return payload
        samples = audioop.ulaw2lin(payload, 2)
        if self is PCMA:
            return audioop.lin2alaw(samples, 2)
        return _resampled(samples, _RATE, _PCM_RATE)


PCMU: Final = AudioFormat("audio/pcmu", 8, 1)
PCMA: Final = AudioFormat("audio/pcma", 8, 1)
PCM: Final = AudioFormat("audio/pcm", 48, 2)
FORMATS: Final = {form.type: form for form in (PCMU, PCMA, PCM)}


def _resampled(samples: bytes, from_rate: int, to_rate: int) -> bytes:
    whole = samples[: len(samples) - len(samples) % 2]
    converted, _ = audioop.ratecv(whole, 2, 1, from_rate, to_rate, None)
    return converted
