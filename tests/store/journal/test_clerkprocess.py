"""The clerk in a process of its own does what he does here, and nothing is lost when it dies."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.database import database_url
from gateway.store.journal.clerk import Away, Written
from gateway.store.journal.clerkprocess import ClerkProcess
from gateway.store.journal.fit import Unfit
from gateway.store.upgrade import upgrade
from tests.call.watching import until
from tests.store.databases import made, settings_in
from tests.store.entries import many, rows, said
from tests.store.journal.test_clerk import lines_of
from tests.store.running import LIMIT_S


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """The database, from here."""
    engine = await made(settings_in(tmp_path))
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def clerk(engine: AsyncEngine) -> AsyncIterator[ClerkProcess]:
    """One who has not been asked for anything yet."""
    clerk = ClerkProcess(engine.url)
    yield clerk
    await clerk.close()


def alive(pid: int) -> bool:
    """True while it runs: one that has ended and that nobody has asked for is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Somebody is in the middle of writing."""
    other = sqlite3.connect(folder / "calls.db", timeout=LIMIT_S)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@contextlib.asynccontextmanager
async def waiting(
    folder: Path, clerk: ClerkProcess
) -> AsyncIterator[tuple["asyncio.Future[Written]", int]]:
    """The clerk has an order, and its process, whose number comes with it, cannot do it yet."""
    await clerk.write("me", [])
    assert clerk.pid is not None
    with locked(folder):
        writing = asyncio.ensure_future(clerk.write("me", lines_of(many(2))))
        await asyncio.sleep(0)
        yield writing, clerk.pid


@pytest.mark.asyncio
async def test_lines_become_rows_elsewhere(engine: AsyncEngine, clerk: ClerkProcess) -> None:
    """In one process for all of them, which is not this one and takes the core last."""
    await clerk.ready()
    pid = clerk.pid
    assert await clerk.write("me", lines_of(many(700))) == Written(0, {})
    assert await clerk.write("me", [b"damage", *lines_of(many(701))]) == Written(1, {})
    assert len(await rows(engine, "events", "seq")) == 701
    assert pid is not None
    assert clerk.pid == pid != os.getpid()
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["a?b=c&d", "a%20#b", os.fsdecode(b"\xfc \xff")])
async def test_the_database_may_lie_anywhere(tmp_path: Path, name: str) -> None:
    """Its address arrives as it is, whatever is in it."""
    settings = settings_in(tmp_path / name)
    engine = await made(settings)
    clerk = ClerkProcess(database_url(settings))
    assert await clerk.write("me", lines_of(many(1))) == Written(0, {})
    assert await rows(engine, "events", "seq") == [(1,)]
    await clerk.close()
    await engine.dispose()


@pytest.mark.asyncio
async def test_errors_come_back_as_they_are(
    tmp_path: Path, engine: AsyncEngine, clerk: ClerkProcess
) -> None:
    """With their words; the process goes on."""
    with pytest.raises(Unfit, match=r"^turns\.text: takes no such value$"):
        await clerk.write("me", lines_of([said("CA1", 1, 1, 7)]))
    pid = clerk.pid
    with locked(tmp_path), pytest.raises(Away, match=r"^SQLITE_BUSY$"):
        await clerk.write("me", lines_of(many(1)))
    assert await clerk.write("me", lines_of(many(1))) == Written(0, {})
    assert clerk.pid == pid
    assert await rows(engine, "events", "seq") == [(1,)]


@pytest.mark.asyncio
async def test_a_process_that_was_killed_is_followed_by_another(
    engine: AsyncEngine, clerk: ClerkProcess
) -> None:
    """Between two orders: the next is told that it was not done, the one after it is done."""
    assert await clerk.write("me", lines_of(many(1))) == Written(0, {})
    pid = clerk.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not alive(pid))
    with pytest.raises(Away, match=r"^the process that writes is gone"):
        await clerk.write("me", lines_of(many(2)))
    assert await clerk.write("me", lines_of(many(2))) == Written(0, {})
    assert clerk.pid != pid
    assert await rows(engine, "events", "seq") == [(1,), (2,)]


@pytest.mark.asyncio
async def test_a_process_that_is_killed_at_work_leaves_nothing_half_done(
    tmp_path: Path, engine: AsyncEngine, clerk: ClerkProcess
) -> None:
    """It waits for its turn when it dies; nothing of it comes afterwards."""
    async with waiting(tmp_path, clerk) as (writing, pid):
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Away):
            await writing
    assert await rows(engine, "events") == []
    assert await clerk.write("me", lines_of(many(2))) == Written(0, {})


@pytest.mark.asyncio
async def test_cancelled_it_is_killed(
    tmp_path: Path, engine: AsyncEngine, clerk: ClerkProcess
) -> None:
    """Nobody would know what it is about."""
    async with waiting(tmp_path, clerk) as (writing, pid):
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await until(lambda: not alive(pid))
    assert await rows(engine, "events") == []


@pytest.mark.asyncio
async def test_it_ends_when_it_is_let_go(tmp_path: Path, engine: AsyncEngine) -> None:
    """By itself, its connections closed: nothing of them is left beside the database."""
    wal = tmp_path / "calls.db-wal"
    clerk = ClerkProcess(engine.url)
    await clerk.close()
    await clerk.write("me", lines_of(many(1)))
    pid = clerk.pid
    assert pid is not None
    assert wal.exists()
    await engine.dispose()
    await clerk.close()
    assert not alive(pid)
    assert not wal.exists()


PARENT = """
import asyncio, sys
from sqlalchemy import make_url
from gateway.store.journal.clerkprocess import ClerkProcess

async def main():
    clerk = ClerkProcess(make_url(sys.argv[1]))
    await clerk.write("me", [])
    print(clerk.pid, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await clerk.write("me", [line.encode() for line in sys.argv[2:]])
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def born(folder: Path, *lines: bytes) -> tuple[subprocess.Popen[bytes], int]:
    """A process that has a clerk, and the clerk's number; told to, it gives him these lines."""
    settings = settings_in(folder)
    asyncio.run(upgrade(settings))
    url = database_url(settings).render_as_string()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, url, *[line.decode() for line in lines]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def test_it_does_not_outlive_the_gateway(tmp_path: Path) -> None:
    """Killed without a word. What ends a whole group of processes, it leaves to the gateway."""
    parent, pid = born(tmp_path)
    for each in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, each)
    time.sleep(0.05)
    assert alive(pid)
    parent.kill()
    parent.communicate()
    asyncio.run(until(lambda: not alive(pid)))


def test_what_waits_when_the_gateway_dies_is_left_to_the_next(tmp_path: Path) -> None:
    """It may have been told of it, and have to wait for others; it ends, and nothing is written."""
    parent, pid = born(tmp_path, *lines_of(many(2)))
    assert parent.stdin is not None
    with locked(tmp_path):
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        time.sleep(0.1)
        parent.kill()
        parent.communicate()
        asyncio.run(until(lambda: not alive(pid), LIMIT_S))
    database = sqlite3.connect(tmp_path / "calls.db")
    assert database.execute("SELECT count(*) FROM events").fetchall() == [(0,)]
    database.close()
