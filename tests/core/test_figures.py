"""Dates, prices, measures and the numbers of things are told from what could be a secret."""

from collections.abc import Callable

import pytest

from gateway.core import figures
from gateway.core.numerals import Run, Said


def judged(text: str, judge: Callable[[Said, Run], bool]) -> bool:
    """What is said of the last number of a text."""
    said = Said(text)
    return judge(said, said.runs[-1])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("2026-11-20", True),
        ("20.11.2026", True),
        ("11/20/2026", True),
        ("2026-11-20, 2026-11-21", True),
        ("2026-11-20 – 2026-11-21", True),
        ("2026-13-20", False),
        ("2026-11-32", False),
        ("4111-11-11", False),
        ("2026-11-20 4711", False),
        ("20.11.26", False),
        ("2026", False),
        ("twenty twenty-six", False),
    ],
)
def test_dates(text: str, answer: bool) -> None:
    """With year, month and day, and nothing else beside them."""
    assert judged(text, figures.is_date) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [("2026", True), ("2026-2027", True), ("2026/27", True), ("2126", False), ("1985 86", False)],
)
def test_years(text: str, answer: bool) -> None:
    """One, or from one to another."""
    assert judged(text, figures.is_years) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("$500", True),
        ("$ 500", True),
        ("500€", True),
        ("500 €", True),
        ("500 %", True),
        ("500 dollars", True),
        ("five hundred euros", True),
        ("300-minutes", True),
        ("500, dollars", False),
        ("500 dollar bills", False),
        ("500", False),
        ("500 is it", False),
    ],
)
def test_measures(text: str, answer: bool) -> None:
    """Money, and so many of something."""
    assert judged(text, figures.is_measure) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("1,234,567", True),
        ("1,234.56", True),
        ("0.1234567", True),
        ("52.5200081", True),
        ("030.1234567", False),
        ("415.555.0123", False),
        ("1,2345,678", False),
        ("1234567", False),
    ],
)
def test_amounts(text: str, answer: bool) -> None:
    """With thousands apart or decimals."""
    assert judged(text, figures.is_amount) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("order 4711", True),
        ("order number 4711", True),
        ("the booking's number is 4711", False),
        ("my booking number is 4711", True),
        ("#4711", True),
        ("invoice no. 4711", True),
        ("order id: 4711", True),
        ("my number is 4711", False),
        ("order from 4711", False),
        ("4711", False),
        ("order number is the number 4711", False),
    ],
)
def test_numbers_of_things(text: str, answer: bool) -> None:
    """When it was just said which."""
    assert judged(text, figures.is_of_something) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("+49301234567", True),
        ("+ 49301234567", False),
        ("415-555-0123", True),
        ("1 415 555 0123", True),
        ("4155550123", False),
        ("0301234567", False),
    ],
)
def test_phone_numbers(text: str, answer: bool) -> None:
    """Those that nothing else looks like."""
    assert judged(text, figures.is_phone) is answer
