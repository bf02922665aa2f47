"""The caller's side of one call: the stream and what comes through it.

Owns what is open towards the carrier: the socket, the microphone behind it, the keys. Tells the
dialogue what the caller says and the call when the stream is over; decides nothing.
"""

import time
from collections.abc import Callable

from gateway.call.capture import Capture
from gateway.call.carrier import CarrierSocket
from gateway.call.dialogue import Dialogue
from gateway.call.inbound import Microphone
from gateway.core.events import CallAnswered, CallEnded, CallEvent, CarrierOddity
from gateway.core.g711 import BYTES_PER_MS
from gateway.core.mediastreams import Media, Start


class Downstream:
    """One call's connection to the caller; hears the carrier's socket."""

    def __init__(
        self,
        dialogue: Dialogue,
        emit: Callable[[CallEvent], None],
        say: Callable[[str], None],
        on_key: Callable[[], None],
        on_gone: Callable[[str], None],
    ) -> None:
        """``say`` tells the agent what was typed; ``on_key`` is told of each key that is pressed,
        ``on_gone`` why the stream is over.
        """
        self.microphone = Microphone(dialogue.caller_audio, dialogue.vitals, self._forwarded)
        self.keys = Capture(dialogue, self.microphone, emit, say)
        self._dialogue = dialogue
        self._ledger = dialogue.outbound.ledger
        self._emit = emit
        self._on_key = on_key
        self._on_gone = on_gone
        self._socket: CarrierSocket | None = None
        self._offered_at = time.monotonic()

    @property
    def is_open(self) -> bool:
        """True while there is a stream, and so a caller who hears us."""
        return self._socket is not None

    def attach(self, start: Start, socket: CarrierSocket) -> None:
        """The stream presented the call's ticket: the caller is on the line."""
        self._socket = socket
        now = time.monotonic()
        if self._dialogue.opened_at is None:
            self._dialogue.opened_at = now
        self._emit(CallAnswered(start.stream_sid, (now - self._offered_at) * 1000))
        self.microphone.start()
        self._dialogue.outbound.attach(socket, start.stream_sid)

    def ended(self, reason: str, at: float) -> CallEnded:
        """What the call came to, when it ended then (monotonic)."""
        dialogue = self._dialogue
        opened_at = at if dialogue.opened_at is None else dialogue.opened_at
        return CallEnded(
            reason=reason,
            duration_ms=(at - opened_at) * 1000,
            heard_ms=self._ledger.heard_bytes(at) / BYTES_PER_MS,
            inbound_frames=self.microphone.frames,
            turns=dialogue.turns.turns,
            interruptions=dialogue.interruptions,
        )

    def part(self) -> None:
        """The stream is given up, another one may be attached: the caller goes elsewhere."""
        self.microphone.stop()
        self._dialogue.outbound.park()
        self._close_socket()

    def close(self) -> None:
        """The call is over."""
        self.keys.stop()
        self.microphone.stop()
        self._dialogue.outbound.detach()
        self._close_socket()

    # The carrier

    def carrier_frame(self, media: Media, read_at: float | None = None) -> None:
        """Caller audio: the carrier's clock for the ledger, the payload for the model.

        ``read_at`` = None: it was read this moment.
        """
        if read_at is None:
            read_at = time.monotonic()
        self._ledger.playout.frame(media.timestamp_ms, read_at)
        self.microphone.frame(media, read_at)

    def carrier_mark(self, name: str) -> None:
        """A mark came back, genuine or void: the ledger knows."""
        self._dialogue.outbound.mark_returned(name)

    def carrier_digit(self, digit: str) -> None:
        """A key was pressed."""
        self._on_key()
        if not self.microphone.deaf:
            self.keys.press(digit)

    def carrier_oddity(self, kind: str) -> None:
        """Something unknown or malformed was left out."""
        self._emit(CarrierOddity(kind))

    def carrier_gone(self, reason: str) -> None:
        """The stream ended or broke."""
        self._on_gone(reason)

    def _forwarded(self, read_at: float) -> None:
        """A frame has gone all the way: how long that took, unless it is held for a model."""
        if self._dialogue.connected and self._dialogue.inbound.is_open:
            self._dialogue.vitals.frame_forward.add(time.monotonic() - read_at)

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
