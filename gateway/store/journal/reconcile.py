"""Calls whose process is gone: everything known of them was written, and they have ended.

They ended at the last moment anything is known of; nobody knows how, so they failed. One whose
erasure was cut off has a tombstone already: it is over, and nothing else is written or told of it.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.entry import Change, Entry
from gateway.store.journal.apply import apply
from gateway.store.tables import calls, erased, events

REASON = "gateway_crashed"
AT_A_TIME = 100
"""Calls that are closed in one transaction."""

OnClosed = Callable[[AsyncConnection, str], Awaitable[None]]
"""Called for each call that is closed and not erased, within the transaction that closes it."""


async def close_calls(
    connection: AsyncConnection, owner: str, on_closed: OnClosed | None = None
) -> list[str]:
    """Ends calls of a gateway process that is gone, some at a time, and names them.

    Each is ended once; none are named when none are left. The transaction is the caller's.
    """
    open_calls = (await connection.execute(_open_calls(owner))).all()
    entries = [_closing(row) for row in open_calls]
    sids = [entry.call_sid for entry in entries]
    if not entries:
        return sids
    await apply(connection, entries)
    gone = await _end_erased(connection, sids)
    if on_closed is not None:
        for call_sid in sids:
            if call_sid not in gone:
                await on_closed(connection, call_sid)
    return sids


async def _end_erased(connection: AsyncConnection, sids: Sequence[str]) -> frozenset[str]:
    """Ends those that have a tombstone, which entries do not reach, and names them.

    Left open they would be found again and again, and no further erasure would take them for over.
    """
    tombs = select(erased.c.call_sid).where(erased.c.call_sid.in_(sids))
    gone = frozenset((await connection.execute(tombs)).scalars())
    if gone:
        over = update(calls).where(calls.c.call_sid.in_(gone)).values(state="ended")
        await connection.execute(over)
    return gone


def _open_calls(owner: str) -> Select[Any]:
    """The calls of that owner that did not end, each with the newest of its events."""
    return (
        select(
            calls.c.call_sid,
            calls.c.seq,
            calls.c.offered_at,
            calls.c.answered_at,
            func.max(events.c.at).label("told_at"),
            func.max(events.c.seq).label("told_seq"),
        )
        .outerjoin(events, events.c.call_sid == calls.c.call_sid)
        .where(calls.c.owner == owner, or_(calls.c.state.is_(None), calls.c.state != "ended"))
        .group_by(calls.c.call_sid)
        .order_by(calls.c.call_sid)
        .limit(AT_A_TIME)
    )


def _closing(row: Row[Any]) -> Entry:
    known = [at for at in (row.told_at, row.answered_at, row.offered_at) if at is not None]
    ended_at: datetime = max(known, default=datetime.now(UTC))
    answered_at: datetime | None = row.answered_at
    duration_ms = 0.0 if answered_at is None else (ended_at - answered_at).total_seconds() * 1000
    seq = max(row.seq or 0, row.told_seq or 0) + 1
    call = {
        "state": "ended",
        "outcome": "failed",
        "reason": REASON,
        "ended_at": ended_at.isoformat(),
        "duration_ms": duration_ms,
    }
    event = {"at": ended_at.isoformat(), "name": "call.ended", "fields": {"reason": REASON}}
    changes = (Change("calls", {}, call), Change("events", {"seq": seq}, event))
    return Entry(row.call_sid, seq, changes)
