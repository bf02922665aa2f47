"""No card number, PIN or what the operator names is ever kept, and nothing else is lost."""

import json
import re
import sys
from types import FrameType, ModuleType
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.core import codes, figures, jsontext, numerals, redaction
from gateway.core.digits import luhn
from gateway.core.numerals import Said, has_numbers
from gateway.core.redaction import Redactor, is_card_number
from gateway.store.patterns import can_take_for_ever

CARD = "4111111111111111"
"""A number card processors publish for tests, as are the others below."""
PLAIN = Redactor()
STRICT = Redactor(numbers=True)

GOES = [
    # Card numbers, however they are written.
    ("4111111111111111", "[card number]"),
    ("My card is 4111 1111 1111 1111, thanks.", "My card is [card number], thanks."),
    ("4111-1111-1111-1111", "[card number]"),
    ("4111.1111.1111.1111", "[card number]"),
    ("4111, 1111, 1111, 1111.", "[card number]."),
    ("41 11 11 11 11 11 11 11", "[card number]"),
    ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "[card number]"),
    ("4111\n1111\n1111\n1111", "[card number]"),
    ("Amex 3782 822463 10005 it is", "Amex [card number] it is"),
    ("30569309025904", "[card number]"),
    ("4222222222222", "[card number]"),
    ("6011000990139424 or 5105105105105100", "[card number] or [card number]"),
    ("٤١١١ ١١١١ ١١١١ ١١١١", "[card number]"),
    ("４１１１１１１１１１１１１１１１", "[card number]"),
    ("order4111111111111111x", "order[card number]x"),
    # As they are spoken.
    (
        "It is four one one one one one one one one one one one one one one one.",
        "It is [card number].",
    ),
    ("four triple one, double one double one, quadruple one, quadruple one", "[card number]"),
    ("Forty-one eleven, eleven eleven, eleven eleven, eleven eleven", "[card number]"),
    ("4111 one one one one 1111 one 111", "[card number]"),
    ("5105, one oh five, one O five one, zero five one zero zero", "[card number]"),
    ("4111, uh, 1111, um, 1111 and then 1111", "[card number]"),
    ("4111 1111, okay, followed by 1111 1111", "[card number]"),
    # Longer than a card number, with one in it.
    ("4111111111111111 12 27 123", "[card number]"),
    ("99941111111111111119", "[card number]"),
    ("7 4111 1111 1111 1111", "[card number]"),
    # PINs and codes.
    ("my PIN is 1234", "my PIN is [secret digits]"),
    ("1234 is my pin, okay?", "[secret digits] is my pin, okay?"),
    ("PIN one two three four", "PIN [secret digits]"),
    ("the CVV is 123", "the CVV is [secret digits]"),
    ("CVC: 1 2 3", "CVC: [secret digits]"),
    ("CSC 1234", "CSC [secret digits]"),
    ("security code nine nine nine", "security code [secret digits]"),
    ("passcode 0 0 0 0 0 0", "passcode [secret digits]"),
    ("the password is 12345678", "the password is [secret digits]"),
    ("your one-time code: 123456", "your one-time code: [secret digits]"),
    ("verification code 12 34 56", "verification code [secret digits]"),
    ("PIN 1234, no, 4321", "PIN [secret digits], no, [secret digits]"),
    # Both.
    (
        "4111 1111 1111 1111 and the CVV is 123",
        "[card number] and the CVV is [secret digits]",
    ),
    # What tools are told and answer.
    ('{"card": "4111111111111111"}', '{"card": "[card number]"}'),
    ('{"card":4111111111111111,"ok":true}', '{"card":"[card number]","ok":true}'),
    ('{"card": -4111111111111111.0}', '{"card": "-[card number]"}'),
    ('{"card": 4.111111111111111e15}', '{"card": "[card number]e15"}'),
    ('["4111 1111 1111 1111"]', '["[card number]"]'),
    ('{"c": "\\u0034111\\u00201111 1111 1111"}', '{"c": "[card number]"}'),
    ('{"4111111111111111": 1}', '{"[card number]": 1}'),
    ('{"a": "{\\"c\\": \\"4111111111111111\\"}"}', '{"a": "{\\"c\\": \\"[card number]\\"}"}'),
    ('{"a": "{\\"c\\": 4111111111111111}"}', '{"a": "{\\"c\\": \\"[card number]\\"}"}'),
    (json.dumps({"digits": list(CARD)}), '{"digits": ["[card number]"]}'),
    ('{"parts": [4111, 1111, 1111, 1111]}', '{"parts": ["[card number]"]}'),
    ('{"pin": 1234, "year": 2026}', '{"pin": "[secret digits]", "year": 2026}'),
    ('{"cardSecurityCode": "123"}', '{"cardSecurityCode": "[secret digits]"}'),
    ('{"pin": {"value": "1234"}}', '{"pin": {"value": "[secret digits]"}}'),
    ('{"pin": ["1", "2", "3", "4"]}', '{"pin": ["[secret digits]"]}'),
    ('[{"name": "cvv", "value": "123"}]', '[{"name": "cvv", "value": "[secret digits]"}]'),
    ('{"note": "her PIN is 1234"}', '{"note": "her PIN is [secret digits]"}'),
    ("{'card': 4111111111111111}", "{'card': [card number]}"),
    ('{"card": "4111111111111111', '{"card": "[card number]'),
    ('{"card": "\\u00341111111\\u00311111111', '{"card": "[card number]'),
]
STAYS = [
    "",
    "Hello, how can I help you?",
    "my card ends in 1111",
    "card 4111 1111 1111",
    "4111111111111112",
    "order 1234567890123456",
    "order 4711",
    "my order number is 12345678",
    "booking 2026-4711",
    "It was on 2026-11-20.",
    "from 2026-11-20 to 2026-11-27",
    "2026-11-20, 2026-11-21, 2026-11-22",
    "20.11.2026 - 21.11.2026",
    "11/20/2026",
    "2026-11-20T10:30:00.123Z",
    "at 10:30, 11:45 or 12:00",
    "between 9 and 5, seven days a week",
    "in 1985 or 2026",
    "nineteen eighty five",
    "It costs $1,234.56",
    "It costs 12.50 euros and 3 cents",
    "a million is 1,000,000",
    "one two three, testing",
    "Oh, one of those!",
    "room 101, floor 12",
    "42 Wallaby Way, Sydney 2000",
    "52.520008, 13.404954",
    "call 1 415 555 0123",
    "+1 415 555 0123",
    "my PIN",
    "what is your PIN? I cannot help without it",
    "a 4 digit PIN, please",
    "PIN 12",
    "the password was changed on 2026-11-20 at 10:30",
    "the PIN costs 500 dollars",
    "I will never ask for your PIN. Your order 4711 is on its way.",
    "code 1234",
    "550e8400-e29b-41d4-a716-446655440000",
    "[card number] and [secret digits]",
    '{"order": 4711, "placed_at": "2026-11-20T10:30:00Z", "total": 12.50}',
    '{"a": [1, 2, 3], "b": "1 2 3"}',
    '{"id": 1234567890123}',
    '{"pin_attempts": 3, "password": null}',
    '{"zeit": "\\u00fcber 12"}',
    "{not json 12}",
]
NUMBERS_GO = [
    ("+1 415 555 0123", "[phone number]"),
    ("call +14155550123 or +49 30 1234567", "call [phone number] or [phone number]"),
    ("(415) 555-0123", "[phone number]"),
    ("+49 (0)30 1234567", "[phone number]"),
    ("1-415-555-0123", "[phone number]"),
    ("415.555.0123", "[phone number]"),
    ("030/1234567", "[phone number]"),
    ("06 12 34 56 78", "[phone number]"),
    ("5550123", "[phone number]"),
    ("four one five, five five five, oh one two three", "[phone number]"),
    ("0176 double three 44 55 66", "[phone number]"),
    ("my number is 12345678", "my number is [phone number]"),
    ("415 555 0123; call 415 555 0199", "[phone number]; call [phone number]"),
    ('{"phone": "+1 415 555 0123"}', '{"phone": "[phone number]"}'),
    ('{"phone": 4155550123}', '{"phone": "[phone number]"}'),
    ('{"to": "tel:+14155550123"}', '{"to": "tel:[phone number]"}'),
    ("PIN 1234, phone 5550123", "PIN [secret digits], phone [phone number]"),
    ("the verification code went to +14155550123", "the verification code went to [phone number]"),
]
NUMBERS_STAY = [
    "2026-11-20",
    "2026-2027",
    "20.11.2026, 21.11.2026",
    "at 10:30:00",
    "$1234567",
    "1234567 euros",
    "1,234,567 people",
    "52.5200081",
    "order number 12345678",
    "#12345678",
    "invoice 12345678",
    "911 or 112",
    "in 1985",
    "123456789012345678",
    '{"order_id": 12345678, "at": "2026-11-20T10:30:00Z"}',
]


