"""The audit trail: what is written of who did what, in which order, and what never is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.store.audit import AuditLog, lines
from gateway.store.database import open_database
from gateway.store.entry import Entry
from gateway.store.journal.apply import apply
from gateway.store.transaction import writing
from gateway.store.upgrade import upgrade
from tests.store.databases import settings_in

ANN = SimpleNamespace(name="ann", role="operator")
BOB = SimpleNamespace(name="bob", role="admin")
THEN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def clock(*moments: datetime) -> Callable[[], datetime]:
    """Tells one moment after the other."""
    left = list(moments)
    return lambda: left.pop(0)


def test_numbers_are_taken_out() -> None:
    """Of a detail; keys and words stay."""
    put: list[Entry] = []
    log = AuditLog(put.append, clock(THEN, THEN))
    log.note(ANN, "call.placed", call_sid="CA1", detail="to +12025550100 for sales")
    log.note(ANN, "take_over", detail="sales")
    said = [entry.changes[0].values["detail"] for entry in put]
    assert said == ["to [number] for sales", "sales"]


@pytest.mark.asyncio
async def test_the_newest_line_comes_first_even_when_the_clock_is_set_back(tmp_path: Path) -> None:
    """Lines are found by who, by when, and page by page."""
    put: list[Entry] = []
    log = AuditLog(put.append, clock(THEN, THEN - timedelta(hours=1), THEN + timedelta(hours=1)))
    log.note(ANN, "whisper", call_sid="CA1")
    log.note(BOB, "log_level")
    log.note(ANN, "hang_up", call_sid="CA2")
    settings = settings_in(tmp_path)
    await upgrade(settings)
    engine = open_database(settings)
    async with writing(engine) as connection:
        await apply(connection, put)
    found = await lines(engine, limit=10)
    assert [each["action"] for each in found] == ["hang_up", "log_level", "whisper"]
    older = await lines(engine, limit=1, after=found[0]["id"])
    assert [each["action"] for each in older] == ["log_level"]
    theirs = await lines(engine, limit=10, who="ann", since=THEN + timedelta(minutes=1))
    assert [(each["action"], each["call_sid"]) for each in theirs] == [("hang_up", "CA2")]
    await engine.dispose()
