"""An entry ends when it is complete, by `#`, by `**` or for want of a key, and shows no digit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.digits import (
    FIRST_KEY_S,
    LONGEST_PROMPT_S,
    MAX_DIGITS,
    NEXT_KEY_S,
    Check,
    Collected,
    Entry,
    Wish,
    luhn,
)

CARD = "4111111111111111"
"""A number card processors publish for tests."""


def typed(keys: str, count: int = 4, check: Check = "length") -> Entry:
    """An entry with these keys pressed, one a second."""
    entry = Entry(Wish(count, check=check), 0.0)
    for second, key in enumerate(keys, start=1):
        entry.press(key, float(second))
    return entry


@pytest.mark.parametrize(
    ("keys", "outcome", "digits"),
    [
        ("4711", "complete", "4711"),
        ("471", None, "471"),
        ("471#", "wrong_length", "471"),
        ("#", "no_keys", ""),
        ("47*1234", "complete", "1234"),
        ("47*12#", "wrong_length", "12"),
        ("47**", "cancelled", ""),
        ("**", "cancelled", ""),
        ("*1*2", None, "2"),
        ("4A7B1C1D", "complete", "4711"),
        ("47115", "complete", "4711"),
        ("4711**", "complete", "4711"),
    ],
)
def test_what_keys_make_of_an_entry(keys: str, outcome: str | None, digits: str) -> None:
    """The last digit or `#` ends it, `*` clears, two in a row give up, letters are nothing."""
    entry = typed(keys)
    assert (entry.outcome, entry.digits) == (outcome, digits)


def test_the_times_for_a_key() -> None:
    """Ten seconds for the first, five for each other one, ten again after clearing."""
    entry = Entry(Wish(4), 100.0)
    assert (entry.due, entry.begun) == (100.0 + FIRST_KEY_S, False)
    entry.press("1", 104.0)
    assert (entry.due, entry.begun) == (104.0 + NEXT_KEY_S, True)
    entry.press("*", 105.0)
    assert entry.due == 105.0 + FIRST_KEY_S
    entry.expire(114.9)
    assert entry.outcome is None
    entry.expire(115.0)
    assert entry.outcome == "no_keys"


def test_digits_that_stop_coming_are_too_few() -> None:
    """What was typed until then is judged."""
    entry = typed("47")
    entry.expire(2.0 + NEXT_KEY_S)
    assert entry.outcome == "wrong_length"


def test_the_time_begins_when_all_is_asked() -> None:
    """It can be put off until the first key, not after it, and not for ever."""
    entry = Entry(Wish(4), 0.0)
    entry.postpone(8.0)
    assert entry.due == 8.0 + FIRST_KEY_S
    entry.postpone(3600.0)
    assert entry.due == LONGEST_PROMPT_S + FIRST_KEY_S
    entry.press("1", 9.0)
    entry.postpone(20.0)
    assert entry.due == 9.0 + NEXT_KEY_S


@pytest.mark.parametrize(
    ("number", "right"),
    [(CARD, True), ("79927398713", True), ("4111111111111112", False), ("0", True), ("18", True)],
)
def test_luhn(number: str, right: bool) -> None:
    """Published examples and their neighbours."""
    assert luhn(number) is right


@given(st.text("0123456789", min_size=1, max_size=19), st.data())
def test_luhn_finds_every_wrong_digit(digits: str, data: st.DataObject) -> None:
    """Exactly one check digit is right, and any single digit changed is noticed."""
    (right,) = [number for d in "0123456789" if luhn(number := digits + d)]
    place = data.draw(st.integers(0, len(right) - 1))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != right[place]]))
    assert not luhn(right[:place] + other + right[place + 1 :])


def test_a_wrong_number_is_told_from_a_wrong_length() -> None:
    """Only a number of the right length is checked further."""
    assert typed(CARD, 16, "luhn").outcome == "complete"
    assert typed(CARD[:-1] + "2", 16, "luhn").outcome == "wrong_number"
    assert typed(CARD[:-1] + "#", 16, "luhn").outcome == "wrong_length"


@pytest.mark.parametrize("count", [0, -4, MAX_DIGITS + 1])
def test_nobody_is_asked_for_no_digit_or_too_many(count: int) -> None:
    """The error says how many."""
    with pytest.raises(ValueError, match=f"{count} digits"):
        Wish(count)


def test_nothing_shows_a_digit() -> None:
    """Neither an entry nor what came of it."""
    assert repr(typed("471")) == "<Entry collecting>"
    assert repr(typed("4711")) == "<Entry complete>"
    assert "4711" not in repr(Collected("complete", 4, digits="4711"))