@pytest.mark.parametrize(("words", "kept"), GOES)
def test_what_goes(words: str, kept: str) -> None:
    """Card numbers and secret digits, with or without phone numbers."""
    assert PLAIN.text(words) == kept
    assert "411" not in STRICT.text(words)


@pytest.mark.parametrize("words", STAYS)
def test_what_stays(words: str) -> None:
    """Dates, times, prices, years, numbers of things: unchanged to the last character."""
    assert PLAIN.text(words) == words


@pytest.mark.parametrize(("words", "kept"), NUMBERS_GO)
def test_phone_numbers_go_when_they_are_to(words: str, kept: str) -> None:
    """And only then."""
    assert STRICT.text(words) == kept
    assert "[phone number]" not in PLAIN.text(words)


@pytest.mark.parametrize("words", NUMBERS_STAY)
def test_what_is_no_phone_number_stays(words: str) -> None:
    """What looks like something else."""
    assert STRICT.text(words) == words


@pytest.mark.parametrize(
    ("asked", "words", "kept"),
    [
        ("What is your PIN?", "1 2 3 4", "[secret digits]"),
        (
            "And the security code on the back, please.",
            "It's nine nine nine",
            "It's [secret digits]",
        ),
        ("Your PIN is [secret digits], right?", "No, 4321", "No, [secret digits]"),
        ("I do not see your PIN. What is your order number?", "order 4711", "order 4711"),
        ("What is your order number?", "4711", "4711"),
        ("", "4711", "4711"),
        ("What is your card number?", CARD, "[card number]"),
        ("PIN?" + " yes" * 200, "4711", "4711"),
        ("What is your PIN?", '{"heard": "1234"}', '{"heard": "[secret digits]"}'),
    ],
)
def test_an_answer_is_a_secret_when_the_question_was_for_one(
    asked: str, words: str, kept: str
) -> None:
    """The question itself is not part of what comes out."""
    assert PLAIN.text(words, asked) == kept


