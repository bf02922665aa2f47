"""Brings entries of a journal into one database, in a transaction each time it is asked.

Knows neither journals nor their files: it is given lines, and says what became of them.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.errors import GatewayError
from gateway.store.engine import engine_of
from gateway.store.entry import Entry, decode
from gateway.store.journal.apply import apply
from gateway.store.journal.fit import Unfit
from gateway.store.transaction import writing
from gateway.store.trouble import cause

_DISPOSE_S = 2.0


class Away(GatewayError):
    """The database did not do what it was asked; the message says why, in a word."""


class Fault(Away):
    """Not the database: the code that asked it."""


class Written(msgspec.Struct, frozen=True, tag=True):
    """What became of lines that were applied."""

    damaged: int
    """Lines that are no entries."""
    unknown: dict[str, int]
    """Tables and columns that were left out, and how often: a newer version wrote them, perhaps."""


class Clerk:
    """The connections to one database. Belongs to one event loop."""

    def __init__(self, url: URL) -> None:
        """``url`` with its driver, as of :func:`~gateway.store.database.database_url`."""
        self._url = url
        self._engine: AsyncEngine | None = None

    async def ready(self) -> None:
        """Does what the first transaction would have to wait for, if it can be done now."""
        with contextlib.suppress(SQLAlchemyError, OSError):
            async with self._opened().connect():
                pass

    async def write(self, owner: str, lines: Sequence[bytes]) -> Written:
        """Applies what is new of the lines of that owner's journal.

        Raises Unfit when no database will ever take one of them, and whatever driver and code may;
        none of them was applied then.
        """
        entries = list(_decoded(lines))
        try:
            async with writing(self._opened(), journal=owner) as connection:
                applied = await apply(connection, entries)
        except (SQLAlchemyError, OSError, asyncio.CancelledError):
            await self.close()  # whatever the server has become, it is asked anew
            raise
        return Written(len(lines) - len(entries), applied.unknown)

    async def close(self) -> None:
        """Ends the connections, if they can be ended."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.wait({asyncio.ensure_future(engine.dispose())}, timeout=_DISPOSE_S)

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            self._engine = engine_of(self._url)
        return self._engine


def trouble(error: BaseException) -> Unfit | Away:
    """What an error comes to."""
    if isinstance(error, Unfit | Away):
        return error
    return (Away if isinstance(error, SQLAlchemyError | OSError) else Fault)(cause(error))


def _decoded(lines: Sequence[bytes]) -> Iterator[Entry]:
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield decode(line)
