"""A gateway process that writes as fast as it can and says what is durable, to be killed.

Run as a program: `python -m tests.store.dying DATA_DIR CALL_SID [DATABASE_URL]`. Each line it
prints is the number of an entry that is on the disk.
"""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import structlog

from gateway.store.database import database_url
from gateway.store.entry import Change, Entry
from gateway.store.journal.clerkprocess import ClerkProcess
from gateway.store.journal.writer import Writer
from tests.store.databases import settings_in
from tests.store.entries import event
from tests.store.running import LIMIT_S, journal_in


async def write(folder: Path, call_sid: str, url: str | None) -> None:
    """Puts entries for ever, each two or three with a line when they are durable."""
    settings = settings_in(folder, **({} if url is None else {"database_url": url}))
    journal = journal_in(settings)
    writer = Writer(settings, journal, ClerkProcess(database_url(settings)))
    writer.start()
    seq = 0
    while True:
        for _ in range(1 + seq % 3):
            seq += 1
            owner = Change("calls", {}, {"owner": journal.owner, "state": "live"})
            writer.put(Entry(call_sid, seq, (owner, event(seq))))
        assert await writer.durable(LIMIT_S)
        sys.stdout.write(f"{seq}\n")
        sys.stdout.flush()


def kill_one(folder: Path, call_sid: str, lines: int, url: str | None = None) -> int:
    """Starts such a process, kills it after so many lines; the last entry it said was durable."""
    command = [sys.executable, "-m", "tests.store.dying", str(folder), call_sid]
    command += [] if url is None else [url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    rest, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    whole = [line for line in [*said, *rest.splitlines(keepends=True)] if line.endswith("\n")]
    return int(whole[-1])


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(write(Path(sys.argv[1]), sys.argv[2], sys.argv[3] if sys.argv[3:] else None))
