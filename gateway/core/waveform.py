"""What a recording looks like: the loudest sample of every 20 ms."""

from gateway.core.g711 import audioop

STEP_MS = 20
"""How much sound one column of the waveform stands for."""
_STEP_BYTES = STEP_MS * 8 * 2


def peaks(pcm: bytes) -> bytes:
    """The loudest sample of every 20 ms of PCM16 at 8 kHz as 0 (silence) to 255 (full scale)."""
    parts = (pcm[at : at + _STEP_BYTES] for at in range(0, len(pcm), _STEP_BYTES))
    return bytes(min(255, audioop.max(part, 2) // 128) for part in parts)
