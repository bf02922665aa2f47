"""Owns what connected calls hear of one another: the two of a bridge, or those of a conference.

Pure. Every call has a seat, says 20 ms after 20 ms there and hears as much: the sum of what the
others said. Whoever is early or late by a frame is heard a frame later; nobody waits for anybody.
"""

from collections import deque
from functools import reduce

from gateway.core.g711 import FRAME_BYTES, audioop

_SILENCE = b"\xff" * FRAME_BYTES
_MOST_WAITING = 3
"""Frames of one speaker that wait for a listener; more would make a conversation lag."""


class Seat:
    """One call's place among the others, with all that was said and heard there."""

    def __init__(self, mixer: "Mixer", start_s: float, *, keep_audio: bool) -> None:
        self.start_s = start_s
        self.said = bytearray()
        self.heard = bytearray()
        self.muted = False
        """The others do not hear it."""
        self.apart = False
        """It neither hears nor is heard: on hold."""
        self._mixer = mixer
        self._keep_audio = keep_audio
        self._waiting: dict[Seat, deque[bytes]] = {}

    def frame(self, payload: bytes | None) -> None:
        """Says 20 ms (mu-law); None is silence."""
        audio = payload or _SILENCE
        if self._keep_audio:
            self.said += audio
        if self._mixer.open and not (self.muted or self.apart):
            for other in self._mixer.seats:
                if other is not self:
                    frames = other._waiting.setdefault(self, deque(maxlen=_MOST_WAITING))
                    frames.append(audio)

    def skip(self) -> None:
        """The carrier sends nothing for 20 ms, which the others hear as silence."""
        self.frame(None)

    def listen(self) -> bytes:
        """The next 20 ms of what the others say."""
        frames = [waiting.popleft() for waiting in self._waiting.values() if waiting]
        audio = _SILENCE if self.apart or not frames else reduce(_sum, frames)
        if self._keep_audio:
            self.heard += audio
        return audio

    def leave(self) -> None:
        """Is there no more."""
        self._mixer.seats.remove(self)


class Mixer:
    """The calls that hear one another, once it is open."""

    def __init__(self, *, open_: bool = True) -> None:
        self.open = open_
        self.seats: list[Seat] = []

    def seat(self, start_s: float, *, keep_audio: bool) -> Seat:
        """One more call; ``start_s`` is when its first frame is due (monotonic)."""
        seat = Seat(self, start_s, keep_audio=keep_audio)
        self.seats.append(seat)
        return seat


def _sum(one: bytes, other: bytes) -> bytes:
    added = audioop.add(audioop.ulaw2lin(one, 2), audioop.ulaw2lin(other, 2), 2)
    return audioop.lin2ulaw(added, 2)
