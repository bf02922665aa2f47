"""The truth of one benchmarked call, kept at both of its ends by one clock.

Pure: the two ends (`caller`, `model`) report what they wrote and received with the nanosecond at
which they did; nothing here sends, waits or reads a clock. `bench.figures` turns records into
figures.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

from bench.playout import Placement, PlayoutBuffer
from bench.stamps import FRAME_BYTES, FrameCount, Stamp, StampReader, read_frame

BYTES_PER_MS = 8


@dataclass(slots=True, eq=False)
class Item:
    """One assistant item: what the model wrote, what reached the caller, what became of it."""

    session: int
    index: int
    item_id: str
    length: int
    written: int = 0
    delta_ends: list[int] = field(default_factory=list)
    delta_ns: list[int] = field(default_factory=list)
    frames: FrameCount = field(default_factory=FrameCount)
    first_ns: int = 0
    cleared: bool = False
    ghosts: int = 0
    truncated_ms: int | None = None
    deleted: bool = False

    def wrote(self, now_ns: int, length: int) -> None:
        """The model wrote the next `length` bytes."""
        self.written += length
        self.delta_ends.append(self.written)
        self.delta_ns.append(now_ns)

    def written_ns(self, offset: int) -> int:
        """When the byte before `offset` was written."""
        return self.delta_ns[bisect_left(self.delta_ends, offset)]

    @property
    def generated_ms(self) -> float:
        return self.written / BYTES_PER_MS


@dataclass(slots=True)
class Interruption:
    """The caller speaks while audio of these items is unheard; the first of them is playing."""

    started_ns: int
    items: list[Item]
    clear_ns: int = 0
    heard: list[int] = field(default_factory=list)
    """Bytes of each item that had been played when the `clear` arrived."""


@dataclass(slots=True)
class Ear:
    """The caller's side of the outbound audio."""

    playout: PlayoutBuffer = field(default_factory=PlayoutBuffer)
    placement: Placement = field(default_factory=Placement)
    reader: StampReader = field(default_factory=StampReader)

    def heard(self, position: int, items: list[Item]) -> list[int]:
        """Bytes of each item before the playout `position`."""
        return [self.placement.heard(position, item.index, item.written) for item in items]


@dataclass(slots=True)
class CallRecord:
    """Everything measured on one call."""

    number: int
    items: list[Item] = field(default_factory=list)
    """Set when the model session of this call is known; shared with it."""
    session: int | None = None
    sent_ns: array[int] = field(default_factory=lambda: array("q"))
    arrived_ns: array[int] = field(default_factory=lambda: array("q"))
    inbound: FrameCount = field(default_factory=FrameCount)
    inbound_reader: StampReader = field(default_factory=StampReader)
    ear: Ear = field(default_factory=Ear)
    late_ns: list[tuple[int, int]] = field(default_factory=list)
    """(arrival, lateness) of every message that continues an item."""
    interruptions: list[Interruption] = field(default_factory=list)
    open: Interruption | None = None
    needless_clears: int = 0
    wrongly_cleared: int = 0
    """Bytes of audio thrown away by a `clear` nobody asked for."""
    problems: list[str] = field(default_factory=list)

    def frame_sent(self, now_ns: int) -> int:
        """The caller writes its next frame; returns its sequence number."""
        self.sent_ns.append(now_ns)
        self.arrived_ns.append(0)
        return len(self.sent_ns) - 1

    def frame_arrived(self, now_ns: int, seq: int) -> None:
        """The caller's frame `seq` has reached the model."""
        if seq >= len(self.arrived_ns):
            self.problems.append(f"the model received frame {seq}, which was never sent")
            return
        self.inbound.arrived(seq)
        if not self.arrived_ns[seq]:
            self.arrived_ns[seq] = now_ns

    def media_arrived(self, now_ns: int, payload: bytes) -> None:
        """One `media` message has reached the caller."""
        ear = self.ear
        found = ear.reader.feed(payload)
        dry_ns = ear.playout.dry_ns
        ear.playout.append(now_ns, len(payload))
        if found:
            self._note_lateness(now_ns, dry_ns, found[0][0])
        for stamp, offset in found:
            self._outbound_frame(now_ns, Stamp.unpack(stamp), offset)

    def speech_started(self, now_ns: int, items: list[Item]) -> None:
        """The model says that the caller speaks; `items` belong to its newest response."""
        heard = self.ear.heard(self.ear.playout.position(now_ns), items)
        unheard = [item for item, bytes_ in zip(items, heard, strict=True) if bytes_ < item.written]
        if unheard:
            self.open = Interruption(now_ns, unheard)
            self.interruptions.append(self.open)

    def clear_arrived(self, now_ns: int) -> list[str]:
        """Empties the caller's playout buffer; returns the marks to give back."""
        position, marks = self.ear.playout.clear(now_ns)
        self.ear.reader.flush()
        asked, self.open = self.open, None
        if asked is None:
            self.needless_clears += 1
            self.wrongly_cleared += self.ear.playout.appended - position
            return marks
        asked.clear_ns = now_ns
        asked.heard = self.ear.heard(position, asked.items)
        for item in asked.items:
            item.cleared = True
        return marks

    def _note_lateness(self, now_ns: int, dry_ns: int, stamp: int) -> None:
        """Late = silence at the caller although the model had already written this audio."""
        first = Stamp.unpack(stamp)
        item = self._item(first)
        if item is None or not item.first_ns:
            return
        end = (first.seq + 1) * FRAME_BYTES
        if end > item.written:
            return
        since = max(dry_ns, item.written_ns(end))
        self.late_ns.append((now_ns, max(0, now_ns - since) if dry_ns < now_ns else 0))

    def _outbound_frame(self, now_ns: int, stamp: Stamp, offset: int) -> None:
        item = self._item(stamp)
        if item is None:
            self.problems.append(f"audio of session {stamp.owner}, item {stamp.item} is not ours")
            return
        if item.cleared:
            item.ghosts += 1
        else:
            item.frames.arrived(stamp.seq)
        if not item.first_ns:
            item.first_ns = now_ns
        self.ear.placement.put(offset, item.index, stamp.seq * FRAME_BYTES)

    def _item(self, stamp: Stamp) -> Item | None:
        if stamp.owner != self.session or stamp.item >= len(self.items):
            return None
        return self.items[stamp.item]


@dataclass(slots=True)
class Exchange:
    """Knows both ends of every call of a run: which model session belongs to which call."""

    calls: dict[int, CallRecord] = field(default_factory=dict)
    sessions: dict[int, list[Item]] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)
    """Model session → call, known from the first caller audio that session received."""
    problems: list[str] = field(default_factory=list)

    def bind(self, session: int, number: int) -> CallRecord | None:
        """The call whose audio `session` received; None (and a problem) when wires are crossed."""
        record = self.calls.get(number)
        owner = self.owners.setdefault(session, number)
        if record is None or owner != number:
            self.problems.append(f"audio of call {number} reached the session of call {owner}")
            return None
        if record.session not in (None, session):
            record.problems.append(f"a second model session {session} for one call")
        record.session, record.items = session, self.sessions[session]
        return record

    def greeted(self, record: CallRecord, payload: bytes) -> None:
        """The agent spoke before any caller audio reached the model: bind by the agent's audio."""
        stamp = read_frame(payload[:FRAME_BYTES])
        if stamp is None:
            return
        session = Stamp.unpack(stamp).owner
        if (
            session in self.sessions
            and self.owners.setdefault(session, record.number) == record.number
        ):
            record.session, record.items = session, self.sessions[session]
