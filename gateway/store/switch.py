"""The kill switch: while it is closed no call is placed, by whichever process."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.dialcounts import OUTBOUND
from gateway.store.privacy.busy import in_transaction
from gateway.store.tables import switches

LONGEST_REASON = 256


@dataclass(frozen=True, slots=True)
class Position:
    """How a switch stands, since when and why."""

    closed: bool = False
    at: datetime | None = None
    reason: str | None = None


class Switch:
    """One switch; calls that are on the line go on whichever way it is put."""

    def __init__(self, engine: AsyncEngine, name: str = OUTBOUND) -> None:
        self._engine = engine
        self._name = name

    async def close(self, reason: str | None, now: datetime) -> None:
        """From now on nothing gets through, what was let in and waits included."""
        await self._put(Position(True, now, (reason or "")[:LONGEST_REASON] or None))

    async def open(self, now: datetime) -> None:
        """What the other rules allow gets through again."""
        await self._put(Position(False, now))

    async def is_closed(self) -> bool:
        """True while nothing gets through."""
        return (await self.position()).closed

    async def position(self) -> Position:
        """How it stands; open when nobody ever touched it."""
        columns = (switches.c.closed, switches.c.at, switches.c.reason)
        query = select(*columns).where(switches.c.name == self._name)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return Position() if row is None else Position(bool(row.closed), row.at, row.reason)

    async def _put(self, to: Position) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(switches).where(switches.c.name == self._name))
            row = {"name": self._name, "closed": to.closed, "at": to.at, "reason": to.reason}
            await connection.execute(insert(switches).values(row))

        await in_transaction(self._engine, work)
