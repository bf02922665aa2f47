"""A busy database is waited for; a broken one is not."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.privacy.busy import Busy, in_transaction, is_busy, patiently
from gateway.store.tables import erased
from tests.store.canaries import NOW
from tests.store.databases import made, settings_in

ROW = {"call_sid": "CA1", "at": NOW}


class Refused(Exception):
    """An error of PostgreSQL's driver."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__()
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "busy"),
    [("55P03", True), ("40P01", True), ("40001", True), ("57014", True), ("42P01", False)],
)
def test_postgresql_says_who_is_to_blame(sqlstate: str, busy: bool) -> None:
    """Locks, deadlocks and timeouts pass; a missing table does not."""
    assert is_busy(DBAPIError(None, None, Refused(sqlstate))) is busy


@pytest.mark.parametrize(
    ("code", "busy"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_LOCKED, True),
        (sqlite3.SQLITE_FULL, False),
    ],
)
def test_sqlite_says_who_is_to_blame(code: int, busy: bool) -> None:
    """Locks of any kind pass; a full disk does not."""
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code
    assert is_busy(OperationalError(None, None, error)) is busy


@pytest.mark.asyncio
async def test_work_is_done_again_until_it_succeeds() -> None:
    """What the last attempt returns is what is returned."""
    attempts = iter([Busy(), Busy()])

    async def work() -> str:
        for error in attempts:
            raise error
        return "done"

    assert await patiently(work) == "done"


@pytest.mark.asyncio
async def test_patience_ends() -> None:
    """One clear line then."""

    async def work() -> None:
        raise OperationalError(None, None, Refused("55P03"))

    with pytest.raises(Busy, match=r"^the database was in use all the time: try again$"):
        await patiently(work, patience_s=0.0)


@pytest.mark.asyncio
async def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    """Whoever has SQLite's lock is let finish, and the whole work is done again."""
    engine = await made(settings_in(tmp_path))
    async with engine.connect() as connection:  # the one of the pool: no wait of its own
        await connection.execute(text("PRAGMA busy_timeout=0"))
    other = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            other.execute("COMMIT")

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(insert(erased).values(ROW))

        async with engine.begin() as connection:
            await write(connection)

    await patiently(work)
    assert attempts == 3
    assert other.execute("SELECT call_sid FROM erased").fetchall() == [("CA1",)]
    other.close()
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """What is wrong with the work itself is not tried again, and leaves nothing."""
    engine = await made(settings_in(tmp_path))
    attempts = []

    async def work(connection: AsyncConnection) -> None:
        attempts.append(1)
        await connection.execute(insert(erased).values(ROW))
        await connection.execute(insert(erased).values(ROW))

    with pytest.raises(IntegrityError):
        await in_transaction(engine, work)
    async with engine.connect() as connection:
        assert (await connection.execute(erased.select())).all() == []
    assert len(attempts) == 1
    await engine.dispose()