PATTERNS = [
    ("customer", re.compile(r"K-\d{4}")),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?\w{4}){4,6}(?: ?\w{1,3})?\b")),
    ("name", re.compile("(?i)jane doe|doe")),
    ("nothing", re.compile("x*")),
]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("customer K-4711 is Jane Doe", "customer [customer] is [name]"),
        ("no digit here, Mr Doe", "no digit here, Mr [name]"),
        ("DE89 3704 0044 0532 0130 00", "[iban]"),
        ("my PIN is K-4711", "my PIN is [customer]"),
        ("axxb", "a[nothing]b"),
        ('{"k": "K-4711", "Jane Doe": 1}', '{"k": "[customer]", "[name]": 1}'),
        ('{"k": "K\\u002d4711"}', '{"k": "[customer]"}'),
        ("nobody", "nobody"),
    ],
)
def test_patterns_of_the_operator(words: str, kept: str) -> None:
    """What they match becomes their name, which goes before the gateway's own marks."""
    assert Redactor(PATTERNS).text(words) == kept


def test_numbers_of_a_pattern_stay_numbers_elsewhere() -> None:
    """A pattern that matches part of a bare number makes a string of all of it."""
    redactor = Redactor([("x", re.compile("47"))])
    assert redactor.text('{"a": 4711, "b": 12}') == '{"a": "[x]11", "b": 12}'


# --- what holds for every text ---------------------------------------------------------------

WORD_OF = {
    **{"0": ("zero", "oh", "O"), "1": ("one", "One"), "2": ("two",), "3": ("three", "THREE")},
    **{"4": ("four",), "5": ("five",), "6": ("six",), "7": ("seven",), "8": ("eight",)},
    "9": ("nine", "niner"),
}
SPACES = st.sampled_from(
    ["", "", " ", "-", ".", " - ", ", ", "\n", "\u00a0", "–", "  ", "\u200b", "/", "_", " uh, "]
)
FORMS = st.sampled_from(["ascii", "ascii", "ascii", "arabic", "fullwidth", "word"])


def with_check_digit(digits: str) -> str:
    """A number that passes the check of cards."""
    (right,) = [number for digit in "0123456789" if luhn(number := digits + digit)]
    return right


CARDS = st.text("0123456789", min_size=12, max_size=18).map(with_check_digit)


