"""Caller audio with the sound of pressed keys taken out.

Owns what takes the place of the audio while keys must not be heard. Most carriers remove the tones
themselves when they report a key, some only partly: what the model can hear it can repeat.
"""

from typing import Final

from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES, pad_to_frame
from gateway.core.keytones import Presence, key_in

_FIRST_HOLD_MS: Final = 400
_HOLD_MS: Final = 60


def blank(payload: bytes) -> bytes:
    """Silence as long as ``payload``."""
    return b"\xff" * len(payload)


def has_tone(payload: bytes) -> bool:
    """True when a frame of it is surely full of the tone of a key."""
    frames = [payload[at : at + FRAME_BYTES] for at in range(0, len(payload), FRAME_BYTES)]
    return any(key_in(pad_to_frame(frame)) is Presence.SURELY for frame in frames)


class ToneFilter:
    """Lets caller audio through but for the tones of keys.

    It begins shut: the last key of an entry is reported while its tone still sounds.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = _FIRST_HOLD_MS * BYTES_PER_MS

    def __call__(self, payload: bytes) -> bytes:
        """The frame, or silence as long as it is."""
        if has_tone(payload):
            self._held = max(self._held, (_HOLD_MS * BYTES_PER_MS) + len(payload))
        if self._held <= 0:
            return payload
        self._held -= len(payload)
        return blank(payload)
