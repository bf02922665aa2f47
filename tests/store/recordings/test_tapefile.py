"""The files of a recording: header, index, one file in progress."""

import errno
import os
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.recordings import tapefile
from gateway.store.recordings.audio import read_stereo
from gateway.store.recordings.lockedfile import open_locked, remove_dead
from gateway.store.recordings.tapefile import (
    CHUNK_BYTES,
    HEADER_BYTES,
    Form,
    PartFile,
    Plain,
    boot_id,
    header_audio_bytes,
    is_wav_begun,
    read_index,
    wav_header,
)
from tests.store.disks import Disk, keys, names_in, pattern, the_file

STEM = f"2026-11/{'0123456789abcdef' * 2}"
LONGEST = 0xFFFF_FFFF - HEADER_BYTES


@pytest.fixture(params=["plain", "encrypted"])
def form(request: pytest.FixtureRequest) -> Form:
    """Both forms of a recording."""
    return Plain() if request.param == "plain" else keys("a").sealed()


@pytest.fixture
def umask() -> Iterator[None]:
    """Whatever a test sets, the next one has the old one."""
    before = os.umask(0)
    os.umask(before)
    yield
    os.umask(before)


# The format


@given(st.integers(0, LONGEST).map(lambda n: n & ~1))
def test_a_header_says_what_follows(audio_bytes: int) -> None:
    """Format tag 7, two channels of 8 kHz, 8 bits; the sizes of all chunks fit."""
    header = wav_header(audio_bytes)
    riff, size, kind = struct.unpack_from("<4sI4s", header)
    assert (riff, size, kind) == (b"RIFF", len(header) - 8 + audio_bytes, b"WAVE")
    assert struct.unpack_from("<4sI", header, 12) == (b"fmt ", 18)
    assert struct.unpack_from("<HHIIHHH", header, 20) == (7, 2, 8000, 16000, 2, 8, 0)
    assert struct.unpack_from("<4sII", header, 38) == (b"fact", 4, audio_bytes // 2)
    assert struct.unpack_from("<4sI", header, 50) == (b"data", audio_bytes)
    assert header_audio_bytes(header) == audio_bytes


@given(st.integers(0, HEADER_BYTES - 1), st.integers(1, 255))
def test_another_header_is_none_of_ours(at: int, change: int) -> None:
    """A byte that differs anywhere: only a length that fits everywhere is believed."""
    header = bytearray(wav_header(8000))
    header[at] ^= change
    assert header_audio_bytes(bytes(header)) is None


@given(st.integers(0, LONGEST), st.integers(0, HEADER_BYTES))
def test_a_header_half_written_is_recognised(audio_bytes: int, at: int) -> None:
    """Of a recording in progress: the old one up to some byte of the new one."""
    assert is_wav_begun(wav_header(audio_bytes)[:at] + wav_header(0)[at:])


@pytest.mark.parametrize("at", [0, 8, 12, 16, 20, 22, 24, 34, 38, 50])
def test_another_format_is_not_recognised(at: int) -> None:
    """Other chunks, another tag, rate or number of channels."""
    header = bytearray(wav_header(0))
    header[at] ^= 1
    assert not is_wav_begun(bytes(header))


@given(st.binary(max_size=HEADER_BYTES + 2))
def test_no_bytes_upset_the_header(junk: bytes) -> None:
    """Whatever they are."""
    assert header_audio_bytes(junk) is None
    assert not is_wav_begun(junk)


# The index


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**44)), max_size=5))
def test_an_index_is_read_to_its_last_whole_line(marks: list[tuple[int, int]]) -> None:
    """Wherever it was cut off, it says what was so at that line."""
    lines = ["boot 0a-1f", *(f"{synced} {at}" for synced, at in marks)]
    whole = "".join(f"{line}\n" for line in lines).encode()
    for length in range(len(whole) + 1):
        found = whole[:length].count(b"\n")
        synced = marks[found - 2][0] if found > 1 else 0
        assert read_index(whole[:length]) == ("0a-1f" if found else "", synced)


