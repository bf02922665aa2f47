"""Two channels on one clock: the caller's as it came, the agent's as it was heard."""

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.stereo import Ears, StereoTape

QUIET = b"\xff"


def channels(stereo: bytes) -> tuple[bytes, bytes]:
    """The caller's and the agent's audio."""
    return stereo[0::2], stereo[1::2]


def hear(tape: StereoTape, payload: bytes) -> None:
    """The caller's next audio, without a gap."""
    tape.caller(payload, tape.caller_end - tape.base)


def at(offset: int = 0) -> Callable[[float], int]:
    """A clock on which second 0 is at that position."""
    return lambda moment: offset + round(moment * 8000)


def test_what_nobody_says_is_silence() -> None:
    """The caller's audio is the clock; the agent said nothing."""
    tape = StereoTape(0)
    hear(tape, b"abcd")
    assert channels(tape.take(at())) == (b"abcd", QUIET * 4)
    assert tape.take(at()) == b""
    assert tape.end == 4


def test_the_agent_stands_where_it_was_heard() -> None:
    """From the moment it begins, and no further than the caller's audio has come."""
    tape = StereoTape(0)
    tape.agent(b"AGENT", 0.001, continues=False)
    hear(tape, b"." * 10)
    assert channels(tape.take(at()))[1] == QUIET * 8 + b"AG"
    hear(tape, b"." * 10)
    assert channels(tape.take(at()))[1] == b"ENT" + QUIET * 7


def test_what_continues_leaves_no_gap() -> None:
    """Whatever the clock says meanwhile: the carrier plays one packet behind the other."""
    tape = StereoTape(0)
    tape.agent(b"AB", 0.0, continues=False)
    tape.agent(b"CD", 0.002, continues=True)
    tape.agent(b"EF", 0.001, continues=False)
    hear(tape, b"." * 12)
    assert channels(tape.take(at()))[1] == b"ABCD" + QUIET * 4 + b"EF" + QUIET * 2


def test_several_ears_are_told_the_same() -> None:
    """Each has a tape of its own, and takes from it when it likes."""
    one, other = StereoTape(0), StereoTape(0)
    ears = Ears([one, other])
    ears.caller(b"." * 4, 0)
    ears.agent(b"ABCDEF", 0.0, continues=False)
    assert channels(one.take(at())) == (b"." * 4, b"ABCD")
    ears.agent(b"GH", 0.5, continues=True)
    ears.take_back(3)
    ears.caller(b"-" * 4, 4)
    assert channels(one.take(at())) == (b"-" * 4, b"E" + QUIET * 3)
    assert channels(other.take(at())) == (b"." * 4 + b"-" * 4, b"ABCDE" + QUIET * 3)


def test_two_pieces_never_lie_upon_each_other() -> None:
    """A clock that was corrected backwards moves the second one behind the first."""
    tape = StereoTape(0)
    tape.agent(b"ABCD", 0.0, continues=False)
    tape.agent(b"EF", 0.0001, continues=False)
    hear(tape, b"." * 8)
    assert channels(tape.take(at()))[1] == b"ABCDEF" + QUIET * 2


def test_what_was_cleared_was_never_heard() -> None:
    """From the end backwards, over several pieces; what comes next has its own place."""
    tape = StereoTape(0)
    tape.agent(b"AAAA", 0.0, continues=False)
    hear(tape, b"..")
    assert channels(tape.take(at()))[1] == b"AA"
    tape.agent(b"BBBB", 0.0, continues=True)
    tape.take_back(5)
    tape.agent(b"CC", 0.001, continues=False)
    hear(tape, b"." * 8)
    assert channels(tape.take(at()))[1] == b"A" + QUIET * 5 + b"CC"


