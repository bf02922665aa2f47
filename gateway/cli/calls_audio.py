"""The sound of a recorded call, for commands: both sides, cut and joined, as PCM16 and as WAV."""

import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.core.g711 import SAMPLE_RATE, audioop, to_pcm16
from gateway.errors import GatewayError
from gateway.settings import Settings

Side = Literal["left", "right"]
"""The caller is left, the agent right."""
PCM_BYTES_PER_MS = 4 * SAMPLE_RATE // 1000
"""Of both sides together."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Mu-law of both sides, equally long."""

    caller: bytes
    agent: bytes


def sound_of(settings: Settings, call: Mapping[str, Any]) -> Sound:
    """The recording of a call. Raises GatewayError when there is none, or no key to it."""
    raise GatewayError("later")


def pcm_of(sound: Sound, only: Side | None = None) -> bytes:
    """Stereo PCM16; with one side alone it is on both ears."""
    left = sound.agent if only == "right" else sound.caller
    right = sound.caller if only == "left" else sound.agent
    both = (audioop.tostereo(to_pcm16(left), 2, 1, 0), audioop.tostereo(to_pcm16(right), 2, 0, 1))
    return audioop.add(*both, 2)


def wav_of(sound: Sound) -> bytes:
    """A stereo WAV file of PCM16, which every player knows."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes(pcm_of(sound))
    return file.getvalue()
