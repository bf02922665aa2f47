"""The third step adds the audit trail, and leaves what is there as it is."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, select, text

from gateway.store import migrations
from gateway.store.database import open_database
from gateway.store.migrations import REVISIONS
from gateway.store.tables import audit, calls
from gateway.store.upgrade import upgrade
from tests.store.databases import settings_in


def second_step(connection: Connection) -> None:
    """What the second version of the gateway made."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "0002")


@pytest.mark.asyncio
async def test_records_of_the_second_version_stay(tmp_path: Path) -> None:
    """Its calls are there afterwards, and so is the new table."""
    settings = settings_in(tmp_path)
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.run_sync(second_step)
        await connection.execute(calls.insert().values(call_sid="CA1", state="ended"))
    assert await upgrade(settings) == ("0002", REVISIONS[-1])
    async with engine.connect() as connection:
        assert (await connection.execute(select(calls.c.call_sid))).scalars().all() == ["CA1"]
        names = set(await connection.run_sync(lambda each: inspect(each).get_table_names()))
        assert audit.name in names
        version = text("SELECT version_num FROM alembic_version")
        assert await connection.scalar(version) == REVISIONS[-1]
    await engine.dispose()
