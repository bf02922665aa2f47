"""A database is brought to what this version writes, whoever else is at it."""

import asyncio
import fcntl
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store import engine as engine_module
from gateway.store import upgrade as module
from gateway.store.database import open_database
from gateway.store.migrations import REVISIONS
from gateway.store.upgrade import Upgraded, upgrade
from tests.store.databases import made, settings_in
from tests.store.postgres import postgres

NEWEST = REVISIONS[-1]


@pytest.mark.asyncio
async def test_a_first_start_makes_everything(tmp_path: Path) -> None:
    """Folder, file and tables; a second one finds them."""
    settings = settings_in(tmp_path / "a" / "50%")
    assert await upgrade(settings) == Upgraded(None, NEWEST)
    assert await upgrade(settings) == Upgraded(NEWEST, NEWEST)


@pytest.mark.asyncio
async def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """Folder 0700, files 0600, those that SQLite adds included."""
    umask = os.umask(0)
    try:
        settings = settings_in(tmp_path / "data")
        await upgrade(settings)
        engine = open_database(settings)
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO erased (call_sid) VALUES ('CA1')"))
            modes = {path.name: path.stat().st_mode for path in settings.data_dir.iterdir()}
        await engine.dispose()
    finally:
        os.umask(umask)
    assert modes.keys() == {"calls.db", "calls.db-wal", "calls.db-shm"}
    assert {stat.S_IMODE(mode) for mode in modes.values()} == {0o600}
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700


@pytest.mark.asyncio
async def test_a_file_elsewhere_needs_its_folder(tmp_path: Path) -> None:
    """Folders a person named are not made up: a misspelt one would go unnoticed."""
    url = f"sqlite:///{tmp_path}/nowhere/calls.db"
    with pytest.raises(FileNotFoundError):
        await upgrade(settings_in(tmp_path, database_url=url))
    (tmp_path / "nowhere").mkdir()
    assert await upgrade(settings_in(tmp_path, database_url=url)) == Upgraded(None, NEWEST)
    assert stat.S_IMODE((tmp_path / "nowhere" / "calls.db").stat().st_mode) == 0o600


@pytest.mark.asyncio
@pytest.mark.parametrize("path", [":memory:", "file::memory:?uri=true"])
async def test_what_is_no_file_makes_none(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses that SQLite reads in its own way are left to it."""
    monkeypatch.chdir(tmp_path)
    settings = settings_in(tmp_path, database_url=f"sqlite:///{path}")
    assert await upgrade(settings) == Upgraded(None, NEWEST)
    assert os.listdir(tmp_path) == []


@pytest.mark.asyncio
async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """And left as it is."""
    settings = settings_in(tmp_path)
    await upgrade(settings)
    await become(settings, "0999")
    with pytest.raises(ConfigError, match=r"made by a newer gateway \(revision 0999\)"):
        await upgrade(settings)
    assert await revision(settings) == "0999"


@pytest.mark.asyncio
async def test_a_database_made_newer_while_we_waited_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at again when it is our turn."""
    settings = settings_in(tmp_path)
    await upgrade(settings)
    await become(settings, "0999")
    seen = iter([None, "0999"])

    async def first_nothing(_: object) -> str | None:
        return next(seen)

    monkeypatch.setattr(module, "revision_of", first_nothing)
    with pytest.raises(ConfigError, match="newer"):
        await upgrade(settings)


@pytest.mark.asyncio
async def test_tables_that_are_there_are_kept(tmp_path: Path) -> None:
    """With what is in them."""
    settings = settings_in(tmp_path)
    engine = await made(settings)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO erased (call_sid) VALUES ('CA1')"))
    assert await upgrade(settings) == Upgraded(None, NEWEST)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT call_sid FROM erased")) == "CA1"
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_table_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    """And nothing is made: neither database keeps half of it."""
    settings = settings_in(tmp_path)
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE events (id INTEGER PRIMARY KEY)"))
    with pytest.raises(ConfigError, match="a table `events` that is not ours"):
        await upgrade(settings)
    async with engine.connect() as connection:
        names = await connection.scalars(text("SELECT name FROM sqlite_master"))
        assert list(names) == ["events"]
    await engine.dispose()


@pytest.mark.asyncio
async def test_many_at_once(tmp_path: Path) -> None:
    """One makes it, the others find it."""
    found = await asyncio.gather(*(upgrade(settings_in(tmp_path)) for _ in range(6)))
    assert sorted(each.was is None for each in found) == [False] * 5 + [True]
    assert {each.now for each in found} == {NEWEST}


@pytest.mark.asyncio
async def test_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another is at it nothing is done, and not for ever."""
    monkeypatch.setattr(module, "TURN_S", 0.1)
    fd = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    with pytest.raises(TimeoutError):
        await upgrade(settings_in(tmp_path))
    assert os.listdir(tmp_path) == []
    os.close(fd)
    assert await upgrade(settings_in(tmp_path)) == Upgraded(None, NEWEST)


@pytest.mark.asyncio
async def test_a_locked_database_is_its_own_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the driver raises is passed on."""
    monkeypatch.setattr(engine_module, "BUSY_MS", 20)
    other = sqlite3.connect(tmp_path / "calls.db")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OperationalError, match="locked"):
        await upgrade(settings_in(tmp_path))
    other.close()


@pytest.mark.asyncio
@pytest.mark.system
async def test_postgresql_is_upgraded_once(tmp_path: Path) -> None:
    """By several at once, and never back from a newer one."""
    with postgres() as server:
        settings = settings_in(tmp_path, database_url=server.empty())
        found = await asyncio.gather(*(upgrade(settings) for _ in range(6)))
        assert sorted(each.was is None for each in found) == [False] * 5 + [True]
        await become(settings, "0999")
        with pytest.raises(ConfigError, match="newer"):
            await upgrade(settings)
        url = server.empty()
        server.run(url, "CREATE TABLE usage (id int)")
        with pytest.raises(ConfigError, match="a table `usage` that is not ours"):
            await upgrade(settings_in(tmp_path, database_url=url))
        assert server.run(url, "SELECT count(*) FROM pg_tables WHERE tablename = 'calls'") == "0"
    assert os.listdir(tmp_path) == []


async def become(settings: Settings, revision: str) -> None:
    """Says that the database is at another revision."""
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE alembic_version SET version_num = :it"), {"it": revision}
        )
    await engine.dispose()


async def revision(settings: Settings) -> str:
    """Where the database is."""
    engine = open_database(settings)
    async with engine.connect() as connection:
        found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    await engine.dispose()
    return str(found)
