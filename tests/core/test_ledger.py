"""Every byte of the agent's audio is in exactly one place, whatever happens in whatever order."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.core.g711 import FRAME_BYTES, SAMPLE_RATE, SILENCE
from gateway.core.ledger import Item, PlaybackLedger
from gateway.core.pacing import MESSAGE_MS, Pacing
from tests.core.carrier_model import Carrier, Desk, Habits, Returned, Way

_PAD = bytes([SILENCE])


def _speech(size: int, seed: int = 0) -> bytes:
    """Bytes that can be told from one another and from padding."""
    return random.Random(seed).randbytes(size).replace(_PAD, b"\x00")


def _play(ledger: PlaybackLedger, item: Item, audio: bytes, now: float) -> bytes:
    """Receives audio and sends at once what can be sent."""
    ledger.receive(item, audio)
    return ledger.take(ledger.sendable(), now)[0] if ledger.sendable() else b""


# Audio goes out


def test_only_whole_frames_can_be_sent() -> None:
    """A part-frame waits for the rest of it."""
    ledger = PlaybackLedger()
    item = ledger.item("a")
    ledger.receive(item, bytes(FRAME_BYTES - 1))
    assert ledger.sendable() == 0
    ledger.receive(item, bytes(2))
    assert ledger.sendable() == FRAME_BYTES
    assert ledger.queued == FRAME_BYTES + 1


def test_finished_tail_is_padded() -> None:
    """The last part-frame of an item leaves, filled up with silence that is nobody's."""
    ledger = PlaybackLedger()
    item = ledger.item("a")
    ledger.receive(item, _speech(200))
    ledger.finish(item)
    assert ledger.sendable() == 320
    payload, started = ledger.take(320, 0.0)
    assert payload == _speech(200) + _PAD * 120
    assert started == [item]
    assert (item.sent, item.received, ledger.queued, ledger.sent_bytes) == (200, 200, 0, 320)


def test_items_share_a_frame() -> None:
    """Between two items no silence is inserted when the second is there already."""
    ledger = PlaybackLedger()
    first, second = ledger.item("a"), ledger.item("b")
    ledger.receive(first, _speech(100, 1))
    ledger.finish(first)
    ledger.receive(second, _speech(220, 2))
    payload, started = ledger.take(ledger.sendable(), 0.0)
    assert payload == _speech(100, 1) + _speech(220, 2)
    assert started == [first, second]


def test_item_starts_once() -> None:
    """Only the message with its first byte tells that an item began."""
    ledger = PlaybackLedger()
    item = ledger.item("a")
    ledger.receive(item, bytes(480))
    assert ledger.take(160, 0.0)[1] == [item]
    assert ledger.take(320, 0.0)[1] == []


def test_open_items_are_found_by_name_until_heard() -> None:
    """An item stays open while it has something to receive or to play."""
    ledger = PlaybackLedger()
    item = ledger.item("a", 0, "r1")
    assert ledger.item("a") is item
    assert ledger.find("a") is item
    assert ledger.find("a", 1) is None
    _play(ledger, item, bytes(160), 0.0)
    assert ledger.outstanding_bytes(1.0) == 0
    assert ledger.open_items() == (item,)
    ledger.finish(item)
    assert ledger.open_items() == ()
    assert ledger.find("a") is None
    assert item.fully_heard


def test_item_without_audio_is_closed_by_its_end() -> None:
    """Nothing is left of an item that never had a byte."""
    ledger = PlaybackLedger()
    ledger.finish(ledger.item("a"))
    assert ledger.open_items() == ()


# Audio is heard


def test_fully_heard_compares_bytes() -> None:
    """1500.125 ms are heard when the last byte is, not when the rounded milliseconds are."""
    ledger = PlaybackLedger()
    item = ledger.item("a")
    _play(ledger, item, bytes(12001), 0.0)
    ledger.finish(item)
    ledger.take(ledger.sendable(), 0.0)
    ledger.settle(12000 / SAMPLE_RATE)
    assert item.heard_ms < 1500 or not item.fully_heard
    ledger.settle(12001 / SAMPLE_RATE)
    cut = ledger.cut(12001 / SAMPLE_RATE)
    assert item.heard == 12001
    assert item.fully_heard
    assert cut.items == ()
    assert cut.cleared_bytes == 159, "the padding of the last frame"


def test_heard_audio_is_not_kept() -> None:
    """A long answer that nobody interrupts costs the memory of the lead, not of the answer."""
    desk = Desk(Carrier(Way(50), Way(50)), 0.0)
    item = desk.ledger.item("a")
    for _ in range(300):
        desk.play(item, bytes(1600))
        desk.run(desk.now + 0.2)
        kept = sum(len(part) for _, part in desk.ledger._segments)
        assert kept <= (600 + 3 * MESSAGE_MS) * 8
    assert desk.ledger.heard_bytes(desk.now) > 50 * SAMPLE_RATE


