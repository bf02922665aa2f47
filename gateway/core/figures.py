"""What a number is when it is nobody's secret: a date, a price, a measure, an order's number.

Owns the look of them; whatever looks like none of them is for others to judge.
"""

import re
from typing import Final

from gateway.core.numerals import Run, Said

_YEAR: Final = r"(?:19|20)\d\d"
_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE: Final = (
    rf"(?:{_YEAR}[-/.]{_MONTH}[-/.]{_DAY}|{_DAY}[-/.]{_MONTH}[-/.]{_YEAR}"
    rf"|{_MONTH}/{_DAY}/{_YEAR})(?!\d)"
)
_DATES: Final = re.compile(rf"{_DATE}(?:[\s,;()–-]{{1,6}}{_DATE})*+")
_YEARS: Final = re.compile(rf"{_YEAR}(?:\s?[-–/]\s?(?:{_YEAR}|\d\d))?")
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})++(?:\.\d+)?")
_DECIMAL: Final = re.compile(r"(?:0|[1-9]\d{0,2})\.\d+")
_CURRENCY: Final = "$€£¥₹"
# fmt: off
_MEASURES: Final = frozenset({
    "cent", "cents", "days", "degrees", "digits", "dollars", "euro", "euros", "hours",
    "kilometers", "kilometres", "kilos", "meters", "metres", "miles", "minutes", "months",
    "percent", "pounds", "seconds", "weeks", "years"
})
# fmt: on
# fmt: off
_THINGS: Final = frozenset({
    "amount", "article", "balance", "booking", "bookings", "case", "customer", "ean", "extension",
    "flight", "id", "invoice", "isbn", "item", "latitude", "longitude", "model", "order",
    "orders", "parcel", "postcode", "price", "product", "reference", "room", "serial", "sku",
    "ticket", "timestamp", "total", "tracking", "version", "year", "zip"
})
# fmt: on
"""What other numbers are of."""
# fmt: off
_NUMBER_OF: Final = frozenset({
    "code", "is", "no", "nr", "number", "numbers", "the", "was"
})
# fmt: on
_FURTHEST: Final = 3


def is_date(said: Said, run: Run) -> bool:
    """True for days with their year and month, and nothing else."""
    return _DATES.fullmatch(said.text, run.start, run.end) is not None


def is_years(said: Said, run: Run) -> bool:
    """True for a year or two."""
    return _YEARS.fullmatch(said.text, run.start, run.end) is not None


def is_phone(said: Said, run: Run) -> bool:
    """True for what begins like an international number or is parted like an American one."""
    shape = tuple(map(len, run.parts))
    return said.text.endswith("+", 0, run.start) or shape in ((3, 3, 4), (1, 3, 3, 4))


def is_measure(said: Said, run: Run) -> bool:
    """True for an amount of money and for so many of something."""
    text = said.text
    before, after = text[max(0, run.start - 2) : run.start].rstrip(), text[run.end : run.end + 2]
    if before.endswith(tuple(_CURRENCY)) or after.lstrip().startswith((*_CURRENCY, "%")):
        return True
    following = run.last + 1
    return (
        following < len(said.tokens)
        and said.gap(following) in (" ", "-")
        and said.tokens[following].value in _MEASURES
    )


def is_amount(said: Said, run: Run) -> bool:
    """True for a number with its thousands apart, or with decimals."""
    return any(form.fullmatch(said.text, run.start, run.end) for form in (_THOUSANDS, _DECIMAL))


def is_of_something(said: Said, run: Run) -> bool:
    """True when it was just said which thing this is the number of."""
    if said.text[max(0, run.start - 2) : run.start].rstrip().endswith("#"):
        return True
    for place in range(run.first - 1, max(-1, run.first - 2 - _FURTHEST), -1):
        word = said.tokens[place].value
        if word in _THINGS:
            return True
        if word not in _NUMBER_OF:
            return False
    return False
