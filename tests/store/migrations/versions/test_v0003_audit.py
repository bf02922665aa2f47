"""The third step adds the audit trail to a database that has everything else."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, insert, inspect, select

from gateway.store import migrations
from gateway.store.database import open_database
from gateway.store.migrations import REVISIONS
from gateway.store.tables import audit, do_not_call
from gateway.store.upgrade import upgrade
from tests.store.databases import settings_in


def second_step(connection: Connection) -> None:
    """What the gateway made before there was an audit trail."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "0002")


@pytest.mark.asyncio
async def test_what_is_there_stays(tmp_path: Path) -> None:
    """And the trail has the columns and the key that `tables.py` says."""
    settings = settings_in(tmp_path)
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.run_sync(second_step)
        await connection.execute(insert(do_not_call).values(number="+15550002222"))
    assert await upgrade(settings) == ("0002", REVISIONS[-1])
    async with engine.connect() as connection:
        numbers = await connection.execute(select(do_not_call.c.number))
        assert numbers.scalars().all() == ["+15550002222"]
        columns = await connection.run_sync(lambda each: inspect(each).get_columns(audit.name))
        key = await connection.run_sync(lambda each: inspect(each).get_pk_constraint(audit.name))
        indices = await connection.run_sync(lambda each: inspect(each).get_indexes(audit.name))
    assert {each["name"] for each in columns} == set(audit.columns.keys())
    assert key["constrained_columns"] == ["id"]
    assert [each["name"] for each in indices] == ["audit_at"]
    await engine.dispose()
