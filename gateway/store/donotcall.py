"""Numbers that must not be called, whoever asks. They stay when their calls are erased: without the
number nobody could keep the promise.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.dialcounts import is_blocked
from gateway.store.privacy.busy import in_transaction
from gateway.store.tables import do_not_call

LONGEST_REASON = 256


@dataclass(frozen=True, slots=True)
class Blocked:
    """A number that must not be called."""

    number: str
    at: datetime
    reason: str | None


class DoNotCall:
    """The list. What is put on it holds for the next call that is asked for, and for those that
    wait.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, number: str, reason: str | None, now: datetime) -> bool:
        """Puts a number (E.164) on it; False when it was there, with the reason it has."""

        async def work(connection: AsyncConnection) -> bool:
            if await is_blocked(connection, number):
                return False
            values = {
                "number": number,
                "at": now,
                "reason": (reason or "")[:LONGEST_REASON] or None,
            }
            await connection.execute(insert(do_not_call).values(values))
            return True

        return await in_transaction(self._engine, work)

    async def remove(self, number: str) -> bool:
        """Takes a number off; False when it was not there."""

        async def work(connection: AsyncConnection) -> bool:
            gone = delete(do_not_call).where(do_not_call.c.number == number)
            return (await connection.execute(gone)).rowcount > 0

        return await in_transaction(self._engine, work)

    async def all(self) -> list[Blocked]:
        """Every number on it, the newest last."""
        columns = (do_not_call.c.number, do_not_call.c.at, do_not_call.c.reason)
        query = select(*columns).order_by(do_not_call.c.at, do_not_call.c.number)
        async with self._engine.connect() as connection:
            return [Blocked(*row) for row in await connection.execute(query)]

    async def count(self) -> int:
        """How many there are."""
        query = select(func.count()).select_from(do_not_call)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()
