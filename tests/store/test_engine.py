"""How a database is opened."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from gateway.store.engine import engine_of
from tests.store.databases import made, settings_in


@pytest.mark.asyncio
async def test_sqlite_keeps_what_is_committed(tmp_path: Path) -> None:
    """Write-ahead log, commits on the disk, deleted rows overwritten."""
    engine = await made(settings_in(tmp_path))
    async with engine.connect() as connection:
        found = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "secure_delete")
        ]
    await engine.dispose()
    assert found == ["wal", 2, 1]
    assert stat.S_ISREG((tmp_path / "calls.db").stat().st_mode)


@pytest.mark.asyncio
async def test_an_engine_connects_only_when_used() -> None:
    """Building one needs no server."""
    url = "postgresql+asyncpg://u:p@127.0.0.1:1/calls"
    await engine_of(make_url(url)).dispose()
