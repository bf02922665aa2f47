"""Databases for tests: SQLite in a folder, and the same on PostgreSQL where a server is given."""

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings, load_settings
from gateway.store.database import open_database
from gateway.store.tables import metadata


def settings_in(folder: Path, **overrides: object) -> Settings:
    """Settings whose files are in that folder."""
    return load_settings(_env_file=None, data_dir=folder, **overrides)


async def made(settings: Settings) -> AsyncEngine:
    """An engine over a database with all tables."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return engine
