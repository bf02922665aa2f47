"""Where both sides of one call can be heard: who is told of its audio, and on which clock.

Owns the two places of the audio path that tell (:attr:`Microphone.tape`, :attr:`Outbound.tape`):
nobody there costs nothing, one is told directly, several are told one after the other. What they do
with it is theirs.
"""

import time

from gateway.call.dialogue import Dialogue
from gateway.call.inbound import Microphone
from gateway.core.events import CallAnswered, CallEvent
from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES, SAMPLE_RATE
from gateway.core.stereo import Ear, Ears, StereoTape

_SILENT_S = 1.0
"""A caller whose frames stay away is silent; so far behind the clock that is known."""


class Reel:
    """What is said from now on, as the caller heard it, until it is taken."""

    def __init__(self, taps: "Taps") -> None:
        self.taps = taps
        playout = taps.dialogue.outbound.ledger.playout
        last_s = playout.carrier_clock.last_timestamp_s
        self._origin = 0 if last_s is None else round(last_s * SAMPLE_RATE) + FRAME_BYTES
        self.stereo = StereoTape(taps.stream_at + self._origin, taps.stream_at)
        self.from_ms: float | None = None
        """When the first byte was heard; None while no frame of the caller's has told."""
        self._kept = b""
        unheard = taps.dialogue.outbound.ledger.unheard(time.monotonic())
        begins_at = playout.planned_at(0.0) - len(unheard) / SAMPLE_RATE
        self.stereo.agent(unheard, begins_at, continues=False)

    @property
    def at_ms(self) -> float:
        """Where what is taken next begins, on the clock of the call as the carrier's frames tell
        it.
        """
        return self.stereo.end / BYTES_PER_MS

    def take(self) -> bytes:
        """What was said since it was asked last: interleaved mu-law, the caller's byte first."""
        self.stereo.pad(self.stereo.base + self.taps.quiet_until())
        if self.from_ms is None:
            self.from_ms = self._first_heard_ms()
        taken, self._kept = self._kept + self.stereo.take(self.taps.heard_at), b""
        return taken

    def stream_opened(self, stream_at: int) -> None:
        """Another stream begins there, on the clock of the call (bytes)."""
        self.stereo.pad(stream_at)
        self.stereo.base = stream_at

    def parted(self) -> None:
        """The stream is over: nothing is heard any more of what was on its way."""
        self._kept = self.take()
        self.stereo.forget()

    def _first_heard_ms(self) -> float | None:
        """The carrier begins its clock some time before or after we learn of its stream, and only
        its frames tell how much.
        """
        playout = self.taps.dialogue.outbound.ledger.playout
        timestamp_s = playout.carrier_clock.timestamp_s(time.monotonic())
        if timestamp_s is None:
            return None
        age_ms = (timestamp_s + playout.rtt_s / 2) * 1000 - self._origin / BYTES_PER_MS
        return self.taps.dialogue.since_open_ms() - age_ms


class Taps:
    """Everybody who hears both sides of one call."""

    def __init__(self, dialogue: Dialogue, microphone: Microphone) -> None:
        self.dialogue = dialogue
        self.streaming = False
        """True while there is a stream; between two of them both sides are silent."""
        self.stream_at = 0
        """Where the newest stream begins, on the clock of the call (bytes)."""
        self._microphone = microphone
        self._stream_since = time.monotonic()
        self._reels: list[Reel] = []

    def hear(self, event: CallEvent) -> None:
        """One event of the call, in the callback that told it."""
        if isinstance(event, CallAnswered):
            self.streaming = True
            self._stream_since = time.monotonic()
            self.stream_at = round(self.dialogue.since_open_ms() * BYTES_PER_MS)
            for reel in self._reels:
                reel.stream_opened(self.stream_at)
            self._connect()

    def part(self) -> None:
        """The stream is given up, another one may come."""
        for reel in self._reels:
            reel.parted()
        self.streaming = False
        self._connect()

    def open(self) -> Reel:
        """One more who hears."""
        reel = Reel(self)
        self._reels.append(reel)
        self._connect()
        return reel

    def close(self, reel: Reel) -> None:
        """One less. What was not taken can still be."""
        self._reels.remove(reel)
        self._connect()

    def quiet_until(self) -> int:
        """Where in the stream nothing comes any more of the caller's: frames that are not here by
        now were never sent, or are lost.
        """
        now = time.monotonic() - _SILENT_S
        clock = self.dialogue.outbound.ledger.playout.carrier_clock
        timestamp_s = clock.timestamp_s(now)
        if timestamp_s is None:  # not a frame yet: time is the only clock
            timestamp_s = now - self._stream_since
        return round(timestamp_s * SAMPLE_RATE)

    def heard_at(self, planned: float) -> int:
        """Where in the stream audio belongs that is heard from a moment on by plan: later by what
        delays the carrier's playout, by the way there, and by the way back of the caller's frames.
        """
        playout = self.dialogue.outbound.ledger.playout
        timestamp_s = playout.carrier_clock.timestamp_s(planned + playout.lateness_s) or 0.0
        return round((timestamp_s + playout.rtt_s) * SAMPLE_RATE)

    def _connect(self) -> None:
        ears: list[Ear] = [reel.stereo for reel in self._reels] if self.streaming else []
        ear = None if not ears else ears[0] if len(ears) == 1 else Ears(ears)
        self.dialogue.outbound.tape = self._microphone.tape = ear
