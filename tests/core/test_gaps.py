"""Silence stands for what is missing: as much as the timestamps say, no more, and in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES
from gateway.core.gaps import AWAY_MS, LONGEST_MS, Gaps

FRAME_S = 0.02


def frame(gaps: Gaps, timestamp_ms: int, now: float | None = None) -> int:
    """A frame of 20 ms, on time unless said; the silence before it, ms."""
    at = timestamp_ms / 1000 if now is None else now
    return gaps.before(timestamp_ms, FRAME_BYTES, at) // BYTES_PER_MS


def due(gaps: Gaps, now: float) -> int:
    """The silence due, ms."""
    return gaps.due(now) // BYTES_PER_MS


def test_frames_that_flow_are_left_alone() -> None:
    """Nothing is padded before, between or behind them."""
    gaps = Gaps()
    assert due(gaps, 5.0) == 0
    for number in range(100):
        at = 0.34 + number * FRAME_S
        assert frame(gaps, 340 + 20 * number, at) == 0
        assert due(gaps, at + AWAY_MS / 1000 - 0.001) == 0


def test_a_gap_is_known_by_the_frame_behind_it() -> None:
    """One frame or many: exactly what is missing."""
    gaps = Gaps()
    assert [frame(gaps, ms) for ms in (340, 380, 400, 500)] == [0, 20, 0, 80]


def test_timestamps_that_tremble_are_no_gap() -> None:
    """Less than a frame is not padded, and what adds up to a frame is padded once."""
    gaps = Gaps()
    assert [frame(gaps, ms) for ms in (0, 25, 38, 65, 79)] == [0] * 5
    assert sum(frame(gaps, round(100 + 21 * n)) for n in range(100)) in (80, 100)


@pytest.mark.parametrize("timestamp_ms", [340, 320, 0])
def test_late_and_doubled_timestamps_pad_nothing(timestamp_ms: int) -> None:
    """They are no clock, and the next good one goes on from where the audio is."""
    gaps = Gaps()
    frame(gaps, 340)
    frame(gaps, 360)
    assert frame(gaps, timestamp_ms, 0.38) == 0
    assert frame(gaps, 400) == 0


def test_frames_that_stay_away_are_padded_in_real_time() -> None:
    """From 60 ms on, in whole frames, a little behind the clock, and each only once."""
    gaps = Gaps()
    frame(gaps, 0)
    amounts = [(ms, due(gaps, ms / 1000)) for ms in range(0, 501, 20)]
    assert sum(amount for _, amount in amounts) in (440, 460)
    assert next(ms for ms, amount in amounts if amount) in (80, 60)
    assert gaps.away(0.5)
    assert not gaps.away(0.05)


def test_what_was_padded_ahead_is_not_padded_again() -> None:
    """The frame behind the gap brings the rest of it."""
    gaps = Gaps()
    frame(gaps, 0)
    padded = due(gaps, 0.9)
    assert padded in (840, 860)
    assert padded + frame(gaps, 1000) == 980
    assert due(gaps, 1.02) == 0


def test_frames_that_were_only_late_lose_nothing() -> None:
    """Silence went ahead of them; then there is no gap until the timestamps are ahead again."""
    gaps = Gaps()
    frame(gaps, 0)
    assert due(gaps, 0.2) == 160
    assert [frame(gaps, 20 * n, 0.2) for n in range(1, 10)] == [0] * 9
    assert frame(gaps, 340, 0.36) == 0


@pytest.mark.parametrize(("step_ms", "padded"), [(3_600_000, LONGEST_MS), (-3_600_000, 0)])
def test_a_great_jump_is_a_new_beginning(step_ms: int, padded: int) -> None:
    """At most ten seconds are padded, and then the new timestamps count."""
    gaps = Gaps()
    frame(gaps, 4_000_000, 0.0)
    assert frame(gaps, 4_000_000 + step_ms, 0.02) == padded
    assert frame(gaps, 4_000_000 + step_ms + 20, 0.04) == 0
    assert frame(gaps, 4_000_000 + step_ms + 80, 0.1) == 40


def test_a_machine_that_slept_pads_ten_seconds() -> None:
    """And the frame that wakes it none."""
    gaps = Gaps()
    frame(gaps, 0)
    assert due(gaps, 3600.0) == LONGEST_MS
    assert frame(gaps, 3_600_000, 3600.0) in (20, 40)


@given(st.lists(st.booleans(), min_size=2, max_size=600), st.integers(0, 99), st.booleans())
def test_whatever_is_lost_the_audio_is_as_long_as_the_time(
    comes: list[bool], offset_ms: int, watched: bool
) -> None:
    """Any pattern of losses, looked at in real time or not: the model's clock is the carrier's, to
    a frame.
    """
    gaps, appended_ms, heard_from = Gaps(), 0, None
    for number, there in enumerate(comes):
        timestamp_ms = 340 + 20 * number
        now = (timestamp_ms + offset_ms) / 1000
        if watched:
            appended_ms += due(gaps, now)
        if not there:
            continue
        heard_from = timestamp_ms if heard_from is None else heard_from
        appended_ms += frame(gaps, timestamp_ms, now) + 20
        assert abs(appended_ms - (timestamp_ms + 20 - heard_from)) <= 20


@given(
    st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 400), st.floats(0, 30)), max_size=60)
)
def test_no_clock_makes_it_pad_without_end(
    frames: list[tuple[int, int, float]],
) -> None:
    """Whatever timestamps, lengths and pauses: never negative, never more than ten seconds."""
    gaps, now = Gaps(), 0.0
    for timestamp_ms, n_bytes, pause_s in frames:
        now += pause_s
        assert 0 <= gaps.due(now) <= LONGEST_MS * BYTES_PER_MS
        assert 0 <= gaps.before(timestamp_ms, n_bytes, now) <= LONGEST_MS * BYTES_PER_MS
