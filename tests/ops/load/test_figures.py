"""Figures from calls."""

from gateway.ops.load.figures import (
    COUNTS,
    MEASURES,
    counts,
    ends,
    flat,
    most_at_once,
    names,
    reasons,
    spread,
    spreads,
)
from gateway.ops.load.lateness import Lateness
from tests.ops.load.records import a_call, a_failed_call


def test_percentiles_are_nearest_ranks() -> None:
    """Each is a value that there was."""
    found = spread([float(value) for value in range(100, 0, -1)])
    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms) == (50, 95, 99, 100)
    assert spread([]).p50_ms is None


def test_every_measure_is_there() -> None:
    """Messages in time count as not late."""
    found = spreads([a_call(1), a_call(2), a_failed_call(3)], Lateness({0: 100}))
    assert found.keys() == MEASURES.keys()
    assert found["webhook"].count == 2
    assert found["turn"].p50_ms == 900
    late = found["frame_late"]
    assert (late.count, late.p50_ms, late.max_ms) == (20, 0, 30)
    assert found["clock_late"].count == 100


def test_calls_are_counted_exactly() -> None:
    """And failed ones by their reason."""
    calls = [a_call(1), a_call(2), a_failed_call(3), a_failed_call(4)]
    found = counts(calls, turned_away=7)
    assert (found["calls"], found["ok"], found["failed"]) == (4, 2, 2)
    assert (found["failed_share"], found["turned_away"], found["turns"]) == (0.5, 7, 2)
    assert counts([], 0)["failed_share"] == 0
    assert reasons(calls) == {"dropped": 2}
    assert ends(calls) == {"caller": 2, "none": 2}


def test_the_most_at_once() -> None:
    """One that ends as another begins makes no two."""
    calls = [a_call(0, up_s=0), a_call(1, up_s=5), a_call(2, up_s=10), a_failed_call(3)]
    assert most_at_once(calls) == 2
    assert most_at_once([]) == 0


def test_every_figure_has_one_name() -> None:
    """The names thresholds may use are those of the document, target's use included."""
    found = flat(spreads([a_call(1)], Lateness()), {**dict.fromkeys(COUNTS), **counts([], 0)})
    assert found.keys() == set(names())
    assert found["turn_p95"] == 900
