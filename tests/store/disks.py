"""Recordings for tests: audio known byte by byte, keys, a disk that fails or dies on request."""

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.store.recordings.tapes import CHECKPOINT_S, SYNC_S, Tape, Tapes
from gateway.store.recordings.vault import Vault

FRAMES = 160
"""Of one piece: 20 ms."""
CALLS = (
    "open", "mkdir", "chmod", "fchmod", "pwrite", "write", "fsync", "ftruncate", "rename", "unlink",
    "posix_fadvise",
)  # fmt: skip
"""By which the gateway's recordings reach a disk."""


def pattern(pieces: int, seed: int = 0) -> bytes:
    """Stereo audio, 20 ms a piece, that is found nowhere else; every fourth piece ends in zeros."""
    chance = random.Random(seed)
    audio = bytearray()
    for number in range(pieces):
        zeros = FRAMES if number % 4 == 3 else 0
        audio += chance.randbytes(2 * FRAMES - zeros) + bytes(zeros)
    return bytes(audio)


def keys(*names: str) -> Vault:
    """A vault with keys of these names, each name always with the same key."""
    return Vault({name: hashlib.sha256(name.encode()).digest() for name in names})


def names_in(folder: Path) -> list[str]:
    """The endings of all files below a folder, in order."""
    return sorted(path.name.partition(".")[2] for path in folder.rglob("*") if path.is_file())


def the_file(folder: Path, ending: str) -> Path:
    """The one file below a folder that ends so."""
    (path,) = folder.rglob(f"*.{ending}")
    return path


@dataclass
class Recording:
    """A tape, what it was given, and what it told; the test is its disk thread."""

    tape: Tape
    audio: bytes
    faults: list[str]


def recording(tapes: Tapes, audio: bytes) -> Recording:
    """A tape just opened."""
    faults: list[str] = []
    return Recording(tapes.open("CA1", faults.append), audio, faults)


def two_recorded(folder: Path, vault: Vault | None, *, finish: bool = True) -> list[Recording]:
    """Two recordings side by side, four pieces each, synced ahead twice, then in their own files
    when they are to be finished; without any thread.
    """
    tapes = Tapes(folder, vault)
    both = [recording(tapes, pattern(4, seed)) for seed in (1, 2)]
    for _ in both:
        tapes._hear()
    at = CHECKPOINT_S
    tapes._sync(at)
    for number in range(4):
        for each in both:
            each.tape.write(each.audio[number * 2 * FRAMES : (number + 1) * 2 * FRAMES])
            each.tape.store()
        if number % 2 == 0:
            at += SYNC_S
            tapes._sync(at)
    if finish:
        tapes._sync(at + CHECKPOINT_S)
        for each in both:
            each.tape.finish()
    return both


class Killed(BaseException):
    """The process ends here; nothing it would have done afterwards is done."""


@dataclass
class Disk:
    """The calls that reach the disk, counted from 1; a write that goes wrong is half done first.

    Nothing is truly synced: no test here cuts the power, and there are thousands of calls.
    """

    wrong: Callable[[str, int], BaseException | None] = lambda name, number: None
    """What becomes of a call: its name, and how many calls there were."""
    seen: list[tuple[str, Any]] = field(default_factory=list)
    """Name and first argument of each call."""
    fds: set[int] = field(default_factory=set)
    """Descriptors that are open."""

    @contextmanager
    def watched(self) -> Iterator["Disk"]:
        """While this lasts."""
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                real = _unsynced if name == "fsync" else getattr(os, name)
                patch.setattr(os, name, self._watching(name, real))
            patch.setattr(os, "close", self._closing(os.close))
            yield self

    def _watching(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.seen.append((name, arguments[0]))
            if error := self.wrong(name, len(self.seen)):
                if name == "pwrite":
                    fd, data, offset = arguments
                    real(fd, data[: len(data) // 2], offset)
                raise error
            result = real(*arguments, **named)
            if name == "open":
                self.fds.add(result)
            return result

        return call

    def _closing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def call(fd: int) -> None:
            self.fds.discard(fd)
            real(fd)

        return call


def _unsynced(_fd: int) -> None:
    pass


def failing(code: int, number: int, *, for_good: bool = False) -> Disk:
    """A disk whose n-th call fails, and all after it if that is for good."""

    def wrong(_name: str, seen: int) -> OSError | None:
        hit = seen >= number if for_good else seen == number
        return OSError(code, os.strerror(code)) if hit else None

    return Disk(wrong)


def dying(number: int) -> Disk:
    """A process that is killed in its n-th call."""
    return Disk(lambda _name, seen: Killed() if seen >= number else None)


def calls_of(work: Callable[[], object]) -> int:
    """How many calls reach the disk when nothing goes wrong."""
    with Disk().watched() as disk:
        work()
    return len(disk.seen)


def killed_in(number: int, work: Callable[[], object]) -> None:
    """Does something as a process that is killed in its n-th call to the disk."""
    with dying(number).watched() as disk, suppress(Killed):
        work()
    for fd in disk.fds:
        os.close(fd)
