"""Whom a number would ring: what was written, made E.164, or refused whatever the settings say.

Owns which numbers are phones of people at all. It is strict where phone libraries are kind: what is
dialled are exactly the digits that were written, so nothing can be hidden in a number (letters, an
extension, digits of other scripts, a second number). Never quotes a number: texts may be logged.
"""

import re
from dataclasses import dataclass
from functools import partial
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType
from phonenumbers import timezone as number_zones
from phonenumbers.shortnumberinfo import is_emergency_number

LONGEST: Final = 40
"""Characters; a number of 15 digits (E.164) with all its spaces and brackets has fewer."""
_MOST_DIGITS: Final = 15
_SHORT: Final = 6
"""So many digits and fewer may be a short code."""

_PART: Final = r"(?:[0-9]|\([0-9]+\))"
_WRITTEN: Final = re.compile(rf"(?:\+(?=[0-9]))?{_PART}(?:[ .\-/]*{_PART})*")
_SCHEMES: Final = ("sip:", "sips:", "client:", "tel:", "whatsapp:", "sim:")
_NOT_A_DIGIT: Final = re.compile(r"[^0-9]")
_NO_COUNTRY: Final = "001"
"""What phonenumbers calls the region of numbers that belong to the whole world (+8xx, +979)."""

# What libphonenumber's metadata says in comments only, for their types are those of other phones;
# +62868 (PSN), +7954 (GlobalTel), +861349 and +861740 (China Telecom) by their operators.
# fmt: off
_SATELLITE: Final = (
    "+1600", "+22193", "+25006", "+52200", "+52201", "+54670", "+549675", "+6114", "+62868",
    "+67520", "+675275", "+675276", "+675278", "+7954", "+861349", "+861740",
)
# fmt: on
_SERVICE: Final = re.compile(r"\+1\d{3}(?:976\d{4}|950\d{4}|5551212)")
"""North America, in every area: information services, carriers' access, directory assistance."""

