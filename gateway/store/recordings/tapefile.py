"""The files of a recording: their format, and one in progress.

A recording in progress is ``<month>/<32 hex>.part``, locked (flock) by whoever writes it, with an
index ``….idx`` beside it; a finished one is ``….wav``, or ``….wav.enc`` when it is encrypted. The
audio is 8 kHz stereo mu-law, interleaved: caller left, agent right. The place of the head is taken
from the first byte on, so finishing overwrites it and renames the file: that works on a full disk,
and what has the final name is whole. The index says what was on the disk for certain, and when; it
is removed in the end, for then all of it is.
"""

import os
import re
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import structlog

from gateway.core.g711 import BYTES_PER_MS, SAMPLE_RATE
from gateway.store.recordings.lockedfile import (
    make_folder,
    new_file,
    open_locked,
    sync_folder,
    write,
)
from gateway.store.recordings.vault import Vault

CHANNELS: Final = 2
STEREO_BYTES_PER_MS: Final = CHANNELS * BYTES_PER_MS
CHUNK_BYTES: Final = 1000 * STEREO_BYTES_PER_MS
"""Most audio that is written, and encrypted, in one piece."""
MAX_UNSYNCED_BYTES: Final = 1 << 20

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
HEADER_BYTES: Final = _HEADER.size
_LENGTHS: Final = (1, 14, 16)  # of the file, the frames, the audio
_MULAW: Final = 7  # WAVE_FORMAT_MULAW
_HASTEN: Final[int | None] = getattr(os, "POSIX_FADV_DONTNEED", None)
"""Linux begins to write at once, and waits for nothing (mm/fadvise.c); others may not know it."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_log = structlog.get_logger()


# The format


def wav_header(audio_bytes: int) -> bytes:
    """What stands before that many bytes of audio; any other format than PCM needs ``fact``."""
    frames = audio_bytes // CHANNELS
    shape = _MULAW, CHANNELS, SAMPLE_RATE, CHANNELS * SAMPLE_RATE, CHANNELS, 8, 0
    size = HEADER_BYTES - 8 + audio_bytes
    return _HEADER.pack(
        b"RIFF", size, b"WAVE", b"fmt ", 18, *shape, b"fact", 4, frames, b"data", audio_bytes
    )


def header_audio_bytes(header: bytes) -> int | None:
    """How much audio a header promises; None when it is not one of ours."""
    if len(header) != HEADER_BYTES:
        return None
    promised: int = _HEADER.unpack(header)[-1]
    fits = promised <= 0xFFFF_FFFF - HEADER_BYTES and header == wav_header(promised)
    return promised if fits else None


def is_wav_begun(head: bytes) -> bool:
    """True for one of our headers whatever its lengths are: they may be half written."""
    if len(head) != HEADER_BYTES:
        return False
    found, ours = _HEADER.unpack(head), _HEADER.unpack(wav_header(0))
    return all(found[at] == ours[at] for at in range(len(ours)) if at not in _LENGTHS)


class Form(Protocol):
    """How audio lies in a file: as it is, or encrypted."""

    suffix: str
    head: bytes
    """What a recording in progress begins with."""

    def chunk(self, number: int, stereo: bytes) -> bytes:
        """What is written for a piece of audio; pieces are numbered from 0."""

    def finished(self, chunks: int, audio_bytes: int) -> bytes:
        """What replaces the head in the end."""


class Plain:
    """Audio as it is: a WAV file."""

    suffix = ".wav"
    head = wav_header(0)

    def chunk(self, _number: int, stereo: bytes) -> bytes:
        """The audio itself."""
        return stereo

    def finished(self, _chunks: int, audio_bytes: int) -> bytes:
        """The header with the true length."""
        return wav_header(audio_bytes)


def form_of(vault: Vault | None) -> Form:
    """The form of a new recording."""
    return Plain() if vault is None else vault.sealed()


class Mark(NamedTuple):
    """How far a file has come."""

    end: int = 0
    """Bytes of the file."""
    chunks: int = 0
    audio_bytes: int = 0

    def after(self, file_bytes: int, audio_bytes: int) -> "Mark":
        """The same with one more chunk."""
        return Mark(self.end + file_bytes, self.chunks + 1, self.audio_bytes + audio_bytes)


def read_index(index: bytes) -> tuple[str, int]:
    """The boot during which a recording was written, and the bytes of it that were on the disk for
    certain. Lines that make no sense are left out: the last one may be half there.
    """
    lines = index.split(b"\n")[:-1]
    boot = re.fullmatch(rb"boot ([0-9a-f-]+)", lines[0]) if lines else None
    marks = [match for line in lines if (match := re.fullmatch(rb"(\d{1,18}) \d{1,18}", line))]
    return boot[1].decode() if boot else "", int(marks[-1][1]) if marks else 0


# A file in progress


def _nobody(_offset: int, _data: bytes) -> None:
    """Nobody is told."""


class PartFile:
    """A recording in progress: one descriptor, for one thread. Everything may raise OSError; after
    that only :meth:`finish` and :meth:`remove` make sense.
    """

    def __init__(
        self,
        stem: Path,
        form: Form,
        suffix: str = ".part",
        told: Callable[[int, bytes], None] = _nobody,
    ) -> None:
        """``told`` hears what is written before it is whole, and where in the file."""
        self._told = told
        self._part = stem.with_suffix(suffix)
        self._final = stem.with_suffix(form.suffix)
        self._index = _Index(stem.with_suffix(".idx"))
        self._form = form
        self._fd = -1
        self._mark = Mark()
        self._unsynced = bytearray()
        self._trusted = True
        self._finished = False

    @classmethod
    def found(cls, fd: int, part: Path, form: Form, mark: Mark) -> "PartFile":
        """One that a crash left, locked; what is behind the mark does not count."""
        self = cls(part.with_suffix(""), form)
        self._fd, self._mark = fd, mark
        return self

    @property
    def audio_ms(self) -> float:
        """How much audio it holds."""
        return self._mark.audio_bytes / STEREO_BYTES_PER_MS

    @property
    def unsynced(self) -> bool:
        """True when some of it may not be on the disk."""
        return bool(self._unsynced)

    def append(self, stereo: bytes) -> None:
        """Writes whole frames behind what there is; before the first ones there is no file."""
        if self._fd < 0:
            self._create()
        for start in range(0, len(stereo), CHUNK_BYTES):
            self._put(stereo[start : start + CHUNK_BYTES])
        if len(self._unsynced) > MAX_UNSYNCED_BYTES:
            self.sync(0)

    def hasten(self) -> None:
        """Has the system begin to write, and not keep in memory what nobody will read soon."""
        if _HASTEN is not None:
            with suppress(OSError):  # the sync will tell
                os.posix_fadvise(self._fd, 0, 0, _HASTEN)

    def sync(self, now_ms: int) -> None:
        """Waits until all of it is on the disk; ``now_ms`` is the time of day, for the index."""
        self._trusted = False
        os.fsync(self._fd)
        self._trusted = True
        self._unsynced.clear()
        self._index.add(f"{self._mark.end} {now_ms}")

    def finish(self) -> None:
        """Makes a whole recording of it, or nothing when it holds no audio.

        What went wrong is tried once more on a new descriptor: after a failed fsync the old one
        would claim success, though the pages are lost.
        """
        if not self._mark.audio_bytes:
            self.remove()
            return
        try:
            if not self._trusted:
                self._reopen()
            self._complete()
        except OSError as error:
            _log.warning("tape.finished_again", file=self._part.name, error=error.strerror)
            self._reopen()
            self._complete()
        finally:
            self._close()

    def remove(self) -> None:
        """Deletes all there is of it, finished or not."""
        if self._fd >= 0:
            with suppress(OSError):
                os.ftruncate(self._fd, 0)  # a repair makes nothing of it, even if it stays
        try:
            (self._final if self._finished else self._part).unlink(missing_ok=True)
            sync_folder(self._part.parent)
            self._index.remove()
        finally:
            self._unsynced.clear()
            self._close()

    def _create(self) -> None:
        make_folder(self._part.parent)
        self._fd = new_file(self._part)
        self._index.begin()
        write(self._fd, self._form.head, 0)
        sync_folder(self._part.parent)
        self._told(0, self._form.head)
        self._unsynced += self._form.head
        self._mark = Mark(len(self._form.head))

    def _put(self, stereo: bytes) -> None:
        written = self._form.chunk(self._mark.chunks, stereo)
        write(self._fd, written, self._mark.end)
        self._told(self._mark.end, written)
        self._mark = self._mark.after(len(written), len(stereo))
        self._unsynced += written

    def _complete(self) -> None:
        os.ftruncate(self._fd, self._mark.end)
        write(self._fd, self._form.finished(self._mark.chunks, self._mark.audio_bytes), 0)
        self._trusted = False
        os.fsync(self._fd)
        os.rename(self._part, self._final)
        self._finished = True
        self._unsynced.clear()
        sync_folder(self._part.parent)
        self._index.remove()

    def _reopen(self) -> None:
        self._close()
        self._fd = open_locked(self._part)
        write(self._fd, bytes(self._unsynced), self._mark.end - len(self._unsynced))

    def _close(self) -> None:
        if self._fd >= 0:
            with suppress(OSError):
                os.close(self._fd)
        self._fd = -1
        self._index.close()


class _Index:
    """What was on the disk for certain, line by line. A recording does without when it fails.

    It is not synced itself: a line that is lost means only that more trailing zeros are judged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def begin(self) -> None:
        with suppress(OSError):
            self._fd = new_file(self._path)
        self.add(f"boot {boot_id()}")

    def add(self, line: str) -> None:
        if self._fd >= 0:
            with suppress(OSError):
                os.write(self._fd, f"{line}\n".encode())

    def close(self) -> None:
        if self._fd >= 0:
            with suppress(OSError):
                os.close(self._fd)
        self._fd = -1

    def remove(self) -> None:
        self.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def put_back(part: Path, pieces: Sequence[tuple[int, bytes]]) -> None:
    """Has these pieces of a recording that a crash left on the disk: offset, and what is there.

    Raises OSError; FileNotFoundError when there is no such recording, BlockingIOError when somebody
    writes it.
    """
    fd = open_locked(part)
    try:
        for offset, data in pieces:
            write(fd, data, offset)
        os.fsync(fd)
    finally:
        os.close(fd)
    end = max(offset + len(data) for offset, data in pieces)
    # The last line may be half there: this one begins anew.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with suppress(OSError), open(os.open(part.with_suffix(".idx"), flags, 0o600), "ab") as index:
        index.write(b"\n%d 0\n" % end)


def boot_id() -> str:
    """Another one than before: the machine went down, not just a process. Empty if unknown."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
