"""From what pydantic finds wrong with a table to a place in the file and a sentence about it."""

import types
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel
from pydantic_core import ErrorDetails

from gateway.agents.lines import KeyPath
from gateway.agents.problems import nearest


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing wrong with a table."""

    path: KeyPath
    message: str


def key_of(path: KeyPath) -> str:
    """Dotted, without positions in lists: the line says which one is meant."""
    return ".".join(part for part in path if isinstance(part, str))


def sentence(error: ErrorDetails, model: type[BaseModel]) -> Sentence:
    """What is wrong, in the words of the file. Never repeats a value."""
    place = _Place(model, error["loc"])
    kind = error["type"]
    if kind == "extra_forbidden":
        return Sentence(place.path, f"unknown key{_hint(place, model)}")
    if kind == "missing":
        return Sentence(place.path, f"is missing, it must be {place.words}")
    message = f"must be {place.words}"
    expected = error.get("ctx", {}).get("expected")
    if kind == "literal_error" and isinstance(error["input"], str):
        near = get_close_matches(error["input"], str(expected).split("'")[1::2], 1)
        message += f" (did you mean {near[0]!r}?)" if near else ""
    return Sentence(place.path, message)


def _hint(place: "_Place", model: type[BaseModel]) -> str:
    """The nearest key of the table, or the same key where it belongs."""
    *above, key = (part for part in place.path if isinstance(part, str))
    if hint := nearest(key, place.known, "".join(f"{part}." for part in above)):
        return hint
    if above and key in model.model_fields:
        # In TOML a key after a table's header is part of that table.
        return f" (it belongs above [{above[0]}])"
    for name, field in model.model_fields.items():
        table, free = _inside(field.annotation)
        if not above and not free and table is not None and key in table.model_fields:
            return f" (did you mean {name}.{key}?)"
    return ""


class _Place:
    """Follows an error's location through the tables: path, words and the keys known there."""

    def __init__(self, model: type[BaseModel], location: tuple[str | int, ...]) -> None:
        self.path: KeyPath = ()
        self.words = "a table"
        self.known: list[str] = []
        table, free = _inside(model)  # free = the next key is the file's own, as in [directory]
        for part in location:
            if isinstance(part, str) and part.startswith("<"):
                continue  # which shape of a value was meant: no part of the file
            self.path += (part,)
            if isinstance(part, int) or free or table is None:
                free = False
                continue
            self.known = list(table.model_fields)
            field = table.model_fields.get(part)
            if field is None:
                return
            self.words = field.description or self.words
            table, free = _inside(field.annotation)


def _inside(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The table a field holds, if any, and whether it holds many of them by free keys."""
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _inside(annotation.model_fields["root"].annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is Annotated:
        return _inside(get_args(annotation)[0])
    if get_origin(annotation) is dict:
        return _inside(get_args(annotation)[1])[0], True
    if get_origin(annotation) in (list, Union, types.UnionType):
        for each in get_args(annotation):
            table, free = _inside(each)
            if table is not None:
                return table, free
    return None, False
