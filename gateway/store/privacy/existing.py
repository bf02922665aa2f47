"""Opening records that are there already: whoever removes things never makes any.

Going through many rows takes its time, so PostgreSQL's limit for statements is lifted; that for
waiting for a lock stays, since whoever waits for one keeps others waiting behind it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.database import database_url, open_database
from gateway.store.tables import evidence, metadata


@asynccontextmanager
async def existing_records(settings: Settings) -> AsyncIterator[AsyncEngine | None]:
    """The database, each use with a connection of its own; None while nothing was ever recorded.

    Raises GatewayError when an older gateway made it.
    """
    url = database_url(settings)
    if _is_missing(url):
        yield None
        return
    engine = open_database(settings, pooled=False)
    if url.get_backend_name() == "postgresql":
        event.listen(engine.sync_engine, "connect", _take_time)
    try:
        async with engine.connect() as connection:
            begun = await connection.run_sync(_has_records)
        yield engine if begun else None
    finally:
        await engine.dispose()


def _is_missing(url: URL) -> bool:
    """True for a file that is not there: connecting would make it."""
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file()


def _take_time(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SET statement_timeout = 0")
    cursor.close()
    connection.commit()


def _has_records(connection: Connection) -> bool:
    found = set(inspect(connection).get_table_names())
    if evidence.name in found and not found.issuperset(metadata.tables):
        raise GatewayError("the database is of an older gateway: `gateway db upgrade` first")
    return evidence.name in found
