"""What was removed, when, and by which rule: the proof that it was. Never what or whose it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.tables import evidence


@dataclass(frozen=True, slots=True)
class Evidence:
    """One act."""

    at: datetime
    act: str
    """``purge`` or ``erase``."""
    rule: str
    counts: Mapping[str, int]


async def write(connection: AsyncConnection, told: Evidence, line: int | None) -> int:
    """Writes a line, or makes line ``line`` say more than it did. Returns which line it is."""
    if line is None:
        values = {"at": told.at, "act": told.act, "rule": told.rule, "counts": dict(told.counts)}
        done = await connection.execute(insert(evidence).values(values).returning(evidence.c.id))
        return int(done.scalar_one())
    more = update(evidence).where(evidence.c.id == line).values(counts=dict(told.counts))
    await connection.execute(more)
    return line


async def read(engine: AsyncEngine) -> list[Evidence]:
    """Every line, oldest first."""
    columns = (evidence.c.at, evidence.c.act, evidence.c.rule, evidence.c.counts)
    async with engine.connect() as connection:
        rows = await connection.execute(select(*columns).order_by(evidence.c.id))
        return [Evidence(*row) for row in rows]
