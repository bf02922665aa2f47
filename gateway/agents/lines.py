"""On which line of a TOML text a key stands. The standard library's parser does not say.

Reads only texts that ``tomllib`` has accepted, and only for positions: values are tomllib's.
"""

import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]
"""Keys and positions in lists, from the top of the file."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BASIC = re.compile(r'"(?:\\.|[^"\\])*"')
_LITERAL = re.compile(r"'[^']*'")
# A quote or two may stand right before the three that close: the text ends at the last of them.
_LONG = {
    '"""': re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    "'''": re.compile(r"'''.*?'{3,5}", re.DOTALL),
}
_SCALAR = re.compile(r"[^,\]}#\n]*")


class Lines:
    """The lines of one TOML text."""

    def __init__(self, text: str) -> None:
        self._found = _Scanner(text).scan()

    def of(self, path: KeyPath) -> int:
        """The line of a key, else of the nearest thing around it; 1 when nothing is there."""
        while path:
            if path in self._found:
                return self._found[path]
            path = path[:-1]
        return 1

    def drop(self, path: KeyPath) -> None:
        """Forgets a key, or an element of a list: those after it move up."""
        depth, kept = len(path) - 1, dict[KeyPath, int]()
        for each, line in self._found.items():
            here = each[depth] if each[:depth] == path[:-1] and len(each) > depth else None
            if here == path[-1]:
                continue
            if isinstance(here, int) and isinstance(path[-1], int) and here > path[-1]:
                each = (*path[:-1], here - 1, *each[depth + 1 :])
            kept[each] = line
        self._found = kept


class _Scanner:
    """Walks over the text once and notes where every key and list element begins."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._breaks = [i for i, c in enumerate(self._text) if c == "\n"]
        self._found: dict[KeyPath, int] = {}
        self._lengths: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._next("[["):
                table = self._element(self._key())
                self._next("]]")
            elif self._next("["):
                table = self._table(self._key())
                self._next("]")
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._found

    # Tables

    def _table(self, keys: list[str]) -> KeyPath:
        """The path a header means: below a list of tables it means the newest one."""
        path: KeyPath = ()
        for key in keys:
            path += (key,)
            self._note(path)
            if path in self._lengths:
                path += (self._lengths[path] - 1,)
        return path

    def _element(self, keys: list[str]) -> KeyPath:
        parent = (*self._table(keys[:-1]), keys[-1])
        self._note(parent)
        position = self._lengths.get(parent, 0)
        self._lengths[parent] = position + 1
        self._note((*parent, position))
        return (*parent, position)

    # Pairs and values

    def _pair(self, table: KeyPath) -> None:
        path, start = table, self._at
        for key in self._key():
            path += (key,)
            self._note(path, start)
        self._skip(_SPACE)
        self._next("=")
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        for quotes, pattern in _LONG.items():
            if self._text.startswith(quotes, self._at):
                return self._skip(pattern)
        first = self._text[self._at : self._at + 1]
        if first == '"':
            self._skip(_BASIC)
        elif first == "'":
            self._skip(_LITERAL)
        elif self._next("["):
            self._list(path)
        elif self._next("{"):
            self._inline(path)
        else:
            self._skip(_SCALAR)
        return None

    def _list(self, path: KeyPath) -> None:
        position = 0
        self._skip(_BLANK)
        while self._at < len(self._text) and not self._next("]"):
            self._note((*path, position))
            self._value((*path, position))
            position += 1
            self._skip(_BLANK)
            self._next(",")
            self._skip(_BLANK)

    def _inline(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        while self._at < len(self._text) and not self._next("}"):
            self._pair(path)
            self._skip(_BLANK)
            self._next(",")
            self._skip(_BLANK)

    def _key(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            start = self._at
            for pattern in (_BARE_KEY, _BASIC, _LITERAL):
                self._skip(pattern)
                if self._at > start:
                    break
            word = self._text[start : self._at]
            keys.append(tomllib.loads(f"k = {word}")["k"] if word[0] in "\"'" else word)
            self._skip(_SPACE)
            if not self._next("."):
                return keys

    # Steps

    def _next(self, word: str) -> bool:
        if not self._text.startswith(word, self._at):
            return False
        self._at += len(word)
        return True

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _note(self, path: KeyPath, at: int | None = None) -> None:
        self._found.setdefault(path, bisect_right(self._breaks, self._at if at is None else at) + 1)
