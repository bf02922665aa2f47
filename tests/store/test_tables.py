"""The tables: what all of them have in common."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Table, insert, select

from gateway.store import tables
from tests.store.databases import made, settings_in


@pytest.mark.parametrize("table", tables.OF_CALLS, ids=lambda table: table.name)
def test_rows_of_a_call_are_found_by_its_sid(table: Table) -> None:
    """The key begins with the call; all but the key may be missing, so rows can grow."""
    keys = [column.name for column in table.primary_key]
    assert keys[0] == "call_sid"
    assert len(keys) == (1 if table is tables.calls else 2)
    assert all(column.nullable for column in table.columns if not column.primary_key)


def test_no_table_of_calls_is_forgotten() -> None:
    """What goes through `OF_CALLS` goes through everything that is kept of a call."""
    others = {tables.erased.name, tables.evidence.name, tables.pointed.name}
    others |= {tables.dials.name, tables.do_not_call.name, tables.switches.name}
    others |= {table.name for table in tables.BESIDE_CALLS}
    assert {table.name for table in tables.OF_CALLS} == set(tables.metadata.tables) - others


@pytest.mark.asyncio
async def test_moments_keep_their_zone(tmp_path: Path) -> None:
    """Whatever zone one is written in, it is read in UTC."""
    engine = await made(settings_in(tmp_path))
    there = datetime(2026, 11, 1, 12, 0, tzinfo=timezone(timedelta(hours=-5)))
    async with engine.begin() as connection:
        await connection.execute(insert(tables.calls).values(call_sid="CA1", offered_at=there))
        row = (await connection.execute(select(tables.calls))).one()
    await engine.dispose()
    assert row.offered_at == there
    assert row.offered_at.tzinfo is UTC
    assert row.ended_at is None
