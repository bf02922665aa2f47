"""Transactions that write take their turns."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import engine as engine_module
from gateway.store.tables import calls
from gateway.store.transaction import writing
from tests.store.databases import made, settings_in
from tests.store.entries import rows


@pytest.mark.asyncio
@pytest.mark.parametrize("alone", [False, True])
async def test_it_is_committed_at_the_end(tmp_path: Path, alone: bool) -> None:
    """Everything in it, or nothing when it fails."""
    engine = await made(settings_in(tmp_path))
    async with writing(engine, alone=alone) as connection:
        await connection.execute(insert(calls), [{"call_sid": "CA1"}])
    with pytest.raises(LookupError):
        await failing(engine)
    assert await rows(engine, "calls", "call_sid") == [("CA1",)]
    await engine.dispose()


async def failing(engine: AsyncEngine) -> None:
    """A transaction that writes, and then fails."""
    async with writing(engine) as connection:
        await connection.execute(insert(calls), [{"call_sid": "CA2"}])
        raise LookupError


@pytest.mark.asyncio
async def test_sqlite_takes_its_turn_before_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else writes between the first statement and the commit."""
    monkeypatch.setattr(engine_module, "BUSY_MS", 20)
    engine = await made(settings_in(tmp_path))
    other = sqlite3.connect(tmp_path / "calls.db", timeout=0)
    async with writing(engine):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        await failing(engine)
    other.rollback()
    other.close()
    await engine.dispose()


@pytest.mark.asyncio
async def test_each_waits_for_the_other(tmp_path: Path) -> None:
    """Many at once all come to their turn."""
    engine = await made(settings_in(tmp_path))

    async def write(number: int) -> None:
        async with writing(engine) as connection:
            await connection.execute(insert(calls), [{"call_sid": f"CA{number}"}])

    await asyncio.gather(*(write(number) for number in range(5)))
    assert len(await rows(engine, "calls", "call_sid")) == 5
    await engine.dispose()
