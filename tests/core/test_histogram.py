"""Histograms count values into fixed buckets, one by one or many at once, and lose none."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.histogram import Histogram

BOUNDS = (0.01, 0.02, 0.05, 1.0)
MOMENTS = st.lists(st.integers(0, 3000), max_size=60).map(
    lambda steps: [sum(steps[:n]) / 1024 for n in range(1, len(steps) + 1)]
)


def test_a_value_at_a_bound_is_in_the_bucket_of_that_bound() -> None:
    """As Prometheus has it: `le` means at most."""
    histogram = Histogram(BOUNDS)
    for value in (0.0, 0.01, 0.010001, 0.05, 1.0, 1.1, 700.0):
        histogram.add(value)
    assert histogram.cumulated() == [2, 3, 4, 5, 7]
    assert histogram.count == 7
    assert histogram.total == pytest.approx(702.170001)


def test_what_is_below_zero_counts_as_nothing() -> None:
    """So that the sum never falls: whoever asks for a rate would see a restart in it."""
    histogram = Histogram(BOUNDS)
    histogram.add(-3.0)
    assert (histogram.cumulated(), histogram.total) == ([1, 1, 1, 1, 1], 0.0)


@given(MOMENTS)
def test_many_at_once_are_what_each_by_itself_is(moments: list[float]) -> None:
    """Steps between moments are counted the same either way, the sum included."""
    single, together = Histogram(BOUNDS), Histogram(BOUNDS)
    for before, after in pairwise(moments):
        single.add(after - before)
    together.add_steps(moments)
    assert together.cumulated() == single.cumulated()
    assert together.total == pytest.approx(single.total)


def test_no_step_without_two_moments() -> None:
    """The first frame of a stream has no distance to anything."""
    histogram = Histogram(BOUNDS)
    histogram.add_steps([])
    histogram.add_steps([5.0])
    assert (histogram.count, histogram.total) == (0, 0.0)


@pytest.mark.parametrize("bounds", [(), (1.0, 1.0), (2.0, 1.0)])
def test_bounds_rise(bounds: tuple[float, ...]) -> None:
    """Anything else would put values into the wrong bucket."""
    with pytest.raises(ValueError, match="rise"):
        Histogram(bounds)
