"""When calls are placed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.ops.load.arrivals import FRAME_NS, by_chance, evenly, phase_ns, rate_of


@pytest.mark.parametrize(
    ("text", "rate"), [("poisson:0.5/s", 0.5), ("poisson:30/m", 0.5), ("poisson:2", 2.0)]
)
def test_a_rate_is_per_second(text: str, rate: float) -> None:
    """However it was written."""
    assert rate_of(text) == rate


@pytest.mark.parametrize("text", ["", "poisson", "poisson:0/s", "0.5/s", "poisson:1/h"])
def test_what_is_no_rate_is_named(text: str) -> None:
    """With the form it should have."""
    with pytest.raises(ConfigError, match=r"--arrivals.*poisson:RATE/s"):
        rate_of(text)


@given(st.integers(1, 500), st.integers(0, 600))
def test_a_ramp_is_even(calls: int, ramp_s: int) -> None:
    """Every line begins once, in order, and before the ramp is over."""
    found = evenly(calls, ramp_s)
    times = [each.at_s for each in found]
    assert [each.number for each in found] == list(range(calls))
    assert times == sorted(times)
    assert times[0] == 0
    assert ramp_s == 0 or times[-1] < ramp_s


@given(st.integers(0, 1000))
def test_callers_by_chance_are_the_same_for_a_seed(seed: int) -> None:
    """In order, within the duration, and about as many as the rate says."""
    found = by_chance(5.0, 200.0, seed)
    assert found == by_chance(5.0, 200.0, seed)
    assert [each.number for each in found] == list(range(len(found)))
    assert all(0 < each.at_s < 200 for each in found)
    # 1000 are expected; six times the standard deviation is 190.
    assert 810 < len(found) < 1190


def test_frames_are_spread_over_the_period() -> None:
    """However many lines: no two of a hundred leave within 60 µs of each other."""
    phases = sorted(phase_ns(number) for number in range(100))
    assert all(0 <= phase < FRAME_NS for phase in phases)
    assert min(b - a for a, b in pairwise(phases)) > 60_000