_PEOPLE: Final = {
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.VOIP: "voip",
}
_OTHERS: Final = {
    PhoneNumberType.PREMIUM_RATE: ("premium_rate", "it is a premium-rate number"),
    PhoneNumberType.SHARED_COST: ("shared_cost", "it is a shared-cost number"),
    PhoneNumberType.PERSONAL_NUMBER: (
        "personal_number",
        "it is a personal number, forwarded at a rate nobody knows",
    ),
    PhoneNumberType.PAGER: ("pager", "it is a pager"),
    PhoneNumberType.UAN: ("universal_number", "it is a company's universal access number"),
    PhoneNumberType.VOICEMAIL: ("voicemail", "it is a voice mailbox"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a number is not called."""

    rule: str
    """A stable word."""
    setting: str
    """The variable, or the command, that would allow it; empty when nothing would."""
    text: str
    """For a person: the rule, and what would allow it. Says nothing of the number."""
    passes: bool = False
    """True when asking again later may be answered otherwise, with the same settings."""


@dataclass(frozen=True, slots=True)
class Callee:
    """A number that rings a phone."""

    number: str
    """E.164."""
    country: str
    """ISO 3166, two letters."""
    kind: str
    """``fixed_line``, ``mobile``, ``fixed_line_or_mobile``, ``toll_free`` or ``voip``."""
    zones: tuple[str, ...]
    """Every time zone it may be in; one of them may be unknown (``Etc/Unknown``)."""


def parse(text: str, default_region: str = "") -> Callee | Refusal:
    """The callee of a written number; a Refusal for whatever is not one. Never raises.

    ``default_region`` (two letters) is the country of numbers written without one; without it they
    are refused.
    """
    if refusal := _unwritten(text):
        return refusal
    written = text.strip(" ")
    digits = _NOT_A_DIGIT.sub("", written)
    international = written.startswith("+")
    if refusal := _incomplete(digits, international or bool(default_region)):
        return refusal
    try:
        parsed = phonenumbers.parse(written, default_region.upper() or None)
    except NumberParseException as error:
        return _unparsed(error, international)
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if refusal := _special(parsed, number):
        return refusal
    if international and number != f"+{digits}":
        return _never("not_as_written", "it is not written as it is dialled (a 0 too many?)")
    return _in_plan(parsed, number)


def _never(rule: str, why: str) -> Refusal:
    return Refusal(rule, "", f"{why}; no setting allows it")


def _unwritten(text: str) -> Refusal | None:
    """What is no number by its characters alone; the length first, so all is quick."""
    if len(text) > LONGEST:
        return _never("too_long", f"it is longer than {LONGEST} characters")
    if not text.strip(" "):
        return _never("empty", "there is no number")
    if "@" in text or text.lower().strip(" ").startswith(_SCHEMES):
        return _never("address", "it is an address: only plain numbers are called")
    if _WRITTEN.fullmatch(text.strip(" ")):
        return None
    if re.search("[*#]", text):
        return _never("service_code", "* and # are for codes of the carrier")
    if re.search("[A-Za-z]", text):
        return _never("letters", "it has letters: no extensions, no words for digits")
    return _never("characters", "it has other characters than digits, one + before and ( ) . - /")


def _incomplete(digits: str, country_known: bool) -> Refusal | None:
    """What cannot have a country, or is short; ``country_known``: the country need not be in it."""
    if len(digits) > _MOST_DIGITS and country_known:
        return _never("too_long", f"it has more than {_MOST_DIGITS} digits")
    if country_known:
        return None
    if len(digits) <= _SHORT:
        return _never("short_code", "it is a short code, or an emergency number")
    return _never("no_country_code", "it has no country code: write it as +49…, +1…")


def _unparsed(error: NumberParseException, international: bool) -> Refusal:
    kinds = NumberParseException
    if error.error_type == kinds.INVALID_COUNTRY_CODE and international:
        return _never("no_such_country", "its country code is nobody's")
    if error.error_type == kinds.INVALID_COUNTRY_CODE:
        return _never("no_country_code", "it has no country code: write it as +49…, +1…")
    if error.error_type in (kinds.TOO_SHORT_AFTER_IDD, kinds.TOO_SHORT_NSN):
        return _never("short_code", "it is a short code, or an emergency number")
    return _never("not_in_plan", "there is no such number")


def _special(parsed: PhoneNumber, number: str) -> Refusal | None:
    """Numbers that ring nobody's phone, whether or not they are in a plan."""
    regions = phonenumbers.region_codes_for_country_code(parsed.country_code or 0)
    if _NO_COUNTRY in regions:
        return _never(
            "international_network",
            "it belongs to no country: satellite phones and international networks",
        )
    national = phonenumbers.national_significant_number(parsed)
    behind_area = national[phonenumbers.length_of_geographical_area_code(parsed) :]
    for digits in {national, behind_area}:
        if len(digits) <= _SHORT and any(map(partial(is_emergency_number, digits), regions)):
            return _never("emergency", "it is an emergency number")
    if number.startswith(_SATELLITE):
        return _never("satellite", "it is a satellite phone")
    if _SERVICE.fullmatch(number):
        return _never("service_number", "it is a paid service of the carriers")
    return None


def _in_plan(parsed: PhoneNumber, number: str) -> Callee | Refusal:
    country = phonenumbers.region_code_for_number(parsed)
    if country is None or not phonenumbers.is_valid_number_for_region(parsed, country):
        return _never("not_in_plan", "there is no such number in its country")
    kind = phonenumbers.number_type(parsed)
    if kind in _OTHERS:
        return _never(*_OTHERS[kind])
    if kind not in _PEOPLE:
        return _never("unknown_kind", "nobody knows what kind of number it is")
    zones = number_zones.time_zones_for_number(parsed)
    return Callee(number, country, _PEOPLE[kind], tuple(zones))
