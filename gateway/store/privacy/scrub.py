"""Making the bytes go away of what was deleted: neither database does that by itself.

SQLite overwrites deleted rows (``secure_delete``), yet keeps copies in its write-ahead log and in
parts of pages that were moved. PostgreSQL keeps every old version of a row until something else
needs the room, and in its statistics the values that columns often have.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from sqlalchemy import JSON, String, Table, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.errors import GatewayError
from gateway.store.privacy.busy import PATIENCE_S, Busy, patiently

# To whoever may not, VACUUM says so in a notice and succeeds.
_OURS = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"

_FORBIDDEN = "42501"
"""SQLSTATE: what VACUUM says in a notice, ALTER TABLE says so."""


class NotOurs(GatewayError):
    """Only the owner of a PostgreSQL database may rewrite all of it."""

    def __init__(self) -> None:
        super().__init__("its user does not own it: VACUUM is for its owner")


async def scrub(
    engine: AsyncEngine, tables: Sequence[Table], patience_s: float = PATIENCE_S
) -> None:
    """Rewrites what held deleted rows of these tables. Raises Busy when it cannot for so long,
    NotOurs when the database's user may not.

    PostgreSQL locks each table for the time it takes; whoever writes rides it out by the journal.
    """
    async with _autocommit(engine) as connection:
        if engine.dialect.name == "sqlite":
            await patiently(lambda: _run(connection, "VACUUM"), patience_s)
            await patiently(lambda: _empty_log(connection), patience_s)
            return
        for table in tables:
            await patiently(partial(_rewrite, connection, table), patience_s)
        await patiently(lambda: _run(connection, "VACUUM (FULL) pg_statistic"), patience_s)
        if (await connection.execute(text(_OURS))).scalar_one() is not True:
            raise NotOurs


async def checkpoint(engine: AsyncEngine) -> bool:
    """Empties SQLite's write-ahead log; False when somebody needed it just then."""
    if engine.dialect.name != "sqlite":
        return True
    try:
        async with _autocommit(engine) as connection:
            await _empty_log(connection)
    except Busy:
        return False
    return True


@asynccontextmanager
async def _autocommit(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection without transactions; closed afterwards, with what was set in it."""
    async with engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.invalidate()


async def _run(connection: AsyncConnection, statement: str) -> None:
    try:
        await connection.execute(text(statement))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _FORBIDDEN:
            raise NotOurs from None
        raise


async def _empty_log(connection: AsyncConnection) -> None:
    busy, *_ = (await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))).one()
    if busy:
        raise Busy


async def _rewrite(connection: AsyncConnection, table: Table) -> None:
    await _run(connection, f"VACUUM (FULL, ANALYZE) {table.name}")
    if (await connection.execute(select(table.c.call_sid).limit(1))).first() is not None:
        return
    # Of an empty table nothing is analysed, and what was known before would stay.
    for column in table.columns:
        if isinstance(column.type, String | JSON):
            kind = column.type.compile(connection.dialect)
            await _run(connection, f'ALTER TABLE {table.name} ALTER "{column.name}" TYPE {kind}')
