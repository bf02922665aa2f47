"""The bytes of what was deleted go away, or it is said that they could not."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.privacy.busy import Busy
from gateway.store.privacy.scrub import checkpoint, scrub
from gateway.store.tables import OF_CALLS
from tests.store.canaries import WHOLE, Canary, counted, fill
from tests.store.databases import made, settings_in

OURS, OTHERS = Canary(1), Canary(2)


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """A database in which a call was, and another one is."""
    engine = await made(settings_in(tmp_path))
    await fill(engine, tmp_path, OURS, OTHERS)
    async with engine.begin() as connection:
        for table in OF_CALLS:
            await connection.execute(delete(table).where(table.c.call_sid == OURS.call_sid))
    async with engine.connect() as connection:  # nobody shall have to wait for a busy one here
        await connection.execute(text("PRAGMA busy_timeout=0"))
    yield engine
    await engine.dispose()


def bytes_of(folder: Path) -> bytes:
    """All files of the database."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("calls.db*")))


@pytest.mark.asyncio
async def test_no_byte_is_left(engine: AsyncEngine, tmp_path: Path) -> None:
    """In none of the files, while a gateway has them open; what is still there is whole."""
    gateway = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    gateway.execute("SELECT * FROM calls").fetchall()
    assert OURS.word.encode() in bytes_of(tmp_path)
    await scrub(engine, OF_CALLS)
    assert OURS.word.encode() not in bytes_of(tmp_path)
    assert OTHERS.word.encode() in bytes_of(tmp_path)
    assert (tmp_path / "calls.db-wal").stat().st_size == 0
    assert await counted(engine, OTHERS.call_sid) == WHOLE
    gateway.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN"])
async def test_who_writes_or_reads_on_and_on_is_in_the_way(
    engine: AsyncEngine, tmp_path: Path, begin: str
) -> None:
    """It is waited for, and said in the end that it could not be done."""
    other = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    other.execute(begin)
    other.execute("SELECT * FROM calls").fetchall()
    with pytest.raises(Busy):
        await scrub(engine, OF_CALLS, patience_s=0.0)
    other.close()
    await scrub(engine, OF_CALLS, patience_s=0.0)
    assert OURS.word.encode() not in bytes_of(tmp_path)


@pytest.mark.asyncio
async def test_the_log_is_emptied_if_nobody_needs_it(engine: AsyncEngine, tmp_path: Path) -> None:
    """After each purge; whoever reads is not waited for."""
    other = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM calls").fetchall()
    assert not await checkpoint(engine)
    other.execute("COMMIT")
    assert await checkpoint(engine)
    assert (tmp_path / "calls.db-wal").stat().st_size == 0
    other.close()
