"""A transaction that writes, in turn with the others: on both databases, across processes.

SQLite has one writer at a time, and whoever reads first and writes later may find that it cannot
any more: so the turn is taken at the beginning. PostgreSQL has many writers; what removes records
must be alone all the same, or what is just being written of a call would outlive its removal.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_TURN = 0x67617465_63616C6C
"""Any number that is nobody else's."""


@asynccontextmanager
async def writing(
    engine: AsyncEngine, *, alone: bool = False, journal: str = ""
) -> AsyncIterator[AsyncConnection]:
    """A transaction, committed at the end. ``alone``: nothing else is written meanwhile;
    ``journal``: nothing else of the journal of that owner. Whoever wrote it may be gone, and what
    it began may still be on its way when another process comes to the same entries.

    Waits no longer than a statement may take (``BUSY_MS``), then raises what the driver raises.
    """
    async with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
            turns = f"{lock}({_TURN})"
            if journal:
                turns += f", pg_advisory_xact_lock({_turn_of(journal)})"
            await connection.exec_driver_sql(f"SELECT {turns}")
        yield connection


def _turn_of(journal: str) -> int:
    """A number for the owner of a journal, 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(journal.encode()).digest()[:8], "big", signed=True)
