"""The caller's ear: a playout buffer that drains in real time, byte by byte.

Pure; times are nanoseconds of one monotonic clock, given by the caller of each method. Marks and
`clear` follow Twilio's Media Streams documentation: a mark returns when the audio before it has
been played (at once when nothing is queued); `clear` empties the buffer and returns every mark
still waiting.

Bytes are counted on one axis, the offset in the stream of everything ever appended. Cleared bytes
keep their offsets and are never played.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field

from bench.stamps import BYTE_NS


@dataclass(slots=True)
class PlayoutBuffer:
    """What has been appended, what has been played, and which marks wait between."""

    appended: int = 0
    """Bytes ever received (an offset: the next byte will have this one)."""
    cleared: int = 0
    """Bytes thrown away by `clear` before they were played."""
    dry_ns: int = 0
    """When the queued audio ends, or has ended."""
    _waiting: deque[tuple[int, str]] = field(default_factory=deque)

    def outstanding(self, now_ns: int) -> int:
        """Bytes queued and not yet played; one is played when it has sounded to its end."""
        return max(0, -((now_ns - self.dry_ns) // BYTE_NS))

    def position(self, now_ns: int) -> int:
        """The offset up to which everything that was not cleared has been played."""
        return self.appended - self.outstanding(now_ns)

    def append(self, now_ns: int, length: int) -> int:
        """Queues `length` bytes; returns for how many ns the buffer had been dry."""
        dry_for = now_ns - self.dry_ns
        self.dry_ns = max(self.dry_ns, now_ns) + length * BYTE_NS
        self.appended += length
        return max(0, dry_for)

    def mark(self, now_ns: int, name: str) -> int:
        """Queues a mark behind the audio; returns the time at which it will be due."""
        self._waiting.append((self.appended, name))
        return max(self.dry_ns, now_ns)

    def played_marks(self, now_ns: int) -> list[str]:
        """Takes the marks whose audio has been played."""
        position, names = self.position(now_ns), []
        while self._waiting and self._waiting[0][0] <= position:
            names.append(self._waiting.popleft()[1])
        return names

    def clear(self, now_ns: int) -> tuple[int, list[str]]:
        """Empties the buffer; returns the position reached and the names of all waiting marks."""
        position = self.position(now_ns)
        self.cleared += self.appended - position
        self.dry_ns = min(self.dry_ns, now_ns)
        names = [name for _, name in self._waiting]
        self._waiting.clear()
        return position, names


@dataclass(slots=True)
class Placement:
    """Which item's bytes lie where in the playout stream, for asking what of an item was heard."""

    _starts: list[int] = field(default_factory=list)
    _places: list[tuple[int, int]] = field(default_factory=list)

    def put(self, offset: int, item: int, item_offset: int) -> None:
        """From stream `offset` on (never falling) lie `item`'s bytes from `item_offset` on."""
        if self._starts:
            last, last_offset = self._places[-1]
            if last == item and last_offset + offset - self._starts[-1] == item_offset:
                return
        self._starts.append(offset)
        self._places.append((item, item_offset))

    def heard(self, position: int, item: int, length: int) -> int:
        """Bytes of `item` (of `length` bytes in all) that lie before the stream `position`."""
        index = bisect_right(self._starts, position) - 1
        while index >= 0:
            found, item_offset = self._places[index]
            if found == item:
                end = self._starts[index + 1] if index + 1 < len(self._starts) else position
                return min(length, item_offset + min(position, end) - self._starts[index])
            index -= 1
        return 0
