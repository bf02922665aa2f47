"""When a process has more to do than it can."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.strain import SAMPLES, Strain

WELL, LATE, STALL = 0.002, 0.031, 5.0


def strained(late_s: Sequence[float], limit_ms: float = 30) -> bool:
    """What is found after these samples."""
    strain = Strain(limit_ms)
    for each in late_s:
        strain.sample(each)
    return strain.too_much


@pytest.mark.parametrize(
    ("late_s", "too_much"),
    [
        ([], False),
        ([WELL] * 100, False),
        ([0.030] * 100, False),
        ([LATE] * 4, False),
        ([LATE] * 5, True),
        ([STALL] * 4 + [WELL] * 100, False),
        ([WELL, WELL, WELL, LATE] * 5, True),
        ([LATE] * 100 + [WELL] * (SAMPLES - 5), True),
        ([LATE] * 100 + [WELL] * (SAMPLES - 4), False),
    ],
)
def test_a_quarter_of_two_seconds_is_too_much(late_s: Sequence[float], too_much: bool) -> None:
    """A single stall is not, however long; what is over is forgotten within two seconds."""
    assert strained(late_s) is too_much


def test_without_a_limit_nothing_is_too_much() -> None:
    """Whatever the loop does."""
    assert not strained([STALL] * 100, limit_ms=0)


@given(st.lists(st.floats(0, 10)), st.floats(1, 1000))
def test_only_the_newest_samples_count(late_s: list[float], limit_ms: float) -> None:
    """And of these only whether they were too late."""
    newest = late_s[-SAMPLES:]
    late = sum(each > limit_ms / 1000 for each in newest)
    assert strained(late_s, limit_ms) is (late >= SAMPLES // 4)
