"""Rounds become one result, and the result is held against the targets."""

from __future__ import annotations

from bench.figures import Figures
from bench.results import Exact, Results, Run, combine, targets


def run(variant: str, calls: int, number: int, figures: Figures, void: bool = False) -> Run:
    return Run(variant, calls, number, figures, void)


GOOD: Figures = {
    "cpu_ms_per_call_s": 2.0,
    "rss_per_call_kb": 60.0,
    "inbound_p99_ms": 1.0,
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


def full(ours: Figures) -> Results:
    runs = [run("gateway", calls, 1, ours) for calls in (50, 100)]
    plain = GOOD | {"cpu_ms_per_call_s": 5.0}
    runs += [run("plain", calls, 1, plain) for calls in (50, 100)]
    exact = [Exact("gateway", 80.0, 10.0, {"truncation_p95_ms": 12.0})]
    return Results(density=runs, exactness=exact)


def test_everything_reached() -> None:
    """Good figures reach every target."""
    assert {target.reached for target in targets(full(GOOD))} == {True}


def test_each_failure_misses_its_target() -> None:
    """One bad figure, one missed target (CPU and memory have two numbers of calls)."""
    for bad, missed in (
        ({"inbound_p99_ms": 5.1}, 1),
        ({"first_frame_p99_ms": 5.1}, 1),
        ({"interruption_p99_ms": 5.1}, 1),
        ({"cpu_ms_per_call_s": 3.1}, 2),
        ({"rss_per_call_kb": 101.0}, 2),
        ({"lost_in": 1}, 1),
        ({"reordered": 1}, 1),
        ({"ghosts": 1}, 1),
        ({"problems": 1}, 1),
    ):
        found = targets(full(GOOD | bad))
        assert sum(target.reached is False for target in found) == missed, bad


def test_what_was_not_measured_is_not_reached_and_not_missed() -> None:
    """Without runs there is no verdict."""
    assert {target.reached for target in targets(Results())} == {None}