@st.composite
def said_cards(draw: st.DrawFn) -> str:
    """A card number in any spacing, its digits in any form."""
    parts: list[str] = []
    for digit in draw(CARDS):
        form = draw(FORMS)
        if form == "word":
            parts += (" ", draw(st.sampled_from(WORD_OF[digit])), " ")
        else:
            base = {"ascii": "0", "arabic": "٠", "fullwidth": "０"}[form]
            parts.append(chr(ord(base) + int(digit)))
        parts.append(draw(SPACES))
    return "".join(parts).strip(" \n,uh/_.-–\u200b\u00a0")


BEFORE = st.sampled_from(["", "My card is ", ": ", "(", "+", "PIN ", "no 4 letters: "])
AFTER = st.sampled_from(["", " thanks", ".", ") ", " expires", " - CVV", ": 12/27"])


def is_no_date(card: str) -> bool:
    """True but for a few that are made like a row of dates."""
    return not figures.is_date(Said(card), Said(card).runs[0])


@given(BEFORE, said_cards().filter(is_no_date), AFTER)
def test_no_card_number_survives(before: str, card: str, after: str) -> None:
    """In any spacing and any form, whatever stands beside it."""
    for redactor in (PLAIN, STRICT):
        kept = redactor.text(before + card + after)
        assert kept.removeprefix("+") in expected(before, after)


def expected(before: str, after: str) -> set[str]:
    """What may be left: a date close behind the word PIN is hidden, too."""
    left = f"{before.strip('+')}[card number]"
    close = "PIN" in before and "12/27" in after
    return {left + after} | ({f"{left}: [secret digits]"} if close else set())


@given(BEFORE, said_cards().filter(is_no_date), AFTER, st.booleans())
def test_no_card_number_survives_in_json(before: str, card: str, after: str, plain: bool) -> None:
    """As a string or a key, with or without escapes, as deep as it may be."""
    assume(len(expected(before, after)) == 1)
    said, gone = before + card + after, f"{before}[card number]{after}"
    value = [{"x": said}, {said: json.dumps({"y": said})}]
    kept = PLAIN.text(json.dumps(value, ensure_ascii=plain))
    assert json.loads(kept) == [{"x": gone}, {gone: json.dumps({"y": gone}, ensure_ascii=False)}]


ISSUERS = [("4", 14), ("51", 13), ("37", 12), ("36", 11), ("6011", 11)]
ISSUED = st.sampled_from(ISSUERS).flatmap(
    lambda issuer: st.text("0123456789", min_size=issuer[1], max_size=issuer[1]).map(
        lambda digits: with_check_digit(issuer[0] + digits)
    )
)
DIGITS = st.text("0123456789", max_size=9)


@given(DIGITS, ISSUED, DIGITS)
def test_no_card_number_hides_among_digits(before: str, card: str, after: str) -> None:
    """Other digits beside it, spoken in one breath or run together with one end of it."""
    for words in (
        f"{before} {card} {after}",
        f"{before}{card}  {after}",
        f"{before} {card}{after}",
    ):
        assert card not in PLAIN.text(words)
        assert card not in PLAIN.text(json.dumps([words]))
    if len(before + after) > 6:
        assert card not in PLAIN.text(before + card + after)


@given(CARDS, ISSUED, st.integers(0, 3))
def test_no_bare_card_number_survives(card: str, issued: str, zeros: int) -> None:
    """As a number of JSON, which becomes a string."""
    assume(not card.startswith("0"))
    kept = PLAIN.text(f'{{"a": {card}, "b": [{issued}.{"0" * zeros}5, 1]}}')
    assert json.loads(kept) == {"a": "[card number]", "b": ["[card number]", 1]}


@given(st.text("0123456789", min_size=20, max_size=60))
def test_card_numbers_within_longer_ones(digits: str) -> None:
    """Found exactly when some 13 to 19 digits of it pass the check, wherever they begin."""
    windows = (digits[i : i + n] for n in range(13, 20) for i in range(len(digits) - n + 1))
    assert is_card_number([digits]) == any(luhn(window) for window in windows)


@pytest.mark.parametrize(
    ("parts", "answer"),
    [
        ([CARD], True),
        (["4111", "1111", "1111", "1111"], True),
        (["7", CARD], True),
        ([CARD, "123"], True),
        ([CARD + "123"], True),
        (["12" + CARD], True),
        (["1" + CARD + "2"], False),
        ([CARD[:-1] + "2"], False),
        (["0000000000000"], True),
        (["7", "0000000000000"], False),
        (["000000000000"], False),
        ([], False),
    ],
)
def test_what_is_a_card_number(parts: list[str], answer: bool) -> None:
    """As a whole by its check digit; with other digits beside it by its issuer, too."""
    assert is_card_number(parts) is answer


