"""Files that one process writes: locked (flock) while it does, for their owner alone, on the disk
when they have to be. Everything may raise OSError where it does not say otherwise.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from gateway.store.folders import settle


def open_locked(path: Path) -> int:
    """A descriptor of a file nobody else writes. Raises OSError; BlockingIOError when somebody
    does, or just did and has renamed it.
    """
    # Without O_NONBLOCK a pipe of that name would keep us waiting.
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(fd, path):
            raise BlockingIOError(0, "another process has renamed it")
    except OSError:
        os.close(fd)
        raise
    return fd


def remove_dead(path: Path) -> None:
    """Removes a file, if there is one that nobody writes."""
    with suppress(OSError):
        fd = open_locked(path)
        try:
            path.unlink()
        finally:
            os.close(fd)


def new_file(path: Path) -> int:
    """A descriptor of a new file, locked and for its owner alone."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(fd, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_at(fd, path):
                return fd
        except OSError:
            path.unlink(missing_ok=True)
            os.close(fd)
            raise
        os.close(fd)  # a repair locked it first, and removed it, for it was empty


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def write(fd: int, data: bytes, offset: int) -> None:
    """All of it, there. Raises OSError."""
    left = memoryview(data)
    while left:
        written = os.pwrite(fd, left, offset)
        left, offset = left[written:], offset + written


def make_folder(folder: Path) -> None:
    """The folder of a month in the folder of recordings, each for its owner alone."""
    if folder.is_dir():
        return
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    for each in (folder.parent, folder):
        with suppress(FileExistsError):
            each.mkdir(0o700)
            each.chmod(0o700)  # whatever umask left of it
            sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """What was made or renamed in a folder is on the disk, or not: only a name is at stake. The
    file comes back under the one it had, and is repaired.
    """
    with suppress(OSError):
        settle(folder)
