"""One media stream of a softphone: what is said goes out, what is heard comes in; the marks.

The carrier's end, as the twin has it: its playout buffer and its messages. Knows no socket and no
sound card; time is counted in frames.
"""

from collections.abc import Callable

from gateway.core.g711 import FRAME_BYTES, FRAME_MS
from gateway.sim.twilio.debugger import TwilioFault
from gateway.sim.twilio.playout import PlayoutBuffer
from gateway.sim.twilio.wire import CONNECTED, Clear, Mark, StreamWriter, read

_SILENCE = b"\xff"
KEYS = "0123456789*#ABCD"


class PhoneStream:
    """One stream, from its start to its end."""

    def __init__(self, placed: dict[str, str], send: Callable[[str], None]) -> None:
        """``placed`` has the SIDs and the ticket, as the gateway gave them."""
        self._ticket, self._stream_sid = placed["ticket"], placed["stream_sid"]
        self._writer = StreamWriter(placed["account_sid"], placed["call_sid"], self._stream_sid)
        self._send = send
        self._buffer = PlayoutBuffer(0.0, keep_audio=False)
        self._frames = 0
        self.faults = 0
        """Messages that Twilio would not take."""

    def begin(self) -> None:
        """The socket is open."""
        self._send(CONNECTED)
        self._send(self._writer.start({"ticket": self._ticket}))

    def frame(self, said: bytes) -> bytes:
        """20 ms pass: what the caller says meanwhile, and what they hear (mu-law)."""
        self._send(self._writer.media(self._frames + 1, self._frames * FRAME_MS, said))
        self._frames += 1
        self._return(self._buffer.advance(self._now))
        return self._buffer.take_fresh().ljust(FRAME_BYTES, _SILENCE)

    def hear(self, text: str) -> bool:
        """A message of the gateway's; True when what was about to be heard is not any more."""
        try:
            message = read(text, self._stream_sid)
        except TwilioFault:
            self.faults += 1
            return False
        if isinstance(message, Clear):
            self._return(self._buffer.clear(self._now))
            return True
        if isinstance(message, Mark):
            self._return(self._buffer.mark(message.name, self._now))
        else:
            self._buffer.audio(message.payload, self._now)
        return False

    def press(self, key: str) -> None:
        """A key of the telephone."""
        self._send(self._writer.dtmf(key))

    def stop(self) -> None:
        """The caller hangs up."""
        self._send(self._writer.stop())

    @property
    def silent(self) -> bool:
        """True while nothing of the agent's waits to be heard."""
        return not self._buffer.outstanding_bytes

    @property
    def _now(self) -> float:
        return self._frames * FRAME_MS / 1000

    def _return(self, names: list[str]) -> None:
        for name in names:
            self._send(self._writer.mark(name))
