"""PlaybackLedger: which of the agent's audio was received, sent, heard and cleared, to the byte.

Owns the queue of audio not yet sent and the audio sent but not yet heard (so that a ``clear`` loses
nothing). Knows items and positions; the estimate of the carrier's position is
:class:`gateway.core.playout.Playout`'s, the decision how much leaves when is
:class:`gateway.core.pacing.Pacing`'s.
"""

from dataclasses import dataclass
from typing import Final

from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES, SILENCE
from gateway.core.playout import Playout

_PAD = bytes([SILENCE])


class Item:
    """Audio of one content part of one model item, or the gateway's own (``response_id`` empty)."""

    __slots__ = ("content_index", "finished", "heard", "item_id", "received", "response_id", "sent")

    def __init__(self, item_id: str, content_index: int = 0, response_id: str = "") -> None:
        self.item_id = item_id
        self.content_index = content_index
        self.response_id = response_id
        self.received = 0
        """Bytes taken from the model."""
        self.sent = 0
        """Bytes written to the carrier."""
        self.heard = 0
        """Bytes known to be heard; exact once the item is settled, up to the last look before."""
        self.finished = False
        """No more audio will come."""

    @property
    def heard_ms(self) -> int:
        """Whole milliseconds heard, floored: never claims what was not heard."""
        return self.heard // BYTES_PER_MS

    @property
    def fully_heard(self) -> bool:
        """Finished and heard to its last byte (bytes are compared, never rounded ms)."""
        return self.finished and self.heard >= self.received

    def __repr__(self) -> str:
        sizes = f"received={self.received}, sent={self.sent}, heard={self.heard}"
        return f"Item({self.item_id!r}, {sizes})"


@dataclass(frozen=True, slots=True)
class Cut:
    """What a ``clear`` leaves behind."""

    items: tuple[Item, ...]
    """Items with unheard or still expected audio, in playing order; ``heard`` is final."""
    unheard: tuple[tuple[Item | None, bytes], ...]
    """Audio nobody heard, in order: first what was sent and is now cleared, then what had not left.
    """
    cleared_bytes: int
    """Bytes sent and cleared, padding included."""
    queued_bytes: int
    uncertainty_ms: float

    @property
    def dropped_ms(self) -> int:
        """Milliseconds of audio that nobody heard."""
        return (self.cleared_bytes + self.queued_bytes) // BYTES_PER_MS


NOTHING_CUT: Final = Cut((), (), 0, 0, 0.0)
"""Nothing was playing."""


