"""Entries as a call would leave them, and the rows that become of them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.entry import Change, Entry
from gateway.store.tables import metadata

OFFERED = "2026-03-01T10:00:00+00:00"


def offered(call_sid: str, owner: str, seq: int = 1, **values: Any) -> Entry:
    """The first entry of a call."""
    first = {"owner": owner, "state": "offered", "offered_at": OFFERED, **values}
    return Entry(call_sid, seq, (Change("calls", {}, first), event(seq)))


def event(seq: int, at: str = OFFERED, **fields: Any) -> Change:
    """A row of the table of events."""
    values = {"at": at, "at_ms": float(seq), "name": "turn.done", "fields": fields}
    return Change("events", {"seq": seq}, values)


def told(call_sid: str, seq: int, at: str = OFFERED, **fields: Any) -> Entry:
    """An entry with nothing but an event."""
    return Entry(call_sid, seq, (event(seq, at, **fields),))


def said(call_sid: str, seq: int, number: int, text: Any) -> Entry:
    """An entry with a turn's words."""
    return Entry(call_sid, seq, (Change("turns", {"number": number}, {"text": text}),))


def ended(call_sid: str, seq: int) -> Entry:
    """The last entry of a call."""
    return Entry(call_sid, seq, (Change("calls", {}, {"state": "ended", "reason": "hangup"}),))


def many(count: int, call_sid: str = "CA1") -> list[Entry]:
    """The first entries of a call, each an event."""
    return [told(call_sid, seq) for seq in range(1, count + 1)]


async def rows(engine: AsyncEngine, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """What a table holds in these columns, in the order of its keys."""
    table = metadata.tables[name]
    wanted = [table.c[column] for column in columns] or list(table.c)
    async with engine.connect() as connection:
        found = await connection.execute(select(*wanted).order_by(*table.primary_key))
        return [tuple(row) for row in found]


async def everything(engine: AsyncEngine) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables that have any."""
    found = {name: await rows(engine, name) for name in metadata.tables}
    return {name: each for name, each in found.items() if each}


def as_told(entries: Iterable[Entry]) -> dict[tuple[str, ...], dict[str, Any]]:
    """The rows that entries make when each is applied once, in order: the plain way of doing it."""
    made: dict[tuple[str, ...], dict[str, Any]] = {}
    for entry in entries:
        made.setdefault(("calls", entry.call_sid), {})["seq"] = entry.seq
        for change in entry.changes:
            key = (change.table, entry.call_sid, *map(str, change.key.values()))
            made.setdefault(key, {}).update(change.values)
    return made


async def as_found(
    engine: AsyncEngine, tables: Sequence[str] = ("calls", "turns")
) -> dict[tuple[str, ...], dict[str, Any]]:
    """The same of a database: what is not empty, by table and key."""
    made = {}
    for name in tables:
        table = metadata.tables[name]
        keys = len(table.primary_key)
        for row in await rows(engine, name):
            named = dict(zip(table.c.keys(), row, strict=True))
            values = {key: value for key, value in named.items() if value is not None}
            for column in table.primary_key:
                del values[column.name]
            made[(name, *map(str, row[:keys]))] = values
    return made


def lines(text: str) -> list[Any]:
    """The values of a file of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]
