"""The search for the knee, and what is named for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ops.load.capacity import RESOURCES, Search, Step


def searched(most: int, holds_up_to: int) -> Search:
    """A search over a target that carries exactly so many calls."""
    search = Search(most)
    while (count := search.next_count()) is not None:
        search.add(Step(count, failed=int(count > holds_up_to)))
        assert len(search.steps) < 60
    return search


@given(st.integers(1, 3000), st.integers(0, 3000))
def test_the_knee_is_found(most: int, holds_up_to: int) -> None:
    """Never above what is carried, and no more than a twenty-fifth (or one call) below it."""
    search = searched(most, holds_up_to)
    true = min(most, holds_up_to)
    counts = [step.calls for step in search.steps]
    assert max(counts) <= most
    assert len(set(counts)) == len(counts)
    assert search.knee <= true
    assert search.knee + max(1, round(search.knee * 0.04)) >= true
    assert (search.limit is None) == (most <= holds_up_to)


def test_what_holds_above_what_broke_is_luck() -> None:
    """The knee lies below the first count that did not hold."""
    search = Search(100)
    for calls, failed in ((5, 0), (8, 1), (12, 0)):
        search.add(Step(calls, failed=failed))
    assert search.knee == 5


@pytest.mark.parametrize(
    ("given_", "gave_out"),
    [
        ({}, ""),
        ({"valid": False, "failed": 3, "busy": 3, "clock_late_p99_ms": 9.0}, "generator"),
        ({"failed": 3, "busy": 3, "cpu_max": 1.0}, "admission"),
        ({"failed": 1, "out_of_fds": True}, "file descriptors"),
        ({"failed": 1, "fd_share": 0.99}, "file descriptors"),
        ({"failed": 1, "memory_free_mb": 50.0}, "memory"),
        ({"failed": 1, "cpu_max": 0.98}, "cpu"),
        ({"turn_p95_ms": 2000.0, "cpu_max": 0.98}, "cpu"),
        ({"turn_p95_ms": 2000.0, "cpu_max": 0.5, "model_cpu_max": 0.97}, "model"),
        ({"turn_p95_ms": 2000.0, "cpu_max": 0.5}, "latency"),
        ({"frame_late_p99_ms": 35.0}, "latency"),
        ({"failed": 2}, "calls"),
        ({"cpu_max": 1.0}, ""),
        ({"turn_p95_ms": 1400.0}, ""),
    ],
)
def test_what_gave_out_is_named(given_: dict[str, Any], gave_out: str) -> None:
    """A resource that is used up, where something went wrong; a full core alone is no harm."""
    step = Step(50, **given_)
    step.judge(1000.0)
    assert step.gave_out == gave_out
    assert step.holds == (gave_out == "")
    assert not gave_out or gave_out in RESOURCES
    assert bool(step.why) == bool(gave_out)


def test_it_says_up_to_where_the_generator_was_in_time() -> None:
    """The most calls of a step that was not void."""
    search = Search(100)
    search.add(Step(5))
    search.add(Step(8, valid=False, clock_late_p99_ms=7.0))
    assert search.valid_up_to == 5
    assert search.limit is not None
    assert search.limit.why == "its clock was 7 ms late at p99"
