"""What was spent today by calls of other gateway processes, for the limits of this one."""

from datetime import UTC, date, datetime, time
from typing import NamedTuple

from sqlalchemy import case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.tables import calls


class Spent(NamedTuple):
    """What the calls of one number on one route have cost."""

    number: str
    """The other side's."""
    route: str
    usd: float


async def spent_today(engine: AsyncEngine, day: date, owner: str) -> list[Spent]:
    """The sums of a UTC day, without the calls of this process."""
    number = case((calls.c.direction.startswith("outbound"), calls.c.called), else_=calls.c.caller)
    usd = func.sum(func.coalesce(calls.c.cost_usd, 0.0))
    asked = (
        select(func.coalesce(number, ""), func.coalesce(calls.c.route, ""), usd)
        .where(calls.c.offered_at >= datetime.combine(day, time.min, UTC))
        .where(or_(calls.c.owner.is_(None), calls.c.owner != owner))
        .group_by(number, calls.c.route)
    )
    async with engine.connect() as connection:
        return [Spent(*row) for row in (await connection.execute(asked)).all()]
