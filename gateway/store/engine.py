"""How a database is opened, whichever of the two it is.

Knows the address alone, no settings: a process that only writes needs no more.
"""

import asyncio
from typing import Any

import aiosqlite
from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from gateway.errors import ConfigError

BUSY_MS = 2000
"""How long a statement waits for a lock, and how long one may take; the journal keeps the rest."""
CONNECT_S = 2.0


def engine_of(url: URL, *, pooled: bool = True) -> AsyncEngine:
    """An engine for that address, driver included; nothing is connected yet.

    ``pooled=False``: each use has a connection of its own, so that nothing is left over in another
    event loop. Raises ConfigError when the driver is not installed.
    """
    options: dict[str, Any] = {} if pooled else {"poolclass": NullPool}
    if url.get_backend_name() == "postgresql":
        timeouts = {"statement_timeout": str(BUSY_MS), "lock_timeout": str(BUSY_MS // 2)}
        options["connect_args"] = {"timeout": CONNECT_S, "server_settings": timeouts}
    else:
        where, how = url.get_dialect()().create_connect_args(url)
        options["async_creator"] = lambda: _connected(*where, **how)
    try:
        engine = create_async_engine(url, **options)
    except ModuleNotFoundError:
        raise ConfigError(
            "GATEWAY_DATABASE_URL: PostgreSQL needs asyncpg: pip install -e '.[scale]'"
        ) from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


async def _connected(*where: Any, **how: Any) -> aiosqlite.Connection:
    """A connection that is open; of one that fails, or whose maker is cancelled, nothing is left: a
    thread that tells an event loop of its end when that is gone says so on stderr (aiosqlite 0.22).
    """
    connection = aiosqlite.connect(*where, **how)
    connection._thread.daemon = True  # a disk that hangs must not keep the process
    opening = asyncio.ensure_future(connection.__aenter__())
    handed_on = False
    try:
        await asyncio.shield(opening)
        handed_on = True
    finally:
        if not handed_on:
            await asyncio.wait({opening})
            if not opening.cancelled() and opening.exception() is None:
                await connection.close()
            elif connection._thread.is_alive():
                await asyncio.to_thread(connection._thread.join)
    return connection


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",  # a commit is on the disk: 0.2 ms measured
        "secure_delete=ON",  # what is deleted is overwritten
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
