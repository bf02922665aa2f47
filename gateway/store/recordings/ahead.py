"""What recordings in progress were given since their own files were last on the disk: in one file.

Whether a file is on the disk costs about the same to be sure of however little is new in it. So
each second one file is made sure of for all recordings of a process, and their own only now and
then (:class:`gateway.store.recordings.tapes.Tapes`). It is read again after a loss of power alone:
whatever else ends a process leaves its recordings' own files as they were written.

The file is ``<32 hex>.ahead`` in the folder of recordings, locked (flock) by its process: a line
that names the boot, then pieces, each with the recording it belongs to, where in its file, and a
checksum, for the newest ones may be half there.
"""

import os
import re
import secrets
import struct
import zlib
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import structlog

from gateway.store.recordings.lockedfile import new_file, open_locked, sync_folder, write
from gateway.store.recordings.tapefile import MAX_UNSYNCED_BYTES, boot_id, put_back

_HEAD: Final = struct.Struct("<40sQI")  # the recording's stem, offset in its file, bytes
_SUM: Final = struct.Struct("<I")  # CRC-32 of head and bytes
_BOOT: Final = re.compile(rb"ahead ([0-9a-f-]*)\n")
_STEM: Final = re.compile(rb"[0-9]{4}-[0-9]{2}/[0-9a-f]{32}")
_OURS: Final = re.compile(r"[0-9a-f]{32}\.ahead")

_log = structlog.get_logger()


class Piece(NamedTuple):
    """A part of a recording's file."""

    stem: str
    """The recording: its file below the folder, without an ending."""
    offset: int
    data: bytes


class Ahead:
    """The one of this process, for one thread. There is no file before there is anything in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder
        self._fd = -1
        self._end = 0
        self._waiting: list[Piece] = []

    def add(self, stem: str, offset: int, data: bytes) -> None:
        """Takes what was written to a recording's file, there; for :meth:`sync`."""
        self._waiting.append(Piece(stem, offset, data))

    def drop(self, stems: Container[str]) -> None:
        """Of these recordings nothing is to come any more: they are whole, or gone."""
        self._waiting = [piece for piece in self._waiting if piece.stem not in stems]

    def sync(self) -> None:
        """Waits until all of it is on the disk. Raises OSError: then nothing of it may be, and the
        recordings' own files have to be synced before it is renewed.
        """
        if not self._waiting:
            return
        written = [part for piece in self._waiting for part in _parts(piece)]
        if self._fd < 0:
            self._path = self._folder / f"{secrets.token_hex(16)}.ahead"
            self._fd = new_file(self._path)
            sync_folder(self._folder)
            written.insert(0, b"ahead %s\n" % boot_id().encode())
        data = b"".join(written)
        write(self._fd, data, self._end)
        os.fsync(self._fd)
        self._end += len(data)
        self._waiting.clear()

    def renew(self) -> None:
        """Forgets everything: it is on the disk where it belongs, or wanted no more.

        Raises OSError when the file cannot be deleted; it is empty all the same, if it can be.
        """
        self._waiting.clear()
        if self._fd < 0:
            return
        try:
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
            self._path.unlink(missing_ok=True)
            sync_folder(self._folder)
        finally:
            with suppress(OSError):
                os.close(self._fd)
            self._fd, self._end = -1, 0


def bring_back(folder: Path) -> set[str]:
    """Writes what processes of before the last boot had ahead into their recordings' files, and
    deletes what no process holds any more. One process at a time, see
    :func:`gateway.store.folders.alone_in`.

    Never raises. Returns the recordings whose files did not take it, by their stems: a line in the
    log says so, and until a later start has more luck they must not be repaired.
    """
    left: set[str] = set()
    for path in files_ahead(folder):
        try:
            fd = open_locked(path)
            with open(fd, "rb") as file:
                same_boot = _boot(file) == (boot_id() or None)
                refused = [] if same_boot else _write_back(folder, _pieces(file))
                left.update(refused)
                if not refused:
                    path.unlink()
        except BlockingIOError:
            continue  # its process lives
        except OSError as error:
            _log.warning("tape.left_alone", file=path.name, reason=error.strerror)
    return left


def files_ahead(folder: Path) -> list[Path]:
    """Those of all processes. Each name is used once: what was deleted from the folder before is in
    none of those that come later.
    """
    found = sorted(path for path in folder.glob("*.ahead") if _OURS.fullmatch(path.name))
    return [path for path in found if path.is_file() and not path.is_symlink()]


def _parts(piece: Piece) -> tuple[bytes, bytes, bytes]:
    head = _HEAD.pack(piece.stem.encode(), piece.offset, len(piece.data))
    return _SUM.pack(zlib.crc32(piece.data, zlib.crc32(head))), head, piece.data


def _boot(file: BinaryIO) -> str:
    """During which boot it was written; empty when that is not known."""
    found = _BOOT.fullmatch(file.readline(64))
    return found[1].decode() if found else ""


def _pieces(file: BinaryIO) -> Iterator[Piece]:
    """Up to the first that is not whole: what is behind it was never synced."""
    while head := file.read(_SUM.size + _HEAD.size):
        if len(head) != _SUM.size + _HEAD.size:
            return
        checksum, rest = _SUM.unpack_from(head)[0], head[_SUM.size :]
        stem, offset, size = _HEAD.unpack(rest)
        if size > MAX_UNSYNCED_BYTES or not _STEM.fullmatch(stem):
            return
        data = file.read(size)
        if len(data) != size or zlib.crc32(data, zlib.crc32(rest)) != checksum:
            return
        yield Piece(stem.decode(), offset, data)


def _write_back(folder: Path, pieces: Iterable[Piece]) -> list[str]:
    """Each recording that is still in progress gets what was ahead of it; those that could not."""
    of: dict[str, list[Piece]] = {}
    for piece in pieces:
        of.setdefault(piece.stem, []).append(piece)
    refused = []
    for stem, mine in of.items():
        part = folder / f"{stem}.part"
        try:
            put_back(part, [(each.offset, each.data) for each in mine])
        except FileNotFoundError:
            continue  # finished, or wanted no more
        except OSError as error:
            _log.warning("tape.left_alone", file=part.name, reason=error.strerror)
            refused.append(stem)
    return refused
