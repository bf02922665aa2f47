"""A writer that runs for the length of a test, and what the tests wait on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.settings import Settings
from gateway.store.database import database_url
from gateway.store.entry import Entry
from gateway.store.journal.clerk import Clerk
from gateway.store.journal.journal import Journal
from gateway.store.journal.reconcile import OnClosed
from gateway.store.journal.writer import Writer
from tests.call.watching import until

LIMIT_S = 10.0


def journal_in(settings: Settings) -> Journal:
    """A journal where the gateway's are."""
    return Journal(settings.data_dir / "journal")


def clerk_of(settings: Settings) -> Clerk:
    """A clerk in this process, so that tests may meddle with what he does."""
    return Clerk(database_url(settings))


@contextmanager
def running(
    settings: Settings, journal: Journal | None = None, on_closed: OnClosed | None = None
) -> Iterator[Writer]:
    """A writer, started; stopped at the end with what it can still write."""
    journal = journal or journal_in(settings)
    writer = Writer(settings, journal, clerk_of(settings), on_closed=on_closed)
    writer.start()
    try:
        yield writer
    finally:
        writer.stop(LIMIT_S)


def left_behind(settings: Settings, *entries: Entry) -> str:
    """The journal of a process that is gone; its owner."""
    journal = journal_in(settings)
    journal.add(entries)
    journal.close()
    return journal.owner


async def settled(writer: Writer) -> None:
    """Returns when everything put so far is in the database."""
    assert await writer.durable(LIMIT_S)
    await until(lambda: writer.status().backlog == 0 and writer.status().database_ok, LIMIT_S)


def journal_bytes(folder: Path) -> bytes:
    """Everything that lies in the journals."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*.jsonl")))
