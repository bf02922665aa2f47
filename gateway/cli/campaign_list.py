"""The list of a campaign: a CSV file with a column ``number``, checked as a whole.

Owns how forgiving the file may be (what spreadsheets make of one), and that every mistake is found
before anybody is rung. Quotes no number: what is printed may end up in a log.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.core.callee import Callee, parse
from gateway.core.campaign import Contact
from gateway.errors import GatewayError

MOST_DATA = 50
"""Columns besides the number, and values of ``--set``: what the API takes."""
MOST_VALUE_CHARS = 1000
MOST_BYTES = 15 * 1024
"""Of one row as JSON: the API takes 16 KiB, with what is said besides."""
_NUMBER = "number"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_NO_NAME = re.compile(r"[^A-Za-z0-9_]+")
_SEPARATORS = ",;\t"
_SAYS_SEPARATOR = re.compile(r"sep=([,;\t])")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a line is not rung."""

    line: int
    """Of the file, from 1; where the row begins."""
    text: str


@dataclass(slots=True)
class Listed:
    """What a file has."""

    contacts: list[Contact] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    twice: list[tuple[int, int]] = field(default_factory=list)
    """Lines whose number stands on an earlier one, which is the second: that one counts."""


def read_list(path: Path, common: Mapping[str, str]) -> Listed:
    """The numbers of a file; ``common`` is what every agent is told. Raises GatewayError when
    nothing can be made of the file at all.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise GatewayError(f"{path}: {error.strerror or error}") from None
    try:
        return _listed(_text(content), common)
    except ValueError as error:
        raise GatewayError(f"{path}: {error}") from None


def _text(content: bytes) -> str:
    """UTF-8 with or without its mark, or UTF-16 with it, as spreadsheets save it."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not UTF-8: save it as “CSV UTF-8”") from None


def _listed(text: str, common: Mapping[str, str]) -> Listed:
    rows = _rows(text)
    first = next(rows, None)
    if first is None:
        raise ValueError("the file is empty: its first line must name the columns")
    names = _names(*first, common)
    listed, known = Listed(), dict[str, int]()
    for line, cells in rows:
        found = _contact(line, cells, names, common)
        if isinstance(found, Mistake):
            listed.mistakes.append(found)
        elif found.number in known:
            listed.twice.append((line, known[found.number]))
        else:
            known[found.number] = line
            listed.contacts.append(found)
    if not (listed.contacts or listed.mistakes):
        raise ValueError("there is no number in it")
    return listed


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line it begins on. Raises ValueError."""
    separator, skipped = ",", 0
    head = text.partition("\n")[0].rstrip("\r")
    if says := _SAYS_SEPARATOR.fullmatch(head):
        separator, skipped = says[1], 1
        text = text.partition("\n")[2]
    else:
        plain = _QUOTED.sub("", next((line for line in text.splitlines() if line.strip()), ""))
        separator = max(_SEPARATORS, key=plain.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = skipped + 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield line, stripped
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {line}: {error}") from None


def _names(line: int, cells: list[str], common: Mapping[str, str]) -> list[str]:
    """The columns' names. Raises ValueError."""
    while not cells[-1]:
        cells.pop()
    names = [_NUMBER if cell.lower() == _NUMBER else cell for cell in cells]
    if names.count(_NUMBER) != 1:
        there = ", ".join(map(repr, names[:10]))
        raise ValueError(f"line {line} must name one column 'number'; it names {there}")
    for name in names:
        if not _NAME.fullmatch(name):
            better = _NO_NAME.sub("_", name).strip("_") or "a_name"
            better = f"_{better}" if better[0].isdigit() else better
            raise ValueError(
                f"line {line}: agents cannot be told of a column {name!r}: call it {better[:64]!r}"
            )
        if names.count(name) > 1:
            raise ValueError(f"line {line} names two columns {name!r}")
    if len({*names, *common}) - 1 > MOST_DATA:
        raise ValueError(f"more than {MOST_DATA} columns and values of --set besides the number")
    return names


def _contact(
    line: int, cells: list[str], names: list[str], common: Mapping[str, str]
) -> Contact | Mistake:
    if any(cells[len(names) :]):
        return Mistake(line, f"it has {len(cells)} cells, and there are {len(names)} columns")
    row = dict.fromkeys(names, "") | dict(zip(names, cells, strict=False))
    callee = parse(row.pop(_NUMBER))
    if not isinstance(callee, Callee):
        return Mistake(line, callee.text)
    long = next((name for name, value in row.items() if len(value) > MOST_VALUE_CHARS), None)
    if long is not None:
        return Mistake(line, f"{long!r} has more than {MOST_VALUE_CHARS} characters")
    data = {**row, **common, **{name: value for name, value in row.items() if value}}
    if len(json.dumps(data)) > MOST_BYTES:
        return Mistake(line, f"its cells have more than {MOST_BYTES} bytes")
    return Contact(callee.number, line, data)
