"""What is shown of a call event in logs, records and pages: its name and its fields, no words."""

import re
from collections.abc import Mapping
from dataclasses import field, fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.core.events import CallEvent

_DIGIT = re.compile(r"\d(?=(?:\D*\d){2})")
"""Every digit but the last two, however the number is written."""
_NAMES = {"DtmfGroup": "dtmf", "BargeIn": "barge_in"}


def words(default: Any = "") -> Any:
    """A field with what people said, tools were told or answered: for records, never for logs."""
    return field(default=default, repr=False, metadata={"words": True})


def masked_number(number: str) -> str:
    """A phone number with only its last two digits told."""
    return _DIGIT.sub("*", number)


def event_name(event: "CallEvent") -> str:
    """``CallStarted`` -> ``call.started``: the first word is the thing, the rest what happened."""
    return _name(type(event).__name__)


def shown_fields(event: "CallEvent") -> dict[str, Any]:
    """The fields of an event: none with :func:`words`, a turn flat among the others, times to a
    hundredth and costs to a millionth.
    """
    shown = _fields(event)
    turn = shown.pop("turn", None)
    if turn is not None:
        shown |= _fields(turn)
    for name, value in shown.items():
        if type(value) is float:
            shown[name] = round(value, 6 if name.endswith("_usd") else 2)
        elif isinstance(value, Mapping):
            shown[name] = dict(value)
    return shown


def _fields(event: Any) -> dict[str, Any]:
    kind: Any = type(event)
    return {name: getattr(event, name) for name in _without_words(kind)}


@cache
def _without_words(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if not each.metadata.get("words"))


@cache
def _name(kind: str) -> str:
    thing, *happened = [word.lower() for word in re.findall(r"[A-Z][a-z]+", kind)]
    return _NAMES.get(kind) or ".".join(filter(None, (thing, "_".join(happened))))
