"""Reading what calls left behind: the list of calls, one call whole, figures per day and agent.

Owns the queries, the same for SQLite and PostgreSQL. Reading never makes or changes anything: a
database that is not there yet has no calls, and one of an older version is refused.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Select, Table, func, inspect, or_, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.database import database_url, open_database
from gateway.store.records.figures import Group, figures
from gateway.store.records.views import PARTS, Row, View, call_view, record_view
from gateway.store.tables import OF_CALLS, calls

Sort = Literal["newest", "worst", "cost"]
SHORTEST_PREFIX = 6
FOUND_AT_MOST = 10
"""Calls that are named when the beginning of a CallSid fits several."""

_SORTED = {
    "newest": calls.c.offered_at,
    "worst": calls.c.response_worst_ms,
    "cost": calls.c.cost_usd,
}


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted, and in which order; what is None does not matter."""

    agent: str | None = None
    """The one that answered."""
    outcome: str | None = None
    state: str | None = None
    number: str | None = None
    """The caller's or the called one, as the carrier names it."""
    since: datetime | None = None
    """Offered then or later."""
    until: datetime | None = None
    """Offered before."""
    worse_than_ms: float | None = None
    """The longest wait for an answer was over this."""
    sort: Sort = "newest"
    limit: int = 50


class Reader:
    """Answers questions about calls, from a database that has its tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def calls(self, wanted: CallFilter = CallFilter()) -> list[View]:
        """The calls of a filter, in its order."""
        return [call_view(row) for row in await self._rows(_listed(wanted))]

    async def call(self, call_sid: str) -> View | None:
        """The row of a call."""
        rows = await self._rows(select(calls).where(calls.c.call_sid == call_sid))
        return call_view(rows[0]) if rows else None

    async def record(self, call_sid: str) -> View | None:
        """Everything there is of a call, as it was at one moment."""
        async with self._engine.connect() as connection:
            found = await connection.execute(select(calls).where(calls.c.call_sid == call_sid))
            call = found.mappings().one_or_none()
            if call is None:
                return None
            parts = {table.name: await _of_call(connection, table, call_sid) for table in PARTS}
        return record_view(dict(call), parts)

    async def stats(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        by: Sequence[Group] = ("day", "agent"),
    ) -> list[View]:
        """What calls add up to, see ``figures.py``."""
        async with self._engine.connect() as connection:
            return await figures(connection, since, until, by)

    async def find(self, prefix: str) -> list[str]:
        """The CallSids that begin like this, a few of them at most; a whole one finds itself."""
        if await self.call(prefix):
            return [prefix]
        if len(prefix) < SHORTEST_PREFIX:
            return []
        begins = func.substr(calls.c.call_sid, 1, len(prefix)) == prefix
        found = select(calls.c.call_sid).where(begins).order_by(calls.c.call_sid)
        return [row["call_sid"] for row in await self._rows(found.limit(FOUND_AT_MOST))]

    async def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        async with self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]


@asynccontextmanager
async def open_reader(settings: Settings) -> AsyncIterator[Reader | None]:
    """A reader of the database of the settings; None while nothing was ever recorded.

    Raises GatewayError, in one line without a password, when the database cannot be read.
    """
    url = database_url(settings)
    if _is_missing(url):
        yield None
        return
    engine = open_database(settings, pooled=False)
    try:
        async with engine.connect() as connection:
            begun = await connection.run_sync(_has_records)
        yield Reader(engine) if begun else None
    except (SQLAlchemyError, OSError) as error:
        raise GatewayError(f"cannot read the records in {_place(url)}: {_why(error)}") from None
    finally:
        await engine.dispose()


async def _of_call(connection: AsyncConnection, table: Table, call_sid: str) -> list[Row]:
    query = select(table).where(table.c.call_sid == call_sid)
    found = await connection.execute(query.order_by(*table.primary_key.columns))
    return [dict(row) for row in found.mappings()]


def _is_missing(url: URL) -> bool:
    """True for a file that is not there: connecting would make it."""
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def _listed(wanted: CallFilter) -> Select[Any]:
    query = select(calls)
    for name in ("agent", "outcome", "state"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(calls.c[name] == value)
    if wanted.number is not None:
        query = query.where(or_(calls.c.caller == wanted.number, calls.c.called == wanted.number))
    if wanted.since is not None:
        query = query.where(calls.c.offered_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(calls.c.offered_at < wanted.until)
    if wanted.worse_than_ms is not None:
        query = query.where(calls.c.response_worst_ms > wanted.worse_than_ms)
    first = _SORTED[wanted.sort].desc().nulls_last()
    newest = calls.c.offered_at.desc().nulls_last()
    return query.order_by(first, newest, calls.c.call_sid).limit(wanted.limit)


def _has_records(connection: Connection) -> bool:
    """True when the tables are there, all of them and with every column."""
    there = {
        name: {column["name"] for column in columns}
        for (_, name), columns in inspect(connection).get_multi_columns().items()
    }
    if not there.keys() & {table.name for table in OF_CALLS}:
        return False
    if any(set(table.c.keys()) - there.get(table.name, set()) for table in OF_CALLS):
        raise GatewayError("the database is of an older version: run `gateway db upgrade`")
    return True


def _place(url: URL) -> str:
    """Where a database is, without who reads it and with what password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


def _why(error: SQLAlchemyError | OSError) -> str:
    """The server's or the system's own words; never the statement, which has values in it."""
    if isinstance(error, DBAPIError):
        return str(error.orig).partition("\n")[0]
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        # Name resolution has numbers and texts of its own, below 0.
        number = error.errno or 0
        return os.strerror(number) if number > 0 else error.strerror or str(error)
    return type(error).__name__
