"""Numbers in what was said: digits of any script, and English words for them.

Owns what belongs to one number: "4111 1111", "four-one-one-one", "double four, oh, um, seven". One
pass over the text, and every step of it forward.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["number", "time", "word", "mark"]

CARD: Final = "card number"
SECRET: Final = "secret digits"
PHONE: Final = "phone number"
"""What stands in brackets where numbers were."""

# fmt: off
SPOKEN: Final = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "naught": "0", "nil": "0", "one": "1",
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "niner": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13",
    "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18",
    "nineteen": "19", "twenty": "20", "thirty": "30", "forty": "40", "fourty": "40",
    "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
}
# fmt: on
"""Words and the digits they stand for."""
_ZEROS: Final = {"hundred": "00", "thousand": "000"}
_TIMES: Final = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
# fmt: off
_HESITATIONS: Final = frozenset({
    "ah", "dash", "dot", "eh", "er", "erm", "hm", "hmm", "hyphen", "minus", "mm", "ok", "okay",
    "point", "slash", "space", "uh", "uhm", "um"
})
# fmt: on
"""Said within a number without being of it."""
_CHAINING: Final = _HESITATIONS | {"and", "by", "followed", "next", "so", "then"}
"""Said between the groups of a card number."""
_LONGEST_CHAIN: Final = 5

_SUPERSCRIPTS: Final = "²³¹⁰⁴-⁹₀-₉①-⑨⓪"
_DIGIT: Final = rf"\d{_SUPERSCRIPTS}"
_LETTER: Final = rf"[^\W\d_{_SUPERSCRIPTS}]"
_TOKEN: Final = re.compile(
    r"(?P<time>(?<!\d)\d{1,2}:\d\d(?::\d\d(?:\.\d{1,6}(?!\d))?)?(?![\d:]))"
    rf"|(?P<number>[{_DIGIT}]+)"
    rf"|(?P<word>{_LETTER}+(?:['’]{_LETTER}+)*+)"
    rf"|(?P<mark>\[(?:{CARD}|{SECRET})\])"
)
_WORD: Final = re.compile(rf"{_LETTER}+")
_ANY_DIGIT: Final = re.compile(rf"[{_DIGIT}]")
_COUNTING: Final = frozenset({*SPOKEN, *_ZEROS, *_TIMES})
_MOST_BY_WORD: Final = 4
_GAP: Final = re.compile(
    r"[\s\-‐-―−﹣－.,;/\\_*|·•…()，、。\u00ad\u200b-\u200f\u2060\ufe0f\u20e3\ufeff]{0,12}"
)
"""What may stand within a number. A colon or a plus begins something else."""
_USUAL_GAPS: Final = frozenset(["", " ", "-", ", ", " - ", "."])


@dataclass(frozen=True, slots=True)
class Token:
    """A number, a time of day, a word, or the mark of something redacted before."""

    kind: Kind
    start: int
    end: int
    value: str
    """The digits of a number, in ASCII; a word in lower case; nothing of others."""
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Numbers that follow each other closely enough to be one."""

    first: int
    """The first token of it."""
    last: int
    start: int
    end: int
    parts: tuple[str, ...]

    @property
    def digits(self) -> str:
        """All of its digits."""
        return "".join(self.parts)


class Said:
    """A text, its numbers and its words, in order."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens_of(text)
        self.runs = _runs_of(text, self.tokens)

    def gap(self, place: int) -> str:
        """What stands between the token at this place and the one before it."""
        return self.text[self.tokens[place - 1].end : self.tokens[place].start]

    def chains(self) -> Iterator[list[Run]]:
        """The runs, those with no more than "and" or "followed by" between them together."""
        chain: list[Run] = []
        for run in self.runs:
            if chain and not self._chained(chain[-1], run):
                yield chain
                chain = []
            chain.append(run)
        if chain:
            yield chain

    def _chained(self, before: Run, after: Run) -> bool:
        if after.first - before.last > _LONGEST_CHAIN:
            return False
        return all(
            _parts_no_number(self.gap(place))
            and (place == after.first or self.tokens[place].value in _CHAINING)
            for place in range(before.last + 1, after.first + 1)
        )


def has_numbers(text: str) -> bool:
    """True when there is a digit, or a word for one."""
    return _ANY_DIGIT.search(text) is not None or not SPOKEN.keys().isdisjoint(words_of(text))


def most_digits(text: str) -> int:
    """How many digits are said at most: many texts need no closer look."""
    spoken = sum(word in _COUNTING for word in words_of(text))
    return len(_ANY_DIGIT.findall(text)) + _MOST_BY_WORD * spoken


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without what is no letter."""
    return _WORD.findall(text.lower())


def _tokens_of(text: str) -> list[Token]:
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind: Kind = match.lastgroup  # type: ignore[assignment]
        start, end = match.span()
        if kind == "number":
            token = Token("number", start, end, _ascii(match.group()))
        elif kind == "word":
            token = _word(match.group().lower().replace("’", "'"), start, end, found)
        else:
            token = Token(kind, start, end, "")
        if token.kind == "number" and found and _parts_no_number(text[found[-1].end : start]):
            _add(token, found)
        else:
            found.append(token)
    return found


def _parts_no_number(gap: str) -> bool:
    return gap in _USUAL_GAPS or _GAP.fullmatch(gap) is not None


def _runs_of(text: str, tokens: Sequence[Token]) -> list[Run]:
    runs = []
    place = 0
    while place < len(tokens):
        if tokens[place].kind == "number":
            run = _run_at(place, text, tokens)
            runs.append(run)
            place = run.last
        place += 1
    return runs


def _run_at(first: int, text: str, tokens: Sequence[Token]) -> Run:
    last = first
    parts = [tokens[first].value]
    for place in range(first + 1, len(tokens)):
        token = tokens[place]
        if not _parts_no_number(text[tokens[place - 1].end : token.start]):
            break
        if token.kind == "number":
            last = place
            parts.append(token.value)
        elif token.value not in _HESITATIONS:
            break
    return Run(first, last, tokens[first].start, tokens[last].end, tuple(parts))


def _word(word: str, start: int, end: int, before: Sequence[Token]) -> Token:
    digits = SPOKEN.get(word)
    if digits is None and word in _ZEROS and before and before[-1].kind == "number":
        digits = _ZEROS[word]
    if digits is None:
        return Token("word", start, end, word)
    return Token("number", start, end, digits, spoken=True)


def _add(token: Token, found: list[Token]) -> None:
    """A number after something close: "double four" and "forty one" are one each."""
    last = found[-1]
    times = _TIMES.get(last.value)
    if times is not None and len(token.value) == 1:
        found[-1] = Token("number", last.start, token.end, token.value * times, spoken=True)
    elif _is_tens(last) and token.spoken and len(token.value) == 1 and token.value != "0":
        found[-1] = Token("number", last.start, token.end, last.value[0] + token.value, spoken=True)
    else:
        found.append(token)


def _is_tens(token: Token) -> bool:
    return token.spoken and len(token.value) == 2 and token.value[0] > "1" and token.value[1] == "0"


def _ascii(digits: str) -> str:
    return digits if digits.isascii() else "".join(str(unicodedata.digit(each)) for each in digits)
