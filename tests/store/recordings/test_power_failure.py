"""Recordings on a real file system whose machine loses power: what its disk has is all there is.

A file system in a file (ext4, mounted as a loop) hands on to that file what it would have handed on
to a disk. A copy of the file, mounted elsewhere, is that disk after the power has failed.
"""

import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.store.recordings import ahead, salvage
from gateway.store.recordings.audio import read_stereo
from gateway.store.recordings.salvage import repair
from gateway.store.recordings.tapes import CHECKPOINT_S, SYNC_S, Tapes
from gateway.store.recordings.vault import Vault
from tests.store.disks import Recording, keys, names_in, pattern, recording

SECONDS = 14
PIECES_A_SECOND = 50
STEREO_SECOND = 16_000
CALLS = 4
DISCARDED_AT, FINISHED_AT = 6, 9


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    """The file system in a file."""
    at.mkdir()
    subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small disk, as a file."""
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(path)], check=True)
    return path


@dataclass
class Made:
    """A recording, and how far it must have got."""

    recording: Recording
    given: int = 0
    """Bytes of its audio that were written."""
    safe: int = 0
    """Of these, bytes that were synced."""

    def goes_on(self, n_bytes: int) -> None:
        """More of its audio is written."""
        audio = self.recording.audio[self.given : self.given + n_bytes]
        self.recording.tape.write(audio)
        self.recording.tape.store()
        self.given += len(audio)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("form", ["plain", "encrypted"])
def test_after_a_loss_of_power_all_is_there_that_was_synced(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Second by second, of several recordings, one of which is discarded on the way and one
    finished: what was synced, at least; never anything else; of the discarded one nothing.
    """
    vault = None if form == "plain" else keys("a")
    more = []
    with mounted(image, tmp_path / "now") as disk:
        tapes = Tapes(disk / "recordings", vault)
        audio = [pattern(SECONDS * PIECES_A_SECOND, seed) for seed in range(CALLS)]
        made = [Made(recording(tapes, each)) for each in audio]
        going = list(made)
        for _ in made:
            tapes._hear()
        for second in range(SECONDS):
            for each in going:
                each.goes_on(STEREO_SECOND // 2)
            if second == DISCARDED_AT:
                going.remove(made[0])
                made[0].recording.tape._remove(Future())
            if second == FINISHED_AT:
                going.remove(made[1])
                made[1].recording.tape.finish()
                made[1].safe = made[1].given
            tapes._let_go()
            tapes._sync(100 + second * SYNC_S)
            for each in going:
                each.safe = each.given
                each.goes_on(STEREO_SECOND // 2)
            left = made if second < DISCARDED_AT else made[1:]
            copy = tmp_path / f"disk-{second}"
            subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
            with mounted(copy, tmp_path / f"then-{second}") as then, monkeypatch.context() as patch:
                for module in (ahead, salvage):
                    patch.setattr(module, "boot_id", lambda: "another")
                if second >= DISCARDED_AT:
                    nothing_of(then / "recordings", made[0].recording)
                more.append(made_of(then / "recordings", vault, left))
        for each in going:
            each.recording.tape.finish()
    assert len(more) == SECONDS > 3 * CHECKPOINT_S
    assert [each.safe for each in going] == [(SECONDS - 1) * STEREO_SECOND + 8000] * len(going)


def made_of(folder: Path, vault: Vault | None, left: list[Made]) -> int:
    """What the next start makes of it; how much more there was than had to be, in bytes."""
    repair(folder, vault)
    assert set(names_in(folder)) <= {"wav", "wav.enc"}
    more = 0
    for each in left:
        kept = read_stereo(folder / each.recording.tape.file, vault)
        assert each.recording.audio.startswith(kept)
        assert each.safe <= len(kept) <= each.given
        more += len(kept) - each.safe
    return more


def nothing_of(folder: Path, gone: Recording) -> None:
    """Neither a file of it nor any of its audio."""
    assert not list(folder.glob(f"{gone.tape.stem}*"))
    some = [gone.audio[at : at + 100] for at in range(0, len(gone.audio), STEREO_SECOND)]
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(each in content for each in some)
