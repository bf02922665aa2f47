"""What calls add up to, on either database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.settings import Settings
from gateway.store.records.figures import Group, figures
from tests.store.databases import made
from tests.store.sample import OFFERED_AT, Rows, keep, missed_call, sample_call

DAY = timedelta(days=1)


async def added_up(
    settings: Settings,
    *calls: Rows,
    by: Sequence[Group] = ("day", "agent"),
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[dict[str, Any]]:
    """The figures of those calls."""
    engine = await made(settings)
    await keep(engine, *calls)
    async with engine.connect() as connection:
        rows = await figures(connection, since, until, by)
    await engine.dispose()
    return rows


def waiting(call_sid: str, *waits_ms: float, **changed: Any) -> Rows:
    """A call whose caller waited that long for each answer."""
    rows = missed_call(call_sid, outcome="completed", **changed)
    rows["turns"] = [
        {"call_sid": call_sid, "number": number, "kind": "reply", "response_ms": wait_ms}
        for number, wait_ms in enumerate(waits_ms, 1)
    ]
    return rows


@pytest.mark.asyncio
async def test_a_group_has_counts_sums_and_waits(settings: Settings) -> None:
    """Calls by outcome, their length and cost together; a wait is one turn's, not one call's."""
    (row,) = await added_up(
        settings,
        sample_call("CA1"),
        sample_call("CA2", unpriced=True, cost_usd=None),
        missed_call("CA3"),
        sample_call("CA4", state="live", outcome=None, duration_ms=None),
    )
    assert row == {
        "day": "2026-11-20",
        "agent": "frontdesk",
        "calls": 4,
        "outcomes": {"completed": 2, "missed": 1},
        "duration_ms": 68_240.0,
        "turns": 12,
        "interruptions": 3,
        "cost_usd": 0.079468,
        "unpriced_calls": 1,
        "response_p50_ms": 820.4,
        "response_p95_ms": 1140.2,
        "response_worst_ms": 1140.2,
        "endpoint_ms": 505.0,
        "model_ms": 264.1,
        "gateway_ms": 0.41,
        "play_ms": 48.2,
    }


@pytest.mark.asyncio
async def test_percentiles_are_taken_over_all_turns_of_a_group(settings: Settings) -> None:
    """Not over percentiles of calls: one call with many good answers outweighs one bad one."""
    good = [float(value) for value in range(1, 100)]
    (row,) = await added_up(settings, waiting("CA1", *good), waiting("CA2", 5000.0))
    shares = [row[f"response_{name}_ms"] for name in ("p50", "p95", "worst")]
    assert shares == [50.0, 95.0, 5000.0]


@pytest.mark.asyncio
async def test_groups_are_days_agents_or_both(settings: Settings) -> None:
    """The newest day first, agents by name; a key that was not asked for is not there."""
    calls = (
        waiting("CA1", 100.0),
        waiting("CA2", 200.0, offered_at=OFFERED_AT + DAY),
        waiting("CA3", 300.0, offered_at=OFFERED_AT + DAY, agent="booking"),
    )
    both = await added_up(settings, *calls)
    assert [(row["day"], row["agent"], row["response_p50_ms"]) for row in both] == [
        ("2026-11-21", "booking", 300.0),
        ("2026-11-21", "frontdesk", 200.0),
        ("2026-11-20", "frontdesk", 100.0),
    ]
    engine_rows = await added_up(settings, by=("agent",))
    assert [(row["agent"], row["calls"]) for row in engine_rows] == [
        ("booking", 1),
        ("frontdesk", 2),
    ]
    assert all("day" not in row for row in engine_rows)
    days = await added_up(settings, by=("day",))
    assert [(row["day"], row["calls"]) for row in days] == [("2026-11-21", 2), ("2026-11-20", 1)]


@pytest.mark.asyncio
async def test_a_day_begins_at_midnight_utc(settings: Settings) -> None:
    """Whatever zone the server of the database, or this machine, is in."""
    midnight = OFFERED_AT.replace(hour=0, minute=0, second=0, microsecond=0)
    moments = [midnight - timedelta(seconds=1), midnight, midnight + DAY - timedelta(seconds=1)]
    calls = [missed_call(f"CA{number}", offered_at=at) for number, at in enumerate(moments)]
    rows = await added_up(settings, *calls, by=("day",))
    assert [(row["day"], row["calls"]) for row in rows] == [("2026-11-20", 2), ("2026-11-19", 1)]


@pytest.mark.asyncio
async def test_only_calls_of_the_time_asked_for_count(settings: Settings) -> None:
    """Offered at its beginning or later, and before its end; their turns go with them."""
    calls = [
        waiting(f"CA{number}", 100.0 * number, offered_at=OFFERED_AT + number * DAY)
        for number in range(4)
    ]
    since, until = OFFERED_AT + DAY, OFFERED_AT + 3 * DAY
    (row,) = await added_up(settings, *calls, by=("agent",), since=since, until=until)
    assert (row["calls"], row["response_p50_ms"], row["response_worst_ms"]) == (2, 100.0, 200.0)


@pytest.mark.asyncio
async def test_no_calls_are_no_rows(settings: Settings) -> None:
    """And calls without turns have no waits."""
    assert await added_up(settings) == []
    (row,) = await added_up(settings, {"calls": [{"call_sid": "CA1"}]})
    assert (row["day"], row["agent"], row["calls"], row["outcomes"]) == (None, None, 1, {})
    assert row["response_p50_ms"] is None
    assert row["cost_usd"] == 0
