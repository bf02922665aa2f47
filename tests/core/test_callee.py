"""Whom a number would ring: E.164 of people's phones, and nothing else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.callee import LONGEST, Callee, Refusal, parse
from tests.core.hostile import COUNT, COUNTRIES, GOOD, destinations, may_be_called


def refused(text: str, region: str = "") -> str:
    """The rule by which a text is refused, which is told for a person, and not with the number."""
    found = parse(text, region)
    assert isinstance(found, Refusal)
    assert found.setting == ""
    assert found.text.endswith("no setting allows it")
    assert not found.passes
    assert len(text) < 4 or text not in found.text
    return found.rule


def called(text: str, region: str = "") -> Callee:
    """The callee of a text."""
    found = parse(text, region)
    assert isinstance(found, Callee), found
    return found


@pytest.mark.parametrize(
    ("text", "callee"),
    [
        (
            "+12025550123",
            Callee("+12025550123", "US", "fixed_line_or_mobile", ("America/New_York",)),
        ),
        ("+493012345678", Callee("+493012345678", "DE", "fixed_line", ("Europe/Berlin",))),
        ("+4915112345678", Callee("+4915112345678", "DE", "mobile", ("Europe/Berlin",))),
        ("+442079460123", Callee("+442079460123", "GB", "fixed_line", ("Europe/London",))),
        ("+390612345678", Callee("+390612345678", "IT", "fixed_line", ("Europe/Rome",))),
        ("+445612345678", Callee("+445612345678", "GB", "voip", ("Europe/London",))),
        ("+448001111", Callee("+448001111", "GB", "toll_free", ("Europe/London",))),
        (
            "+18765550123",
            Callee("+18765550123", "JM", "mobile", ("America/Jamaica",)),
        ),
    ],
)
def test_a_number_is_told_apart(text: str, callee: Callee) -> None:
    """Its country (which +1 alone does not say), its kind, and where it is."""
    found = called(text)
    assert (found.number, found.country, found.kind) == (
        callee.number,
        callee.country,
        callee.kind,
    )
    assert set(callee.zones) <= set(found.zones)


@pytest.mark.parametrize(
    "text",
    [
        "+49 30 12345678",
        "+49 (30) 1234-5678",
        "+49.30.12345678",
        "+49 30/12345678",
        "  +493012345678 ",
        "+49(30)12345678",
    ],
)
def test_people_write_numbers_with_spaces_and_brackets(text: str) -> None:
    """They are the same number."""
    assert called(text).number == "+493012345678"


def test_a_number_may_be_in_several_zones() -> None:
    """A mobile one of a wide country, and one whose area spans a border between two."""
    assert len(called("+79161234567").zones) > 5
    assert len(called("+18002345678").zones) > 10


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("030 12345678", "DE", "+493012345678"),
        ("(202) 555-0123", "us", "+12025550123"),
        ("0049 30 12345678", "DE", "+493012345678"),
        ("011 49 30 12345678", "US", "+493012345678"),
        ("+49 30 12345678", "US", "+493012345678"),
    ],
)
def test_a_country_may_be_given_for_those_without(text: str, region: str, number: str) -> None:
    """Then they are read as they are dialled there."""
    assert called(text, region).number == number


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("+49 30 12345678" + " " * 40, "too_long"),
        ("+4930123456789012", "too_long"),
        ("1" * LONGEST, "no_country_code"),
        ("sip:desk@example.com", "address"),
        ("sips:desk@example.com", "address"),
        ("SIP:100", "address"),
        ("client:alice", "address"),
        ("tel:+493012345678", "address"),
        ("+493012345678@example.com", "address"),
        ("*31#+493012345678", "service_code"),
        ("+493012345678#1", "service_code"),
        ("+1800FLOWERS", "letters"),
        ("+493012345678 ext 5", "letters"),
        ("+493012345678;ext=5", "letters"),
        ("+493012345678x5", "letters"),
        ("anonymous", "letters"),
        ("+493012345678,5", "characters"),
        ("+49301234567٨", "characters"),
        ("＋493012345678", "characters"),
        ("+4930\u202e12345678", "characters"),
        ("+4930\x0012345678", "characters"),
        ("+493012345678\n", "characters"),
        ("\t+493012345678", "characters"),
        ("+49 30 12345678-", "characters"),
        ("++493012345678", "characters"),
        ("+ 493012345678", "characters"),
        ("+(49)3012345678", "characters"),
        ("+49(3012345678", "characters"),
        ("+4930)12345678", "characters"),
        ("+49()3012345678", "characters"),
        ("+49((30))12345678", "characters"),
        ("+49 30 12345678 +1", "characters"),
        ("-493012345678", "characters"),
        ("112", "short_code"),
        ("911", "short_code"),
        ("116117", "short_code"),
        ("493012345678", "no_country_code"),
        ("030 12345678", "no_country_code"),
        ("0049 30 12345678", "no_country_code"),
        ("+0 30 12345678", "no_such_country"),
        ("+0049 30 12345678", "no_such_country"),
        ("+999 12345678", "no_such_country"),
        ("+210 12345678", "no_such_country"),
        ("+49", "not_in_plan"),
        ("+49 0 30 12345678", "not_as_written"),
        ("+49 (0)30 12345678", "not_as_written"),
        ("+1 1 202 555 0123", "not_as_written"),
        ("+8702345678901", "international_network"),
        ("+8812345678901", "international_network"),
        ("+88216123456789", "international_network"),
        ("+883510012345", "international_network"),
        ("+80012345678", "international_network"),
        ("+97912345678", "international_network"),
        ("+87810123456789", "international_network"),
        ("+88812345678901", "international_network"),
        ("+1911", "emergency"),
        ("+49112", "emergency"),
        ("+44999", "emergency"),
        ("+4930112", "emergency"),
        ("+61147101234", "satellite"),
        ("+16002012345", "satellite"),
        ("+79541234567", "satellite"),
        ("+522001234567", "satellite"),
        ("+12129761234", "service_number"),
        ("+12025551212", "service_number"),
        ("+12029501234", "service_number"),
        ("+15550001000", "not_in_plan"),
        ("+12021234567", "not_in_plan"),
        ("+4912", "not_in_plan"),
        ("+19002345678", "premium_rate"),
        ("+499001234567", "premium_rate"),
        ("+449012345678", "premium_rate"),
        ("+491801234567", "shared_cost"),
        ("+611300123456", "shared_cost"),
        ("+447012345678", "personal_number"),
        ("+15002345678", "personal_number"),
        ("+447640123456", "pager"),
        ("+443001234567", "universal_number"),
        ("+49177991234567", "voicemail"),
    ],
)
def test_what_is_no_phone_of_a_person_is_refused(text: str, rule: str) -> None:
    """Whatever the settings say; the rule says why."""
    assert refused(text) == rule


@pytest.mark.parametrize("digits", ["112", "110", "911", "116117"])
def test_short_codes_are_refused_in_a_country_too(digits: str) -> None:
    """There they would be dialled as they are."""
    for region in ("DE", "US", "GB"):
        assert refused(digits, region) in ("emergency", "short_code", "not_in_plan")


def test_a_country_that_is_none_helps_nobody() -> None:
    """It is as if none were given."""
    assert refused("030 12345678", "XX") == "no_country_code"
    assert refused("+999 12345678", "XX") == "no_such_country"


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    """Nothing makes it raise; nothing that is not ASCII is a number."""
    found = parse(text)
    assert isinstance(found, Refusal) or text.isascii()
    assert isinstance(parse(text, "DE"), Callee | Refusal)


@given(st.text("+0123456789 ().-/;=*#x", max_size=45))
def test_what_is_dialled_are_the_digits_that_were_written(text: str) -> None:
    """All of them and in their order, after the one plus."""
    found = parse(text)
    if isinstance(found, Callee):
        assert found.number == "+" + "".join(each for each in text if each.isdigit())
        assert parse(found.number) == found


def test_length_is_looked_at_first() -> None:
    """A million characters take no longer than forty."""
    texts = [letter * 10**6 for letter in ("1", " ", "(", "+1", "a", "\0", "٣")]
    begun = time.process_time()
    for text in texts:
        assert refused(text) == "too_long"
    assert time.process_time() - begun < 1.0


def test_hostile_destinations_are_refused() -> None:
    """Two thousand of them. Of those that look like a number a judge of its own decides, who knows
    three countries by heart and nothing of the code; all others never ring, whatever is set.
    """
    made = destinations()
    assert len(made) == len({each.text for each in made}) == COUNT
    assert sum(each.never for each in made) > 1000
    let_in = []
    for each in made:
        found = parse(each.text)
        if isinstance(found, Refusal):
            continue
        assert not each.never, each.text
        if found.country in COUNTRIES:
            assert may_be_called(each.text), each.text
            let_in.append(each.text)
    assert 0 < len(let_in) < 300


def test_good_numbers_are_called() -> None:
    """The judge and the code agree on those everything hostile was made of."""
    for text in GOOD:
        assert may_be_called(text)
        assert called(text).country in COUNTRIES
