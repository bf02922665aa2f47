"""The playout buffer: what is heard, when marks return, what a clear throws away."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.sim.twilio.playout import BYTES_PER_S, ClearTruth, PlayoutBuffer

START_S = 1000.0


def ramp(n_bytes: int, first: int = 0) -> bytes:
    """Bytes that can be told apart, none of them silence."""
    return bytes((first + i) % 200 for i in range(n_bytes))


def test_audio_is_heard_in_real_time_from_its_arrival() -> None:
    """Eight bytes per millisecond, starting the moment the first byte is there."""
    buffer = PlayoutBuffer(START_S)
    buffer.audio(ramp(1600), START_S + 1.0)
    buffer.advance(START_S + 1.05)
    assert buffer.heard_bytes == 400
    assert buffer.outstanding_bytes == 1200
    assert bytes(buffer.track) == b"\xff" * 8000 + ramp(400)


def test_a_message_knows_when_it_was_heard() -> None:
    """The second message begins where the first ends, though it arrived long before."""
    buffer = PlayoutBuffer(START_S)
    buffer.audio(ramp(800), START_S)
    buffer.audio(ramp(800), START_S + 0.001)
    buffer.advance(START_S + 1)
    assert [(m.number, m.heard_from, m.heard) for m in buffer.messages] == [
        (0, 0, 800),
        (1, 800, 800),
    ]
    assert buffer.messages[1].arrived_s == START_S + 0.001


def test_a_mark_behind_audio_returns_when_the_audio_has_been_heard() -> None:
    """Not a sample earlier than the last byte before it."""
    buffer = PlayoutBuffer(START_S)
    buffer.audio(ramp(800), START_S)
    assert buffer.mark("end", START_S) == []
    assert buffer.next_due_s() == START_S + 0.1
    assert buffer.advance(START_S + 0.0998) == []
    assert buffer.advance(START_S + 0.1) == ["end"]
    assert buffer.marks[0].returned_s == START_S + 0.1
    assert not buffer.marks[0].cleared
    assert buffer.next_due_s() is None


def test_a_mark_in_an_empty_buffer_returns_at_once() -> None:
    """With nothing buffered there is nothing to wait for."""
    buffer = PlayoutBuffer(START_S)
    assert buffer.mark("probe", START_S + 5) == ["probe"]


def test_a_clear_empties_the_buffer_and_returns_the_marks_in_order() -> None:
    """Marks come back in the order they were sent, and the truth of the clear is kept to the
    byte."""
    buffer = PlayoutBuffer(START_S)
    buffer.audio(ramp(800), START_S)
    buffer.mark("a", START_S)
    buffer.audio(ramp(800), START_S)
    buffer.mark("b", START_S)
    buffer.mark("c", START_S)
    assert buffer.clear(START_S + 0.15) == ["a", "b", "c"]
    assert buffer.clears == [ClearTruth(START_S + 0.15, 1200, 400)]
    assert [mark.cleared for mark in buffer.marks] == [False, True, True]
    assert [message.cleared for message in buffer.messages] == [0, 400]
    buffer.advance(START_S + 1)
    assert buffer.heard_bytes == 1200


def test_marks_of_cleared_audio_can_be_swallowed() -> None:
    """As an option, cleared marks do not come back; later ones do."""
    buffer = PlayoutBuffer(START_S, return_cleared_marks=False)
    buffer.audio(ramp(800), START_S)
    buffer.mark("gone", START_S)
    assert buffer.clear(START_S + 0.01) == []
    assert buffer.marks[0].returned_s is None
    assert buffer.mark("there", START_S + 0.02) == ["there"]


def test_a_clear_with_nothing_buffered_clears_nothing() -> None:
    """It is still noted."""
    buffer = PlayoutBuffer(START_S)
    assert buffer.clear(START_S + 1) == []
    assert buffer.clears == [ClearTruth(START_S + 1, 0, 0)]


def test_audio_above_ten_minutes_is_discarded() -> None:
    """The part that fits is kept, the rest is gone for good."""
    buffer = PlayoutBuffer(START_S)
    minute = bytes(60 * BYTES_PER_S)
    discarded = [buffer.audio(minute, START_S) for _ in range(10)]
    assert discarded == [0] * 10
    assert buffer.audio(ramp(160), START_S + 0.01) == 80
    assert buffer.audio(ramp(160), START_S + 0.01) == 160
    assert buffer.outstanding_bytes == 600 * BYTES_PER_S
    assert [m.discarded for m in buffer.messages[-2:]] == [80, 160]


def test_time_that_goes_backwards_changes_nothing() -> None:
    """What was heard stays heard."""
    buffer = PlayoutBuffer(START_S)
    buffer.audio(ramp(800), START_S)
    buffer.advance(START_S + 0.05)
    buffer.advance(START_S + 0.01)
    assert buffer.heard_bytes == 400


def test_without_audio_the_counts_are_kept() -> None:
    """Memory for the track is an option, the truth is not."""
    buffer = PlayoutBuffer(START_S, keep_audio=False)
    buffer.audio(ramp(800), START_S)
    buffer.advance(START_S + 1)
    assert buffer.track == b""
    assert buffer.heard_bytes == 800
    assert buffer.take_fresh() == ramp(800)
    assert buffer.take_fresh() == b""


@given(st.lists(st.integers(1, 4000), max_size=20), st.lists(st.integers(0, 700), max_size=20))
def test_the_track_is_all_that_was_heard_in_order(sizes: list[int], waits_ms: list[int]) -> None:
    """Without clears nothing is lost, doubled or reordered, whatever arrives when."""
    buffer = PlayoutBuffer(START_S)
    now = START_S
    sent = b""
    for index, size in enumerate(sizes):
        payload = ramp(size, index * 7)
        sent += payload
        buffer.audio(payload, now)
        now += waits_ms[index % len(waits_ms)] / 1000 if waits_ms else 0
    buffer.advance(now + 100)
    assert bytes(buffer.track).replace(b"\xff", b"") == sent
    assert abs(len(buffer.track) - (now + 100 - START_S) * BYTES_PER_S) <= 1


class AnyOrder(RuleBasedStateMachine):
    """Any interleaving of audio, marks, clears and time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START_S
        self.buffer = PlayoutBuffer(START_S, cap_bytes=20_000)
        self.sent = 0
        self.names: list[str] = []
        self.returned: list[str] = []

    @rule(size=st.integers(0, 9000))
    def audio(self, size: int) -> None:
        """Any amount of audio."""
        self.buffer.audio(bytes(size), self.now)
        self.sent += size

    @rule()
    def mark(self) -> None:
        """A mark."""
        self.names.append(f"m{len(self.names)}")
        self.returned += self.buffer.mark(self.names[-1], self.now)

    @rule()
    def clear(self) -> None:
        """A clear leaves nothing outstanding and no mark waiting."""
        self.returned += self.buffer.clear(self.now)
        assert self.buffer.outstanding_bytes == 0
        assert self.returned == self.names

    @rule(ms=st.integers(0, 3000))
    def time(self, ms: int) -> None:
        """Time passes."""
        heard = self.buffer.heard_bytes
        self.now += ms / 1000
        self.returned += self.buffer.advance(self.now)
        assert self.buffer.heard_bytes - heard <= ms * 8 + 1

    @rule()
    def until_due(self) -> None:
        """At the moment the buffer names, the next mark comes back, and not before."""
        due_s = self.buffer.next_due_s()
        if due_s is not None:
            before = len(self.returned)
            self.now = max(self.now, due_s)
            self.returned += self.buffer.advance(self.now)
            assert len(self.returned) > before

    @invariant()
    def nothing_is_lost(self) -> None:
        """Heard, outstanding, cleared and discarded are all that was sent, for each message too."""
        buffer = self.buffer
        assert buffer.sent_bytes == self.sent
        assert buffer.heard_bytes == sum(m.heard for m in buffer.messages)
        assert buffer.cleared_bytes == sum(m.cleared for m in buffer.messages)
        assert buffer.cleared_bytes == sum(clear.cleared_bytes for clear in buffer.clears)
        assert buffer.discarded_bytes == sum(m.discarded for m in buffer.messages)
        assert 0 <= buffer.outstanding_bytes <= 20_000

    @invariant()
    def marks_come_back_in_order(self) -> None:
        """What has returned is a beginning of what was sent."""
        assert self.returned == self.names[: len(self.returned)]