# Audio is cut off


def test_cut_gives_back_what_nobody_heard() -> None:
    """Playing, sent, queued: all of it comes back byte for byte with its item."""
    ledger = PlaybackLedger()
    first, second = ledger.item("a"), ledger.item("b")
    ledger.receive(first, _speech(1600, 1))
    ledger.finish(first)
    ledger.receive(second, _speech(1600, 2))
    ledger.take(1760, 0.0)
    cut = ledger.cut(0.1)
    assert (first.heard, second.heard) == (800, 0)
    assert cut.items == (first, second)
    assert b"".join(part for _, part in cut.unheard) == _speech(1600, 1)[800:] + _speech(1600, 2)
    assert [item for item, _ in cut.unheard] == [first, second, second]
    assert (cut.cleared_bytes, cut.queued_bytes) == (960, 1440)
    assert cut.dropped_ms == 300
    assert (ledger.queued, ledger.outstanding_bytes(0.1), ledger.heard_bytes(0.1)) == (0, 0, 800)
    assert ledger.open_items() == ()
    assert ledger.cleared_bytes == 960


def test_cut_in_the_middle_of_a_queued_chunk() -> None:
    """What of a chunk has not left comes back without what has."""
    ledger = PlaybackLedger()
    item = ledger.item("a")
    ledger.receive(item, _speech(1000))
    ledger.take(160, 0.0)
    cut = ledger.cut(0.0)
    assert b"".join(part for _, part in cut.unheard) == _speech(1000)
    assert (cut.cleared_bytes, cut.queued_bytes) == (160, 840)


def test_cut_with_nothing_outstanding() -> None:
    """An item heard as far as it came is in the cut, for more of it may be on its way."""
    ledger = PlaybackLedger()
    item = ledger.item("a")
    _play(ledger, item, bytes(160), 0.0)
    cut = ledger.cut(5.0)
    assert cut.items == (item,)
    assert item.heard == item.received == 160
    assert cut.unheard == ()
    assert cut.dropped_ms == 0


def test_next_generation_starts_from_nothing() -> None:
    """After a cut the same names mean new items and the counts go on."""
    ledger = PlaybackLedger()
    old = ledger.item("a")
    _play(ledger, old, bytes(1600), 0.0)
    ledger.cut(0.1)
    new = ledger.item("a")
    assert new is not old
    _play(ledger, new, bytes(1600), 0.1)
    assert ledger.heard_bytes(0.15) == 1200
    assert old.heard == 800
    ledger.settle(0.3)
    assert new.heard == 1600


@pytest.mark.parametrize("size", [159, 160, 161, 1601])
def test_padding_is_nobodys(size: int) -> None:
    """Padding counts as sent and heard, but in no item."""
    ledger = PlaybackLedger()
    item = ledger.item("a")
    ledger.receive(item, _speech(size))
    ledger.finish(item)
    sent = ledger.sendable()
    ledger.take(sent, 0.0)
    assert sent == size + -size % FRAME_BYTES
    assert ledger.heard_bytes(10.0) == ledger.sent_bytes == sent
    assert item.heard == item.received == size


# Any interleaving


class _Post(Desk):
    """A desk whose carrier's marks lie in a pile until somebody delivers them, and which notes
    since when what it sends could have been sent.
    """

    def __init__(self, carrier: Carrier, now: float, pacing: Pacing) -> None:
        super().__init__(carrier, now, pacing)
        self.pile: list[str] = []
        self.prompt = True
        """Marks are also read as they come; what lies in the pile will be their doubles."""
        self.since: float | None = None
        self.waited: dict[float, float] = {}
        """When a message was sent -> how long it could have been sent before."""

    def look(self) -> None:
        """Notes whether audio is available now."""
        if not self.ledger.sendable():
            self.since = None
        elif self.since is None:
            self.since = self.now

    def play(self, item: Item, audio: bytes) -> None:
        self.ledger.receive(item, audio)
        self.look()
        if self.timer is None:
            self.pump()

    def finish(self, item: Item) -> None:
        self.ledger.finish(item)
        self.look()
        if self.timer is None:
            self.pump()

    def mark_arrived(self, message: Returned) -> None:
        self.pile.append(message.name)
        if self.prompt:
            self.mark_returned(message.name)

    def _send(self, granted: int) -> None:
        assert self.since is not None
        self.waited.setdefault(self.now, self.now - self.since)
        super()._send(granted)
        self.look()


