"""Owns the carrier's playout buffer and the truth about it: which byte was heard when, and which
never.

Pure: time comes in as `now`, in seconds. The buffer counts time in whole samples since the start of
its stream (8 per millisecond), so that nothing is lost to rounding: sample `i` is heard at `start_s
+ i / 8000`.

The rules are those of the Media Streams documentation (websocket messages): media is buffered and
played in the order received, a mark comes back when the audio before it has ended or at once when
nothing is buffered, `clear` empties the buffer and sends back the marks that were still waiting,
and of more than ten minutes of audio the excess is discarded (error 31931).
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

BYTES_PER_S: Final = 8000
CAP_BYTES: Final = 10 * 60 * BYTES_PER_S
_SILENCE: Final = b"\xff"
# a millionth of a second is far below a sample and far above float error
_ROUNDING_SAMPLES: Final = 1e-3


@dataclass(slots=True)
class OutboundMessage:
    """One media message as it arrived and what became of its bytes."""

    number: int
    """Counts media messages of the stream from 0."""
    arrived_s: float
    size: int
    discarded: int = 0
    heard: int = 0
    cleared: int = 0
    heard_from: int | None = None
    """Sample of the stream clock at which its first byte was heard; the rest follows without a
    gap."""


@dataclass(slots=True)
class MarkTruth:
    """One mark, from its arrival until it went back."""

    name: str
    arrived_s: float
    position: int
    """Bytes accepted before it."""
    returned_s: float | None = None
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class ClearTruth:
    """What was true when a `clear` arrived."""

    at_s: float
    heard_bytes_total: int
    """Bytes of agent audio heard since the stream began."""
    cleared_bytes: int


class PlayoutBuffer:
    """Bytes wait here and drain in real time from the moment they arrive."""

    def __init__(
        self,
        start_s: float,
        *,
        cap_bytes: int = CAP_BYTES,
        keep_audio: bool = True,
        return_cleared_marks: bool = True,
        packet_bytes: int = 1,
    ) -> None:
        """`packet_bytes`: audio leaves for the phone in packets of this size, counted from the
        first byte after a silence, and a packet that has begun cannot be called back.
        """
        self.start_s = start_s
        self.heard_bytes = 0
        self.cleared_bytes = 0
        self.discarded_bytes = 0
        self.outstanding_bytes = 0
        self.messages: list[OutboundMessage] = []
        self.marks: list[MarkTruth] = []
        self.clears: list[ClearTruth] = []
        self.track = bytearray()
        """What the caller heard since the start, silence between utterances included (empty if not
        kept)."""
        self._cap_bytes = cap_bytes
        self._keep_audio = keep_audio
        self._return_cleared_marks = return_cleared_marks
        self._packet_bytes = packet_bytes
        self._burst = 0
        self._position = 0
        self._queue: deque[tuple[OutboundMessage, bytes]] = deque()
        self._offset = 0
        self._pending: deque[MarkTruth] = deque()
        self._fresh = bytearray()

    @property
    def sent_bytes(self) -> int:
        """Bytes received from the server; always heard + outstanding + cleared + discarded."""
        return sum(
            (self.heard_bytes, self.outstanding_bytes, self.cleared_bytes, self.discarded_bytes)
        )

    def audio(self, payload: bytes, now: float) -> int:
        """A media message arrived. Returns how many of its bytes were discarded (ten-minute
        cap)."""
        self._play_until(now)
        excess = max(0, self.outstanding_bytes + len(payload) - self._cap_bytes)
        message = OutboundMessage(len(self.messages), now, len(payload), discarded=excess)
        self.messages.append(message)
        self.discarded_bytes += excess
        accepted = payload[: len(payload) - excess]
        if accepted:
            self._queue.append((message, accepted))
            self.outstanding_bytes += len(accepted)
        return excess

    def mark(self, name: str, now: float) -> list[str]:
        """A mark arrived. Returns the names of all marks that are due now, in order."""
        self._play_until(now)
        mark = MarkTruth(name, now, self._gone + self.outstanding_bytes)
        self.marks.append(mark)
        self._pending.append(mark)
        return self._due_marks(now)

    def clear(self, now: float) -> list[str]:
        """A `clear` arrived. Returns the names of the marks that go back, in order."""
        due = self.advance(now)
        begun = min(-self._burst % self._packet_bytes, self.outstanding_bytes)
        cleared = self.outstanding_bytes - begun
        self.clears.append(ClearTruth(now, self.heard_bytes + begun, cleared))
        self._keep(begun)
        self.cleared_bytes += cleared
        self.outstanding_bytes = begun
        return due + self._void_marks(now)

    def _keep(self, n_bytes: int) -> None:
        """Takes everything out of the queue but its first bytes."""
        kept: deque[tuple[OutboundMessage, bytes]] = deque()
        for message, payload in self._queue:
            waiting = payload[self._offset :]
            part = waiting[:n_bytes]
            n_bytes -= len(part)
            message.cleared = len(waiting) - len(part)
            if part:
                kept.append((message, part))
            self._offset = 0
        self._queue = kept

    def advance(self, now: float) -> list[str]:
        """Plays up to `now`. Returns the names of the marks that have become due, in order."""
        self._play_until(now)
        return self._due_marks(now)

    def next_due_s(self) -> float | None:
        """When the next waiting mark becomes due; None when none waits."""
        if not self._pending:
            return None
        remaining = self._pending[0].position - self._gone
        return self.start_s + (self._position + remaining) / BYTES_PER_S

    def take_fresh(self) -> bytes:
        """The agent audio heard since this was last asked (without the silence between
        utterances)."""
        fresh = bytes(self._fresh)
        self._fresh.clear()
        return fresh

    @property
    def _gone(self) -> int:
        return self.heard_bytes + self.cleared_bytes

    def _play_until(self, now: float) -> None:
        position = int((now - self.start_s) * BYTES_PER_S + _ROUNDING_SAMPLES)
        left = position - self._position
        if left <= 0:
            return
        while left and self._queue:
            left -= self._play_head(left)
        if left:
            self._burst = 0
            if self._keep_audio:
                self.track += _SILENCE * left
        self._position = position

    def _play_head(self, limit: int) -> int:
        message, payload = self._queue[0]
        played = payload[self._offset : self._offset + limit]
        n_bytes = len(played)
        if message.heard_from is None:
            message.heard_from = self._position
        message.heard += n_bytes
        self.heard_bytes += n_bytes
        self.outstanding_bytes -= n_bytes
        self._position += n_bytes
        self._burst += n_bytes
        self._offset += n_bytes
        if self._offset == len(payload):
            self._queue.popleft()
            self._offset = 0
        self._fresh += played
        if self._keep_audio:
            self.track += played
        return n_bytes

    def _due_marks(self, now: float) -> list[str]:
        due: list[str] = []
        while self._pending and self._pending[0].position <= self._gone:
            mark = self._pending.popleft()
            mark.returned_s = now
            due.append(mark.name)
        return due

    def _void_marks(self, now: float) -> list[str]:
        void = list(self._pending)
        self._pending.clear()
        for mark in void:
            mark.cleared = True
            mark.returned_s = now if self._return_cleared_marks else None
        return [mark.name for mark in void] if self._return_cleared_marks else []
