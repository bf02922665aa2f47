"""Plots as HTML and SVG."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.loadtest_chart import Rule, Series, number, plot, ticks


@given(st.floats(1e-6, 1e9))
def test_ticks_are_round_and_reach(most: float) -> None:
    """From 0 to at least the most, evenly, and not too many."""
    found = ticks(most)
    assert found[0] == 0
    assert found[-1] >= most * 0.999
    assert 2 <= len(found) <= 7
    assert ticks(0) == [0, 1]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (0.123, "0.12"), (12.34, "12.3"), (1234.5, "1,234"), (7.0, "7")],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    """As many digits as anybody reads."""
    assert number(value) == text
    assert value is None or number(value, "ms") == f"{text} ms"


def test_a_plot_has_everything_in_it() -> None:
    """Lines with gaps, dots, bars, rules, and words beside them."""
    drawn = plot(
        "A & B",
        "s",
        "ms",
        [
            Series("line", "one", [(0, 1), (1, None), (2, 2)]),
            Series("dots", "two", [(0, 1), (2, None)], "dots"),
            Series("bars", "three", [(0, 1), (1, 0)], "bars"),
        ],
        [Rule("limit", 4, "y"), Rule("p50", 1, "x")],
    )
    assert "A &amp; B" in drawn
    (line,) = re.findall(r"class='line one' d='([^']+)'", drawn)
    assert line.count("M") == 2
    assert drawn.count("<rect") == 1
    assert drawn.count("class='rule'") == 2
    assert ">limit<" in drawn
    assert "4 ms" in drawn
    assert drawn.count("<span class='two'>dots</span>") == 1


def test_a_plot_of_nothing_says_so() -> None:
    """No axes without a measure."""
    assert "nothing was measured" in plot("A", "s", "ms", [Series("a", "one", [(1, None)])])
