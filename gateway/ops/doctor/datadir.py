"""Can this process use the data dir, and nobody else what is private in it?"""

import os
import stat
from pathlib import Path

from gateway.ops.doctor.finding import Wrong
from gateway.settings import Settings

_FOLDERS = ("journal", "recordings", "exports")
_DATABASE = "calls.db"


def data_dir_usable(settings: Settings) -> str:
    """Where it is. Raises Wrong for what stands in the way, and for what others may read."""
    folder = settings.data_dir
    place = nearest(folder)
    if not place.is_dir():
        raise Wrong(f"{place} is in the way: it is no folder", _elsewhere(place))
    _usable(place)
    if place != folder:
        return f"{folder} is not there yet: made by the first `gateway serve`"
    if folder.stat().st_mode & stat.S_IWOTH:
        raise Wrong(f"others may write to {folder}", f"chmod o-w {folder}")
    for name in _FOLDERS:
        inside = folder / name
        if inside.is_dir():
            _usable(inside)
            _private(inside)
        elif os.path.lexists(inside):
            raise Wrong(f"{inside} is in the way: it is no folder", _elsewhere(inside))
    database = folder / _DATABASE
    if database.is_dir():
        raise Wrong(f"{database} is in the way: it is a folder", _elsewhere(database))
    if database.exists():
        _usable(database)
        _private(database)
    return f"{folder.absolute()} is ours to write"


def nearest(folder: Path) -> Path:
    """The folder itself, or the nearest thing above it that is there."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _usable(path: Path) -> None:
    modes = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    if not os.access(path, modes):
        user, owner = os.geteuid(), path.stat().st_uid
        how = f"sudo chown -R {user} {path}" if user != owner else f"chmod -R u+rwX {path}"
        raise Wrong(f"user {user} may not write to {path} (it is user {owner}'s)", how)


def _private(path: Path) -> None:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Wrong(
            f"others may read {path}: it holds what people said on the phone",
            f"chmod -R go-rwx {path}",
        )


def _elsewhere(path: Path) -> str:
    return f"move {path} away, or set GATEWAY_DATA_DIR to another folder"
