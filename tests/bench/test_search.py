"""The search finds what a gateway carries, and says when somebody else gave out first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Figures
from bench.search import CLOSE, STEP, Search, Verdict, missed, verdict

GOOD: Figures = {
    "inbound_p99_ms": 2.0,
    "first_frame_p99_ms": 2.0,
    "late_max_ms": 0.0,
    "lost_in": 0,
    "lost_out": 0,
    "doubled": 0,
    "reordered": 0,
    "problems": 0,
}


def searched(search: Search, carried: int, generated: int = 10_000) -> int:
    """How many runs it took with a gateway and a generator of these strengths."""
    runs = 0
    while (calls := search.next()) is not None:
        found: Verdict = "void" if calls > generated else "met" if calls <= carried else "missed"
        search.told(calls, found)
        runs += 1
    return runs


@given(st.integers(0, 900))
def test_the_answer_is_close_to_the_truth(carried: int) -> None:
    """Never above it, and below it by no more than the distance that is left."""
    search = Search(50, 700)
    assert searched(search, carried) <= 14
    truth = min(carried, 700)
    assert search.met <= truth
    assert truth - search.met <= max(2 * STEP, 2 * CLOSE * truth)
    assert search.is_bound is (carried >= 700)


@given(st.integers(60, 600))
def test_a_generator_that_gives_out_makes_a_lower_bound(generated: int) -> None:
    """The gateway was never seen to fail."""
    search = Search(50, 700)
    searched(search, 1000, generated)
    assert search.met <= generated
    assert search.gave_out
    assert search.is_bound


def test_nothing_carried_is_nothing() -> None:
    """A gateway that fails at the first number is tried with fewer calls, down to none."""
    search = Search(50, 700)
    searched(search, 0)
    assert (search.met, search.is_bound) == (0, False)


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ({"inbound_p99_ms": 20.1}, "inbound p99 20.1 ms"),
        ({"first_frame_p99_ms": 21}, "first frame"),
        ({"late_max_ms": 31}, "silence"),
        ({"lost_in": 2}, "lost_in 2"),
        ({"reordered": 1}, "reordered 1"),
        ({"problems": 3}, "problems 3"),
    ],
)
def test_each_criterion_is_named_when_missed(bad: Figures, word: str) -> None:
    """With its figure."""
    assert missed(GOOD) == []
    assert word in missed(GOOD | bad)[0]
    assert verdict(GOOD | bad, void=False) == "missed"


def test_what_was_not_measured_is_not_met() -> None:
    """A run without a single answer proves nothing."""
    figures = {key: value for key, value in GOOD.items() if key != "first_frame_p99_ms"}
    assert verdict(figures, void=False) == "missed"
    assert verdict(GOOD, void=False) == "met"
    assert verdict(GOOD, void=True) == "void"
