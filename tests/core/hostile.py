"""Destinations nobody should be able to have called: hostile, malformed, expensive, or just wrong.

Made anew in each run and always the same. ``never`` ones must be refused whatever the settings say;
of the others a judge that knows nothing of the gateway's code decides (:func:`may_be_called`).
"""

import re
import unicodedata
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberType

COUNTRIES = ("US", "DE", "GB")
"""What the policy under test allows."""
GOOD = (
    "+12025550123",
    "+13125550199",
    "+14155550100",
    "+493012345678",
    "+498912345678",
    "+4915112345678",
    "+4917612345678",
    "+442079460123",
    "+441314960123",
    "+447400123456",
)
"""Numbers that may be called; what is made of them must not."""
COUNT = 2000

_NEVER = (
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.PAGER,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
)
# fmt: off
_SHORT = (
    "000", "08", "100", "101", "102", "108", "110", "111", "112", "113", "114", "115", "116116",
    "116117", "117", "118", "118118", "119", "11833", "122", "123", "128", "130", "144", "150",
    "15", "155", "158", "17", "18", "190", "191", "192", "193", "19222", "196", "197", "199",
    "211", "22922", "311", "3228", "4040", "411", "511", "60999", "611", "711", "72727", "811",
    "85555", "911", "933", "988", "995", "997", "999", "1155", "12345", "1414", "1717",
)
_INVISIBLE = (
    "\0", "\x01", "\x07", "\x08", "\t", "\n", "\v", "\f", "\r", "\x1b", "\x1b[2J", "\x7f", "\x85",
    "\xa0", "\xad", "\u034f", "\u061c", "\u115f", "\u180e", "\u2000", "\u2007", "\u200b", "\u200c",
    "\u200d", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b", "\u202c", "\u202d",
    "\u202e", "\u202f", "\u2060", "\u2066", "\u2067", "\u2068", "\u2069", "\u3000", "\ufe0f",
    "\ufeff", "\ufffc", "\ufffd", "\U000e0001", "\U000e0020", "\ud800",
)
_BESIDE = (
    " x123", "x1", " ext 5", " ext. 5", ";ext=5", " extension 7", "#1", " # 1", ",1", ",,1234#",
    "p1", "w1", "W9", ";isub=1", ";phone-context=+1900", ";phone-context=example.com",
    ";tgrp=x", "@example.com", "?x=1", "&To=%2B19005550100", "%00", "\r\nTo: +19005550100",
    "; rm -rf /", "' OR 1=1 --", "\"", "<Dial>", "</Number>", "{{x}}", "${x}", "/+19005550100",
    " +19005550100", " or +19005550100", "|+19005550100", "*", "*31#", "~", "=1+1", "e5", ".0x10",
)
_BEFORE = (
    "tel:", "TEL:", "sip:", "sips:", "client:", "whatsapp:", "callto:", "sms:", "sim:", "*67",
    "#31#", "*31#", "141", "1470", "00", "011", "0011", "810", "8~10", "+00", "+0", "++", "+ +",
    "+-", "-", ".", "/", "x", "Call ", "＋", "﹢", "⁺", "%2B", "=", "@", "+1+", "+44+", "&#43;",
)
_WHOLE = (
    "", " ", "+", "++", "-", "()", "+()", "+ ", "0", "+0", "+1", "+49", "00", "*", "#", "*#06#",
    "*100#", "##002#", "anonymous", "Anonymous", "unknown", "restricted", "+266696687",
    "+86282452253", "+7378742833", "+464", "None", "null", "NaN", "true", "[]", "{}", "-1",
    "1e12", "+1-800-FLOWERS", "1-800-MY-APPLE", "0800 REVERSE", "+1 (900) CALL-NOW",
    "client:alice", "sip:100@example.com", "sip:+12025550123@evil.example", "tel:+12025550123",
    "tel:7042;phone-context=example.com", "tel:911;phone-context=+1", "whatsapp:+12025550123",
    "sip:+12025550123@evil.example;transport=udp", "+12025550123@sip.example", "user@host",
    "http://evil.example/", "../../etc/passwd", "+1 202 555 0123 4", "+٤٩٣٠١٢٣٤٥٦٧٨",
    "+1" * 20, "+" * 40, "(" * 40, "1" * 40, "+1" + "0" * 38, "+" + "9" * 15, "+" + "1" * 16,
)
# fmt: on
_SATELLITE = ("870", "871", "872", "873", "874", "881", "882", "883", "878", "888", "979")
_NOBODYS = ("210", "259", "384", "388", "422", "694", "800", "808", "851", "879", "889", "999")
_COSTLY = (
    *("1242", "1246", "1264", "1268", "1284", "1345", "1441", "1473", "1649", "1664", "1721"),
    *("1758", "1767", "1784", "1809", "1829", "1849", "1868", "1869", "1876", "1204", "1416"),
    *("216", "220", "222", "224", "225", "226", "231", "232", "235", "240", "243", "247", "252"),
    *("257", "261", "269", "290", "299", "355", "371", "372", "373", "374", "381", "387", "500"),
    *("509", "53", "592", "674", "675", "676", "677", "678", "679", "681", "682", "683", "685"),
    *("686", "687", "688", "690", "691", "692", "7940", "850", "92", "93", "94", "960", "963"),
    *("967", "968", "970", "972", "992", "993", "996", "998", "7954", "672", "508", "420"),
)
_HAND_MADE = (
    *("+19005550100", "+19765550100", "+12129765550", "+13109761234", "+12029505550"),
    *("+12025551212", "+13125551212", "+15005550006", "+15215550100", "+17005550100"),
    *("+17105550100", "+16005550100", "+18885551212", "+4990012345678", "+491371234567"),
    *("+49180512345", "+491801234567", "+4970012345678", "+4911833", "+4930112", "+4930110"),
    *("+49112", "+49110", "+4989112", "+447012345678", "+447640123456", "+449012345678"),
    *("+448712345678", "+448451234567", "+443001234567", "+445512345678", "+44999", "+44112"),
    *("+44118118", "+441481234567", "+441534234567", "+441624234567", "+447797123456"),
    *("+447781123456", "+447624123456", "+44020 7946 0123", "+44(0)2079460123", "+490301234567"),
    *("+49(0)30 12345678", "+1 1 202 555 0123", "+0012025550123", "0012025550123"),
    *("011 49 30 12345678", "2025550123", "(202) 555-0123", "030 12345678", "12025550123"),
)


