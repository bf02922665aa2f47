"""How a database is opened."""

import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from aiosqlite import core
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

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


@pytest.mark.asyncio
async def test_a_database_that_cannot_be_opened_leaves_no_thread_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow it is: it tells its event loop of its end, which must be there then."""
    made_by_aiosqlite, threads = core._connection_worker_thread, []

    def slow(queue: Any) -> None:
        threads.append(threading.current_thread())
        made_by_aiosqlite(queue)
        time.sleep(0.2)

    monkeypatch.setattr(core, "_connection_worker_thread", slow)
    engine = engine_of(make_url(f"sqlite+aiosqlite:///{tmp_path}/nowhere/calls.db"))
    with pytest.raises(OperationalError):
        await engine.connect()
    (thread,) = threads
    assert not thread.is_alive()
    await engine.dispose()