@given(st.text())
@example("PIN")
@example("\\u00fc")
def test_what_has_no_number_stays(words: str) -> None:
    """Unchanged, not even looked at closely."""
    assume(not has_numbers(words))
    assert STRICT.text(words) == words
    assert STRICT.text(json.dumps({"a": [words]})) == json.dumps({"a": [words]})


# fmt: off
VOCABULARY = st.sampled_from([
    "PIN", "CVV", "is", "my", "no", "and", "or", "order", "security", "code", "1234", "123", "7",
    "one", "oh", "forty", "double", "thousand", CARD, "4111 1111", "415 555 0123", "12345678901",
    "2026-11-20", "10:30", "$", ",", ".", "\n", ":", "uh", "then", "+", "(", ")", "dollars", "x",
])
# fmt: on
TEXTS = st.lists(VOCABULARY, max_size=16).map(" ".join) | st.text(max_size=60)


@given(TEXTS)
def test_redacting_again_changes_nothing(words: str) -> None:
    """A mark announces nothing and joins nothing."""
    for redactor in (PLAIN, STRICT):
        kept = redactor.text(words)
        assert redactor.text(kept) == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**17) | st.floats(0, 1e16) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


def shape(value: Any) -> Any:
    """What kinds of things are where; flat lists are not told apart, for some become shorter."""
    if isinstance(value, dict):
        return [shape(each) for each in value.values()]
    if isinstance(value, list):
        nested = any(isinstance(each, (dict, list)) for each in value)
        return [shape(each) for each in value] if nested else "list"
    return "value" if isinstance(value, (str, int, float)) else value


def in_order(pairs: list[tuple[str, Any]]) -> dict[int, Any]:
    """An object whose keys may have become the same."""
    return dict(enumerate(value for _, value in pairs))


@given(st.lists(JSON, max_size=3) | st.dictionaries(TEXTS, JSON, max_size=3), st.booleans())
def test_json_stays_json(value: Any, plain: bool) -> None:
    """Valid, and with what it had where it had it."""
    words = json.dumps(value, ensure_ascii=plain)
    kept = STRICT.text(words)
    assert kept == words or has_numbers(words)
    found = json.loads(kept, object_pairs_hook=in_order)
    assert shape(found) == shape(json.loads(words, object_pairs_hook=in_order))


# --- no text takes long ----------------------------------------------------------------------

CORE = [codes, figures, jsontext, numerals, redaction]
SIZE = 2_000
UNITS = [
    "1",
    "1 ",
    "one ",
    "oh",
    "1 uh ",
    "1 and ",
    "um ",
    "double ",
    "thousand ",
    "PIN ",
    "PIN 123 ",
    "PIN 1 ",
    "123 my ",
    "is ",
    "p i ",
    "security ",
    "on the ",
    "2026-11-20 ",
    "1-",
    "10:30:",
    "1:",
    "1.",
    ",1",
    "1,234",
    "+1",
    "(1",
    "4111 1111 1111 1112 ",
    "[",
    '["1",',
    '{"1":',
    '"',
    '\\"',
    "\\u0031",
    "\\",
    "a'",
    " ",
    "[card number] ",
    "order ",
    "١",
]


def steps(words: str) -> int:
    """Lines of the core that are run to redact a text."""
    count = 0
    files = {module.__file__ for module in CORE}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace if frame.f_code.co_filename in files else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        STRICT.text(words)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("form", ["text", "json"])
def test_twice_the_text_is_twice_the_steps(unit: str, form: str) -> None:
    """However unlucky it is."""

    def text(size: int) -> str:
        words = unit * (size // len(unit))
        return json.dumps({"pin": words}) if form == "json" else words

    once, twice = steps(text(SIZE)), steps(text(2 * SIZE))
    assert twice <= 2.1 * once + 50
    assert twice <= 60 * 2 * SIZE


@pytest.mark.parametrize("module", CORE)
def test_no_expression_goes_back_over_a_text(module: ModuleType) -> None:
    """None repeats what repeats, unless it never gives back what it took."""
    found = [each for each in vars(module).values() if isinstance(each, re.Pattern)]
    assert found or module is codes or module is redaction
    assert not [each.pattern for each in found if can_take_for_ever(each.pattern)]


def test_there_are_enough_cases() -> None:
    """Of what goes and what stays."""
    assert len(GOES) + len(STAYS) + len(NUMBERS_GO) + len(NUMBERS_STAY) >= 120
