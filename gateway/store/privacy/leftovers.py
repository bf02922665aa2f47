"""Files of calls beside the database: recordings and exports, found and deleted.

Deleting is unlinking. Whether bytes that no name leads to are overwritten, and when, is up to the
file system and the disk.
"""

import fcntl
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from gateway.store.folders import alone_in, settle
from gateway.store.recordings.ahead import bring_back

ENDINGS = (".wav", ".wav.enc", ".part", ".idx", ".rekey")
"""What there may be of one recording: finished, or still being made."""
_STEM = re.compile(rb"\d{4}-\d{2}/[0-9a-f]{32}")
_OURS = re.compile(r"\d{4}-\d{2}/[0-9a-f]{32}\.(wav|wav\.enc|part|idx|rekey)")


@dataclass(slots=True)
class Unlinked:
    """What became of recordings that were to be deleted, by name."""

    missing: list[str] = field(default_factory=list)
    """There was no file."""
    failed: dict[str, str] = field(default_factory=dict)
    """There still is one, and why."""


def unlink(folder: Path, names: Iterable[str]) -> Unlinked:
    """Deletes recordings with all that lies beside them; durable when it returns."""
    done = Unlinked()
    parents = set()
    for name in names:
        try:
            found = [path for path in _files(folder, name) if path.exists()]
            for path in found:
                path.unlink()
        except OSError as error:
            done.failed[name] = error.strerror or type(error).__name__
            continue
        if found:
            parents.add((folder / name).parent)
        else:
            done.missing.append(name)
    for parent in parents:
        settle(parent)
    return done


def _files(folder: Path, name: str) -> Iterator[Path]:
    """Where the files of a recording are, if it has them; none outside of the folder."""
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts or not inside.name:
        return
    stem = inside.name.partition(".")[0]
    yield from (folder / inside.parent / f"{stem}{ending}" for ending in ENDINGS)


def stem_of(name: str) -> str:
    """What all files of one recording have in common: its name without the ending."""
    return name.partition(".")[0]


def aged(folder: Path, before: float) -> dict[str, float]:
    """Recordings by stem with when they were last written, if that was before ``before``.

    Times are seconds since 1970. What another process writes is not among them.
    """
    found: dict[str, float] = {}
    for path in folder.glob("*/*"):
        name = path.relative_to(folder).as_posix()
        if _OURS.fullmatch(name):
            with suppress(FileNotFoundError):  # somebody was faster
                stem = stem_of(name)
                found[stem] = max(path.stat().st_mtime, found.get(stem, 0.0))
    old = {stem: written for stem, written in found.items() if written < before}
    return {stem: written for stem, written in old.items() if not _is_held(folder, stem)}


def _is_held(folder: Path, stem: str) -> bool:
    """True while a process writes it, which holds a lock on it."""
    try:
        with (folder / f"{stem}.part").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def settle_ahead(folder: Path) -> None:
    """From now on only gateways that run have anything ahead of recordings: what dead ones left is
    where it belongs, or gone. Raises OSError.
    """
    with alone_in(folder):
        bring_back(folder)


def stems_in(folder: Path) -> set[str]:
    """Recordings that are named by what waits in journals."""
    found: set[str] = set()
    for path in folder.glob("*/*.jsonl"):
        with suppress(FileNotFoundError):  # applied meanwhile
            found.update(match.decode() for match in _STEM.findall(path.read_bytes()))
    return found


def exports_of(folder: Path, call_sids: Iterable[str]) -> list[Path]:
    """Files and folders of exports that carry one of these CallSids in their name."""
    wanted = tuple(call_sids)
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if any(sid in path.name for sid in wanted)]


def remove_export(path: Path) -> None:
    """Deletes an export, whichever it is; durable when it returns."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    settle(path.parent)
