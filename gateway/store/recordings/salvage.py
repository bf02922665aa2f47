"""What a crash left of recordings: finished after the fact, at start.

A killed process loses nothing it has written. When the machine went down, what lies behind the
last sync may be zeros in place of audio (0x00 is the loudest sample there is): zeros at the end of
a file are cut there. Encrypted files need no such judging, for their chunks prove themselves.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from gateway.errors import GatewayError
from gateway.store.folders import alone_in
from gateway.store.recordings.ahead import bring_back
from gateway.store.recordings.lockedfile import open_locked, remove_dead
from gateway.store.recordings.tapefile import (
    CHANNELS,
    HEADER_BYTES,
    Form,
    Mark,
    PartFile,
    Plain,
    boot_id,
    is_wav_begun,
    read_index,
)
from gateway.store.recordings.vault import MAGIC, Vault, head_bytes, recognise

_OURS: Final = re.compile(r"[0-9]{4}-[0-9]{2}/[0-9a-f]{32}\.(part|idx|rekey)")
_BLOCK: Final = 1 << 16

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Repaired:
    """A recording that was finished after the fact."""

    file: str
    """Inside the folder of recordings."""
    audio_ms: float


def repair(folder: Path, vault: Vault | None) -> list[Repaired]:
    """Finishes every recording whose writer is gone; what holds no audio is removed.

    What another process holds is left alone, and so is what cannot be read or brought back (its key
    is missing, the disk fails, it is none of ours): a line in the log says so, and the next start
    tries again.
    """
    with alone_in(folder):
        return _repaired(folder, vault, bring_back(folder))


def _repaired(folder: Path, vault: Vault | None, incomplete: set[str]) -> list[Repaired]:
    repaired = []
    for part in _left(folder, "part"):
        if f"{part.parent.name}/{part.stem}" in incomplete:
            continue
        try:
            repaired += _mended(part, vault)
        except BlockingIOError:
            continue
        except (OSError, GatewayError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            _log.warning("tape.left_alone", file=part.name, reason=reason)
    _sweep(folder)
    return repaired


def _mended(part: Path, vault: Vault | None) -> list[Repaired]:
    fd = open_locked(part)
    try:
        with open(fd, "rb", closefd=False) as file:
            form, mark = _survey(file, part, vault)
    except (OSError, GatewayError):
        os.close(fd)
        raise
    left = PartFile.found(fd, part, form, mark)
    left.finish()
    name = f"{part.parent.name}/{part.stem}{form.suffix}"
    return [Repaired(name, left.audio_ms)] if left.audio_ms else []


def _survey(file: BinaryIO, part: Path, vault: Vault | None) -> tuple[Form, Mark]:
    """How the audio of a file lies in it, and how far it is good."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEADER_BYTES)
    if size <= HEADER_BYTES or (head.startswith(MAGIC) and size <= head_bytes(head)):
        return Plain(), Mark()
    if head.startswith(MAGIC):
        return _survey_sealed(file, part, vault)
    if is_wav_begun(head):
        return Plain(), _survey_plain(file, size, part.with_suffix(".idx"))
    if _end_without_zeros(file, 0, size) == 0:
        return Plain(), Mark()
    raise GatewayError("is no recording of ours")


def _survey_sealed(file: BinaryIO, part: Path, vault: Vault | None) -> tuple[Form, Mark]:
    file.seek(0)
    sealed = recognise(file, part.name, vault)
    mark = Mark(len(sealed.head))
    for size, audio in sealed.begun(file):
        mark = mark.after(size, len(audio))
    return sealed, mark


def _survey_plain(file: BinaryIO, size: int, index: Path) -> Mark:
    boot, synced = read_index(index.read_bytes() if index.is_file() else b"")
    if not boot or boot != boot_id():
        size = _end_without_zeros(file, max(synced, HEADER_BYTES), size)
        size += (size - HEADER_BYTES) % CHANNELS  # one zero of a frame may be audio
    size -= (size - HEADER_BYTES) % CHANNELS
    return Mark(size, 0, size - HEADER_BYTES)


def _end_without_zeros(file: BinaryIO, low: int, high: int) -> int:
    """Where a file ends when the zeros at its end are cut, those before ``low`` excepted."""
    while high > low:
        start = max(low, high - _BLOCK)
        file.seek(start)
        if kept := file.read(high - start).rstrip(b"\0"):
            return start + len(kept)
        high = start
    return high


def _sweep(folder: Path) -> None:
    """Removes indexes without a recording in progress, and what a killed ``rekey`` left."""
    for stray in _left(folder, "rekey"):
        remove_dead(stray)
    for index in _left(folder, "idx"):
        if not index.with_suffix(".part").exists():
            with suppress(OSError):
                index.unlink()


def _left(folder: Path, kind: str) -> Iterator[Path]:
    for path in sorted(folder.glob(f"*/*.{kind}")):
        ours = _OURS.fullmatch(path.relative_to(folder).as_posix())
        if ours and path.is_file() and not path.is_symlink():
            yield path