class LedgerMachine(RuleBasedStateMachine):
    """Ledger and pacing against a carrier with a steady network and the wildest marks."""

    desk: _Post

    @initialize(
        delay_ms=st.sampled_from([0, 20, 80]),
        lead_ms=st.sampled_from([200, 600, 1000]),
        returns_cleared=st.booleans(),
    )
    def begin(self, delay_ms: int, lead_ms: int, returns_cleared: bool) -> None:
        """A call is connected."""
        self.delay_s = delay_ms / 1000
        self.lead_ms = lead_ms
        self.carrier = Carrier(Way(delay_ms), Way(0), Habits(returns_cleared=returns_cleared))
        self.desk = _Post(self.carrier, 100.0, Pacing(lead_ms=lead_ms))
        self.open: list[Item] = []
        self.all: list[tuple[Item, int]] = []
        self.sources = [bytearray()]
        """What the model said from one clear to the next."""
        self.begun_at = 0
        """Bytes of the last of them said before the ledger's current items."""
        self.stale: list[str] = []
        self.last_heard = 0
        self.names = 0

    @property
    def ledger(self) -> PlaybackLedger:
        return self.desk.ledger

    # The model

    @rule(
        which=st.sampled_from([-1, -1, 0]),
        sizes=st.lists(st.integers(0, 6000), max_size=6),
        new=st.booleans(),
        complete=st.booleans(),
    )
    def deltas(self, which: int, sizes: list[int], new: bool, complete: bool) -> None:
        """Audio arrives of a new item or of an open one, to its end or not."""
        if new or not self.open:
            self.names += 1
            self.open.append(self.ledger.item(f"i{self.names}", 0, f"r{self.names // 2}"))
            self.all.append((self.open[-1], 0))
        item = self.open[which]
        for size in sizes:
            audio = _speech(size, seed=len(self.sources[-1]) + 7 * len(self.sources))
            self.sources[-1] += audio
            self.desk.play(item, audio)
        if complete:
            self.open.remove(item)
            self.desk.finish(item)

    # Time

    @rule(milliseconds=st.sampled_from([1, 20, 77, 200, 450, 700]))
    def listen(self, milliseconds: int) -> None:
        """Time passes; the pump runs when it is due."""
        self.desk.run(self.desk.now + milliseconds / 1000)

    # Marks

    @rule(prompt=st.booleans())
    def marks_change(self, prompt: bool) -> None:
        """From now on marks come back by themselves, or only when somebody delivers them."""
        self.desk.prompt = prompt

    @precondition(lambda self: self.desk.pile)
    @rule(which=st.integers(0, 20), count=st.integers(1, 4))
    def mark_returns(self, which: int, count: int) -> None:
        """Marks come back, late or out of order."""
        for _ in range(min(count, len(self.desk.pile))):
            name = self.desk.pile.pop(which % len(self.desk.pile))
            self._return(name)
            self.stale.append(name)

    @precondition(lambda self: self.desk.pile)
    @rule(which=st.integers(0, 20))
    def mark_is_lost(self, which: int) -> None:
        """A mark never comes back; or only as a straggler after many others."""
        self.stale.append(self.desk.pile.pop(which % len(self.desk.pile)))

    @precondition(lambda self: self.stale)
    @rule(which=st.integers(0, 100))
    def mark_is_doubled(self, which: int) -> None:
        """An old mark comes back, perhaps for the second time."""
        self._return(self.stale[which % len(self.stale)])

    @rule(ahead=st.integers(-1, 1))
    def unknown_mark(self, ahead: int) -> None:
        """A mark nobody sent comes back."""
        number = 1_000_000
        generation = self.ledger.playout.generation + ahead
        heard = self.ledger.heard_bytes(self.desk.now)
        assert not self.desk.mark_returned(f"g{generation}:{number}")
        assert self.ledger.heard_bytes(self.desk.now) == heard

    # The caller

    @rule()
    def clear(self) -> None:
        """The agent is cut off."""
        ledger, now = self.ledger, self.desk.now
        outstanding = ledger.outstanding_bytes(now)
        before = {item: item.heard for item, _ in self.all}
        sent = ledger.playout.sent
        cut = self.desk.clear()
        self.desk.look()
        assert cut.cleared_bytes + cut.queued_bytes == outstanding
        assert sum(len(part) for _, part in cut.unheard) == outstanding
        unheard = b"".join(part for item, part in cut.unheard if item is not None)
        source = bytes(self.sources[-1])
        assert source.endswith(unheard)
        assert b"".join(part for item, part in cut.unheard if item is None) == _PAD * (
            outstanding - len(unheard)
        )
        for item, heard in before.items():
            left = sum(len(part) for owner, part in cut.unheard if owner is item)
            assert heard <= item.heard <= item.sent
            assert item.heard + left == item.received
            assert item in cut.items or item.fully_heard or not item.received
        assert cut.cleared_bytes <= sent
        if outstanding:
            self.sources.append(bytearray())
        self.begun_at = len(self.sources[-1])
        self.open.clear()
        self.all.clear()

    # What is always true

    @invariant()
    def nothing_is_lost_or_invented(self) -> None:
        """Heard + outstanding + cleared = sent; heard never falls and never exceeds sent."""
        ledger, now = self.ledger, self.desk.now
        heard = ledger.heard_bytes(now)
        outstanding = ledger.outstanding_bytes(now) - ledger.queued
        assert heard + outstanding + ledger.cleared_bytes == ledger.sent_bytes
        assert self.last_heard <= heard <= ledger.sent_bytes
        self.last_heard = heard
        assert sum(self.desk.messages) == ledger.sent_bytes

    @invariant()
    def items_only_grow(self) -> None:
        """Within an item: heard never falls, heard ≤ sent ≤ received."""
        for n, (item, heard) in enumerate(self.all):
            assert heard <= item.heard <= item.sent <= item.received
            self.all[n] = (item, item.heard)
        received = sum(item.received for item, _ in self.all)
        assert received == len(self.sources[-1]) - self.begun_at

    @invariant()
    def messages_are_whole_frames(self) -> None:
        """No message is longer than 200 ms or ends within a frame."""
        assert all(size <= MESSAGE_MS * 8 for size in self.desk.messages)
        assert all(size % FRAME_BYTES == 0 for size in self.desk.messages)

    @invariant()
    def carrier_holds_neither_too_much_nor_nothing(self) -> None:
        """Never more than the lead plus one message; dry only while there was nothing to send."""
        assert self.carrier.most_held_ms <= self.lead_ms + MESSAGE_MS
        for _, until in self.carrier.dry:
            sent_at = until - self.delay_s
            waited = [w for at, w in self.desk.waited.items() if abs(at - sent_at) < 1e-6]
            assert waited
            assert min(waited) < 1e-6

    def teardown(self) -> None:
        """What the caller heard is what the model said, in order, without what was cleared."""
        if not hasattr(self, "carrier"):
            return
        for item in list(self.open):
            self.desk.finish(item)
        while left := self.ledger.outstanding_bytes(self.desk.now):
            self.desk.run(self.desk.now + left / SAMPLE_RATE + 0.001)
        self.desk.run(self.desk.now + 1)
        ends = [clear.heard for clear in self.carrier.clears] + [len(self.carrier.accepted)]
        begin = 0
        assert len(ends) == len(self.sources)
        for end, source in zip(ends, self.sources, strict=True):
            heard = bytes(self.carrier.accepted[begin:end]).replace(_PAD, b"")
            assert bytes(source).startswith(heard)
            begin = end
        assert heard == bytes(self.sources[-1]), "the last one was heard to its end"

    # Inside

    def _return(self, name: str) -> None:
        playout = self.ledger.playout
        current = name.startswith(f"g{playout.generation}:")
        heard = self.ledger.heard_bytes(self.desk.now)
        genuine = self.desk.mark_returned(name)
        if not genuine:
            assert self.ledger.heard_bytes(self.desk.now) == heard
        assert current or not genuine, "a void mark never counts"
        if genuine:
            assert not self.desk.mark_returned(name), "a mark counts once"


