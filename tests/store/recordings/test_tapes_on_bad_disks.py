"""Recordings on disks that are really full, and under system calls that really fail."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.recordings.audio import read_stereo
from gateway.store.recordings.salvage import repair
from gateway.store.recordings.tapes import Tapes
from gateway.store.recordings.vault import Vault
from tests.store.disks import keys, names_in, pattern, recording
from tests.store.two_calls import PIECES, Told, turn

ROOT = Path(__file__).parents[3]
FORMS: dict[str, Vault | None] = {"plain": None, "encrypted": keys("a")}
FIRST_CALLS = 30
DISK_BYTES = 256 * 1024


@pytest.mark.system
@pytest.mark.timeout(300)
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("call", ["pwrite64", "write", "fsync", "ftruncate", "rename"])
def test_a_failing_call_cuts_one_recording_short(tmp_path: Path, call: str, error: str) -> None:
    """Whichever of the first thirty of its kind it is: the process lives, no file is half one, the
    other recording is whole.
    """
    trace = tmp_path / "trace"
    made = recorded_under(trace, tmp_path / "made", call, error)
    pairs = list(zip(made[::2], made[1::2], strict=True))
    assert len(pairs) == 2 * FIRST_CALLS
    for first, second in pairs:
        check_two(first, second, error)
    assert trace.read_text().count("(INJECTED)") >= 2 * 2


def recorded_under(trace: Path, folder: Path, call: str, error: str) -> list[Told]:
    """What a process told in which each of the first calls failed once."""
    inject = f"inject={call}:error={error}:when={FIRST_CALLS}"
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(trace), "-e", inject]
    script = [sys.executable, "-m", "tests.store.two_calls", str(folder), call, str(FIRST_CALLS)]
    done = subprocess.run([*strace, *script], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()[-1]  # what is above are the gateway's logs
    return [Told(**each) for each in json.loads(words)]


def check_two(first: Told, second: Told, error: str) -> None:
    """One of two was cut short at most, and says so; the next start finds nothing to do."""
    folder, vault = Path(first.folder), FORMS[first.form]
    word = {"EIO": "disk_error", "ENOSPC": "disk_full"}[error]
    assert len(first.faults) + len(second.faults) <= 1
    assert set(names_in(folder)) <= {"wav", "wav.enc"}
    for each in (first, second):
        assert each.faults in ([], [word])
        assert [each.incomplete] == (each.faults or [""])
        path = folder / each.file
        kept = read_stereo(path, vault) if path.exists() else b""
        assert pattern(PIECES, each.seed).startswith(kept)
        assert len(kept) / 16 == each.audio_ms
        assert each.faults or len(kept) == len(pattern(PIECES))
    assert repair(folder, vault) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of a quarter of a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    size = f"size={DISK_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.system
@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk_ends_recordings_whole(small_disk: Path, form: str) -> None:
    """Until it is full everything is kept, and finishing needs no room; files deleted, the next
    recording works again.
    """
    tapes = Tapes(small_disk / "recordings", FORMS[form])
    tapes.start()
    both = [recording(tapes, pattern(500, seed)) for seed in (1, 2)]
    for start in range(0, 500 * 320, 8000):
        for each in both:
            each.tape.write(each.audio[start : start + 8000])
        turn(tapes)
    for each in both:
        closed = each.tape.close().result(20)
        kept = read_stereo(small_disk / "recordings" / each.tape.file, FORMS[form])
        assert each.faults == ["disk_full"] == [closed.incomplete]
        assert each.audio.startswith(kept)
        assert len(kept) / 16 == closed.audio_ms > 0
    assert free(small_disk) < 40_000
    for each in both:
        each.tape.discard().result(20)
    again = recording(tapes, pattern(10))
    again.tape.write(again.audio)
    assert again.tape.close().result(20).audio_ms == 200.0
    tapes.stop(20)


def free(folder: Path) -> int:
    """Bytes left on a file system."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@pytest.mark.system
@pytest.mark.parametrize("form", FORMS)
def test_a_disk_filled_by_others_is_enough_to_finish(small_disk: Path, form: str) -> None:
    """Not a byte is left when the tape is closed: what it has becomes whole all the same."""
    folder = small_disk / "recordings"
    each = recording(Tapes(folder, FORMS[form]), pattern(10))
    each.tape.write(each.audio)
    each.tape.store()
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "x").write_bytes(bytes(2 * DISK_BYTES))
    assert free(small_disk) == 0
    each.tape.finish()
    assert each.faults == []
    assert read_stereo(folder / each.tape.file, FORMS[form]) == each.audio
