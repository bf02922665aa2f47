"""What calls add up to, per day and agent: how many, how long, how they ended, what they cost.

The database adds; waiting times are taken over the single turns. Days are UTC days.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Select, String, case, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from gateway.core.latency import Stages, summary
from gateway.store.records.views import View, rounded
from gateway.store.tables import calls, turns

Group = Literal["day", "agent"]
LIMIT_S = 60
"""How long it may take on a server that would cut a statement off sooner."""

_SUMS: dict[str, Column[Any]] = {
    "duration_ms": calls.c.duration_ms,
    "turns": calls.c.turns,
    "interruptions": calls.c.interruptions,
    "cost_usd": calls.c.cost_usd,
}


class UtcDay(FunctionElement[str]):
    """The UTC day of a moment, as ``2026-11-20``."""

    type = String()
    inherit_cache = True


@compiles(UtcDay, "sqlite")
def _day_of_sqlite(element: UtcDay, compiler: SQLCompiler, **kw: Any) -> str:
    return f"strftime('%Y-%m-%d', {compiler.process(element.clauses, **kw)})"


@compiles(UtcDay, "postgresql")
def _day_of_postgresql(element: UtcDay, compiler: SQLCompiler, **kw: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


async def figures(
    connection: AsyncConnection, since: datetime | None, until: datetime | None, by: Sequence[Group]
) -> list[View]:
    """One row per group that has calls, the newest day first; agents are those that answered."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"SET LOCAL statement_timeout = '{LIMIT_S}s'"))
    groups = [_GROUPS[each].label(each) for each in by]
    totals = await connection.execute(_within(_totals(groups), since, until))
    rows: dict[tuple[Any, ...], View] = {}
    for row in totals.mappings():
        key = tuple(row[each] for each in by)
        _add(rows.setdefault(key, _empty(dict(zip(map(str, by), key, strict=True)))), row)
    measured: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for turn in await connection.execute(_within(_measured(groups), since, until)):
        measured[tuple(turn[: len(by)])].append(turn)
    for key, row in rows.items():
        row |= _waits(measured[key])
    return sorted(rows.values(), key=_order)


_GROUPS: dict[Group, ColumnElement[Any]] = {
    "day": UtcDay(calls.c.offered_at),
    "agent": calls.c.agent,
}


def _totals(groups: list[Any]) -> Select[Any]:
    sums = [func.coalesce(func.sum(column), 0).label(name) for name, column in _SUMS.items()]
    unpriced = func.sum(case((calls.c.unpriced.is_(True), 1), else_=0)).label("unpriced_calls")
    counted = func.count().label("calls")
    return select(*groups, calls.c.outcome, counted, unpriced, *sums).group_by(
        *groups, calls.c.outcome
    )


def _measured(groups: list[Any]) -> Select[Any]:
    stages = (
        turns.c[f"{name}_ms"] for name in ("endpoint", "model", "gateway", "play", "response")
    )
    joined = calls.join(turns, turns.c.call_sid == calls.c.call_sid)
    return select(*groups, *stages).select_from(joined).where(turns.c.kind.is_not(None))


def _within(query: Select[Any], since: datetime | None, until: datetime | None) -> Select[Any]:
    if since is not None:
        query = query.where(calls.c.offered_at >= since)
    return query if until is None else query.where(calls.c.offered_at < until)


def _empty(group: View) -> View:
    return {**group, "calls": 0, "outcomes": {}, **dict.fromkeys(_SUMS, 0), "unpriced_calls": 0}


def _add(row: View, found: Any) -> None:
    if found["outcome"] is not None:
        row["outcomes"][found["outcome"]] = found["calls"]
    for name in ("calls", "unpriced_calls", *_SUMS):
        row[name] = rounded(name, row[name] + found[name])


def _waits(measured: Iterable[Stages]) -> View:
    found = dataclasses.asdict(summary(measured))
    return {name: value and rounded(name, value) for name, value in found.items()}


def _order(row: View) -> tuple[Any, ...]:
    day = row.get("day") or ""
    return (-int(day.replace("-", "") or 0), row.get("agent") or "")
