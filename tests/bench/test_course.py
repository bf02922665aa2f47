"""The end of a run is held against its beginning, per call."""

from __future__ import annotations

import pytest

from bench.course import Look, ends, slope


def steady(seconds: int, *, dearer_after: int = 10**9, kb_per_s: float = 0.0) -> list[Look]:
    """A look a second: 20 ms of CPU in each, twice as much later on; memory grows."""
    looks, cpu_ns = [], 0
    for second in range(seconds + 1):
        looks.append(Look(float(second), cpu_ns, 5000.0 + kb_per_s * second))
        cpu_ns += 40_000_000 if second >= dearer_after else 20_000_000
    return looks


def test_a_flat_course_has_equal_ends() -> None:
    """Twenty ms a second are two for each of ten calls, at first and at last."""
    found = ends(steady(3600), calls=10)
    assert found["first_cpu_ms_per_call_s"] == pytest.approx(2.0)
    assert found["cpu_last_over_first"] == pytest.approx(1.0)
    assert found["rss_grown_kb_per_call"] == 0.0


def test_what_became_dearer_shows_at_the_end() -> None:
    """The last ten of sixty minutes cost twice as much."""
    found = ends(steady(3600, dearer_after=3000), calls=10)
    assert found["cpu_last_over_first"] == pytest.approx(2.0)


def test_memory_is_compared_from_minute_to_minute() -> None:
    """One KB a second over an hour: the last minute's mean is 59 minutes above the first's."""
    found = ends(steady(3600, kb_per_s=1.0), calls=10)
    assert found["rss_grown_kb_per_call"] == pytest.approx(354, abs=1)
    assert slope(steady(60, kb_per_s=1.0)) == pytest.approx(1.0)


def test_a_short_run_is_compared_by_its_sixths() -> None:
    """Five seconds have ends too."""
    assert ends(steady(5), calls=10)["cpu_last_over_first"] == pytest.approx(1.0)
    assert ends(steady(2), calls=1)["last_cpu_ms_per_call_s"] == pytest.approx(20.0)
