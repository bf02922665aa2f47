"""Owns the checking of client JSON against a declared shape. Pure; knows no event by name.

A check is called with a value and its path and raises the `ClientFault` the real server would
send. Required fields are looked for before unknown ones: an assistant item made of audio is
answered "Missing required parameter: 'item.content[0].text'" (captured, openai-agents-js#963).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.sim.realtime import errors

Check = Callable[[object, str], None]


def anything(value: object, path: str) -> None:
    """Any JSON value."""


def boolean(value: object, path: str) -> None:
    """true or false."""
    if not isinstance(value, bool):
        raise errors.invalid_type(path, "a boolean", value)


@dataclass(frozen=True, slots=True)
class Text:
    """A string, of at most `longest` characters and matching `pattern` as a whole."""

    longest: int | None = None
    pattern: str | None = None

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, str):
            raise errors.invalid_type(path, "a string", value)
        if self.longest is not None and len(value) > self.longest:
            raise errors.too_long(path, self.longest, len(value))
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise errors.bad_pattern(path, f"^{self.pattern}$")


@dataclass(frozen=True, slots=True)
class Number:
    """A number between two limits, both allowed; a whole one unless `decimal`."""

    lowest: float | None = None
    highest: float | None = None
    decimal: bool = False

    def __call__(self, value: object, path: str) -> None:
        kind = "decimal" if self.decimal else "integer"
        allowed = (int, float) if self.decimal else (int,)
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise errors.invalid_type(path, "a decimal" if self.decimal else "an integer", value)
        if self.lowest is not None and value < self.lowest:
            raise errors.out_of_range(kind, path, ">=", self.lowest, value)
        if self.highest is not None and value > self.highest:
            raise errors.out_of_range(kind, path, "<=", self.highest, value)


class OneOf:
    """One of a few strings."""

    def __init__(self, *values: str) -> None:
        self.values = values

    def __call__(self, value: object, path: str) -> None:
        if value not in self.values:
            raise errors.invalid_value(value, path, self.values)


@dataclass(frozen=True, slots=True)
class Nullable:
    """`check`, or null."""

    check: Check

    def __call__(self, value: object, path: str) -> None:
        if value is not None:
            self.check(value, path)


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array whose entries all pass `check`."""

    check: Check

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, list):
            raise errors.invalid_type(path, "an array", value)
        for index, entry in enumerate(value):
            self.check(entry, f"{path}[{index}]")


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object with free keys whose values all pass `check`."""

    check: Check

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise errors.invalid_type(path, "an object", value)
        for name, entry in value.items():
            self.check(entry, _join(path, name))


@dataclass(frozen=True, slots=True)
class Obj:
    """An object with known keys, some of them required."""

    fields: Mapping[str, Check]
    required: tuple[str, ...] = ()

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise errors.invalid_type(path, "an object", value)
        for name in self.required:
            if name not in value:
                raise errors.missing_parameter(_join(path, name))
        for name, entry in value.items():
            check = self.fields.get(name)
            if check is None:
                raise errors.unknown_parameter(_join(path, name))
            check(entry, _join(path, name))


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object whose key `tag` says which of several shapes it has."""

    tag: str
    shapes: Mapping[str, Obj]

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise errors.invalid_type(path, "an object", value)
        if self.tag not in value:
            raise errors.missing_parameter(_join(path, self.tag))
        shape = self.shapes.get(value[self.tag]) if isinstance(value[self.tag], str) else None
        if shape is None:
            raise errors.invalid_value(value[self.tag], _join(path, self.tag), self.shapes)
        shape(value, path)


@dataclass(frozen=True, slots=True)
class WordOr:
    """One of a few strings, or something else that passes `check`."""

    words: OneOf
    check: Check

    def __call__(self, value: object, path: str) -> None:
        (self.words if isinstance(value, str) else self.check)(value, path)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