class Destination(NamedTuple):
    """What somebody wants called."""

    text: str
    never: bool
    """True when no settings may allow it."""


def destinations() -> list[Destination]:
    """All of them, each once."""
    chance = Random(6)
    found = dict[str, bool]()
    for text, never in _all(chance):
        if text not in GOOD:
            found.setdefault(text, never)
    while len(found) < COUNT:
        found.setdefault(_spoilt(chance), False)
    return [Destination(text, never) for text, never in list(found.items())[:COUNT]]


def _all(chance: Random) -> Iterator[tuple[str, bool]]:
    yield from ((text, True) for text in _WHOLE)
    yield from (("+" + "1" * length, True) for length in (41, 1000, 10**6))
    yield from ((letter * 10**6, True) for letter in ("9", " ", "(", "a", "٣", "\0", "+1 "))
    yield from ((text, False) for text in _HAND_MADE)
    yield from _of_plans()
    for digits in _SHORT:
        yield digits, True
        yield from ((f"+{code}{digits}", True) for code in ("1", "49", "44"))
    for prefix in (*_SATELLITE, *_NOBODYS):
        yield from ((f"+{prefix}{_digits(chance, length)}", True) for length in (6, 8, 9, 11))
    for prefix in _COSTLY:
        yield from ((f"+{prefix}{_digits(chance, length)}", False) for length in (7, 9))
    yield from ((_in_digits(zero, chance.choice(GOOD)), True) for zero in _zeros())
    for mark in _INVISIBLE:
        for number in chance.sample(GOOD, 4):
            place = chance.randrange(len(number) + 1)
            yield number[:place] + mark + number[place:], True
    for mark in _BESIDE:
        yield from ((number + mark, True) for number in chance.sample(GOOD, 4))
    for mark in _BEFORE:
        yield from ((mark + number, True) for number in chance.sample(GOOD, 3))