TestAnyOrder = AnyOrder.TestCase


def test_a_packet_that_has_begun_is_heard_to_its_end() -> None:
    """With packets a clear takes the rest; the truth counts what is still on its way as heard."""
    buffer = PlayoutBuffer(0.0, packet_bytes=160)
    buffer.audio(bytes(range(200)) * 8, 1.0)
    buffer.mark("end", 1.0)
    assert buffer.clear(1.025) == ["end"]
    assert (buffer.clears[0].heard_bytes_total, buffer.clears[0].cleared_bytes) == (320, 1280)
    assert buffer.outstanding_bytes == 320 - 200
    assert buffer.messages[0].cleared == 1280
    buffer.audio(b"\x01" * 160, 1.03)
    buffer.advance(2.0)
    assert buffer.take_fresh() == (bytes(range(200)) * 8)[:320] + b"\x01" * 160
    assert buffer.sent_bytes == buffer.heard_bytes + buffer.cleared_bytes


def test_packets_are_counted_from_the_first_byte_after_a_silence() -> None:
    """What begins anew begins with a whole packet; at its border nothing is on its way."""
    buffer = PlayoutBuffer(0.0, packet_bytes=160)
    buffer.audio(bytes(100), 1.0)
    buffer.advance(1.5)
    buffer.audio(bytes(1600), 2.0)
    buffer.clear(2.02)
    assert buffer.clears[0].heard_bytes_total == 100 + 160
    assert buffer.outstanding_bytes == 0
