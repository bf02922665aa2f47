"""The caller's audio on its way to the model: made whole, held while the model connects, then
straight through.

No batching; no resampling unless the model needs another format. Each frame was strictly decoded
from the carrier's base64 and is encoded afresh, so nothing the carrier sent as text reaches a model
message.
"""

import asyncio
import time
from collections.abc import Callable

from gateway.call.vitals import Vitals
from gateway.core.commands import append
from gateway.core.g711 import BYTES_PER_MS, FRAME_MS
from gateway.core.gaps import Gaps
from gateway.core.mediastreams import Media
from gateway.core.stereo import Ear
from gateway.core.transcode import encoder

HOLD_MS = 15_000
"""Most caller audio held before the model is ready; the connect deadline is shorter than this."""
LOOK_S = 0.5
"""How often somebody looks whether frames still come: a timer per frame would cost more than the
frames do, and what went missing meanwhile is made up for in one go.
"""
_STALLED_S = 0.05
"""A look that comes later than this was held up like everything else on this machine: the frames
may be waiting in the socket.
"""


class Microphone:
    """The caller's end of one stream: every frame, silence where there is none, in real time."""

    def __init__(
        self,
        deliver: Callable[[bytes], None],
        vitals: Vitals | None = None,
        on_sample: Callable[[float], None] = lambda now: None,
    ) -> None:
        """``deliver`` gets the audio (mu-law), frames and silence alike; it may be changed.
        ``on_sample`` is told when a frame was read that has just been delivered: of the first one
        of each time between two looks that is measured.
        """
        self.frames = 0
        """Frames the carrier sent."""
        self.veil: Callable[[bytes], bytes] | None = None
        """What the audio is passed through, as long as it was; None = it is left alone."""
        self.deaf = False
        """The agent is to hear silence in place of the caller, and no keys; a tape hears both."""
        self.tape: Ear | None = None
        """What is recorded or listened to, while it is: the frames alone, each where the carrier
        says.
        """
        self.deliver = deliver
        self._vitals = vitals or Vitals()
        self._on_sample = on_sample
        self._gaps = Gaps()
        self._open = False
        self._counted = 0
        self._watched = False
        """The next frame is looked at: nobody waits for the next look yet, or it is measured."""
        self._measures = False
        self._arrivals: list[float] = []
        """When the measured frames came, and before them the one before the first of them."""
        self._before = 0
        """How many of them are not measured: 0 or 1."""
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = 0.0
        self._away = False
        """Whether frames stayed away at the look before."""

    def start(self) -> None:
        """A stream is open; its timestamps begin anew."""
        self.stop()
        self._open = self._watched = True
        self._draw()

    def stop(self) -> None:
        """The stream is over: nothing is missing any more."""
        self._open = self._watched = self._measures = self._away = False
        self._gaps = Gaps()
        self._count()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def frame(self, media: Media, now: float) -> None:
        """One frame of the carrier's, in the callback that brought it."""
        self.frames += 1
        payload = media.payload
        missing = self._gaps.before(media.timestamp_ms, len(payload), now)
        if missing:
            self._pad(missing)
        if self.veil is not None:
            payload = self.veil(payload)
        self.deliver(b"\xff" * len(payload) if self.deaf else payload)
        if self.tape is not None:
            self.tape.caller(payload, media.timestamp_ms * BYTES_PER_MS)
        if self._watched:
            self._watch(now)

    def _watch(self, now: float) -> None:
        if self._timer is None:
            self._look_again(now, LOOK_S)
        self._watched = self._measures
        if self._measures:
            if len(self._arrivals) == self._before:
                self._on_sample(now)
            self._arrivals.append(now)

    def _look(self) -> None:
        now = time.monotonic()
        self._count()
        self._draw()
        stalled = now - self._look_at > _STALLED_S
        away = self._gaps.away(now)
        # Never at the first look: a machine held up until just before it has sockets to read yet.
        if away and self._away and not stalled:
            self._pad(self._gaps.due(now))
        self._away = away
        self._look_again(now, FRAME_MS / 1000 if stalled or away else LOOK_S)

    def _look_again(self, now: float, after_s: float) -> None:
        self._look_at = now + after_s
        self._timer = asyncio.get_running_loop().call_later(after_s, self._look)

    def _draw(self) -> None:
        """Is what comes until the next look measured? A gap belongs where its end is."""
        self._measures = self._vitals.drawn()
        self._watched = self._measures or self._timer is None
        last = self._gaps.arrived
        self._arrivals = [last] if self._measures and last is not None else []
        self._before = len(self._arrivals)

    def _count(self) -> None:
        self._vitals.caller_frames += self.frames - self._counted
        self._counted = self.frames
        self._vitals.inbound_gap.add_steps(self._arrivals)
        self._arrivals = []

    def _pad(self, n_bytes: int) -> None:
        if n_bytes:
            self._vitals.padded_bytes += n_bytes
            self.deliver(b"\xff" * n_bytes)


class Inbound:
    """Caller frames, in order, none lost while the model connects."""

    __slots__ = ("_encoder", "_held", "_held_bytes", "_send", "appended", "dropped")

    def __init__(self, wire_format: str = "audio/pcmu") -> None:
        self.appended = 0
        """Bytes of mu-law handed to the model: the clock of its VAD (audio_start_ms, audio_end_ms).
        """
        self.dropped = 0
        """Bytes lost because the model did not get ready in time; 0 in every good call."""
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._encoder = encoder(wire_format)
        self._send: Callable[[bytes], None] | None = None

    def frame(self, payload: bytes) -> None:
        """Caller audio of any length."""
        send = self._send
        if send is None:
            self._hold(payload)
            return
        self.appended += len(payload)
        send(append(payload if self._encoder is None else self._encoder.feed(payload)))

    def open(self, send: Callable[[bytes], None]) -> float:
        """The model is ready: held audio leaves first. Returns how much that was, ms."""
        held_ms = self._held_bytes / BYTES_PER_MS
        held, self._held, self._held_bytes = self._held, [], 0
        self._send = send
        for payload in held:
            self.frame(payload)
        return held_ms

    @property
    def is_open(self) -> bool:
        """True when frames go straight to the model."""
        return self._send is not None

    def close(self) -> None:
        """The model is gone; frames are held again (bounded)."""
        self._send = None

    def _hold(self, payload: bytes) -> None:
        self._held.append(payload)
        self._held_bytes += len(payload)
        while self._held_bytes > HOLD_MS * BYTES_PER_MS:
            lost = len(self._held.pop(0))
            self._held_bytes -= lost
            self.dropped += lost
