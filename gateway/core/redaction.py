"""What no record may contain, taken out of what was said and of what tools were told.

Owns which digits go: card numbers, the digits of PINs and codes, phone numbers if they are to, and
whatever the operator's patterns match. In doubt they go. Every step is one forward, whatever the
text; only the operator's own patterns may take longer.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from gateway.core import figures, jsontext
from gateway.core.codes import SHORTEST, codes_in, may_announce
from gateway.core.digits import luhn
from gateway.core.numerals import CARD, PHONE, SECRET, Run, Said, has_numbers, most_digits

_CARD_DIGITS: Final = range(13, 20)
_ISSUED: Final = re.compile(
    r"4\d{15}(?:\d{3})?|5\d{15}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35\d{14}|6\d{15,18}"
)
"""How the numbers of those begin who issue cards, and how long they are."""
_PHONE_DIGITS: Final = range(7, 16)
_LONGEST_QUESTION: Final = 500
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_ESCAPED: Final = re.compile(r"\\+u([0-9a-fA-F]{4})")


class Redactor:
    """Redacts texts, each by itself."""

    def __init__(
        self, patterns: Sequence[tuple[str, re.Pattern[str]]] = (), numbers: bool = False
    ) -> None:
        """``patterns``: what else goes, and the name it is replaced by; ``numbers``: phone numbers
        go, too.
        """
        self._patterns = [(pattern, name) for name, pattern in patterns]
        self._numbers = numbers

    def text(self, words: str, asked: str = "") -> str:
        """The words, with marks such as ``[card number]`` for what they must not contain.

        JSON objects and lists stay valid. ``asked`` is what the words may be an answer to: "1234"
        alone is no secret, after "What is your PIN?" it is.
        """
        return self._value(words, f"{asked[-_LONGEST_QUESTION:]}\n" if asked else "")

    def _value(self, words: str, names: str) -> str:
        if not (self._patterns or has_numbers(words)):
            return words
        new = jsontext.rewritten(words, self._value, names)
        return self._said(words, names) if new is None else new

    def _said(self, words: str, names: str) -> str:
        plain = _ESCAPED.sub(_unescaped, words) if "\\u" in words else words
        spans = [*self._matches(plain), *self._digits(plain, names)]
        return _replaced(plain, spans) if spans else words

    def _matches(self, words: str) -> Iterator["_Span"]:
        for rank, (pattern, name) in enumerate(self._patterns):
            for match in pattern.finditer(words):
                if match.end() > match.start():
                    yield _Span(match.start(), match.end(), rank, name)

    def _digits(self, words: str, names: str) -> Iterator["_Span"]:
        # Nothing before a colon is part of a number behind it.
        before = f"{names}: " if names else ""
        digits = most_digits(words)
        cards = digits >= _CARD_DIGITS[0]
        codes = digits >= SHORTEST and may_announce(before + words)
        phones = self._numbers and digits >= _PHONE_DIGITS[0]
        if cards or codes or phones:
            said = Said(before + words)
            for each in self._found(said):
                if each.start >= len(before):
                    yield each.moved(-len(before))

    def _found(self, said: Said) -> Iterator["_Span"]:
        rank = len(self._patterns)
        cards = [chain for chain in said.chains() if _is_card(said, chain)]
        for chain in cards:
            yield _Span(chain[0].start, chain[-1].end, rank, CARD)
        for start, end in codes_in(said, {run.first for chain in cards for run in chain}):
            yield _Span(start, end, rank, SECRET)
        if self._numbers:
            for run in said.runs:
                if _is_phone(said, run):
                    yield _Span(_phone_start(said, run), run.end, rank + 1, PHONE)


class _Span(NamedTuple):
    """A part of a text that goes."""

    start: int
    end: int
    rank: int
    """Whose name it has when several want the same part: the least."""
    name: str

    def moved(self, by: int) -> "_Span":
        """The same elsewhere."""
        return self._replace(start=self.start + by, end=self.end + by)


def is_card_number(parts: Sequence[str]) -> bool:
    """True when a number, said in these parts, is a card's, or one is hidden in it.

    Up to 19 digits are one when they end in their check digit (Luhn), or when an issuer's number
    begins or ends where a part does; more digits, when any 13 to 19 of them end in theirs.
    """
    digits = "".join(parts)
    if len(digits) > _CARD_DIGITS[-1]:
        return _holds_checked(digits)
    if len(digits) < _CARD_DIGITS[0]:
        return False
    return luhn(digits) or any(
        _ISSUED.fullmatch(digits, start, end) and luhn(digits[start:end])
        for edge in accumulate(map(len, parts), initial=0)
        for length in _CARD_DIGITS
        for start, end in ((edge, edge + length), (edge - length, edge))
        if start >= 0 and end <= len(digits)
    )


def _holds_checked(digits: str) -> bool:
    # Which places are doubled depends on where the number ends: at an even place or an odd one.
    sums = (_sums(digits, doubled=0), _sums(digits, doubled=1))
    return any(
        (sums[end % 2][end] - sums[end % 2][end - length]) % 10 == 0
        for end in range(_CARD_DIGITS[0], len(digits) + 1)
        for length in _CARD_DIGITS
        if length <= end
    )


def _sums(digits: str, doubled: int) -> list[int]:
    """The sum of the digits before each place, with the even or the odd ones doubled as in Luhn."""
    values = (
        _DOUBLED[int(digit)] if place % 2 == doubled else int(digit)
        for place, digit in enumerate(digits)
    )
    return list(accumulate(values, initial=0))


def _is_card(said: Said, chain: Sequence[Run]) -> bool:
    parts = [part for run in chain for part in run.parts]
    return is_card_number(parts) and not all(figures.is_date(said, run) for run in chain)


def _is_phone(said: Said, run: Run) -> bool:
    count = len(run.digits)
    if count < _PHONE_DIGITS[0] or (count > _PHONE_DIGITS[-1] and len(run.parts) == 1):
        return False
    if figures.is_phone(said, run):
        return True
    others = (figures.is_date, figures.is_years, figures.is_measure, figures.is_amount)
    return not any(other(said, run) for other in (*others, figures.is_of_something))


def _phone_start(said: Said, run: Run) -> int:
    """With the plus, and with the bracket that is closed within."""
    start = run.start
    if said.text.endswith("(", 0, start) and ")" in said.text[start : run.end]:
        start -= 1
    return start - 1 if said.text.endswith("+", 0, start) else start


def _replaced(text: str, spans: list[_Span]) -> str:
    parts: list[str] = []
    done = 0
    for span in _apart(sorted(spans)):
        parts += (text[done : span.start], f"[{span.name}]")
        done = span.end
    return "".join((*parts, text[done:]))


def _apart(spans: Sequence[_Span]) -> Iterator[_Span]:
    """Those that overlap as one."""
    latest = spans[0]
    for span in spans[1:]:
        if span.start >= latest.end:
            yield latest
            latest = span
        else:
            end = max(latest.end, span.end)
            latest = min(latest, span, key=lambda each: each.rank)._replace(
                start=latest.start, end=end
            )
    yield latest


def _unescaped(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16))
    return match.group() if unicodedata.digit(char, None) is None else char
