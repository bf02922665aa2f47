"""The rows of ``deliveries``: which are due, who has one in hand, what became of it.

Several gateways may share the database. A delivery is claimed before it is sent: the one whose
UPDATE finds it due has it until its lease is over, and a gateway that died meanwhile loses nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, exists, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.tables import deliveries

LEASE_S = 60.0
"""Longer than an attempt can take; after it the delivery is due again."""

_c = deliveries.c
_SHOWN = [each for each in _c if each is not _c.body]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing to tell, in hand."""

    call_sid: str
    seq: int
    event: str
    body: str
    attempts: int
    """The one being made included."""

    @property
    def id(self) -> str:
        """The same for every attempt."""
        return f"{self.call_sid}:{self.seq}"


async def due(engine: AsyncEngine, now: datetime, limit: int) -> list[Delivery]:
    """What may be tried now, the longest waiting first: of each call its earliest pending one."""
    earlier = deliveries.alias()
    waits = exists().where(
        earlier.c.call_sid == _c.call_sid, earlier.c.seq < _c.seq, earlier.c.state == "pending"
    )
    query = (
        select(_c.call_sid, _c.seq, _c.event, _c.body, _c.attempts + 1)
        .where(_c.state == "pending", _c.next_at <= now, ~waits)
        .order_by(_c.next_at, _c.call_sid)
        .limit(limit)
    )
    async with engine.connect() as connection:
        return [Delivery(*row) for row in await connection.execute(query)]


async def claim(engine: AsyncEngine, delivery: Delivery, now: datetime) -> bool:
    """Takes a delivery in hand; False when another gateway was faster."""
    taken = and_(_c.attempts == delivery.attempts - 1, _c.next_at <= now)
    values = {"attempts": delivery.attempts, "next_at": now + timedelta(seconds=LEASE_S)}
    return await _changed(engine, _of(delivery).where(taken).values(values)) == 1


async def settle(engine: AsyncEngine, delivery: Delivery, values: Mapping[str, Any]) -> bool:
    """Writes what became of a delivery in hand; False when it is not in hand any more."""
    mine = _c.attempts == delivery.attempts
    return await _changed(engine, _of(delivery).where(mine).values(values)) == 1


async def listed(
    engine: AsyncEngine, state: str | None = None, call_sid: str | None = None
) -> list[dict[str, Any]]:
    """The deliveries without their bodies, the newest first."""
    query = select(*_SHOWN).order_by(_c.created_at.desc(), _c.call_sid, _c.seq.desc())
    if state is not None:
        query = query.where(_c.state == state)
    if call_sid is not None:
        query = query.where(_c.call_sid == call_sid)
    async with engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(query)).mappings()]


async def renew(engine: AsyncEngine, delivery_id: str, now: datetime) -> bool:
    """Makes one delivery pending and due, whatever became of it; False when there is none, or what
    it said was purged.
    """
    call_sid, _, seq = delivery_id.rpartition(":")
    if not (seq.isascii() and seq.isdigit() and len(seq) < 10):
        return False
    return await _renew(engine, and_(_c.call_sid == call_sid, _c.seq == int(seq)), now) == 1


async def renew_dead(engine: AsyncEngine, now: datetime) -> int:
    """Makes every dead delivery pending and due; how many there were."""
    return await _renew(engine, _c.state == "dead", now)


async def _renew(engine: AsyncEngine, which: ColumnElement[bool], now: datetime) -> int:
    again = {"state": "pending", "attempts": 0, "next_at": now, "done_at": None, "error": None}
    which = and_(which, _c.body.is_not(None))
    return await _changed(engine, update(deliveries).where(which).values(again))


def _of(delivery: Delivery) -> Update:
    row = and_(_c.call_sid == delivery.call_sid, _c.seq == delivery.seq)
    return update(deliveries).where(row, _c.state == "pending")


async def _changed(engine: AsyncEngine, statement: Update) -> int:
    async with engine.begin() as connection:
        return (await connection.execute(statement)).rowcount