def _of_plans() -> Iterator[tuple[str, bool]]:
    """Numbers of every country that are of a kind nobody may be called on."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in _NEVER:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None and phonenumbers.number_type(number) == kind:
                form = phonenumbers.PhoneNumberFormat.E164
                yield phonenumbers.format_number(number, form), True
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        number = phonenumbers.example_number_for_non_geo_entity(code)
        if number is not None:
            form = phonenumbers.PhoneNumberFormat.E164
            yield phonenumbers.format_number(number, form), True


def _digits(chance: Random, length: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(length))


def _zeros() -> list[int]:
    """The noughts of all scripts but ours; their nine other digits follow each."""
    return [
        place
        for place in range(0x80, 0x110000)
        if unicodedata.category(chr(place)) == "Nd" and unicodedata.decimal(chr(place)) == 0
    ]


def _in_digits(zero: int, number: str) -> str:
    """The number, its last four digits in another script."""
    return number[:-4] + "".join(chr(zero + int(digit)) for digit in number[-4:])


def _spoilt(chance: Random) -> str:
    """A good number with a few digits too many, too few or others; it may be good by chance."""
    number = list(chance.choice(GOOD))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(1, len(number))
        what = chance.randrange(4)
        if what == 0:
            number.insert(place, chance.choice("0123456789"))
        elif what == 1:
            del number[place]
        elif what == 2:
            number[place] = chance.choice("0123456789")
        else:
            number.insert(place, chance.choice(" -.()/+"))
    return "".join(number)


# The judge: written by hand, of the three countries only, and stricter than any of their plans.
# fmt: off
_NOT_US = (
    "204", "226", "236", "249", "250", "257", "263", "289", "306", "343", "354", "365", "367",
    "368", "382", "387", "403", "416", "418", "428", "431", "437", "438", "450", "460", "468",
    "474", "506", "514", "519", "537", "548", "568", "579", "581", "584", "587", "604", "613",
    "639", "647", "672", "683", "705", "709", "742", "753", "778", "780", "782", "807", "819",
    "825", "851", "867", "873", "879", "902", "905", "942",
    "242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664", "721", "758",
    "767", "784", "809", "829", "849", "868", "869", "876", "340", "670", "671", "684", "787",
    "939",
    "500", "521", "522", "523", "524", "525", "526", "527", "528", "529", "532", "533", "535",
    "538", "542", "543", "544", "545", "546", "547", "549", "550", "552", "553", "554", "556",
    "566", "577", "578", "588", "589", "600", "622", "633", "644", "655", "677", "688", "699",
    "700", "710", "900",
)
# fmt: on
_JUDGED = (
    re.compile(rf"1(?!{'|'.join(_NOT_US)})[2-9](?!11)\d\d(?!976|950|555121)[2-9]\d{{6}}"),
    re.compile(r"49(?:1(?:5\d{9}|6[023]\d{7,8}|7\d{8,9})|(?:[2-9]\d{5,12})|32\d{9}|800\d{7})"),
    re.compile(
        r"44(?:1(?!481|534|624)\d{8,9}|2\d{9}|7[1-57-9]\d{8}|56\d{8}|80[08]\d{6,7}|800\d{6}|500\d{6})"
    ),
)
_NOT_IN_PLAN = re.compile(
    r"49(?:700|900|[2-9]\d{1,3}11[02]$)|447(?:781|839|911|797|509|937|829|924)"
)


def may_be_called(text: str) -> bool:
    """True when a number was written so that it can only be one, and one of a person there."""
    if not re.fullmatch(r"\+[0-9][0-9 ().\-/]{6,38}", text, re.ASCII) or not text.isascii():
        return False
    digits = re.sub("[^0-9]", "", text)
    return any(each.fullmatch(digits) for each in _JUDGED) and not _NOT_IN_PLAN.match(digits)
