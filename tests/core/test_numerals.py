"""Numbers are found however they are written or spoken, and what belongs together is one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.numerals import Said, has_numbers, most_digits, words_of


def runs(text: str) -> list[str]:
    """The digits of each number."""
    return [run.digits for run in Said(text).runs]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4111 1111", ["41111111"]),
        ("4111-1111, 1111.1111", ["4111111111111111"]),
        ("4111\n\n1111 – 1111_1111/11", ["411111111111111111"]),
        ("(415) 555-0123", ["4155550123"]),
        ("4\u200b1\u00a01\u00ad1", ["4111"]),
        ("four one one one", ["4111"]),
        ("Four-One, ONE; one.", ["4111"]),
        ("double four triple one oh", ["441110"]),
        ("double 4 treble 1", ["44111"]),
        ("forty-one eleven", ["4111"]),
        ("twenty twenty six", ["2026"]),
        ("nineteen eighty five", ["1985"]),
        ("thirty, oh, one", ["3001"]),
        ("forty-one hundred", ["4100"]),
        ("two thousand", ["2000"]),
        ("four, uh, one, um, one dash one", ["4111"]),
        ("4 one 1 one", ["4111"]),
        ("٤١١١", ["4111"]),
        ("４１１１", ["4111"]),
        ("①②³₄", ["1234"]),
        ("4️⃣1️⃣", ["41"]),
        ("12 and 34", ["12", "34"]),
        ("12 men 34", ["12", "34"]),
        ("12: 34", ["12", "34"]),
        ("12 +34", ["12", "34"]),
        ("12" + " " * 12 + "34", ["1234"]),
        ("12" + " " * 13 + "34", ["12", "34"]),
        ("at 10:30 on 5", ["5"]),
        ("at 10:30:00.123456 on 5", ["5"]),
        ("10:30:00.1234567", ["1234567"]),
        ("4111:11", ["4111", "11"]),
        ("double trouble, a hundred o'clock, someone", []),
        ("a4b5", ["4", "5"]),
        ("3x [card number] 5", ["3", "5"]),
    ],
)
def test_numbers(text: str, found: list[str]) -> None:
    """Digits of any script, words, what people say between them; times of day are none."""
    assert runs(text) == found


def test_a_run_knows_where_it_is() -> None:
    """In the text, and among the tokens; trailing hesitations are not of it."""
    said = Said("my number is four one, uh, 1 1, um, thanks")
    (run,) = said.runs
    assert said.text[run.start : run.end] == "four one, uh, 1 1"
    assert run.parts == ("4", "1", "1", "1")
    assert [said.tokens[run.first].value, said.tokens[run.last].value] == ["4", "1"]
    assert said.gap(run.first) == " "


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4111 and then 1111", [["4111", "1111"]]),
        ("4111 followed by 1111, okay, so 2222", [["4111", "1111", "2222"]]),
        ("4111 and the 1111", [["4111"], ["1111"]]),
        ("4111 and then uh and 1111", [["4111", "1111"]]),
        ("4111 and then uh um and 1111", [["4111"], ["1111"]]),
        ("4111: 1111", [["4111"], ["1111"]]),
        ("nothing", []),
    ],
)
def test_chains(text: str, found: list[list[str]]) -> None:
    """Groups of a long number that words are said between."""
    assert [[run.digits for run in chain] for chain in Said(text).chains()] == found


def test_tokens() -> None:
    """Numbers, times, words and what was redacted before, in order."""
    said = Said("It's 10:30, PIN [secret digits] or four")
    assert [(token.kind, token.value) for token in said.tokens] == [
        ("word", "it's"),
        ("time", ""),
        ("word", "pin"),
        ("mark", ""),
        ("word", "or"),
        ("number", "4"),
    ]
    assert Said("it’s").tokens[0].value == "it's"


@pytest.mark.parametrize(
    ("text", "answer"),
    [("a1", True), ("ONE", True), ("oh no", True), ("someone", False), ("", False), ("²", True)],
)
def test_whether_there_are_numbers(text: str, answer: bool) -> None:
    """Digits or whole words."""
    assert has_numbers(text) is answer


def test_words() -> None:
    """In lower case, parted by whatever is no letter."""
    assert words_of("It's PIN2go, Café_x") == ["it", "s", "pin", "go", "café", "x"]


SPOKEN = st.sampled_from(
    ["one", "forty", "oh", "double", "quadruple", "thousand", "hundred", "seven", "4", "44", "uh"]
)


@given(st.lists(SPOKEN | st.text(max_size=4), max_size=30).map(" ".join))
def test_no_more_digits_than_said(text: str) -> None:
    """The rough count is never too small, and runs are in order and apart."""
    found = Said(text).runs
    digits = sum(len(run.digits) for run in found)
    assert most_digits(text) >= digits
    assert has_numbers(text) == (most_digits(text) > 0) or digits == 0
    assert has_numbers(text) or not found
    for before, after in pairwise(found):
        assert before.end <= after.start
        assert before.last < after.first
    for run in found:
        assert run.digits.isascii()
        assert run.digits.isdecimal()
