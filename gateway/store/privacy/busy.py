"""Working in a database beside gateways that write to it: who has to wait, and for how long."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.errors import GatewayError
from gateway.store.transaction import writing

PATIENCE_S = 30.0
"""How long a busy database is asked again and again."""
_WAITS_S = (0.05, 0.1, 0.2, 0.4)
_THEN_S = 0.8
_SQLITE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_POSTGRESQL = ("55P03", "40P01", "40001", "57014")
"""No lock in time, deadlock, serialization, statement timeout."""

T = TypeVar("T")


class Busy(GatewayError):
    """Others had all the time what was needed; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("the database was in use all the time: try again")


def is_busy(error: DBAPIError) -> bool:
    """True when the same may well succeed a little later: others had what it needs."""
    if isinstance(error.orig, sqlite3.Error):
        code: int = getattr(error.orig, "sqlite_errorcode", 0)
        return code & 0xFF in _SQLITE  # the low byte is the kind, the rest which one of it
    return getattr(error.orig, "sqlstate", None) in _POSTGRESQL


async def patiently(work: Callable[[], Awaitable[T]], patience_s: float = PATIENCE_S) -> T:
    """Does the work, again while the database is busy (or the work raises Busy).

    Raises Busy when it is for longer.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_s
    for wait_s in chain(_WAITS_S, repeat(_THEN_S)):
        try:
            return await work()
        except DBAPIError as error:
            if not is_busy(error):
                raise
        except Busy:
            pass
        if loop.time() + wait_s > until:
            raise Busy
        await asyncio.sleep(wait_s)
    raise AssertionError("unreachable: the waits never end")


async def in_transaction(
    engine: AsyncEngine,
    work: Callable[[AsyncConnection], Awaitable[T]],
    patience_s: float = PATIENCE_S,
) -> T:
    """Does the work in one transaction, all of it again while the database is busy.

    Nothing else is written meanwhile, so nothing of a call outlives its removal.
    """

    async def once() -> T:
        async with writing(engine, alone=True) as connection:
            return await work(connection)

    return await patiently(once, patience_s)
