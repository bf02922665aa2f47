"""What journals hold of calls that are erased: entries that wait, and entries that were refused.

The journal of a process that lives is its own: it drops what is erased when it comes to it. In that
of a dead one, and among what was refused, the lines are overwritten where they stand: files keep
their length, so nobody who appends to one, or reads it, is in the way.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gateway.store.entry import Entry, decode
from gateway.store.journal.segments import Segments

_CALL = re.compile(rb'\["([^"\\]*)",')
"""How the line of an entry begins; that of one that is of no call with an empty text."""


@dataclass(slots=True)
class Waiting:
    """What journals know of a call."""

    entries: int = 0
    ended: bool = False
    recordings: set[str] = field(default_factory=set)
    folders: set[Path] = field(default_factory=set)
    """Of the journals."""


def calls_in(folder: Path, wanted: Callable[[Entry], bool]) -> dict[str, Waiting]:
    """By CallSid the calls in journals of which some entry is wanted."""
    found: dict[str, Waiting] = {}
    chosen: set[str] = set()
    for path in _files(folder):
        for entry in _entries(path):
            call = found.setdefault(entry.call_sid, Waiting())
            call.entries += 1
            call.folders.add(path.parent)
            _learn(call, entry)
            if wanted(entry):
                chosen.add(entry.call_sid)
    return {call_sid: call for call_sid, call in found.items() if call_sid in chosen}


def _learn(call: Waiting, entry: Entry) -> None:
    for change in entry.changes:
        if change.table == "calls":
            call.ended |= change.values.get("state") == "ended"
            if recording := change.values.get("recording"):
                call.recordings.add(recording)


def is_dead(folder: Path) -> bool:
    """True when a journal is here and its process is not."""
    journal = Segments.adopt(folder)
    if journal is not None:
        journal.close()
    return journal is not None


def drop(folder: Path, call_sids: Collection[str]) -> int:
    """Overwrites what waits of these calls wherever nobody else may; how many entries that were."""
    dropped = 0
    for path in still_in(folder, call_sids):
        if path.parent == folder:
            dropped += _blank(path, call_sids)
        elif (dead := Segments.adopt(path.parent)) is not None:
            try:
                dropped += _blank(path, call_sids)
            finally:
                dead.close()
    return dropped


def still_in(folder: Path, call_sids: Collection[str]) -> list[Path]:
    """Files in which something waits of these calls, newest first.

    What tells whose a call is comes first in a journal: it is to be dropped last.
    """
    wanted = set(call_sids)
    return [path for path in reversed(_files(folder)) if any(_places(path, wanted))]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.jsonl") if path.is_file())


def _entries(path: Path) -> Iterator[Entry]:
    for line in _content(path).split(b"\n"):
        try:
            yield decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue  # torn, or damaged


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # applied meanwhile


def _places(path: Path, wanted: Collection[str]) -> Iterator[tuple[int, int]]:
    """Beginning and end of the lines of these calls, those at the end first."""
    content = _content(path)
    end = len(content)
    while end > 0:
        start = content.rfind(b"\n", 0, end - 1) + 1
        if _is_of(content[start:end], wanted):
            yield start, end
        end = start


def _is_of(line: bytes, wanted: Collection[str]) -> bool:
    if told := _CALL.match(line):
        return told[1].decode(errors="replace") in wanted
    return any(call_sid.encode() in line for call_sid in wanted)  # damaged


def _blank(path: Path, wanted: Collection[str]) -> int:
    """Empty lines are no lines to whoever reads a journal."""
    dropped = 0
    with path.open("r+b", buffering=0) as file:
        for start, end in _places(path, wanted):
            os.pwrite(file.fileno(), b"\n" * (end - start), start)
            dropped += 1
        os.fsync(file.fileno())
    return dropped
