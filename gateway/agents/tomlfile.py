"""One TOML file read whole: its table, where its keys stand, and what is wrong with its form."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.agents.lines import KeyPath, Lines
from gateway.agents.problems import Problem, Severity
from gateway.agents.sentences import key_of, sentence

T = TypeVar("T", bound=BaseModel)

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_AT_END = " (at end of document)"


@dataclass(frozen=True)
class TomlFile(Generic[T]):
    """A file that could be read. What was wrong with it is left out of its table."""

    path: Path
    lines: Lines
    table: T
    spoiled: frozenset[KeyPath]
    """What was left out: its absence is no second mistake."""

    def problem(self, path: KeyPath, message: str, severity: Severity = "error") -> Problem:
        """A problem at a key of this file."""
        return Problem(str(self.path), self.lines.of(path), key_of(path), message, severity)

    def is_spoiled(self, *path: str | int) -> bool:
        """True when a mistake was found at the path or inside it."""
        return any(each[: len(path)] == path for each in self.spoiled)


def read_text(path: Path, problems: list[Problem]) -> str | None:
    """The text of a file; None when it cannot be had, and then a problem says why."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        problems.append(Problem(str(path), before.count(b"\n") + 1, "", "not UTF-8"))
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        problems.append(Problem(str(path), 0, "", f"cannot be read: {reason}"))
    return None


def read_toml(path: Path, model: type[T], problems: list[Problem]) -> TomlFile[T] | None:
    """A file as a table; None when it is no TOML. Everything wrong is added to the problems."""
    text = read_text(path, problems)
    if text is None:
        return None
    try:
        raw = tomllib.loads(text)
        positions = Lines(text)
    except ValueError as error:
        problems.append(_syntax(path, text, str(error)))
        return None
    except RecursionError:
        problems.append(Problem(str(path), 0, "", "tables or lists are nested too deeply"))
        return None
    return _checked(path, raw, positions, model, problems)


def _syntax(path: Path, text: str, message: str) -> Problem:
    match = _AT_LINE.search(message)
    if match is not None:
        return Problem(str(path), int(match[1]), "", message[: match.start()])
    at_end = message.endswith(_AT_END)
    line = len(text.splitlines()) or 1
    return Problem(str(path), line if at_end else 0, "", message.removesuffix(_AT_END))


def _checked(
    path: Path, raw: dict[str, Any], positions: Lines, model: type[T], problems: list[Problem]
) -> TomlFile[T]:
    """Finds what is wrong and takes it out, until the rest is right.

    In rounds, for a missing key takes the table with it that it is missing in.
    """
    spoiled: set[KeyPath] = set()
    while True:
        try:
            table = model.model_validate(raw)
        except ValidationError as error:
            found = [(sentence(each, model), each["type"]) for each in error.errors()]
        else:
            return TomlFile(path, positions, table, frozenset(spoiled))
        for wrong, _kind in found:
            line, key = positions.of(wrong.path), key_of(wrong.path)
            if wrong.path not in spoiled:  # what was wrong and taken out is not missing as well
                problems.append(Problem(str(path), line, key, wrong.message))
            spoiled.add(wrong.path)
        # A table without a key it must have goes as a whole.
        _take_out(
            {w.path[:-1] if kind == "missing" else w.path for w, kind in found}, raw, positions
        )


def _take_out(paths: set[KeyPath], raw: dict[str, Any], positions: Lines) -> None:
    """Removes what stands at the paths, last first: what stands before keeps its position."""
    for path in sorted(paths, reverse=True):
        if any(path[:length] in paths for length in range(len(path))):
            continue  # what it stands in goes
        parent: Any = raw
        for part in path[:-1]:
            parent = parent[part]
        del parent[path[-1]]
        positions.drop(path)
