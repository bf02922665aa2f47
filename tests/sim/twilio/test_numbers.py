"""The account's numbers: found exactly, by id, by pattern."""

from gateway.sim.twilio import PhoneNumber, TwilioOptions
from gateway.sim.twilio.numbers import Numbers

NUMBERS = Numbers(
    TwilioOptions(
        "AC1", "t", numbers=(PhoneNumber("+15550001111", "http://a/"), PhoneNumber("+15550001112"))
    )
)


def test_a_number_is_found_by_its_digits_or_its_id() -> None:
    """The id is the same in every run."""
    number = NUMBERS.by_e164("+15550001111")
    assert number is not None
    assert number.sid.startswith("PN")
    assert len(number.sid) == 34
    assert NUMBERS.by_sid(number.sid) is number
    assert NUMBERS.by_e164("+1555000111") is None
    assert NUMBERS.by_sid("PN1") is None


def test_patterns_match_parts_and_any_digit() -> None:
    """A plus sign is a plus sign."""

    def found(pattern: str) -> list[str]:
        return [number.e164 for number in NUMBERS.matching(pattern)]

    assert found("") == ["+15550001111", "+15550001112"]
    assert found("+1555000111*") == ["+15550001111", "+15550001112"]
    assert found("1112") == ["+15550001112"]
    assert found("1555000111**") == []


def test_an_update_is_seen_and_stamped() -> None:
    """Only the given settings change."""
    number = NUMBERS.by_e164("+15550001112")
    assert number is not None
    number.update({"voice_url": "http://b/"})
    assert number.settings["voice_url"] == "http://b/"
    assert number.settings["friendly_name"] == "+15550001112"
    assert number.updated_at >= number.created_at
