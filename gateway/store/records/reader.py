"""Reading what calls left behind: the list of calls, one call whole, figures per day and agent.

Owns the queries, the same for SQLite and PostgreSQL. Reading never makes or changes anything: a
database that is not there yet has no calls, and one of an older version is refused.
"""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Select, Table, func, inspect, or_, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.database import database_url, open_database
from gateway.store.records.figures import Group, figures
from gateway.store.records.paging import ORDER_OF_TIES, SORTED, Cursor, Sort, after, cursor_of
from gateway.store.records.searching import matching
from gateway.store.records.views import PARTS, Row, View, call_view, record_view
from gateway.store.tables import OF_CALLS, calls

SHORTEST_PREFIX = 6
SEARCH_S = 10
"""How long a search may take on a server that would cut a statement off sooner."""
FOUND_AT_MOST = 10
"""Calls that are named when the beginning of a CallSid fits several."""


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
    search: str | None = None
    """Words, or the beginning of a number or a CallSid; see ``searching.py``."""
    after: Cursor | None = None
    """Only what comes after that page, in the same order."""
    sort: Sort = "newest"
    limit: int = 50


class Reader:
    """Answers questions about calls, from a database that has its tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def calls(self, wanted: CallFilter = CallFilter()) -> list[View]:
        """The calls of a filter, in its order."""
        return [call_view(row) for row in await self._rows(_listed(wanted))]

    async def page(self, wanted: CallFilter) -> tuple[list[View], Cursor | None]:
        """The same, and where the next page begins; None when there is nothing more."""
        one_more = replace(wanted, limit=wanted.limit + 1)
        rows = await self._rows(_listed(one_more), limit_s=SEARCH_S if wanted.search else None)
        shown = rows[: wanted.limit]
        more = cursor_of(shown[-1], wanted.sort) if shown and len(rows) > len(shown) else None
        return [call_view(row) for row in shown], more

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

    async def _rows(self, query: Select[Any], limit_s: int | None = None) -> list[dict[str, Any]]:
        async with self._engine.connect() as connection:
            if limit_s is not None and connection.dialect.name == "postgresql":
                await connection.execute(text(f"SET LOCAL statement_timeout = '{limit_s}s'"))
            return [dict(row) for row in (await connection.execute(query)).mappings()]


@asynccontextmanager
async def open_reader(settings: Settings) -> AsyncIterator[Reader | None]:
    """A reader of the database of the settings; None while nothing was ever recorded.

    Raises GatewayError, in one line without a password, when the database cannot be read.
    """
    url = database_url(settings)
    if is_missing(url):
        yield None
        return
    engine = open_database(settings, pooled=False)
    try:
        with told_clearly(url):
            yield Reader(engine) if await has_records(engine) else None
    finally:
        await engine.dispose()


async def has_records(engine: AsyncEngine) -> bool:
    """True when the tables are there. Raises GatewayError for those of an older version."""
    async with engine.connect() as connection:
        return await connection.run_sync(_has_records)


@contextmanager
def told_clearly(url: URL) -> Iterator[None]:
    """What the database's driver raises becomes a GatewayError of one line without a password."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise GatewayError(f"cannot read the records in {_place(url)}: {_why(error)}") from None


async def _of_call(connection: AsyncConnection, table: Table, call_sid: str) -> list[Row]:
    query = select(table).where(table.c.call_sid == call_sid)
    found = await connection.execute(query.order_by(*table.primary_key.columns))
    return [dict(row) for row in found.mappings()]


def is_missing(url: URL) -> bool:
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
    if wanted.search is not None:
        query = query.where(matching(wanted.search))
    if wanted.after is not None:
        query = query.where(after(wanted.after))
    first = SORTED[wanted.sort].desc().nulls_last()
    newest = ORDER_OF_TIES.desc().nulls_last()
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
