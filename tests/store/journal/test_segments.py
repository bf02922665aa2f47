"""The files of a journal: what was fsynced is read back in order, and removed when applied."""

import errno
import fcntl
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.store.journal import segments as module
from gateway.store.journal.segments import Segments


@pytest.fixture
def files(tmp_path: Path) -> Segments:
    """Files of an owner that is alive."""
    made = Segments(tmp_path / "journal" / "owner")
    made.open()
    return made


def numbered(start: int, stop: int) -> bytes:
    """Lines that say which they are."""
    return b"".join(b"line %d\n" % number for number in range(start, stop))


def lines_of(data: bytes) -> list[bytes]:
    """Whole lines."""
    return data.split(b"\n")[:-1]


def rest(files: Segments) -> list[bytes]:
    """Everything there is, forgotten as it is read."""
    found = []
    while (piece := files.read()) is not None:
        found += piece.lines
        files.forget(piece)
    return found


def broken(number: int) -> Callable[..., int]:
    """A system call that fails."""

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


def test_lines_come_back_in_order(files: Segments) -> None:
    """Whatever they were appended in."""
    files.append(numbered(0, 3))
    files.append(numbered(3, 4))
    assert rest(files) == lines_of(numbered(0, 4))
    assert files.read() is None
    files.append(numbered(4, 5))
    assert rest(files) == [b"line 4"]


def test_what_is_not_forgotten_is_read_again(files: Segments) -> None:
    """Until it is: whoever could not apply it tries again."""
    files.append(numbered(0, 2))
    piece = files.read()
    assert piece is not None
    assert files.read() == piece
    files.append(numbered(2, 3))
    files.forget(piece)
    assert rest(files) == [b"line 2"]


def test_nothing_lingers(files: Segments) -> None:
    """As soon as all is applied, no byte of it is left."""
    files.append(b"what the caller said\n")
    assert rest(files) == [b"what the caller said"]
    assert [path.stat().st_size for path in files.folder.iterdir()] == [0, 0]
    files.close()
    assert [path.name for path in files.folder.iterdir()] == ["lock"]


def test_files_are_the_owners_alone(files: Segments) -> None:
    """Folders 0700, files 0600."""
    files.append(b"x\n")
    for folder in (files.folder, files.folder.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.folder.iterdir()} == {0o600}