@given(st.binary(max_size=200))
def test_no_bytes_upset_the_index(junk: bytes) -> None:
    """Garbled lines are left out."""
    boot, synced = read_index(junk)
    assert synced >= 0
    assert read_index(junk + b"\n12 34\n") == (read_index(junk + b"\n")[0], 12)
    assert set(boot) <= set("0123456789abcdef-")


def test_where_no_boot_is_known_it_is_empty(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a system without it; otherwise it stays the same."""
    assert boot_id() == boot_id()
    monkeypatch.setattr(tapefile, "_BOOT_ID", tmp_path / "none")
    assert boot_id() == ""


# A file in progress


def test_a_finished_file_has_every_byte(tmp_path: Path, form: Form) -> None:
    """In pieces of any size; nothing else is left in the folder."""
    audio = pattern(300)
    part = PartFile(tmp_path / STEM, form)
    for start, end in ((0, 2), (2, 40_000), (40_000, len(audio))):
        part.append(audio[start:end])
        part.sync(1)
    assert part.audio_ms == 6000.0
    part.finish()
    assert read_stereo(tmp_path / f"{STEM}{form.suffix}", keys("a")) == audio
    assert len(names_in(tmp_path)) == 1


def test_nothing_is_there_before_the_first_audio(tmp_path: Path, form: Form) -> None:
    """No file and no folder; neither when it is finished without any, nor when it is removed."""
    for end in (PartFile.finish, PartFile.remove):
        end(PartFile(tmp_path / "recordings" / STEM, form))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_progress_has_its_own_name(tmp_path: Path, form: Form) -> None:
    """Until it is whole; with an index of what is on the disk for certain."""
    part = PartFile(tmp_path / STEM, form)
    part.append(pattern(1))
    assert names_in(tmp_path) == ["idx", "part"]
    before = part.unsynced
    part.sync(123)
    assert (before, part.unsynced) == (True, False)
    size = the_file(tmp_path, "part").stat().st_size
    assert the_file(tmp_path, "idx").read_text() == f"boot {boot_id()}\n{size} 123\n"
    part.remove()
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("mask", [0o000, 0o777])
@pytest.mark.usefixtures("umask")
def test_recordings_are_their_owners_alone(tmp_path: Path, form: Form, mask: int) -> None:
    """Files 0600, folders 0700, whatever umask says."""
    os.umask(mask)
    part = PartFile(tmp_path / "recordings" / STEM, form)
    part.append(pattern(1))
    begun = set(modes(tmp_path / "recordings"))
    part.finish()
    assert begun | set(modes(tmp_path / "recordings")) == {(True, 0o700), (False, 0o600)}


def modes(folder: Path) -> Iterator[tuple[bool, int]]:
    """Of a folder and all in it: whether it is a folder, and who may do what."""
    for path in (folder, *folder.rglob("*")):
        found = path.stat().st_mode
        yield stat.S_ISDIR(found), stat.S_IMODE(found)


def test_folders_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    """Somebody may have mounted or shared them on purpose."""
    (tmp_path / "2026-11").mkdir(mode=0o750)
    part = PartFile(tmp_path / STEM, Plain())
    part.append(pattern(1))
    part.finish()
    assert stat.S_IMODE((tmp_path / "2026-11").stat().st_mode) == 0o750


def test_no_audio_is_on_the_disk_in_the_clear(tmp_path: Path) -> None:
    """From the first byte on, of an encrypted recording no frame is found anywhere."""
    audio = pattern(50)
    part = PartFile(tmp_path / STEM, keys("a").sealed())
    for start in range(0, len(audio), 320):
        part.append(audio[start : start + 320])
        content = the_file(tmp_path, "part").read_bytes() + the_file(tmp_path, "idx").read_bytes()
        assert not any(audio[at : at + 8] in content for at in range(0, start + 1, 320))
    part.finish()


def test_a_file_in_progress_is_locked(tmp_path: Path, form: Form) -> None:
    """Nobody else takes it for a dead one, until it is finished."""
    part = PartFile(tmp_path / STEM, form)
    part.append(pattern(1))
    with pytest.raises(BlockingIOError):
        open_locked(the_file(tmp_path, "part"))
    remove_dead(the_file(tmp_path, "part"))
    part.finish()
    os.close(open_locked(the_file(tmp_path, form.suffix[1:])))


def test_a_repair_that_is_quicker_is_waited_for(tmp_path: Path) -> None:
    """It locks the file just made, finds it empty and removes it: it is made once more."""
    path = the_file_of(tmp_path)
    real, quicker = os.fchmod, threading.Event()

    def fchmod(fd: int, mode: int) -> None:
        real(fd, mode)
        if not quicker.is_set():
            quicker.set()
            remove_dead(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fchmod", fchmod)
        part = PartFile(tmp_path / STEM, Plain())
        part.append(pattern(2))
    assert quicker.is_set()
    part.finish()
    assert read_stereo(path.with_suffix(".wav"), None) == pattern(2)


def the_file_of(folder: Path) -> Path:
    """Where the recording in progress will be."""
    return folder / f"{STEM}.part"


def test_a_long_piece_is_written_in_short_ones(tmp_path: Path) -> None:
    """What a full disk does not take of it is a second at most."""
    with Disk().watched() as disk:
        part = PartFile(tmp_path / STEM, Plain())
        part.append(bytes(3 * CHUNK_BYTES + 2))
    assert sum(name == "pwrite" for name, _ in disk.seen) == 1 + 4


def test_what_is_not_on_the_disk_is_bounded(tmp_path: Path) -> None:
    """Whoever appends much is made to wait."""
    part = PartFile(tmp_path / STEM, Plain())
    with Disk().watched() as disk:
        part.append(bytes(tapefile.MAX_UNSYNCED_BYTES))
    assert not part.unsynced
    assert disk.seen[-2][0] == "fsync"
    part.remove()


def test_after_a_failed_sync_the_descriptor_is_not_used(tmp_path: Path, form: Form) -> None:
    """It would claim success for pages that are lost: they are written again, on a new one."""
    audio = pattern(3)
    part = PartFile(tmp_path / STEM, form)
    part.append(audio[:320])
    part.sync(1)
    part.append(audio[320:])
    lost = Disk(lambda name, _: OSError(errno.EIO, "lost") if name == "fsync" else None)
    with lost.watched(), pytest.raises(OSError, match="lost"):
        part.sync(2)
    # What the kernel may do then: the pages since the last sync are dropped.
    with the_file(tmp_path, "part").open("rb+") as file:
        end = int(the_file(tmp_path, "idx").read_text().split()[-2])
        file.seek(end)
        file.write(bytes(os.fstat(file.fileno()).st_size - end))
    with Disk().watched() as disk:
        part.finish()
    assert disk.seen[0][0] == "open"
    assert read_stereo(tmp_path / f"{STEM}{form.suffix}", keys("a")) == audio


def test_a_file_that_cannot_be_deleted_is_empty(tmp_path: Path, form: Form) -> None:
    """No repair makes a recording of what the caller did not want."""
    part = PartFile(tmp_path / STEM, form)
    part.append(pattern(3))
    readonly = Disk(lambda name, _: OSError(errno.EROFS, "no") if name == "unlink" else None)
    with readonly.watched(), pytest.raises(OSError, match="no"):
        part.remove()
    assert the_file(tmp_path, "part").stat().st_size == 0


def test_removing_what_never_became_whole_spares_its_namesake(tmp_path: Path) -> None:
    """A file in progress is not the finished one of the same name."""
    first = PartFile(tmp_path / STEM, Plain())
    first.append(pattern(2))
    first.finish()
    second = PartFile(tmp_path / STEM, Plain())
    second.append(pattern(1))
    second.remove()
    assert read_stereo(tmp_path / f"{STEM}.wav", None) == pattern(2)


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Whatever lies under the name of a file in progress is opened at once."""
    os.mkfifo(tmp_path / "x.part")
    os.close(open_locked(tmp_path / "x.part"))