def test_every_interleaving_keeps_every_byte() -> None:
    """Deltas, pumps, marks (late, lost, doubled, void, unknown), clears and time in any order."""
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(max_examples=120, stateful_step_count=50, deadline=None),
    )


# Another stream


def test_the_next_stream_starts_from_nothing() -> None:
    """An empty buffer, no mark of the old stream, another clock; what was heard stays counted."""
    ledger = PlaybackLedger()
    item = ledger.item("a", 0, "r")
    _play(ledger, item, _speech(1600), 0.0)
    ledger.playout.frame(5000, 0.0)
    old_mark = ledger.playout.mark_sent(0.0)
    cut = ledger.next_stream(0.1)
    assert (item.heard, cut.cleared_bytes) == (800, 800)
    assert ledger.heard_bytes(9.0) == 800
    assert not ledger.playout.mark_returned(old_mark, 0.2)
    assert ledger.playout.carrier_clock.last_timestamp_s is None
    assert ledger.playout.generation == 1
    assert ledger.outstanding_bytes(0.2) == 0
    other = ledger.item("b", 0, "r2")
    _play(ledger, other, _speech(320), 0.2)
    assert ledger.playout.mark_sent(0.2) == 0
    assert ledger.heard_bytes(1.0) == 800 + 320
    assert ledger.sent_bytes == 1600 + 320


