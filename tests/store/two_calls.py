"""A process that records two calls at a time while the n-th call of a kind to the disk fails.

``python -m tests.store.two_calls FOLDER CALL N`` is meant for ``strace``, which makes the N-th such
call of each thread fail. It records once for each of N disk threads, the first of which makes N-1
of these calls beforehand, the last none: so each of the first N calls fails once. Plainly, then
encrypted. Prints a JSON list of :class:`Told`, with none of those calls.
"""

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.store.recordings import tapes as tapes_module
from gateway.store.recordings.tapes import Tapes
from tests.store.disks import Recording, keys, pattern, recording

PIECES = 13
PIECE_BYTES = 320
LIMIT_S = 20.0


@dataclass
class Told:
    """What a process told of one recording."""

    folder: str
    form: str
    file: str
    seed: int
    faults: list[str]
    audio_ms: float
    incomplete: str


def turn(tapes: Tapes) -> None:
    """Lets the disk thread write, and sync, what has come."""
    for _ in range(2):
        heard = threading.Event()
        tapes._ask(heard.set)
        heard.wait(LIMIT_S)


def record(tapes: Tapes, prepare: Callable[[], None]) -> list[Recording]:
    """Two calls side by side."""
    tapes.start()
    tapes._ask(prepare)
    both = [recording(tapes, pattern(PIECES, seed)) for seed in (1, 2)]
    for start in range(0, PIECES * PIECE_BYTES, PIECE_BYTES):
        for each in both:
            each.tape.write(each.audio[start : start + PIECE_BYTES])
        turn(tapes)
    for each in both:
        each.tape.close().result(LIMIT_S)
    tapes.stop(LIMIT_S)
    return both


def calling(call: str, times: int) -> Callable[[], None]:
    """Makes so many calls of a kind that change nothing."""
    fd, path = tempfile.mkstemp()
    calls: dict[str, Callable[[], object]] = {
        "pwrite64": lambda: os.pwrite(fd, b"", 0),
        "write": lambda: os.write(fd, b""),
        "fsync": lambda: os.fsync(fd),
        "ftruncate": lambda: os.ftruncate(fd, 0),
        "rename": lambda: os.rename(path, path),
    }

    def prepare() -> None:
        for _ in range(times):
            calls[call]()
        os.close(fd)
        os.unlink(path)

    return prepare


def main() -> None:
    """Records in both forms, each pair with a disk thread of its own."""
    tapes_module.SYNC_S = 0.001  # type: ignore[misc]
    tapes_module.CHECKPOINT_S = 0.003  # type: ignore[misc]
    folder, call, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    told = []
    for number in range(1, last + 1):
        for form, vault in (("plain", None), ("encrypted", keys("a"))):
            place = folder / f"{form}-{number}"
            both = record(Tapes(place, vault), calling(call, last - number))
            for seed, each in enumerate(both, 1):
                closed = asdict(each.tape.close().result(LIMIT_S))
                told.append(Told(str(place), form, each.tape.file, seed, each.faults, **closed))
    os.writev(1, [json.dumps([asdict(each) for each in told]).encode()])


if __name__ == "__main__":
    main()
