"""The caller's audio on its way to the model: held while the model connects, then straight through.

No batching; no resampling unless the model needs another format. Each frame was strictly decoded
from the carrier's base64 and is encoded afresh, so nothing the carrier sent as text reaches a model
message.
"""

from collections.abc import Callable

from gateway.core import realtime
from gateway.core.g711 import BYTES_PER_MS
from gateway.core.transcode import encoder

HOLD_MS = 15_000
"""Most caller audio held before the model is ready; the connect deadline is shorter than this."""


class Inbound:
    """Caller frames, in order, none lost while the model connects."""

    __slots__ = ("_encoder", "_held", "_held_bytes", "_send", "appended", "dropped", "frames")

    def __init__(self, wire_format: str = "audio/pcmu") -> None:
        self.frames = 0
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
        """One caller frame of any length."""
        self.frames += 1
        if self._send is not None:
            self._pass_on(self._send, payload)
        else:
            self._hold(payload)

    def open(self, send: Callable[[bytes], None]) -> float:
        """The model is ready: held audio leaves first. Returns how much that was, ms."""
        held_ms = self._held_bytes / BYTES_PER_MS
        for payload in self._held:
            self._pass_on(send, payload)
        self._held, self._held_bytes = [], 0
        self._send = send
        return held_ms

    @property
    def is_open(self) -> bool:
        """True when frames go straight to the model."""
        return self._send is not None

    def close(self) -> None:
        """The model is gone; frames are held again (bounded)."""
        self._send = None

    def _pass_on(self, send: Callable[[bytes], None], payload: bytes) -> None:
        self.appended += len(payload)
        send(realtime.append(payload if self._encoder is None else self._encoder.feed(payload)))

    def _hold(self, payload: bytes) -> None:
        self._held.append(payload)
        self._held_bytes += len(payload)
        while self._held_bytes > HOLD_MS * BYTES_PER_MS:
            lost = len(self._held.pop(0))
            self._held_bytes -= lost
            self.dropped += lost