# Audio is held back


def test_what_was_taken_back_plays_on_from_the_frame_that_was_heard_last() -> None:
    """Nothing is lost or repeated: a begun frame counts as heard, the rest waits in order."""
    ledger = PlaybackLedger()
    first, second = ledger.item("a", 0, "r"), ledger.item("b", 0, "r")
    speech = _speech(1600), _speech(800, seed=1)
    heard = _play(ledger, first, speech[0], 0.0)
    ledger.finish(first)
    ledger.receive(second, speech[1])
    ledger.take_back(0.085)  # 680 bytes: in the middle of the fifth frame
    assert (first.heard, first.sent, ledger.queued) == (800, 800, 800 + 800)
    assert ledger.outstanding_bytes(0.5) == 1600
    assert ledger.open_items() == (first, second)
    rest = ledger.take(ledger.sendable(), 1.0)[0]
    assert heard[:800] + rest == speech[0] + speech[1]
    assert ledger.outstanding_bytes(3.0) == 0
    assert (first.fully_heard, second.heard) == (True, 800)
    assert ledger.heard_bytes(3.0) + ledger.cleared_bytes == ledger.sent_bytes


@pytest.mark.parametrize(
    ("at_ms", "wait_ms"), [(0, 5), (3, 2), (5, 0), (10, 0), (15, 0), (17, 8), (42, 3), (300, 0)]
)
def test_the_middle_of_a_frame_is_never_far(at_ms: int, wait_ms: int) -> None:
    """At most half a frame away; at once when nothing plays."""
    ledger = PlaybackLedger()
    _play(ledger, ledger.item("a", 0, "r"), _speech(1600), 0.0)
    assert ledger.to_mid_frame_s(at_ms / 1000, 5) == pytest.approx(wait_ms / 1000, abs=0.0002)


def test_padding_is_nobodys_and_made_anew() -> None:
    """The silence behind an item does not come back into what follows it."""
    ledger = PlaybackLedger()
    item = ledger.item("a", 0, "r")
    ledger.receive(item, _speech(200))
    ledger.finish(item)
    ledger.take(320, 0.0)
    ledger.take_back(0.0)
    assert (item.sent, ledger.queued) == (0, 200)
    assert ledger.take(320, 1.0)[0] == _speech(200) + _PAD * 120


def test_audio_taken_back_twice_and_then_cut_is_told_where_it_was_heard() -> None:
    """Two false alarms and a real one: the heard position is the sum of what played."""
    ledger = PlaybackLedger()
    item = ledger.item("a", 0, "r")
    _play(ledger, item, _speech(8000), 0.0)
    ledger.take_back(0.1)
    ledger.take(ledger.sendable(), 1.0)
    ledger.take_back(1.1)
    ledger.take(ledger.sendable(), 2.0)
    cut = ledger.cut(2.1)
    assert item.heard == 800 + 800 + 800
    assert [each.item_id for each in cut.items] == ["a"]
    assert b"".join(part for _, part in cut.unheard) == _speech(8000)[2400:]


@pytest.mark.parametrize("seed", range(20))
def test_however_often_audio_is_taken_back_it_is_heard_once_and_whole(seed: int) -> None:
    """Random pauses, sends and lengths against a carrier that plays whole frames."""
    rng = random.Random(seed)
    ledger, now, heard = PlaybackLedger(), 0.0, b""
    spoken = b""
    for n in range(6):
        item, audio = ledger.item(f"item_{n}", 0, f"resp_{n}"), _speech(rng.randrange(1, 3000), n)
        ledger.receive(item, audio)
        ledger.finish(item)
        spoken += audio
    while ledger.queued:
        wanted = min(ledger.sendable(), rng.randrange(1, 12) * FRAME_BYTES)
        sent, _ = ledger.take(wanted, now)
        if rng.random() < 0.6:
            played_s = rng.uniform(0, len(sent) / SAMPLE_RATE)
            now += played_s
            frames = -(-int(played_s * SAMPLE_RATE + 1e-6) // FRAME_BYTES) * FRAME_BYTES
            ledger.take_back(now)
            heard += sent[: min(frames, len(sent))]
        else:
            now += len(sent) / SAMPLE_RATE
            heard += sent
            ledger.settle(now)
        now += 1
    assert heard.replace(_PAD, b"") == spoken
