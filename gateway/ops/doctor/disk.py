"""Is there room on the disk of the data dir, and does what is written to it stay?"""

import os
import tempfile
import time
from pathlib import Path

from gateway.ops.doctor.datadir import nearest
from gateway.ops.doctor.finding import Wrong
from gateway.settings import Settings
from gateway.store.folders import settle

LEAST_FREE = 256 << 20
"""Bytes: some four hours of recordings (16 kB a second)."""
LEAST_FILES = 1000
_PROOF = os.urandom(64 << 10)


def disk_keeps(settings: Settings, least_free: int = LEAST_FREE) -> str:
    """Room and time of a write. Raises Wrong when there is none, or it fails.

    What is written is removed at once.
    """
    folder = nearest(settings.data_dir)
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    if free < least_free:
        raise Wrong(
            f"{_size(free)} are free at {folder}, less than {_size(least_free)}",
            "make room, shorten GATEWAY_KEEP_RECORDINGS_DAYS and run `gateway calls purge`, or "
            "set GATEWAY_DATA_DIR to a larger disk",
        )
    if room.f_files and room.f_favail < LEAST_FILES:
        raise Wrong(
            f"only {room.f_favail} more files fit on the disk of {folder} (inodes)",
            "delete what is small and many there, or set GATEWAY_DATA_DIR to another disk",
        )
    try:
        took_ms = _written(folder)
    except OSError as error:
        raise Wrong(
            f"writing to {folder} fails: {error.strerror or type(error).__name__}",
            "see what the system says of this disk (dmesg), or set GATEWAY_DATA_DIR to another",
        ) from None
    return f"{_size(free)} free, a write is on the disk in {took_ms:.0f} ms"


def _written(folder: Path) -> float:
    """How long it took (ms) until a file and its name were on the disk."""
    began = time.monotonic()
    handle, name = tempfile.mkstemp(prefix=".doctor-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_PROOF)
            file.flush()
            os.fsync(file.fileno())
        settle(folder)
        took_ms = (time.monotonic() - began) * 1000
        if Path(name).read_bytes() != _PROOF:
            raise OSError("what was written is not what is read")
    finally:
        os.unlink(name)
    return took_ms


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else f"{count >> 20} MB"
