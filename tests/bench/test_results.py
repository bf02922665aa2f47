"""Rounds become one result, and the result is held against the targets."""

from __future__ import annotations

import pytest

from bench.figures import Figures
from bench.results import Exact, Results, Run, combine, targets


def run(variant: str, calls: int, number: int, figures: Figures, void: bool = False) -> Run:
    return Run(variant, calls, number, figures, void)


GOOD: Figures = {
    "cpu_ms_per_call_s": 2.0,
    "rss_per_call_kb": 60.0,
    "inbound_p50_ms": 0.1,
    "inbound_p99_ms": 1.0,
    "first_frame_p50_ms": 0.1,
    "first_frame_p99_ms": 1.0,
    "interruption_p99_ms": 1.0,
    "lost_in": 0,
    "lost_out": 0,
    "doubled": 0,
    "reordered": 0,
    "ghosts": 0,
    "problems": 0,
}


def test_medians_worst_cases_and_sums() -> None:
    """A figure is the median of its rounds, a maximum the worst, a count the sum."""
    rounds: list[Figures] = [
        {"inbound_p99_ms": 1, "inbound_max_ms": 9, "lost_in": 1, "truncation_lowest_ms": -3},
        {"inbound_p99_ms": 7, "inbound_max_ms": 4, "lost_in": 2, "truncation_lowest_ms": -8},
        {"inbound_p99_ms": 2, "inbound_max_ms": 5, "lost_in": 0},
    ]
    assert combine(rounds) == {
        "inbound_p99_ms": 2,
        "inbound_max_ms": 9,
        "lost_in": 3,
        "truncation_lowest_ms": -8,
    }


def test_void_runs_are_left_out_and_counted() -> None:
    """A late generator spoils its own run only."""
    results = Results(
        density=[
            run("gateway", 50, 1, {"inbound_p99_ms": 1}),
            run("gateway", 50, 2, {"inbound_p99_ms": 99}, void=True),
        ]
    )
    assert results.combined("gateway", 50) == {"inbound_p99_ms": 1}
    assert results.rounds("gateway", 50) == (1, 1)
    assert results.combined("plain", 50) == {}
    assert results.all_void() == []
    results.density.append(run("plain", 50, 1, {"inbound_p99_ms": 9}, void=True))
    assert results.all_void() == [("plain", 50)]
    results.count_void = True
    assert results.combined("plain", 50) == {"inbound_p99_ms": 9}
    assert results.all_void() == [("plain", 50)]


COUNTS = (20, 50, 100, 200)


def full(ours: Figures) -> Results:
    runs = []
    for variant, cpu_ms in (("plain", 5.0), ("relay", 1.4)):
        theirs = GOOD | {"cpu_ms_per_call_s": cpu_ms}
        runs += [run(variant, calls, 1, theirs) for calls in COUNTS]
    runs += [run("gateway", calls, 1, ours) for calls in COUNTS]
    exact = [Exact("gateway", 80.0, 10.0, {"truncation_p95_ms": 12.0})]
    return Results(density=runs, exactness=exact)


def test_everything_reached() -> None:
    """Good figures reach every target."""
    assert {target.reached for target in targets(full(GOOD))} == {True}


@pytest.mark.parametrize(
    ("bad", "missed"),
    [
        ({"inbound_p50_ms": 0.4}, 1),
        ({"inbound_p99_ms": 3.1}, 1),
        ({"first_frame_p50_ms": 0.4}, 1),
        ({"first_frame_p99_ms": 3.1}, 1),
        ({"interruption_p99_ms": 5.1}, 1),
        ({"cpu_ms_per_call_s": 2.3}, 3),
        ({"cpu_ms_per_call_s": 3.1}, 5),
        ({"rss_per_call_kb": 101.0}, 3),
        ({"lost_in": 1}, 1),
        ({"reordered": 1}, 1),
        ({"ghosts": 1}, 1),
        ({"problems": 1}, 1),
    ],
)
def test_each_failure_misses_its_target(bad: Figures, missed: int) -> None:
    """One bad figure, one missed target (CPU and memory at several numbers of calls)."""
    found = targets(full(GOOD | bad))
    assert sum(target.reached is False for target in found) == missed


def test_a_cost_that_rises_with_the_number_of_calls_is_missed() -> None:
    """What a call costs at 200 is held against 20, with the floor's own change beside it."""
    results = full(GOOD)
    rising = GOOD | {"cpu_ms_per_call_s": 2.0 / 1.2}
    results.density = [r for r in results.density if (r.variant, r.calls) != ("gateway", 20)]
    results.density.append(run("gateway", 20, 1, rising))
    missed = [target for target in targets(results) if target.reached is False]
    assert [target.measured for target in missed] == [pytest.approx(1.2)]
    assert "(relay itself: 1.00)" in missed[0].name


def test_what_was_not_measured_is_not_reached_and_not_missed() -> None:
    """Without runs there is no verdict."""
    assert {target.reached for target in targets(Results())} == {None}