def test_the_way_to_the_carrier_may_be_learned_late() -> None:
    """Where a piece begins is asked when it has to be known, not when it was sent."""
    tape = StereoTape(0)
    tape.agent(b"A", 0.0, continues=False)
    hear(tape, b"." * 4)
    assert channels(tape.take(at(160)))[1] == QUIET * 4
    hear(tape, b"." * 4)
    assert channels(tape.take(at(6)))[1] == QUIET * 2 + b"A" + QUIET


A, B, C, D = (bytes([letter]) * 160 for letter in b"abcd")
"""Frames."""


def test_frames_lie_where_their_stream_says() -> None:
    """What is missing before one is silence; less than a frame is jitter of the timestamps; a step
    nobody believes begins the clock anew.
    """
    tape = StereoTape(0)
    tape.caller(A, 320)
    tape.caller(B, 480 + 159)
    tape.caller(C, 10**9)
    tape.caller(D, 10**9 + 320)
    assert channels(tape.take(at()))[0] == QUIET * 320 + A + B + C + QUIET * 160 + D


def test_a_frame_that_comes_late_or_twice_has_its_place() -> None:
    """As long as that was not taken; one that is too late for it moves nothing."""
    tape = StereoTape(0)
    tape.caller(A, 0)
    tape.caller(C, 320)
    tape.caller(B, 160)
    tape.caller(C, 320)
    assert channels(tape.take(at()))[0] == A + B + C
    tape.caller(B, 160)
    tape.pad(4 * 160)
    tape.caller(D, 480)
    tape.caller(A, 640)
    assert channels(tape.take(at()))[0] == D + A


def test_another_stream_has_another_clock() -> None:
    """Its position 0 is where it opened; both channels are silent until then."""
    tape = StereoTape(0)
    hear(tape, b"ab")
    tape.base = 8
    tape.pad(8)
    tape.agent(b"A", 0.0, continues=False)
    tape.caller(b"cd", 0)
    assert channels(tape.take(at())) == (b"ab" + QUIET * 6 + b"cd", QUIET * 8 + b"A" + QUIET)


def test_a_tape_begins_in_the_middle_and_is_padded() -> None:
    """Its first byte is the origin; a caller who sends nothing is silent."""
    tape = StereoTape(800)
    tape.agent(b"A", 0.1, continues=False)
    tape.pad(804)
    tape.pad(802)
    assert tape.caller_end == 804
    assert channels(tape.take(at())) == (QUIET * 4, b"A" + QUIET * 3)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("caller"), st.integers(0, 40)),
            st.tuples(st.just("agent"), st.integers(1, 60)),
            st.tuples(st.just("more"), st.integers(1, 60)),
            st.tuples(st.just("cut"), st.integers(0, 80)),
            st.tuples(st.just("take"), st.just(0)),
        ),
        max_size=40,
    ),
    st.integers(0, 500),
)
def test_nothing_is_lost_doubled_or_out_of_order(acts: list[tuple[str, int]], origin: int) -> None:
    """Whatever happens: the caller whole, the agent in order, both channels of one length."""
    tape, said, sent, left, right = StereoTape(origin), bytearray(), 0, bytearray(), bytearray()
    for act, count in [*acts, ("caller", 4000), ("take", 0)]:
        if act == "caller":
            hear(tape, bytes([1]) * count)
            said += bytes([1]) * count
        elif act in ("agent", "more"):
            payload = bytes(2 + (sent + n) % 200 for n in range(count))
            tape.agent(payload, tape.caller_end / 8000, continues=act == "more")
            sent += count
        elif act == "cut":
            tape.take_back(count)
        else:
            one, other = channels(tape.take(at()))
            left, right = left + one, right + other
    assert left == said
    assert len(right) == len(left)
    assert tape.end == origin + len(left)
    heard = [byte for byte in right if byte != QUIET[0]]
    steps = [(b - a) % 200 for a, b in pairwise(heard)]
    assert len(heard) <= sent
    if not any(act == "cut" for act, _ in acts):
        assert len(heard) == sent
        assert all(step == 1 for step in steps)
