"""Is the database of the records there, of this version, and may it be written to?

Nothing is made, brought up to date or kept: what is written is taken back.
"""

import os

from sqlalchemy import URL, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ops.doctor.finding import Wrong
from gateway.settings import Settings
from gateway.store.database import database_url, open_database
from gateway.store.migrations import REVISIONS
from gateway.store.trouble import cause
from gateway.store.upgrade import revision_of

_CAUSES = {
    "ConnectionRefusedError": "nothing listens there: start the database, or correct the address",
    "gaierror": "its host has no address: correct GATEWAY_DATABASE_URL",
    "InvalidPasswordError": "correct user and password in GATEWAY_DATABASE_URL",
    "InvalidAuthorizationSpecificationError": "correct the user in GATEWAY_DATABASE_URL",
    "InvalidCatalogNameError": "make the database (createdb), or correct its name",
    "ReadOnlySQLTransactionError": "it takes no writes: name the primary, not a replica",
    "SQLITE_NOTADB": "this file is no database: move it away, or set GATEWAY_DATABASE_URL",
    "SQLITE_READONLY": "make the file and its folder writable",
    "SQLITE_BUSY": "another program keeps it locked: see which one (fuser)",
    "SQLITE_CANTOPEN": "make the file and its folder usable by this user",
    "SQLITE_CORRUPT": "the file is damaged: bring back a copy (`sqlite3 calls.db .recover`)",
    "SQLITE_FULL": "the disk is full: make room",
}
_MORE = "see that it runs and that GATEWAY_DATABASE_URL is right; until then records wait on disk"


async def database_ready(settings: Settings) -> str:
    """Which revision it is at. Raises Wrong when it is away, of another version, or read-only."""
    url = database_url(settings)
    place = url.render_as_string(hide_password=True).replace(f"+{url.get_driver_name()}", "")
    if _is_missing(url):
        return f"{place} is not there yet: made by the first `gateway serve`"
    engine = open_database(settings, pooled=False)
    try:
        async with engine.connect() as connection:
            found = await revision_of(connection)
            _check(found, place)
            if found is None:
                return f"{place} is empty: filled by the first `gateway serve`"
            await _try_writing(connection)
    except (SQLAlchemyError, OSError) as error:
        why = cause(error)
        raise Wrong(f"{place}: {why}", _CAUSES.get(why, _MORE)) from None
    finally:
        await engine.dispose()
    return f"{place} is at revision {found} and takes writes"


def _is_missing(url: URL) -> bool:
    """True for a file that is not there: connecting would make it."""
    return url.get_backend_name() == "sqlite" and not os.path.lexists(url.database or "")


def _check(found: str | None, place: str) -> None:
    if found is None or found == REVISIONS[-1]:
        return
    if found in REVISIONS:
        raise Wrong(
            f"{place} is at revision {found}, this version writes {REVISIONS[-1]}",
            "run `gateway db upgrade`; a restart of `gateway serve` does so, too",
        )
    raise Wrong(
        f"{place} was made by a newer gateway (revision {found})",
        "install that version, or set GATEWAY_DATABASE_URL to another database",
    )


async def _try_writing(connection: AsyncConnection) -> None:
    """A write to a table of ours, taken back."""
    if connection.dialect.name == "sqlite":
        await connection.rollback()
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
    await connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
    await connection.rollback()
