"""Brings a database to what this version of the gateway writes; makes it when there is none.

Several processes may start at once: one does it, the others wait and find it done.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.database import database_url, open_database
from gateway.store.folders import private_folder
from gateway.store.migrations import REVISIONS
from gateway.store.tables import metadata

TURN_S = 60.0
"""Longest wait for another process that upgrades the same database."""
_STEP_S = 600
"""Longest a statement may take while a database is upgraded."""
_LOOK_S = 0.02
_TURN = 0x67617465_75706772
"""Any number that is nobody else's."""


class Upgraded(NamedTuple):
    """The revision a database was at (None: it was empty), and is at."""

    was: str | None
    now: str


async def upgrade(settings: Settings) -> Upgraded:
    """Brings the database to the newest revision; nothing is done when it is there.

    Raises ConfigError when a newer gateway made it, and what the driver raises when it is away.
    """
    url = database_url(settings)
    file = _file_of(url)
    if file is None:
        return await _upgraded(settings)
    if settings.database_url is None:
        private_folder(settings.data_dir)
    async with _alone(file.parent):
        _make(file)
        return await _upgraded(settings)


async def _upgraded(settings: Settings) -> Upgraded:
    engine = open_database(settings, pooled=False)
    try:
        async with engine.connect() as connection:
            was = await revision_of(connection)
        _check(was)
        return Upgraded(was, was) if was == REVISIONS[-1] else await _run(engine)
    finally:
        await engine.dispose()


async def _run(engine: AsyncEngine) -> Upgraded:
    async with engine.begin() as connection:
        await _take_turn(connection)
        was = await revision_of(connection)
        _check(was)
        if was != REVISIONS[-1]:
            await connection.run_sync(_steps)
            await connection.run_sync(_check_tables)
        return Upgraded(was, REVISIONS[-1])


async def _take_turn(connection: AsyncConnection) -> None:
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TURN_S}s'")
    await connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{_STEP_S}s'")
    await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")


async def revision_of(connection: AsyncConnection) -> str | None:
    """The revision a database is at; None for one that has none of our tables."""
    if not await connection.run_sync(_has_revision):
        return None
    found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def _has_revision(connection: Connection) -> bool:
    return inspect(connection).has_table("alembic_version")


def _check(revision: str | None) -> None:
    if revision is not None and revision not in REVISIONS:
        raise ConfigError(
            f"GATEWAY_DATABASE_URL: the database was made by a newer gateway (revision {revision})"
        )


def _steps(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")


def _check_tables(connection: Connection) -> None:
    """A table that was there already may be somebody else's."""
    for table in metadata.sorted_tables:
        found = {column["name"] for column in inspect(connection).get_columns(table.name)}
        if not found >= set(table.columns.keys()):
            raise ConfigError(
                f"GATEWAY_DATABASE_URL: the database has a table `{table.name}` that is not ours"
            )


def _file_of(url: URL) -> Path | None:
    """The file of an SQLite database; None for what is no plain file."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    plain = url.database != ":memory:" and not url.database.startswith("file:")
    return Path(url.database) if plain else None


def _make(file: Path) -> None:
    """The file, empty, before SQLite makes one that others may read. Its `-wal` is made alike.

    Raises OSError when it is no file, or not ours to read: the driver says so less clearly.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if file.is_dir():
        raise IsADirectoryError(file)
    if not os.access(file, os.R_OK):
        raise PermissionError(file)


@asynccontextmanager
async def _alone(folder: Path) -> AsyncIterator[None]:
    """One process at a time. SQLite's own locks begin too late: its first statement may collide."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        async with asyncio.timeout(TURN_S):
            while not _locked(fd):  # noqa: ASYNC110 another process tells nobody
                await asyncio.sleep(_LOOK_S)
        yield
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
