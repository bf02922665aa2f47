"""Outboxes for tests: rows as the writer makes them of changes, and a clock that is set by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.core.events import CallEnded
from gateway.settings import Settings
from gateway.store.hooks.outbox import Outbox
from gateway.store.tables import deliveries

SECRET = "a made-up secret"
MOMENTS = ("created_at", "next_at")


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        """So much later."""
        self.now += timedelta(seconds=seconds)


async def put(engine: AsyncEngine, settings: Settings, clock: Clock, *ids: str) -> None:
    """Ended calls, by the IDs of their deliveries, committed one after the other."""
    outbox = Outbox(settings)
    for each in ids:
        call_sid, seq = each.split(":")
        event = CallEnded("caller_hung_up", 61250.0, 30000.0, 3000, 4, 1)
        at = clock.now.isoformat()
        change = outbox.delivery(event, "call.ended", int(seq), at, {"call_sid": call_sid})
        assert change is not None
        moments = {name: datetime.fromisoformat(change.values[name]) for name in MOMENTS}
        row = {"call_sid": call_sid, **change.key, **change.values, **moments}
        async with engine.begin() as connection:
            await connection.execute(insert(deliveries).values(row))


async def rows(engine: AsyncEngine) -> dict[str, dict[str, Any]]:
    """Every row by its ID."""
    query = select(deliveries).order_by(deliveries.c.call_sid, deliveries.c.seq)
    async with engine.connect() as connection:
        found = [dict(row) for row in (await connection.execute(query)).mappings()]
    return {f"{row['call_sid']}:{row['seq']}": row for row in found}


async def states(engine: AsyncEngine) -> dict[str, str]:
    """What became of every delivery."""
    return {key: row["state"] for key, row in (await rows(engine)).items()}
