"""Which database is opened, and how."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.errors import ConfigError
from gateway.store.database import database_url, open_database
from tests.store.databases import made, settings_in


def test_the_default_is_a_file_in_the_data_dir(tmp_path: Path) -> None:
    """No server is needed."""
    url = database_url(settings_in(tmp_path))
    assert url.drivername == "sqlite+aiosqlite"
    assert url.database == str(tmp_path / "calls.db")


@pytest.mark.parametrize(
    ("given", "driver", "database"),
    [
        ("postgresql://u:p@db:5433/calls", "postgresql+asyncpg", "calls"),
        ("sqlite:////var/lib/x.db", "sqlite+aiosqlite", "/var/lib/x.db"),
    ],
)
def test_the_driver_is_ours_to_choose(
    tmp_path: Path, given: str, driver: str, database: str
) -> None:
    """A person writes the database, not the Python package."""
    url = database_url(settings_in(tmp_path, database_url=given))
    assert (url.drivername, url.database) == (driver, database)


def test_a_wrong_address_is_refused_without_its_password(tmp_path: Path) -> None:
    """The line names the variable and nothing of its value."""
    with pytest.raises(ConfigError, match=r"^GATEWAY_DATABASE_URL: ") as wrong:
        database_url(settings_in(tmp_path, database_url="postgresql://u:hunter2@db:port/x"))
    assert "hunter2" not in str(wrong.value)


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
async def test_an_engine_connects_only_when_used(tmp_path: Path) -> None:
    """Building one needs no server."""
    url = "postgresql://u:p@127.0.0.1:1/calls"
    await open_database(settings_in(tmp_path, database_url=url)).dispose()
