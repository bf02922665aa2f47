"""What is to be written and is not in the database yet: on the disk, or in memory if it must be.

Entries go in as events happen and come out in the same order, once they can be applied. They are on
the disk before they count as durable. While the disk takes nothing (full, broken, not there) they
wait in memory, at most ``keep`` of them. Everything here belongs to one thread; counts may be read
from any.
"""

import contextlib
import os
import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from gateway.store.entry import Entry, decode, encode
from gateway.store.folders import private_folder
from gateway.store.journal.fit import storable
from gateway.store.journal.segments import LOCK, Piece, Segments

MEMORY_ENTRIES = 100_000
"""Ten minutes of a hundred calls."""
_BURST = 500
"""Entries that go to the disk, or come from memory, at a time."""
REFUSED = "refused.jsonl"
"""Beside the journals: entries that no database takes."""

_log = structlog.get_logger()


class Chunk(NamedTuple):
    """The oldest entries there are, as they were read."""

    lines: list[bytes]
    piece: Piece | None
    """None: they are in memory."""


class Journal:
    """Entries of one gateway process that wait for the database."""

    def __init__(
        self, folder: Path, *, keep: int = MEMORY_ENTRIES, segments: Segments | None = None
    ) -> None:
        self.folder = folder
        """Where the journals of all processes are."""
        self._keep = keep
        self.owner = secrets.token_hex(16) if segments is None else segments.folder.name
        """The name of the process: rows of its calls carry it."""
        self._segments = segments or Segments(folder / self.owner)
        self._memory: deque[bytes] = deque()
        self.ok = True
        """The disk took what it was last given."""
        self.added = 0
        """Entries that ever came in."""
        self.on_disk = 0
        """Entries that wait on the disk (of a dead process: not known, below zero)."""
        self.lost = 0
        """Entries that are nowhere."""
        self.refused = 0
        """Entries that no database takes; they are in a file of their own."""

    @property
    def backlog(self) -> int:
        """Entries that are not applied."""
        return self.on_disk + len(self._memory)

    @property
    def safe(self) -> int:
        """How many of those that came in are on the disk, were applied, or are lost."""
        return self.added - len(self._memory)

    def open(self) -> None:
        """Takes the folder, so that a later process knows of this one. Tried again with lines."""
        try:
            self._segments.open()
        except OSError as error:
            self._away(error)

    def add(self, entries: Iterable[Entry]) -> None:
        """Takes entries in and brings them to the disk, if it takes them."""
        for entry in entries:
            self.added += 1
            line = _line(entry)
            if line is None:
                self.lose(1, "not_json")
            else:
                self._memory.append(line)
        self.flush()
        if (over := len(self._memory) - self._keep) > 0:
            for _ in range(over):
                self._memory.popleft()
            self.lose(over, "memory_full")

    def flush(self) -> None:
        """Brings what waits in memory to the disk, if it takes it."""
        while burst := list(_first(self._memory, _BURST)):
            try:
                self._segments.append(b"".join(burst))
            except OSError as error:
                self._away(error)
                return
            for _ in burst:
                self._memory.popleft()
            self.on_disk += len(burst)
            self._back()

    def read(self) -> Chunk | None:
        """The oldest entries, those on the disk first; None when nothing waits. Raises OSError."""
        piece = self._segments.read()
        if piece is not None:
            return Chunk(piece.lines, piece)
        lines = list(_first(self._memory, _BURST))
        return Chunk(lines, None) if lines else None

    def forget(self, chunk: Chunk) -> None:
        """These entries are applied: nothing of them is kept."""
        if chunk.piece is not None:
            self.on_disk -= len(chunk.lines)
            self._segments.forget(chunk.piece)
            return
        # Those that went to the disk meanwhile will be read again, and found applied.
        applied = {id(line) for line in chunk.lines}
        while self._memory and id(self._memory[0]) in applied:
            self._memory.popleft()

    def set_aside(self, line: bytes, why: str) -> None:
        """Keeps an entry that no database takes where nothing waits behind it."""
        self.refused += 1
        entry = decode(line)
        tables = sorted({change.table for change in entry.changes})
        _log.error("records.refused", call_sid=entry.call_sid, tables=tables, why=why)
        try:
            private_folder(self.folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            with open(os.open(self.folder / REFUSED, flags, 0o600), "ab", buffering=0) as file:
                file.write(line.rstrip(b"\n") + b"\n")
        except OSError:
            self.lose(1, "not_kept")

    def lose(self, entries: int, why: str) -> None:
        """Says loudly that entries are gone."""
        self.lost += entries
        _log.error("records.lost", entries=entries, why=why)

    def close(self) -> None:
        """Leaves what is on the disk to a later process."""
        if self._memory:
            self.lose(len(self._memory), "stopped")
            self._memory.clear()
        self._segments.close()

    def remove(self) -> None:
        """Removes the folder of a dead process, now that everything in it is applied."""
        self._segments.remove()

    def _away(self, error: OSError) -> None:
        if self.ok:
            _log.error("records.journal_away", error=_named(error))
        self.ok = False

    def _back(self) -> None:
        if not self.ok:
            _log.warning("records.journal_back")
        self.ok = True


def dead_journals(folder: Path) -> list[Journal]:
    """The journals of processes that are gone, oldest first, each locked for us. Does not raise."""
    try:
        names = sorted((path for path in folder.iterdir() if path.is_dir()), key=_begun)
    except OSError:
        return []
    return [dead for path in names if (dead := _dead_journal(path)) is not None]


def _begun(path: Path) -> int:
    """When its process began: nothing is written to the lock. 0 = it has none (any more)."""
    try:
        return (path / LOCK).stat().st_mtime_ns
    except OSError:
        return 0


def _dead_journal(path: Path) -> Journal | None:
    if path.name.startswith("."):
        return None  # being made
    try:
        segments = Segments.adopt(path)
    except OSError as error:
        _log.error("journal.unreadable", owner=path.name, error=_named(error))
        return None
    return None if segments is None else Journal(path.parent, segments=segments)


def _line(entry: Entry) -> bytes | None:
    """One line of JSON; None when it cannot be one."""
    with contextlib.suppress(UnicodeEncodeError, TypeError, OverflowError, RecursionError):
        return encode(entry) + b"\n"
    with contextlib.suppress(UnicodeEncodeError, TypeError, OverflowError, RecursionError):
        return encode(msgspec.convert(storable(msgspec.to_builtins(entry)), Entry)) + b"\n"
    return None


def _first(lines: deque[bytes], most: int) -> Iterator[bytes]:
    return (lines[index] for index in range(min(most, len(lines))))


def _named(error: OSError) -> str:
    return type(error).__name__ if error.errno is None else os.strerror(error.errno)
