"""The files of a journal: lines appended and fsynced, read back in order, removed when applied.

One folder per gateway process, named by its owner and locked for as long as the process lives, so
that a later process can tell the journals of the dead from those of the living. Nothing but what
was fsynced counts. A file whose write or fsync failed is never written to again: after a failed
fsync the kernel forgets which pages were not written (the Linux kernel's documentation of
``fsync`` errors; PostgreSQL's "fsyncgate").
"""

import contextlib
import errno
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog

from gateway.store.folders import private_folder, settle

SEGMENT_BYTES = 4 << 20
"""A file that has reached this gets no more lines."""
PIECE_BYTES = 128 << 10
"""About how much is read, and applied, at a time."""
LOCK = "lock"
_GONE = {errno.ENOENT, errno.EIO}
"""No use in trying again."""

_log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Segment:
    path: Path
    size: int = 0
    """Bytes that count."""
    done: int = 0
    """Bytes that were applied."""
    named: bool = False
    """Its name is on the disk, too."""


class Piece(NamedTuple):
    """Lines that were read, and where they end."""

    lines: list[bytes]
    segment: _Segment
    end: int


class Segments:
    """The files of one owner, oldest first. Methods raise OSError unless they say otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._segments: list[_Segment] = []
        self._number = 0
        self._fd: int | None = None
        self._lock: int | None = None

    @classmethod
    def adopt(cls, folder: Path) -> "Segments | None":
        """The files a dead process left, locked for us; None when it lives or another was first."""
        adopted = cls(folder)
        if not adopted._seize():
            return None
        adopted._segments = [
            _Segment(path, path.stat().st_size) for path in sorted(folder.glob("*.jsonl"))
        ]
        return adopted

    def open(self) -> None:
        """Makes and locks the folder. Nothing happens when it is there already."""
        if self._lock is not None and self.folder.exists():
            return
        self._unlock()
        # Locked before it has its name: nobody can take it for a dead process's.
        newborn = self.folder.with_name(f".{self.folder.name}")
        private_folder(newborn)
        self._lock = os.open(newborn / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        newborn.rename(self.folder)
        settle(self.folder.parent)

    def append(self, lines: bytes) -> None:
        """Writes whole lines and waits until they are on the disk; else nothing of them counts."""
        fd = self._writable()
        segment = self._segments[-1]
        try:
            _write_all(fd, lines)
            os.fdatasync(fd)
            if not segment.named:
                settle(self.folder)
                segment.named = True
        except OSError:
            self._abandon(segment)
            raise
        segment.size += len(lines)

    def read(self) -> Piece | None:
        """The oldest lines that were not forgotten; None when there are none."""
        while (segment := self._unread()) is not None:
            try:
                return _read(segment, PIECE_BYTES)
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                self._give_up(segment)
        return None

    def forget(self, piece: Piece) -> None:
        """These lines are applied: they are removed as soon as all of their file is.

        Does not raise: what cannot be removed is left to a later process, which applies it again.
        """
        segment = piece.segment
        segment.done = piece.end
        if segment.done < segment.size or segment not in self._segments:
            return
        try:
            self._clear(segment)
        except OSError as error:
            _log.error("journal.not_removed", file=segment.path.name, error=type(error).__name__)
            self._drop(segment)

    def close(self) -> None:
        """Lets go of the folder; what is in it stays for a later process. Does not raise."""
        self._close_file()
        if self._segments and not self._segments[-1].size:
            with contextlib.suppress(OSError):
                self._segments.pop().path.unlink()
        self._unlock()

    def remove(self) -> None:
        """Removes the folder, applied or not."""
        self._close_file()
        for path in self.folder.glob("*.jsonl"):
            path.unlink(missing_ok=True)
        (self.folder / LOCK).unlink(missing_ok=True)
        self.folder.rmdir()
        self._unlock()

    # Inside

    def _seize(self) -> bool:
        """Locks a folder that exists, unless somebody else has it."""
        try:
            self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):
            self._unlock()
            return False
        if os.fstat(self._lock).st_nlink:
            return True
        self._unlock()  # whoever had it has removed it meanwhile
        return False

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _writable(self) -> int:
        if self._fd is not None and self._segments[-1].size < SEGMENT_BYTES:
            return self._fd
        self._close_file()
        self.open()
        self._number += 1
        path = self.folder / f"{self._number:08}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._fd = os.open(path, flags, 0o600)
        self._segments.append(_Segment(path))
        return self._fd

    def _abandon(self, segment: _Segment) -> None:
        """Keeps of a file what counts; the next lines go to a new one."""
        self._close_file()
        with contextlib.suppress(OSError):
            if segment.size:
                os.truncate(segment.path, segment.size)
            else:
                self._segments.remove(segment)
                segment.path.unlink()

    def _close_file(self) -> None:
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None

    def _unread(self) -> _Segment | None:
        return next((each for each in self._segments if each.done < each.size), None)

    def _clear(self, segment: _Segment) -> None:
        if self._fd is not None and segment is self._segments[-1]:
            os.ftruncate(self._fd, 0)
            segment.size = segment.done = 0
        else:
            segment.path.unlink(missing_ok=True)
            self._segments.remove(segment)

    def _give_up(self, segment: _Segment) -> None:
        lost = segment.size - segment.done
        _log.error("journal.unreadable", file=segment.path.name, bytes=lost)
        self._drop(segment)

    def _drop(self, segment: _Segment) -> None:
        if segment is self._segments[-1]:
            self._close_file()
        self._segments.remove(segment)


def _read(segment: _Segment, most: int) -> Piece:
    """Whole lines; the last one of a file may be torn."""
    left = segment.size - segment.done
    data = _bytes_of(segment.path, min(most, left), segment.done)
    if not data:
        raise OSError(errno.EIO, "shorter than it was")
    end = data.rfind(b"\n") + 1
    if not end and len(data) < left:
        return _read(segment, 2 * most)
    end = end or len(data)
    lines = [line for line in data[:end].split(b"\n") if line]
    return Piece(lines, segment, segment.done + end)


def _bytes_of(path: Path, most: int, start: int) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.pread(fd, most, start)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
