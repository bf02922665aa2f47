"""A mistake in the agents' files, as a person reads it: where it is, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from gateway.errors import ConfigError

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. A warning leaves the agents usable."""

    file: str
    """As the folder was given; empty when a setting is wrong, not a file."""
    line: int
    """Counted from 1; 0 = the file as a whole."""
    key: str
    """Dotted, without positions in lists; empty when no key is at fault."""
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        line = ": ".join(part for part in (place, self.key, self.message) if part)
        # A key or a path of somebody's may hold anything; one problem is one line.
        return "".join(char if char.isprintable() else " " for char in line)


class Faulty(ConfigError):
    """The files of a folder have errors in them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once; errors before warnings, then by file and line."""
    return sorted(
        set(problems), key=lambda p: (p.severity != "error", p.file, p.line, p.key, p.message)
    )


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """`` (did you mean x?)`` when a known name is near, else nothing."""
    near = get_close_matches(name, list(known), 1)
    return f" (did you mean {prefix}{near[0]}?)" if near else ""


def nearest_or_all(name: str, known: Iterable[str]) -> str:
    """The nearest known name, or else all of them."""
    names = sorted(known)
    return nearest(name, names) or f" (there are: {', '.join(names) or 'none'})"
