"""How things stand for the outbound policy: counted in the database, within one transaction.

A call counts for the moment it is to be made: when it was asked for, or the time that was asked for
(``not_before``). One that never left, because it ended before it was sent, does not count. What a
cap says of 24 hours holds for any 24 hours, so those asked for ahead count before they are made.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.core.callee import Callee
from gateway.core.dialstate import RANKS
from gateway.core.policy import Counted, Rules
from gateway.store.spent import spent_on
from gateway.store.tables import dials, do_not_call, switches

OUTBOUND = "outbound"
"""The name of the kill switch."""
OPEN = tuple(state for state in RANKS if state != "ended")

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)

AHEAD = and_(dials.c.not_before.is_not(None), dials.c.not_before > dials.c.created_at)
"""Asked for ahead of its time; such a call takes its place among those at once when it is sent."""
_moment: ColumnElement[Any] = case((AHEAD, dials.c.not_before), else_=dials.c.created_at)
_LEFT = not_(and_(dials.c.state == "ended", dials.c.sent_at.is_(None)))


def id_prefix(moment: datetime) -> str:
    """What the IDs of calls of that moment begin with: in order of time, so that a day's are found
    by key alone.
    """
    return f"{max(0, int(moment.timestamp() * 1000)):012x}"


async def counted(
    connection: AsyncConnection, callee: Callee, rules: Rules, at: datetime
) -> Counted:
    """Everything the rules ask for, for a call at that moment."""
    number, minute, day = await windows(connection, at, callee.number)
    number_usd, day_usd = await _spent(connection, callee, rules, at)
    return Counted(
        closed=await is_closed(connection),
        blocked=await is_blocked(connection, callee.number),
        number=number,
        minute=minute,
        day=day,
        at_once=await at_once(connection),
        number_usd=number_usd,
        day_usd=day_usd,
    )


async def overview(connection: AsyncConnection, at: datetime) -> Counted:
    """How things stand for a number that was never called."""
    _, minute, day = await windows(connection, at)
    _, day_usd = await spent_on(connection, at.astimezone(UTC).date(), "")
    return Counted(
        closed=await is_closed(connection),
        minute=minute,
        day=day,
        at_once=await at_once(connection),
        day_usd=day_usd,
    )


async def counted_to_send(
    connection: AsyncConnection, callee: Callee, rules: Rules, now: datetime, *, ahead: bool
) -> Counted:
    """What may have changed since the call was let in; it is in the other counts itself by now.

    ``ahead``: it was asked for ahead, and takes its place only now.
    """
    number_usd, day_usd = await _spent(connection, callee, rules, now)
    return Counted(
        closed=await is_closed(connection),
        blocked=await is_blocked(connection, callee.number),
        at_once=await at_once(connection) if ahead else 0,
        number_usd=number_usd,
        day_usd=day_usd,
    )


async def windows(
    connection: AsyncConnection, at: datetime, number: str = ""
) -> tuple[int, int, int]:
    """Calls to that number in 24 hours, all calls in a minute, and in 24 hours: before and after.

    None more than a cap can then be in any 24 hours or minute, in whatever order they are asked.
    """
    near = and_(_moment > at - _MINUTE, _moment < at + _MINUTE)
    query = (
        select(
            func.sum(case((dials.c.to_number == number, 1), else_=0)),
            func.sum(case((near, 1), else_=0)),
            func.count(),
        )
        .where(dials.c.id >= id_prefix(at - _DAY), dials.c.id < f"{id_prefix(at + _DAY)}g")
        .where(_moment > at - _DAY, _moment < at + _DAY, _LEFT)
    )
    of_number, minute, day = (await connection.execute(query)).one()
    return of_number or 0, minute or 0, day


async def at_once(connection: AsyncConnection) -> int:
    """Calls that have not ended, without those whose time is yet to come."""
    waits = and_(dials.c.state == "waiting", AHEAD)
    query = select(func.count()).where(dials.c.state.in_(OPEN), not_(waits))
    return (await connection.execute(query)).scalar_one()


async def is_closed(connection: AsyncConnection) -> bool:
    """True while the kill switch is closed."""
    query = select(switches.c.closed).where(switches.c.name == OUTBOUND)
    return bool((await connection.execute(query)).scalar())


async def is_blocked(connection: AsyncConnection, number: str) -> bool:
    """True when the number must not be called."""
    query = select(do_not_call.c.number).where(do_not_call.c.number == number)
    return (await connection.execute(query)).first() is not None


async def _spent(
    connection: AsyncConnection, callee: Callee, rules: Rules, at: datetime
) -> tuple[float, float]:
    if rules.usd_per_number is None and rules.usd_per_day is None:
        return 0.0, 0.0
    return await spent_on(connection, at.astimezone(UTC).date(), callee.number)
