"""Numbers that were pointed at a gateway: what the carrier had of each before, to be put back.

A row is written before a number is changed. The newest one that was not restored is what
``restore`` undoes next.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.tables import pointed
from gateway.store.transaction import writing
from gateway.store.upgrade import upgrade


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a number. ``before`` and ``after`` are all its settings, by the carrier's
    names.
    """

    id: int
    number: str
    sid: str
    at: datetime
    before: dict[str, str]
    after: dict[str, str]


class Pointed:
    """The changes in a database. Every method raises what the driver raises."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(
        self,
        number: str,
        sid: str,
        at: datetime,
        before: Mapping[str, str],
        after: Mapping[str, str],
    ) -> int:
        """Writes down what is about to be changed; its ID."""
        row = {"number": number, "sid": sid, "at": at, "before": {**before}, "after": {**after}}
        async with writing(self._engine) as connection:
            made = await connection.execute(insert(pointed).values(row))
            key = made.inserted_primary_key
        assert key is not None
        return int(key[0])

    async def newest(self, number: str, sid: str) -> Change | None:
        """The newest change of a number that was not restored.

        A number that was given back and bought again has another ``sid``: what it was before says
        nothing any more.
        """
        wanted = (
            select(pointed)
            .where(
                pointed.c.number == number, pointed.c.sid == sid, pointed.c.restored_at.is_(None)
            )
            .order_by(pointed.c.id.desc())
            .limit(1)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(wanted)).mappings().one_or_none()
        if row is None:
            return None
        return Change(**{name: row[name] for name in Change.__slots__})

    async def restored(self, change_id: int, at: datetime) -> None:
        """What was there before that change is there again."""
        async with writing(self._engine) as connection:
            await connection.execute(
                update(pointed).where(pointed.c.id == change_id).values(restored_at=at)
            )

    async def forget(self, change_id: int) -> None:
        """The change was not made after all."""
        async with writing(self._engine) as connection:
            await connection.execute(delete(pointed).where(pointed.c.id == change_id))


@asynccontextmanager
async def open_pointed(settings: Settings) -> AsyncIterator[Pointed]:
    """The changes in the database of the settings, which is made when there is none.

    Raises ConfigError when it is of a newer gateway, and what the driver raises when it is away.
    """
    await upgrade(settings)
    engine = open_database(settings, pooled=False)
    try:
        yield Pointed(engine)
    finally:
        await engine.dispose()
