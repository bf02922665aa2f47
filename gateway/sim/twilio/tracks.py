"""Owns what is made of the recorded tracks of a call: joining streams, writing a WAV file. Pure but
for that."""

import wave
from collections.abc import Sequence
from pathlib import Path

from gateway.core.g711 import audioop
from gateway.sim.twilio.playout import BYTES_PER_S


def joined(parts: Sequence[tuple[float, bytes | bytearray]]) -> bytes:
    """One track from the tracks of a call's streams, each with its start (s); silence lies
    between."""
    track = bytearray()
    for start_s, audio in parts:
        offset = round((start_s - parts[0][0]) * BYTES_PER_S)
        track += b"\xff" * (offset - len(track))
        track += audio
    return bytes(track)


def write_stereo(path: Path, left: bytes, right: bytes) -> None:
    """A WAV file, 8 kHz stereo PCM16, of two mu-law tracks; the shorter one ends in silence."""
    length = max(len(left), len(right))
    channels = [audioop.ulaw2lin(track.ljust(length, b"\xff"), 2) for track in (left, right)]
    both = audioop.add(
        audioop.tostereo(channels[0], 2, 1, 0), audioop.tostereo(channels[1], 2, 0, 1), 2
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(BYTES_PER_S)
        file.writeframes(both)
