"""The pace of a campaign: no window ever has more calls than was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.pace import Pace


@pytest.mark.parametrize(
    ("text", "count", "window_s"), [("1/s", 1, 1.0), ("30/m", 30, 60.0), ("200/h", 200, 3600.0)]
)
def test_a_rate_is_so_many_in_a_time(text: str, count: int, window_s: float) -> None:
    """Seconds, minutes and hours."""
    pace = Pace.of(text)
    for n in range(count):
        assert pace.free(n * window_s / count)
        pace.begin(str(n), n * window_s / count)
        pace.arrive(str(n), n * window_s / count)
    assert not pace.free(window_s - 1e-6)
    assert pace.free(window_s)


@pytest.mark.parametrize("text", ["", "1", "0/s", "-1/s", "1.5/s", "1/d", "1/s ", "one/s", "١/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(ValueError, match="30/m"):
        Pace.of(text)


def test_a_call_that_has_not_arrived_holds_up_the_next() -> None:
    """It may arrive at any moment, so the window cannot be said to be over."""
    pace = Pace(1, 1.0)
    pace.begin("a", 0.0)
    assert (pace.unsettled, pace.free(100.0)) == (True, False)
    pace.arrive("a", 100.0)
    assert (pace.unsettled, pace.free(100.0)) == (False, False)
    assert not pace.free(100.9)
    assert pace.free(101.0)


def test_what_will_not_arrive_does_not_count() -> None:
    """A number that was not let in took nobody's turn."""
    pace = Pace(1, 1.0)
    pace.begin("a", 0.0)
    pace.undo("a")
    assert pace.free(0.0)


@given(
    count=st.integers(1, 5),
    steps=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 2), st.booleans()), max_size=60),
)
def test_no_window_has_more(count: int, steps: list[tuple[float, float, bool]]) -> None:
    """Wherever it begins, however long each call takes to arrive, and however late it is known."""
    pace, now, arrivals = Pace(count, 1.0), 0.0, list[float]()
    under_way: list[tuple[float, str]] = []
    for n, (passes, takes, is_known) in enumerate(steps):
        now += passes
        if is_known:
            for at, name in [each for each in under_way if each[0] <= now]:
                pace.arrive(name, now)
                under_way.remove((at, name))
        if pace.free(now):
            pace.begin(str(n), now)
            under_way.append((now + takes, str(n)))
            arrivals.append(now + takes)
    arrivals.sort()
    assert all(b - a >= 1.0 - 1e-9 for a, b in zip(arrivals, arrivals[count:], strict=False))