class PlaybackLedger:
    """Received, queued, sent, heard, cleared: every byte is in exactly one place."""

    __slots__ = (
        "_head",
        "_items",
        "_queue",
        "_segments",
        "_settled",
        "cleared_bytes",
        "heard_before",
        "over",
        "playout",
        "queued",
        "sent_bytes",
    )

    def __init__(self, playout: Playout | None = None) -> None:
        self.playout = playout or Playout()
        self.queued = 0
        """Bytes received and not yet sent."""
        self.sent_bytes = 0
        """Bytes ever sent, padding included."""
        self.cleared_bytes = 0
        """Bytes ever sent and then cleared unheard."""
        self.heard_before = 0
        """Bytes heard in earlier generations."""
        self.over: list[Item] = []
        """Items that were heard to their end or cut off; whoever cares takes them out."""
        self._items: dict[tuple[str, int], Item] = {}
        # Lists, not deques: an empty deque takes 700 bytes, and these are short.
        self._queue: list[tuple[Item, bytes]] = []
        self._head = 0
        self._segments: list[tuple[Item | None, bytes]] = []
        self._settled = 0

    # Audio comes in

    def item(self, item_id: str, content_index: int = 0, response_id: str = "") -> Item:
        """The open item of that name, made when it is new."""
        key = (item_id, content_index)
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = Item(item_id, content_index, response_id)
        return item

    def open_items(self) -> tuple[Item, ...]:
        """Items that still have something to play or to receive, in order of arrival."""
        return tuple(self._items.values())

    def receive(self, item: Item, audio: bytes) -> None:
        """Audio of an item arrived and waits for its turn."""
        if audio:
            item.received += len(audio)
            self.queued += len(audio)
            self._queue.append((item, audio))

    def finish(self, item: Item) -> None:
        """No more audio comes for this item; its last part-frame may be padded now."""
        item.finished = True
        if item.fully_heard:
            self._let_go(item)

    # Audio goes out

    def sendable(self) -> int:
        """Bytes that could leave now in whole frames; a finished tail counts as padded to its
        frame.
        """
        tail = self.queued % FRAME_BYTES
        if tail and self._queue[-1][0].finished:
            return self.queued - tail + FRAME_BYTES
        return self.queued - tail

    def find(self, item_id: str, content_index: int = 0) -> Item | None:
        """The open item of that name, if there is one."""
        return self._items.get((item_id, content_index))

    def take(self, n_bytes: int, now: float) -> tuple[bytes, list[Item]]:
        """The next ``n_bytes`` (whole frames, at most :meth:`sendable`), booked as sent at ``now``.

        Returns the payload and the items whose first byte is in it.
        """
        parts: list[bytes] = []
        started: list[Item] = []
        missing = n_bytes
        while missing and self._queue:
            item, chunk = self._queue[0]
            part = chunk[self._head : self._head + missing]
            if self._head + len(part) == len(chunk):
                self._queue.pop(0)
                self._head = 0
            else:
                self._head += len(part)
            if not item.sent:
                started.append(item)
            item.sent += len(part)
            missing -= len(part)
            parts.append(part)
            self._segments.append((item, part))
        self.queued -= n_bytes - missing
        if missing:
            pad = _PAD * missing
            parts.append(pad)
            self._segments.append((None, pad))
        self._book(self.playout.confirmed)  # what is surely heard need not be kept any longer
        self.playout.audio_sent(n_bytes, now)
        self.sent_bytes += n_bytes
        return (parts[0] if len(parts) == 1 else b"".join(parts)), started

    # Audio is heard

    def settle(self, now: float) -> int:
        """Books as heard what has been heard by ``now``; returns the bytes heard in this
        generation.
        """
        heard = self.playout.heard(now)
        self._book(heard)
        return heard

    def outstanding_bytes(self, now: float) -> int:
        """Bytes sent and not yet heard plus bytes not yet sent."""
        return self.playout.sent - self.settle(now) + self.queued

    def heard_bytes(self, now: float) -> int:
        """Bytes ever heard, padding included: heard + outstanding (sent) + cleared = sent."""
        return self.heard_before + self.settle(now)

    def unheard(self, now: float) -> bytes:
        """The audio that was sent and is not heard yet, padding included."""
        partly = self.settle(now) - self._settled
        return b"".join(part for _, part in self._segments)[partly:]

    # Audio is cut off

    def cut(self, now: float) -> Cut:
        """A ``clear`` leaves now: everything unheard is taken back, a new generation begins."""
        heard = self.settle(now)
        cleared = self.playout.sent - heard
        partly = heard - self._settled
        unheard: list[tuple[Item | None, bytes]] = []
        for item, part in self._segments:
            if partly:
                if item is not None:
                    item.heard += partly
                part, partly = part[partly:], 0
            unheard.append((item, part))
        for n, (queued_item, chunk) in enumerate(self._queue):
            unheard.append((queued_item, chunk[self._head :] if n == 0 else chunk))
        items = tuple(item for item in self._items.values() if not item.fully_heard)
        cut = Cut(items, tuple(unheard), cleared, self.queued, self.playout.uncertainty_ms)
        self.playout.cleared(now)
        self.cleared_bytes += cleared
        self.heard_before += heard
        self.over += self._items.values()
        self._items.clear()
        self._queue.clear()
        self._segments.clear()
        self._head = self._settled = self.queued = 0
        return cut

    def to_mid_frame_s(self, now: float, margin_ms: int) -> float:
        """Seconds until the caller is in the middle of a frame, ``margin_ms`` from its borders; 0
        when that is now, or nothing plays.
        """
        heard = self.settle(now)
        if heard >= self.playout.sent:
            return 0.0
        margin = margin_ms * BYTES_PER_MS
        into = heard % FRAME_BYTES
        if into < margin:
            return (margin - into) / (1000 * BYTES_PER_MS)
        if into > FRAME_BYTES - margin:
            return (FRAME_BYTES + margin - into) / (1000 * BYTES_PER_MS)
        return 0.0

    def take_back(self, now: float) -> None:
        """A ``clear`` leaves now, but nothing is given up: what was sent and is not heard waits
        again, before what had not left. A frame that has begun to play is heard to its end.
        """
        heard = min(self.playout.sent, -(-self.settle(now) // FRAME_BYTES) * FRAME_BYTES)
        self._book(heard)
        partly = heard - self._settled
        head: list[tuple[Item, bytes]] = []
        for item, part in self._segments:
            if item is not None:  # padding was nobody's and is made anew
                item.heard += partly
                item.sent -= len(part) - partly
                head.append((item, part[partly:]))
            partly = 0
        if self._queue and self._head:
            item, chunk = self._queue[0]
            self._queue[0] = item, chunk[self._head :]
        self._head = 0
        self._queue[:0] = head
        self.queued += sum(len(part) for _, part in head)
        self.cleared_bytes += self.playout.sent - heard
        self.heard_before += heard
        self.playout.cleared(now)
        self._segments.clear()
        self._settled = 0

    def next_stream(self, now: float) -> Cut:
        """The stream is over and the call goes on: what comes now is for another stream, whose
        carrier starts with an empty buffer and another clock. No mark of the old one counts.
        """
        cut = self.cut(now)
        generation = self.playout.generation
        self.playout = Playout()
        self.playout.generation = generation
        return cut

    # Inside

    def _book(self, heard: int) -> None:
        """Lets go of the audio that was heard to this byte of the generation."""
        segments = self._segments
        while segments and self._settled + len(segments[0][1]) <= heard:
            item, part = segments.pop(0)
            self._settled += len(part)
            if item is not None:
                item.heard += len(part)
                if item.fully_heard:
                    self._let_go(item)

    def _let_go(self, item: Item) -> None:
        if self._items.pop((item.item_id, item.content_index), None) is not None:
            self.over.append(item)
