"""The first step makes the tables, as any database shows them."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from gateway.store import migrations
from gateway.store.database import open_database
from gateway.store.migrations import REVISIONS
from gateway.store.tables import metadata
from gateway.store.upgrade import upgrade
from tests.store.databases import settings_in
from tests.store.postgres import postgres


def differences(connection: Connection) -> list[object]:
    """What a database would need to be what `tables.py` says."""
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def what_differs(folder: Path, **overrides: object) -> list[object]:
    """Of a database that was brought up from nothing."""
    settings = settings_in(folder, **overrides)
    await upgrade(settings)
    engine = open_database(settings)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
        names = await connection.run_sync(lambda each: inspect(each).get_table_names())
    await engine.dispose()
    assert set(names) == metadata.tables.keys() | {"alembic_version"}
    return found


@pytest.mark.asyncio
async def test_the_steps_make_the_tables(tmp_path: Path) -> None:
    """Exactly those of `tables.py`, with their columns, types, keys and indexes."""
    assert await what_differs(tmp_path) == []


@pytest.mark.asyncio
@pytest.mark.system
async def test_the_steps_make_the_tables_on_postgresql(tmp_path: Path) -> None:
    """The same ones."""
    with postgres() as server:
        assert await what_differs(tmp_path, database_url=server.url) == []


def test_every_step_is_counted() -> None:
    """The list of revisions is what alembic finds, from the oldest to the newest."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    found = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS
