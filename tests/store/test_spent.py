"""What was spent today, for limits that outlive a process."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from gateway.store.spent import Spent, spent_today
from gateway.store.tables import calls
from tests.store.databases import made, settings_in

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.asyncio
async def test_the_sums_of_a_day(tmp_path: Path) -> None:
    """By the other side's number and the route; not of yesterday, and not of this process."""
    engine = await made(settings_in(tmp_path))
    rows = [
        ("CA1", "inbound", "+1", "+9", "desk", 0.5, NOON, "other"),
        ("CA2", "inbound", "+1", "+9", "desk", 0.25, NOON, "other"),
        ("CA3", "inbound", "+2", "+9", "desk", None, NOON, "other"),
        ("CA4", "outbound-api", "+9", "+1", "spring", 1.0, NOON, "other"),
        ("CA5", "inbound", "+1", "+9", "desk", 7.0, NOON - timedelta(days=1), "other"),
        ("CA6", "inbound", "+1", "+9", "desk", 7.0, NOON, "ours"),
    ]
    columns = [
        "call_sid",
        "direction",
        "caller",
        "called",
        "route",
        "cost_usd",
        "offered_at",
        "owner",
    ]
    async with engine.begin() as connection:
        values = [dict(zip(columns, row, strict=True)) for row in rows]
        await connection.execute(insert(calls), values)
    spent = await spent_today(engine, DAY, "ours")
    await engine.dispose()
    assert sorted(spent) == [
        Spent("+1", "desk", 0.75),
        Spent("+1", "spring", 1.0),
        Spent("+2", "desk", 0.0),
    ]
