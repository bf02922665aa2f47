"""The database check: what is there, at which revision, and that nothing of the look is kept."""

import hashlib
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from gateway.ops.doctor.database import database_ready
from gateway.ops.doctor.finding import Wrong
from gateway.store.database import open_database
from gateway.store.migrations import REVISIONS
from gateway.store.upgrade import upgrade
from tests.store.databases import settings_in
from tests.store.postgres import postgres


@pytest.mark.asyncio
async def test_none_yet_is_right_and_none_is_made(tmp_path: Path) -> None:
    """The first start makes it."""
    assert "is not there yet" in await database_ready(settings_in(tmp_path))
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 nobody else runs here


@pytest.mark.asyncio
async def test_an_empty_one_is_right(tmp_path: Path) -> None:
    """As somebody made it for us."""
    (tmp_path / "calls.db").touch()
    assert "is empty" in await database_ready(settings_in(tmp_path))


@pytest.mark.asyncio
async def test_one_of_this_version_takes_writes_and_keeps_none(tmp_path: Path) -> None:
    """The file is byte for byte as before."""
    settings = settings_in(tmp_path)
    await upgrade(settings)
    await database_ready(settings)
    before = digest(tmp_path)
    told = await database_ready(settings)
    assert told.endswith(f"calls.db is at revision {REVISIONS[-1]} and takes writes")
    assert digest(tmp_path) == before


@pytest.mark.asyncio
async def test_one_that_takes_no_writes_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says which fault it is, and so do we."""
    settings = settings_in(tmp_path)
    await upgrade(settings)
    engine = open_database(settings, pooled=True)
    async with engine.connect() as connection:
        await connection.execute(text("PRAGMA query_only = ON"))
        await connection.rollback()
    monkeypatch.setattr("gateway.ops.doctor.database.open_database", lambda *_, **__: engine)
    with pytest.raises(Wrong) as wrong:
        await database_ready(settings)
    assert "SQLITE_READONLY" in wrong.value.detail
    assert "writable" in wrong.value.fix


@pytest.mark.asyncio
async def test_a_password_is_not_shown(tmp_path: Path) -> None:
    """Where it is, is."""
    url = SecretStr("postgresql://me:a-secret-word@127.0.0.1:1/calls")
    settings = settings_in(tmp_path, database_url=url)
    with pytest.raises(Wrong) as wrong:
        await database_ready(settings)
    assert wrong.value.detail.startswith("postgresql://me:***@127.0.0.1:1/calls: ")
    assert "a-secret-word" not in wrong.value.detail


@pytest.mark.system
@pytest.mark.asyncio
async def test_postgresql_is_looked_at_in_the_same_way(tmp_path: Path) -> None:
    """Empty, of this version, read-only, and without the database."""
    with postgres() as server:
        url = server.empty()
        settings = settings_in(tmp_path, database_url=url)
        assert "is empty" in await database_ready(settings)
        await upgrade(settings)
        assert f"revision {REVISIONS[-1]} and takes writes" in await database_ready(settings)
        name = url.rpartition("/")[2]
        server.run(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with pytest.raises(Wrong, match="ReadOnlySQLTransactionError"):
            await database_ready(settings)
        nowhere = settings_in(tmp_path, database_url=f"{server.empty()}_nowhere")
        with pytest.raises(Wrong) as wrong:
            await database_ready(nowhere)
        assert "createdb" in wrong.value.fix


def digest(folder: Path) -> str:
    """Of the database's file."""
    return hashlib.sha256((folder / "calls.db").read_bytes()).hexdigest()