def test_large_journals_are_many_files(
    files: Segments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each is removed on its own, so a long absence is not one file that cannot shrink."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 100)
    monkeypatch.setattr(module, "PIECE_BYTES", 50)
    for start in range(0, 100, 4):
        files.append(numbered(start, start + 4))
    names = sorted(path.name for path in files.folder.glob("*.jsonl"))
    assert len(names) > 5
    while len(list(files.folder.glob("*.jsonl"))) == len(names):
        piece = files.read()
        assert piece is not None
        files.forget(piece)
    assert sorted(path.name for path in files.folder.glob("*.jsonl")) == names[1:]
    assert rest(files)[-1] == b"line 99"


def test_a_line_longer_than_a_piece_is_read_whole(
    files: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it is."""
    monkeypatch.setattr(module, "PIECE_BYTES", 10)
    long = b"x" * 1000
    files.append(b"a\n" + long + b"\nb\n")
    assert rest(files) == [b"a", long, b"b"]


def test_the_living_are_not_adopted(files: Segments) -> None:
    """Not by another process, nor by themselves; once they let go, by one only."""
    files.append(numbered(0, 1))
    assert Segments.adopt(files.folder) is None
    files.close()
    adopted = Segments.adopt(files.folder)
    assert adopted is not None
    assert Segments.adopt(files.folder) is None
    assert rest(adopted) == [b"line 0"]
    adopted.remove()
    assert not files.folder.exists()
    assert Segments.adopt(files.folder) is None


def test_a_folder_being_made_is_never_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is locked before it has its name."""
    seen: list[bool] = []
    rename = Path.rename

    def looked_at(path: Path, target: Path) -> Path:
        seen.append(target.exists())
        done = rename(path, target)
        seen.append(Segments.adopt(target) is None)
        return done

    monkeypatch.setattr(Path, "rename", looked_at)
    Segments(tmp_path / "journal" / "owner").open()
    assert seen == [False, True]


def test_a_folder_removed_meanwhile_is_not_adopted(
    files: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that start at once: the second finds the lock free, and the folder gone."""
    files.close()
    flock = fcntl.flock

    def first_removed(fd: int, operation: int) -> None:
        shutil.rmtree(files.folder)
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", first_removed)
    assert Segments.adopt(files.folder) is None


@pytest.mark.parametrize("call", ["write", "fdatasync", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_file_that_failed_is_not_written_to_again(
    files: Segments, call: str, number: int
) -> None:
    """What failed does not count; what was there before does; the rest goes to a new file."""
    files.append(numbered(0, 1))
    before = {path.name for path in files.folder.glob("*.jsonl")}
    with pytest.MonkeyPatch.context() as patched:
        if call == "fsync":  # of the folder: only a new file needs it
            files._close_file()
        patched.setattr(os, call, broken(number))
        with pytest.raises(OSError, match=os.strerror(number)):
            files.append(numbered(1, 2))
        with pytest.raises(OSError, match=os.strerror(number)):
            files.append(numbered(1, 2))
    assert {path.name for path in files.folder.glob("*.jsonl")} == before
    files.append(numbered(2, 3))
    assert len({path.name for path in files.folder.glob("*.jsonl")} - before) == 1
    assert rest(files) == [b"line 0", b"line 2"]
    assert sum(path.stat().st_size for path in files.folder.iterdir()) == 0


def test_half_a_write_does_not_count(files: Segments, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle of a line leaves nothing of it."""
    files.append(numbered(0, 1))
    write = os.write
    taken: list[int] = []

    def filling(fd: int, data: bytes) -> int:
        if taken:
            raise OSError(errno.ENOSPC, "no space")
        taken.append(write(fd, data[: len(data) // 2]))
        return taken[0]

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", filling)
        with pytest.raises(OSError, match="space"):
            files.append(numbered(1, 9))
    files.append(numbered(9, 10))
    files.close()
    adopted = Segments.adopt(files.folder)
    assert adopted is not None
    assert rest(adopted) == [b"line 0", b"line 9"]


LIMITED = """
import resource, sys
from pathlib import Path
from gateway.store.journal.segments import Segments
files = Segments(Path(sys.argv[1]))
files.append(b"a" * 99 + b"\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (150, resource.RLIM_INFINITY))
try:
    files.append(b"b" * 99 + b"\\n")
    sys.exit("took too much")
except OSError:
    files.append(b"c" * 99 + b"\\n")
files.close()
"""


def test_a_file_that_may_not_grow_is_left_for_a_new_one(tmp_path: Path) -> None:
    """With the kernel itself refusing: half a line was written, and does not count."""
    folder = tmp_path / "owner"
    command = [sys.executable, "-c", LIMITED, str(folder)]
    subprocess.run(command, check=True, timeout=30)
    adopted = Segments.adopt(folder)
    assert adopted is not None
    assert [line[:1] for line in rest(adopted)] == [b"a", b"c"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 150


@pytest.mark.system
def test_a_disk_that_is_full_takes_lines_again_when_it_is_not() -> None:
    """A real one (a small tmpfs; mounting needs root)."""
    with tempfile.TemporaryDirectory() as name:
        command = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", name]
        subprocess.run(command, check=True)
        try:
            files = Segments(Path(name) / "owner")
            files.append(numbered(0, 1))
            ballast = Path(name) / "ballast"
            with pytest.raises(OSError, match="space"):
                ballast.write_bytes(b"x" * 300_000)
            with pytest.raises(OSError, match="space"):
                files.append(b"y" * 10_000 + b"\n")
            ballast.unlink()
            files.append(numbered(1, 2))
            assert rest(files) == [b"line 0", b"line 1"]
            files.close()
        finally:
            subprocess.run(["umount", name], check=True)


def test_every_torn_end_is_one_line_less(files: Segments) -> None:
    """Cut anywhere in its last line, a file gives every line before it."""
    whole = numbered(0, 3)
    files.append(whole)
    files.close()
    (path,) = files.folder.glob("*.jsonl")
    for cut in range(len(numbered(0, 2)), len(whole) + 1):
        path.write_bytes(whole[:cut])
        adopted = Segments.adopt(files.folder)
        assert adopted is not None
        found = []
        while (piece := adopted.read()) is not None:
            found += piece.lines
            piece.segment.done = piece.end
        assert found[:2] == [b"line 0", b"line 1"]
        assert b"".join(found[2:]) == whole[len(numbered(0, 2)) : cut].rstrip(b"\n")
        adopted.close()


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EIO])
def test_a_file_that_cannot_be_read_is_named_and_passed(files: Segments, number: int) -> None:
    """What is behind it is not lost, too."""
    files.append(numbered(0, 1))
    files._close_file()
    files.append(numbered(1, 2))
    opened = os.open
    with pytest.MonkeyPatch.context() as patched, capture_logs() as logs:

        def first_is_broken(path: Path, flags: int, mode: int = 0) -> int:
            if str(path).endswith("1.jsonl"):
                raise OSError(number, "gone")
            return opened(path, flags, mode)

        patched.setattr(os, "open", first_is_broken)
        assert rest(files) == [b"line 1"]
    (line,) = logs
    assert (line["event"], line["file"], line["bytes"]) == (
        "journal.unreadable",
        "00000001.jsonl",
        7,
    )


def test_trouble_that_may_pass_is_raised(files: Segments, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many open files, for one: nothing is passed over."""
    files.append(numbered(0, 1))
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", broken(errno.EMFILE))
        with pytest.raises(OSError, match="open files"):
            files.read()
    assert rest(files) == [b"line 0"]


def test_a_file_that_shrank_is_passed(files: Segments) -> None:
    """Somebody emptied it: what is appended next is read all the same."""
    files.append(numbered(0, 2))
    (path,) = files.folder.glob("*.jsonl")
    path.write_bytes(b"")
    with capture_logs() as logs:
        assert rest(files) == []
    assert [line["event"] for line in logs] == ["journal.unreadable"]
    files.append(numbered(2, 3))
    assert rest(files) == [b"line 2"]


def test_what_cannot_be_removed_is_said(files: Segments, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not applied again by this process, and no line behind it is held up."""
    files.append(numbered(0, 1))
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(os, "ftruncate", broken(errno.EIO))
        assert rest(files) == [b"line 0"]
    assert [line["event"] for line in logs] == ["journal.not_removed"]
    files.append(numbered(1, 2))
    assert rest(files) == [b"line 1"]


def test_a_folder_that_was_deleted_is_made_again(files: Segments) -> None:
    """With its lock, under the same name."""
    files.append(numbered(0, 1))
    shutil.rmtree(files.folder.parent)
    with capture_logs():
        assert rest(files) == []
    files.append(numbered(1, 2))
    assert Segments.adopt(files.folder) is None
    assert rest(files) == [b"line 1"]


STEPS = st.lists(
    st.tuples(st.sampled_from(["append", "apply", "crash"]), st.integers(1, 12)), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_happens_nothing_is_lost_or_out_of_order(steps: list[tuple[str, int]]) -> None:
    """Appending, applying and crashing in any order: every line is read until it is forgotten."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "SEGMENT_BYTES", 60)
        patched.setattr(module, "PIECE_BYTES", 25)
        files = opened(Path(name) / "0")
        count = forgotten = 0
        for number, (step, size) in enumerate(steps, 1):
            if step == "append":
                files.append(numbered(count, count + size))
                count += size
            elif step == "apply" and (piece := files.read()) is not None:
                assert piece.lines == lines_of(numbered(forgotten, forgotten + len(piece.lines)))
                files.forget(piece)
                forgotten += len(piece.lines)
            elif step == "crash":
                files._close_file()
                files._unlock()
                left = left_by(files.folder)
                assert len(left) >= count - forgotten
                assert left == lines_of(numbered(count - len(left), count))
                forgotten = count
                files = opened(Path(name) / str(number))
        assert rest(files) == lines_of(numbered(forgotten, count))
        files.close()


def opened(folder: Path) -> Segments:
    """Files of somebody who has just begun."""
    files = Segments(folder)
    files.open()
    return files


def left_by(folder: Path) -> list[bytes]:
    """What a process that is gone left; the folder is gone afterwards."""
    adopted = Segments.adopt(folder)
    assert adopted is not None
    left = rest(adopted)
    adopted.remove()
    return left
