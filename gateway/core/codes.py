"""PINs, card security codes, passwords made of digits: which numbers are said as one of them.

A word announces them ("my PIN is 1234") or explains them ("1234 is my PIN"). In doubt a number is
a secret, for one that is kept cannot be taken back.
"""

from collections.abc import Container, Iterator
from typing import Final

from gateway.core import figures
from gateway.core.numerals import Run, Said, words_of

# fmt: off
_ALONE: Final = frozenset({
    "csc", "cscs", "cvc", "cvcs", "cvv", "cvvs", "otp", "otps", "passcode", "passcodes",
    "passkey", "passphrase", "password", "passwords", "pin", "pincode", "pins"
})
_CODE: Final = frozenset({"code", "codes", "digits", "number", "numbers", "pin", "value"})
_CODES_FOR: Final = frozenset({
    "access", "auth", "authentication", "authorization", "factor", "login", "pass", "secret",
    "security", "sms", "time", "verification"
})
"""With a word of the above: "security code", "one-time code", "two-factor code"."""
_ANNOUNCING: Final = _ALONE | _CODES_FOR
_PHRASES: Final = (
    ("pass", "word"),
    ("card", "code"),
    ("on", "the", "back"),
    ("p", "i", "n"),
    ("c", "v", "v"),
    ("c", "v", "c"),
    ("o", "t", "p"),
)
_LINKS: Final = frozenset({
    "a", "actually", "again", "and", "are", "as", "be", "er", "erm", "for", "he", "her", "his",
    "hmm", "i", "i'd", "i'll", "i'm", "is", "it", "it's", "its", "let", "me", "mean", "my", "no",
    "not", "of", "oh", "ok", "okay", "or", "our", "please", "repeat", "right", "s", "she", "so",
    "sorry", "that", "that's", "thats", "the", "their", "then", "they", "this", "to", "uh", "uhm",
    "um", "wait", "was", "we", "will", "would", "yeah", "yes", "you", "your",
})
"""Words between an announcement and its number that do not count."""
_EXPLAINING: Final = frozenset({
    "a", "account", "as", "bank", "be", "card", "correct", "for", "her", "his", "is", "it",
    "it's", "its", "my", "new", "old", "our", "right", "s", "that", "that's", "thats", "the",
    "their", "this", "was", "will", "would", "your"
})
"""Words between a number and what explains it."""
_CORRECTING: Final = frozenset({
    "actually", "er", "i", "mean", "no", "not", "or", "sorry", "uh", "um", "wait",
})
# fmt: on
_WORDS: Final = 6
"""Further words that may stand between."""
_STEPS: Final = 14
SHORTEST: Final = 3
_LONGEST: Final = 8
"""Digits of a secret number."""
_ENDS: Final = frozenset(".!?;\n")
_BESIDE: Final = frozenset(["", " ", "-", " - ", " – ", " (", "(", ") "])


def may_announce(text: str) -> bool:
    """False when no word of the text announces a secret number: there is no need to look closer."""
    words = words_of(text)
    return not _ANNOUNCING.isdisjoint(words) or any(map(frozenset(words).issuperset, _PHRASES))


def codes_in(said: Said, taken: Container[int]) -> Iterator[tuple[int, int]]:
    """Where numbers stand that are secret, by start and end; some perhaps twice.

    ``taken``: the first tokens of runs that are known to be card numbers.
    """
    walk = _Walk(said, taken)
    place = 0
    while place < len(said.tokens):
        length = _announcement(said, place)
        if length:
            yield from walk.forward(place + length)
            yield from walk.backward(place)
        place += length or 1


def _announcement(said: Said, place: int) -> int:
    """How many tokens here say that a secret number is near; 0 = none."""
    words = tuple(token.value.removesuffix("'s") for token in said.tokens[place : place + 3])
    if words[0] in _ALONE:
        return 1
    if len(words) > 1 and words[0] in _CODES_FOR and words[1] in _CODE:
        return 2
    for phrase in _PHRASES:
        if words[: len(phrase)] == phrase:
            return len(phrase)
    return 0


class _Walk:
    """From an announcement to the numbers around it."""

    def __init__(self, said: Said, taken: Container[int]) -> None:
        self._said = said
        self._taken = taken
        self._tokens = said.tokens
        self._begins = {run.first: run for run in said.runs}
        self._ends = {run.last: run for run in said.runs}

    def forward(self, place: int) -> Iterator[tuple[int, int]]:
        """Secret numbers that follow: one, and those only "no, sorry" is before."""
        words, found, crossed = _WORDS, False, False
        for _ in range(_STEPS):
            if place >= len(self._tokens) or _announcement(self._said, place):
                return
            crossed = crossed or not _ENDS.isdisjoint(self._said.gap(place))
            token, run = self._tokens[place], self._begins.get(place)
            if token.kind == "mark" or place in self._taken:
                found = True
            elif run is not None and self._is_secret(run, crossed=crossed):
                yield run.start, run.end
                found = True
            elif token.kind == "time" and words == _WORDS:  # "twelve thirty-four", as written
                yield token.start, token.end
                found = True
            elif token.value not in _LINKS:
                words -= 1
                if found or words < 0:
                    return
            place = place + 1 if run is None else run.last + 1

    def backward(self, place: int) -> Iterator[tuple[int, int]]:
        """The secret number that goes before, and what it was corrected from."""
        links, near = _EXPLAINING, place > 0 and self._said.gap(place) in _BESIDE
        for _ in range(_STEPS):
            place -= 1
            run = self._ends.get(place)
            if run is not None and near and self._is_secret(run, crossed=False):
                yield run.start, run.end
                links, place = _CORRECTING, run.first
            elif place < 0 or self._tokens[place].value not in links:
                return
            near = True

    def _is_secret(self, run: Run, *, crossed: bool) -> bool:
        digits = len(run.digits)
        if run.first in self._taken or digits < SHORTEST:
            return False
        if any(len(part) > _LONGEST for part in run.parts):
            return False
        if figures.is_measure(self._said, run) or figures.is_date(self._said, run):
            return False
        if crossed and figures.is_of_something(self._said, run):
            return False
        return digits <= _LONGEST or not figures.is_phone(self._said, run)
