"""What a caller hears of the agent: the carrier's playout buffer, light enough for hundreds a core.

Pure; times are nanoseconds of one monotonic clock. It is the twin's playout buffer
(`gateway.sim.twilio.playout`) without the audio: only when it sounds and whether it is audible is
kept. Marks and `clear` behave as Twilio documents them (Media Streams, websocket messages).
"""

from collections import deque
from typing import Final

from gateway.core.g711 import FRAME_BYTES, audioop

BYTE_NS: Final = 125_000
GAP_NS: Final = 250_000_000
"""Audio that comes after a longer silence than this begins something new. After a shorter one it is
late: the caller heard a hole in a word."""
AUDIBLE_RMS: Final = 100  # of 32768, about -50 dBFS: below it a telephone line counts as silent


class Ear:
    """The buffer of one stream."""

    def __init__(self) -> None:
        self.received = 0
        """Media messages."""
        self.in_time = 0
        """Of those that continued something, how many came before they were needed."""
        self.late_ns: list[int] = []
        """The others: for how long the caller heard nothing because of each."""
        self._dry_ns = 0
        self._spans: deque[tuple[int, int]] = deque()
        self._marks: deque[tuple[int, str]] = deque()

    def media(self, now_ns: int, payload: bytes) -> int:
        """Audio arrived. Returns for how many ns it was missed; 0 in time, or when it is new."""
        self.received += 1
        missed_ns = now_ns - self._dry_ns
        late_ns = 0
        if missed_ns <= 0:
            self.in_time += 1
        elif missed_ns <= GAP_NS:
            late_ns = missed_ns
            self.late_ns.append(missed_ns)
        start_ns = max(now_ns, self._dry_ns)
        self._dry_ns = start_ns + len(payload) * BYTE_NS
        self._note_audible(start_ns, payload)
        return late_ns

    def mark(self, now_ns: int, name: str) -> int:
        """A mark arrived. Returns when it goes back."""
        due_ns = max(now_ns, self._dry_ns)
        self._marks.append((due_ns, name))
        return due_ns

    def due_marks(self, now_ns: int) -> list[str]:
        """Takes the marks whose audio has been played."""
        names = []
        while self._marks and self._marks[0][0] <= now_ns:
            names.append(self._marks.popleft()[1])
        return names

    def clear(self, now_ns: int) -> list[str]:
        """Nothing more of it is heard. Returns the marks that go back."""
        # What comes after a clear is something new, however soon it comes.
        self._dry_ns = min(self._dry_ns, now_ns - GAP_NS - 1)
        self._spans = deque(
            (start, min(end, now_ns)) for start, end in self._spans if start < now_ns
        )
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def heard(self, from_ns: int, to_ns: int) -> int | None:
        """When something audible was first heard in this time, which never goes back."""
        while self._spans and self._spans[0][1] <= from_ns:
            self._spans.popleft()
        if self._spans and self._spans[0][0] < to_ns:
            return max(from_ns, self._spans[0][0])
        return None

    def _note_audible(self, start_ns: int, payload: bytes) -> None:
        for offset in range(0, len(payload), FRAME_BYTES):
            piece = payload[offset : offset + FRAME_BYTES]
            if not is_audible(piece):
                continue
            begin = start_ns + offset * BYTE_NS
            end = begin + len(piece) * BYTE_NS
            if self._spans and self._spans[-1][1] == begin:
                begin = self._spans.pop()[0]
            self._spans.append((begin, end))


def is_audible(payload: bytes, threshold: int = AUDIBLE_RMS) -> bool:
    """Whether this mu-law is loud enough (RMS of 16-bit samples)."""
    return audioop.rms(audioop.ulaw2lin(payload, 2), 2) >= threshold
