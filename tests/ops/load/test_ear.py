"""What a caller hears, and when."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.g711 import silence
from gateway.ops.load.ear import BYTE_NS, GAP_NS, Ear, is_audible
from gateway.sim.twilio.playout import PlayoutBuffer

LOUD = b"\x10\x90" * 80
"""20 ms nobody can miss."""
MS = 1_000_000


def test_loud_is_audible_and_silence_is_not() -> None:
    """By level."""
    assert is_audible(LOUD)
    assert not is_audible(silence(20))
    assert not is_audible(b"")


def test_audio_is_heard_when_it_sounds() -> None:
    """From its arrival on; behind what was queued; and not its silent parts."""
    ear = Ear()
    ear.media(1000 * MS, silence(40) + LOUD + LOUD)
    assert ear.heard(1000 * MS, 1020 * MS) is None
    assert ear.heard(1020 * MS, 1050 * MS) == 1040 * MS
    assert ear.heard(1050 * MS, 1070 * MS) == 1050 * MS
    assert ear.heard(1080 * MS, 1100 * MS) is None


def test_audio_that_comes_before_it_is_needed_is_in_time() -> None:
    """The first of an answer is neither early nor late."""
    ear = Ear()
    assert ear.media(1000 * MS, LOUD) == 0
    assert ear.in_time == 0
    assert ear.media(1010 * MS, LOUD) == 0
    assert (ear.in_time, ear.late_ns) == (1, [])


def test_a_hole_in_a_word_is_late() -> None:
    """By as long as nothing could be heard; a long pause is none."""
    ear = Ear()
    ear.media(1000 * MS, LOUD)
    assert ear.media(1050 * MS, LOUD) == 30 * MS
    assert ear.media(1070 * MS + GAP_NS + 1, LOUD) == 0
    assert ear.late_ns == [30 * MS]


def test_after_a_clear_everything_is_new() -> None:
    """What was cleared is not heard, and what comes next is not late."""
    ear = Ear()
    ear.media(1000 * MS, LOUD * 10)
    ear.mark(1000 * MS, "end")
    assert ear.heard(1000 * MS, 1020 * MS) == 1000 * MS
    assert ear.clear(1030 * MS) == ["end"]
    assert ear.heard(1020 * MS, 1040 * MS) == 1020 * MS
    assert ear.heard(1040 * MS, 1060 * MS) is None
    assert ear.media(1070 * MS, LOUD) == 0
    assert ear.heard(1060 * MS, 1080 * MS) == 1070 * MS


messages = st.lists(
    st.tuples(
        st.integers(0, 400), st.sampled_from(["media", "mark", "clear"]), st.integers(1, 3200)
    ),
    max_size=40,
)


@given(messages)
def test_marks_come_back_as_from_the_twin(script: list[tuple[int, str, int]]) -> None:
    """At the same milliseconds and in the same order, whatever is sent."""
    ear, twin = Ear(), PlayoutBuffer(0.0, keep_audio=False)
    ours: list[str] = []
    theirs: list[str] = []
    now_ms = 1000
    for number, (wait_ms, kind, size) in enumerate(script):
        for _ in range(wait_ms):
            now_ms += 1
            ours += ear.due_marks(now_ms * MS)
            theirs += twin.advance(now_ms / 1000)
            assert ours == theirs
        if kind == "media":
            payload = LOUD[:1] * size * 8
            ear.media(now_ms * MS, payload)
            twin.audio(payload, now_ms / 1000)
        elif kind == "mark":
            due_ns = ear.mark(now_ms * MS, str(number))
            theirs += twin.mark(str(number), now_ms / 1000)
            ours += ear.due_marks(now_ms * MS)
            assert due_ns >= now_ms * MS
        else:
            ours += ear.clear(now_ms * MS)
            theirs += twin.clear(now_ms / 1000)
    assert ours == theirs


def test_a_byte_lasts_an_eighth_of_a_millisecond() -> None:
    """8000 a second."""
    assert BYTE_NS * 8000 == 1_000_000_000
