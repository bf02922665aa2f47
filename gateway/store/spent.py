"""What calls have cost on a day, for limits that hold across gateway processes."""

from datetime import UTC, date, datetime, time
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.tables import calls

_number = case((calls.c.direction.startswith("outbound"), calls.c.called), else_=calls.c.caller)
"""The other side's."""
_USD = func.coalesce(calls.c.cost_usd, 0.0)


class Spent(NamedTuple):
    """What the calls of one number on one route have cost."""

    number: str
    """The other side's."""
    route: str
    usd: float


async def spent_today(engine: AsyncEngine, day: date, owner: str) -> list[Spent]:
    """The sums of a UTC day, without the calls of this process."""
    asked = (
        select(func.coalesce(_number, ""), func.coalesce(calls.c.route, ""), func.sum(_USD))
        .where(_since(day))
        .where(or_(calls.c.owner.is_(None), calls.c.owner != owner))
        .group_by(_number, calls.c.route)
    )
    async with engine.connect() as connection:
        return [Spent(*row) for row in (await connection.execute(asked)).all()]


async def spent_on(connection: AsyncConnection, day: date, number: str) -> tuple[float, float]:
    """USD of a UTC day for the calls of one number, and for all calls, of every process."""
    of_number = func.sum(case((_number == number, _USD), else_=0.0))
    asked: Select[float | None, float | None] = select(of_number, func.sum(_USD)).where(_since(day))
    its, everybodys = (await connection.execute(asked)).one()
    return its or 0.0, everybodys or 0.0


def _since(day: date) -> ColumnElement[bool]:
    return calls.c.offered_at >= datetime.combine(day, time.min, UTC)
