"""Which database the records are in.

The same code for both: SQLite beside the gateway's files, or PostgreSQL.
"""

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.engine import engine_of

_DRIVERS = {"postgresql": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}


def database_url(settings: Settings) -> URL:
    """The address of the database, with the driver that is used."""
    if settings.database_url is None:
        path = (settings.data_dir / "calls.db").absolute()
        return URL.create(_DRIVERS["sqlite"], database=str(path))
    try:
        url = make_url(settings.database_url.get_secret_value())
    except ValueError:
        # Not its own words: they may quote the password.
        raise ConfigError("GATEWAY_DATABASE_URL: is no database address") from None
    return url.set(drivername=_DRIVERS[url.get_backend_name()])


def open_database(settings: Settings, *, pooled: bool = True) -> AsyncEngine:
    """An engine for that database; see :func:`engine_of`."""
    return engine_of(database_url(settings), pooled=pooled)
