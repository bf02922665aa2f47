"""A number is a secret when a word near it says so, before it or behind it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.codes import codes_in, may_announce
from gateway.core.numerals import Said


def secrets(text: str) -> list[str]:
    """The parts of a text that are secret, in order, each once."""
    spans = sorted(set(codes_in(Said(text), frozenset())))
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # Announced.
        ("my PIN is 1234", ["1234"]),
        ("my pin's 1234", ["1234"]),
        ("PIN: 1234", ["1234"]),
        ("pin=1234", ["1234"]),
        ("PIN1234", ["1234"]),
        ("PIN 12345678", ["12345678"]),
        ("PIN one two three four", ["one two three four"]),
        ("PIN 1 2, um, 3 4", ["1 2, um, 3 4"]),
        ("the PIN? It's twelve thirty-four", ["twelve thirty-four"]),
        ("the PIN is 12:34", ["12:34"]),
        ("p. i. n. 4 7 1 1", ["4 7 1 1"]),
        ("C-V-V one two three", ["one two three"]),
        ("CVV2 is 123", ["123"]),
        ("CVC 123", ["123"]),
        ("the CSC, I think, is 1234", ["1234"]),
        ("security code 999", ["999"]),
        ("the security number: nine nine nine", ["nine nine nine"]),
        ("passcode 000000", ["000000"]),
        ("my password for the account at your bank is 12345", ["12345"]),
        ("pass code 4321", ["4321"]),
        ("your one-time code is 123456", ["123456"]),
        ("a one time password, 12 34 56", ["12 34 56"]),
        ("verification codes 111222 or 333444", ["111222", "333444"]),
        ("two-factor code 123456", ["123456"]),
        ("the three digits on the back are 123", ["123"]),
        ("card code 123", ["123"]),
        ("social security number 123 45 6789", ["123 45 6789"]),
        # Explained.
        ("1234 is my PIN", ["1234"]),
        ("1234, that's my PIN", ["1234"]),
        ("one two three is the security code", ["one two three"]),
        ("Is 1234 your PIN?", ["1234"]),
        ("1234 (PIN)", ["1234"]),
        ("I use 1234 as my bank card PIN", ["1234"]),
        # Corrected.
        ("my PIN is 1234, no, sorry, 1243", ["1234", "1243"]),
        ("1234, no, 1243 is my PIN", ["1234", "1243"]),
        ("PIN 1234 or 4321 or 1111", ["1234", "4321", "1111"]),
        ("PIN [secret digits], no, 4321", ["4321"]),
        # The number of something else beside it.
        ("the PIN for order 4711 is 1234", ["4711", "1234"]),
        ("my PIN is 1234 and I was born in 1985", ["1234"]),
        ("my PIN is 1234 and my order is 4711", ["1234"]),
        ("I was born in 1985 and my PIN is 1234", ["1234"]),
        ("It was 1985. PIN please: 1234", ["1234"]),
        ("never tell me your PIN. Your order 4711 is on its way", []),
        ("the PIN? Order number 4711", []),
        # No secret.
        ("my PIN", []),
        ("a 4 digit PIN", []),
        ("the last 2 digits of my PIN are 12", []),
        ("the PIN costs $500", []),
        ("the PIN costs 500 dollars", []),
        ("the code expires in 300 seconds, the PIN in 200 days", []),
        ("the password was changed on 2026-11-20", []),
        ("the password was changed at 10:30", []),
        ("the verification code went to +14155550123", []),
        ("the verification code went to 415 555 0123", []),
        ("the password of account 123456789", []),
        ("spinning 1234 pinned 1234", []),
        ("order 4711 from 1985", []),
        ("pin me to this very nice old big red paper map 1234", []),
        ("code 1234", []),
    ],
)
def test_secrets(text: str, found: list[str]) -> None:
    """The table of what goes and what stays."""
    assert secrets(text) == found
    assert may_announce(text) or not found


def test_card_numbers_are_left_to_others() -> None:
    """What is known to be one is no second secret, and one may be corrected like any."""
    said = Said("PIN 4111 1111 1111 1111, no, 1234")
    first = said.runs[0].first
    spans = codes_in(said, {first})
    assert [said.text[start:end] for start, end in spans] == ["1234"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("My PIN", True),
        ("pin2", True),
        ("p i n", True),
        ("on the back", True),
        ("a spin on it", False),
        ("", False),
    ],
)
def test_whether_to_look_closer(text: str, answer: bool) -> None:
    """A word of an announcement is enough."""
    assert may_announce(text) is answer


WORDS = st.sampled_from(
    [
        "PIN",
        "pin's",
        "security",
        "code",
        "is",
        "1234",
        "one",
        "7",
        "no",
        "order",
        ".",
        "?",
        "c",
        "v",
    ]
)


@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_nothing_is_secret_without_an_announcement(text: str) -> None:
    """What looks closer finds nothing where the quick look saw nothing; spans hold numbers only."""
    found = secrets(text)
    assert may_announce(text) or not found
    for each in found:
        assert len(Said(each).runs) == 1


@given(st.text("0123456789", min_size=3, max_size=8), st.lists(st.sampled_from(["uh", "is", "it"])))
def test_what_is_announced_never_survives(digits: str, between: list[str]) -> None:
    """Whatever little words are between."""
    assert secrets(" ".join(["my PIN", *between[:10], digits])) == [digits]
