"""Opening records never makes any."""

import os
import sqlite3
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.privacy.existing import existing_records
from gateway.store.tables import dials
from tests.store.databases import made, settings_in
from tests.store.postgres import Postgres


@pytest.mark.asyncio
async def test_a_missing_database_stays_missing(tmp_path: Path) -> None:
    """Nothing was recorded yet."""
    async with existing_records(settings_in(tmp_path)) as engine:
        assert engine is None
    assert os.listdir(tmp_path) == []


@pytest.mark.asyncio
async def test_a_database_without_tables_has_no_records(tmp_path: Path) -> None:
    """It is left without."""
    sqlite3.connect(tmp_path / "calls.db").close()
    (tmp_path / "calls.db").touch()
    async with existing_records(settings_in(tmp_path)) as engine:
        assert engine is None
    other = sqlite3.connect(tmp_path / "calls.db")
    assert other.execute("SELECT * FROM sqlite_master").fetchall() == []
    other.close()


@pytest.mark.asyncio
async def test_records_are_opened(settings: Settings) -> None:
    """Each use has a connection of its own."""
    async with existing_records(settings) as engine:
        assert engine is None
    await (await made(settings)).dispose()
    async with existing_records(settings) as engine:
        assert engine is not None
        async with engine.connect() as connection:
            assert (await connection.exec_driver_sql("SELECT 1")).scalar_one() == 1


@pytest.mark.asyncio
async def test_records_of_an_older_gateway_are_left_alone(settings: Settings) -> None:
    """A table of this one is missing: it says what to do."""
    engine = await made(settings)
    async with engine.begin() as connection:
        await connection.run_sync(dials.drop)
    await engine.dispose()
    with pytest.raises(GatewayError, match="`gateway db upgrade` first"):
        async with existing_records(settings):
            pass


@pytest.mark.system
@pytest.mark.asyncio
async def test_only_waiting_for_locks_is_limited(server: Postgres, tmp_path: Path) -> None:
    """Statements may take their time in PostgreSQL."""
    settings = settings_in(tmp_path, database_url=server.empty())
    await (await made(settings)).dispose()
    async with existing_records(settings) as engine:
        assert engine is not None
        async with engine.connect() as connection:
            shown = [
                (await connection.exec_driver_sql(f"SHOW {name}")).scalar_one()
                for name in ("statement_timeout", "lock_timeout")
            ]
    assert shown == ["0", "1s"]
