"""A process that records and is killed while it does, again and again; tells what was lost.

Forks for each round, which is why it is a process of its own: ``python -m tests.store.dying FOLDER
plain|encrypted ROUNDS LONGEST`` prints a JSON list of :class:`Round`; no round records more than
so many pieces.
"""

import json
import os
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.store.recordings.audio import read_stereo
from gateway.store.recordings.salvage import repair
from gateway.store.recordings.tapes import Tapes
from gateway.store.recordings.vault import Vault
from tests.store.disks import keys, pattern

PIECES = 400
PIECE_BYTES = 320
PACE_S = 0.004
"""A piece of 20 ms comes this often: faster than a call speaks, so that more of it is under way."""
MOMENT = 100
"""Pieces: what was handed on that long ago is expected to have been written."""


@dataclass
class Round:
    """One recording that was cut off."""

    whole: bool
    """What was left is a prefix of what was handed on, in whole frames, and told as such."""
    given: int
    """Bytes handed on, as far as the killed process could tell."""
    written: int
    """Bytes it had seen written."""
    old: int
    """Bytes handed on a moment before it was killed."""
    kept: int


def record(folder: Path, vault: Vault | None, pipe: int) -> None:
    """Records until the end of the world, and tells how far it is."""
    audio = pattern(PIECES)
    tapes = Tapes(folder, vault)
    tapes.start()
    tape = tapes.open("CA1", lambda _: None)
    for start in range(0, len(audio), PIECE_BYTES):
        written = int(tape._part.audio_ms * 16)
        tape.write(audio[start : start + PIECE_BYTES])
        os.write(pipe, f"{start + PIECE_BYTES} {written}\n".encode())
        time.sleep(PACE_S)
    signal.pause()


def killed(folder: Path, vault: Vault | None, reports: int) -> list[tuple[int, int]]:
    """What a process told that was killed after so many reports: given and written."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        record(folder, vault, theirs)
    os.close(theirs)
    with os.fdopen(ours) as told:
        lines = [told.readline() for _ in range(reports)]
        os.kill(child, signal.SIGKILL)
        lines += told.read().splitlines(keepends=True)
    os.waitpid(child, 0)
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [(int(given), int(written)) for given, written in whole]


def one_round(folder: Path, vault: Vault | None, pieces: int) -> Round:
    """Records, kills, repairs and compares."""
    told = killed(folder, vault, pieces)
    repaired = repair(folder, vault)
    kept = read_stereo(folder / repaired[0].file, vault) if repaired else b""
    honest = not repaired or repaired[0].audio_ms * 16 == len(kept)
    whole = pattern(PIECES).startswith(kept) and len(kept) % 2 == 0 and honest
    old = told[-MOMENT][0] if len(told) >= MOMENT else 0
    return Round(whole and repair(folder, vault) == [], *told[-1], old, len(kept))


def main() -> None:
    """Runs the rounds."""
    folder, form, rounds, longest = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
    vault = keys("a") if form == "encrypted" else None
    moments = [random.randrange(1, longest) for _ in range(rounds)]
    done = [one_round(folder / str(at), vault, pieces) for at, pieces in enumerate(moments)]
    sys.stdout.write(json.dumps([asdict(each) for each in done]))


if __name__ == "__main__":
    main()
