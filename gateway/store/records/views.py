"""What is shown of the records: rows as dicts that are JSON as they are.

Owns the names and the shapes of what ``gateway calls … --json`` prints. Keys are the columns of
``tables.py``; times of the day are UTC in ISO form, lengths milliseconds, amounts US dollars.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.core.transcript import Line
from gateway.store.tables import calls, events, guardrails, handoffs, notes, tools, turns, usage

PARTS = (turns, tools, handoffs, guardrails, usage, notes, events)
"""The tables that make up a record, beside the call's own row."""

_NOT_SHOWN = {"seq", "owner"}
"""Columns of ``calls`` that are the writer's own business."""
_DIGITS = {"ms": 2, "s": 3, "usd": 6}
"""What is kept of a fraction, by the unit at the end of a name."""

Row = Mapping[str, Any]
View = dict[str, Any]


def call_view(row: Row) -> View:
    """The row of a call."""
    shown = (column.name for column in calls.c if column.name not in _NOT_SHOWN)
    return {name: _value(name, row[name]) for name in shown}


def record_view(call: Row, parts: Mapping[str, Sequence[Row]]) -> View:
    """A call with everything it left: what is needed first on top, then the tables by name.

    Turns are in the order they were spoken in, all else in the order it happened.
    """
    shown = call_view(call)
    on_top = {name: shown[name] for name in ("call_sid", "state", "outcome", "reason")}
    listed = {name: [_part(row) for row in rows] for name, rows in parts.items()}
    return {**on_top, "call": shown, **listed, "turns": in_spoken_order(listed["turns"])}


def lines_of(record: Mapping[str, Any]) -> list[Line]:
    """The turns of a record for a transcript, in the order they were spoken in."""
    return [Line(**{name: turn[name] for name in Line.__slots__}) for turn in record["turns"]]


def in_spoken_order(spoken: Iterable[View]) -> list[View]:
    """Turns by the moment they began; one that was never heard stays behind the one before it."""
    placed = []
    since = 0.0
    for turn in sorted(spoken, key=lambda turn: turn["number"]):
        begun = turn["from_ms"]
        since = since if begun is None else begun
        placed.append((since, turn))
    return [turn for _, turn in sorted(placed, key=lambda pair: pair[0])]


def rounded(name: str, value: float) -> float:
    """A fraction to what its unit is worth: a name ending in ``_ms`` to hundredths."""
    return round(value, _DIGITS.get(name.rpartition("_")[2], 6))


def _part(row: Row) -> View:
    return {name: _value(name, value) for name, value in row.items() if name != "call_sid"}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return rounded(name, value) if isinstance(value, float) else value
