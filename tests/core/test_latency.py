"""Waiting times are those of real turns, and unknown ones do not count."""

import math
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.latency import Latency, percentile, summary
from gateway.core.turns import Turn

VALUES = st.lists(st.floats(0, 60_000) | st.none(), max_size=60)


@dataclass(frozen=True, slots=True)
class Row:
    """A turn as a database has it."""

    response_ms: float | None = None
    endpoint_ms: float | None = None
    model_ms: float | None = None
    gateway_ms: float | None = None
    play_ms: float | None = None


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [
        ([15, 20, 35, 40, 50], 0.05, 15),
        ([15, 20, 35, 40, 50], 0.30, 20),
        ([15, 20, 35, 40, 50], 0.40, 20),
        ([15, 20, 35, 40, 50], 0.50, 35),
        ([15, 20, 35, 40, 50], 1.00, 50),
        ([50, 15, 40, 20, 35], 0.50, 35),
        ([7], 0.5, 7),
        ([7], 0.95, 7),
        ([1, 2], 0.5, 1),
        (list(range(1, 21)), 0.95, 19),
        (list(range(1, 101)), 0.95, 95),
        (list(range(1, 102)), 0.95, 96),
        ([None, 3, None, 1], 0.5, 1),
        ([None, None], 0.5, None),
        ([], 0.95, None),
    ],
)
def test_percentiles(values: list[float | None], share: float, found: float | None) -> None:
    """Nearest ranks, as the textbooks have them."""
    assert percentile(values, share) == found


@given(VALUES, st.integers(1, 100))
def test_a_percentile_is_a_value_with_its_share_below(
    values: list[float | None], percent: int
) -> None:
    """It is one of the values; enough are not above it, and with the next smaller too few."""
    known = [value for value in values if value is not None]
    found = percentile(values, percent / 100)
    if not known:
        assert found is None
        return
    assert found in known
    needed = math.ceil(Fraction(len(known) * percent, 100))
    assert sum(value <= found for value in known) >= needed
    assert sum(value < found for value in known) < needed


def test_a_summary() -> None:
    """Response times in three figures, and the median of each stage."""
    turns = [
        Turn(1, "greeting", "r1", None, 300.0, 0.2, 90.0, None),
        Turn(2, "reply", "r2", 500.0, 350.0, 0.4, 110.0, 960.4),
        Turn(3, "reply", "r3", 510.0, 400.0, None, 100.0, 1010.3),
        Turn(4, "follow_up", "r4", 520.0, 900.0, 0.3, 105.0, 1525.3),
    ]
    assert summary(turns) == Latency(
        response_p50_ms=1010.3,
        response_p95_ms=1525.3,
        response_worst_ms=1525.3,
        endpoint_ms=510.0,
        model_ms=350.0,
        gateway_ms=0.3,
        play_ms=100.0,
    )


@pytest.mark.parametrize("turns", [[], [Row()], [Row(), Row()]])
def test_nothing_measured_is_no_figure(turns: list[Row]) -> None:
    """Not 0: a call without an answer was not infinitely fast."""
    assert summary(turns) == Latency(*[None] * 7)


@given(st.lists(st.builds(Row, response_ms=st.floats(0, 60_000) | st.none()), max_size=40))
def test_the_figures_are_in_order(turns: list[Row]) -> None:
    """Half, nearly all, worst; and the order of the turns does not matter."""
    found = summary(iter(turns))
    assert found == summary(turns[::-1])
    figures = (found.response_p50_ms, found.response_p95_ms, found.response_worst_ms)
    if None not in figures:
        assert list(figures) == sorted(figures, key=lambda each: each or 0.0)
    assert found.response_worst_ms == max(
        (turn.response_ms for turn in turns if turn.response_ms is not None), default=None
    )
