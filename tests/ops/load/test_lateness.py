"""Delays, counted."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.latency import percentile
from gateway.ops.load.lateness import STEP_NS, Lateness

delays = st.lists(st.integers(-1_000_000, 50_000_000), min_size=1, max_size=200)


def counted(values: list[int]) -> Lateness:
    """A count of these."""
    lateness = Lateness()
    for value in values:
        lateness.add(value)
    return lateness


@given(delays, st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_exact_to_a_step(values: list[int], share: float) -> None:
    """The nearest rank of the delays themselves, rounded."""
    true_ns = percentile([max(0, value) for value in values], share)
    found_ms = counted(values).percentile_ms(share)
    assert true_ns is not None
    assert found_ms is not None
    assert abs(found_ms * 1e6 - true_ns) <= STEP_NS / 2 + 1


@given(delays, delays)
def test_counts_add_up(one: list[int], other: list[int]) -> None:
    """Joined counts are the count of everything."""
    joined = counted(one)
    joined.join(counted(other))
    assert joined.counts == counted(one + other).counts
    assert joined.total == len(one) + len(other)


def test_taking_starts_again() -> None:
    """What was taken is gone from the count."""
    lateness = counted([1, 2])
    assert lateness.take().total == 2
    assert lateness.total == 0
    assert lateness.percentile_ms(0.99) is None


@given(delays, delays)
def test_who_asks_since_takes_nothing_from_others(one: list[int], other: list[int]) -> None:
    """What came after a copy, however often it is asked for."""
    lateness = counted(one)
    before = lateness.copy()
    for value in other:
        lateness.add(value)
    for _ in range(2):
        assert lateness.since(before).counts == counted(other).counts
    assert lateness.total == len(one) + len(other)


def test_a_clock_is_late_above_five_milliseconds() -> None:
    """At the 99th percentile; one bad tick in a hundred is none, and no tick was not late."""
    assert not Lateness().late
    assert not counted([100_000] * 99 + [80_000_000]).late
    assert counted([100_000] * 98 + [5_100_000] * 2).late
