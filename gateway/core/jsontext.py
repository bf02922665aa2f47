"""JSON rewritten value by value, its form untouched: what tools are told and answer.

Owns where a value begins and ends and which keys it stands under. Values that stay the same stay
as they were written.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Final

from gateway.core.numerals import SPOKEN

Rewrite = Callable[[str, str], str]
"""Takes a key, a string, or a number as it is written, and the names it stands under."""

_STRING: Final = r'"(?:[^"\\]|\\.)*+"'
_DIGITS: Final = rf"(?:\d{{1,4}}|\"(?:\d{{1,4}}|(?i:{'|'.join(SPOKEN)}))\")"
_TOKEN: Final = re.compile(
    rf"(?P<string>{_STRING})(?P<colon>\s*:)?"
    rf"|\[(?=(?P<list>\s*{_DIGITS}(?:\s*,\s*{_DIGITS}){{1,18}}+\s*\]))?"
    r"|(?P<number>-?\d[\d.eE+-]*)"
    r"|[{\]},]",
    re.DOTALL,
)
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NAMING: Final = frozenset({"field", "key", "kind", "label", "name", "parameter", "type"})
"""Keys whose value says what stands beside it: ``{"name": "cvv", "value": "123"}``."""
_LONGEST_NAMES: Final = 80


def rewritten(text: str, rewrite: Rewrite, names: str = "") -> str | None:
    """The text with every value rewritten; None when it is no JSON object or list.

    A number that changes becomes a string; so does a short list that says one number ("4", "1", …).
    """
    return _Rewriting(text, rewrite, names).done() if _is_json(text) else None


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text, strict=False, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


class _Rewriting:
    """One pass over a JSON text."""

    def __init__(self, text: str, rewrite: Rewrite, names: str) -> None:
        self._text = text
        self._rewrite = cache(rewrite)  # keys and many a value come again and again
        self._above = [names]
        """What the objects and lists stand under, outermost first."""
        self._names = names
        self._key = ""
        self._parts: list[str] = []
        self._copied = 0

    def done(self) -> str:
        for match in _TOKEN.finditer(self._text):
            if match.start() < self._copied:
                continue  # in a list that is one value
            if match["string"]:
                self._string(match)
            elif match["number"]:
                self._value(match.group(), match.start(), match.end())
            else:
                self._structure(match)
        return "".join((*self._parts, self._text[self._copied :]))

    def _structure(self, match: re.Match[str]) -> None:
        sign = match.group()
        if sign in "[{":
            self._above.append(self._names)
            if match["list"]:
                self._list(match)
        elif sign in "]}":
            self._above.pop()
        self._names = self._above[-1]

    def _string(self, match: re.Match[str]) -> None:
        start, end = match.span("string")
        literal = self._text[start:end]
        value = json.loads(literal, strict=False) if "\\" in literal else literal[1:-1]
        if match["colon"]:
            self._key = value.lower()
            self._names = f"{self._above[-1]} {_words_of(value)}"[-_LONGEST_NAMES:]
            new = self._rewrite(value, "")
        else:
            new = self._rewrite(value, self._names)
            if self._key in _NAMING and len(value) <= _LONGEST_NAMES:
                self._above[-1] = f"{self._above[-1]} {value}"[-_LONGEST_NAMES:]
        if new != value:
            self._put(new, start, end, plain=literal.isascii() or "\\u" in literal)

    def _value(self, value: str, start: int, end: int) -> None:
        new = self._rewrite(value, self._names)
        if new != value:
            self._put(new, start, end)

    def _list(self, match: re.Match[str]) -> None:
        said = " ".join(re.findall(r"\w+", match["list"]))
        new = self._rewrite(said, self._names)
        if new != said:
            self._put(new, match.start("list"), match.end("list") - 1)

    def _put(self, value: str, start: int, end: int, *, plain: bool = True) -> None:
        self._parts += (self._text[self._copied : start], json.dumps(value, ensure_ascii=plain))
        self._copied = end


def _words_of(key: str) -> str:
    return " ".join(_WORDS.findall(key))
