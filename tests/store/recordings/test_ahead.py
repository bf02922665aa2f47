"""What is on the disk ahead of recordings' own files, and what comes back of it."""

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.recordings import ahead as module
from gateway.store.recordings import salvage
from gateway.store.recordings.ahead import Ahead, bring_back, files_ahead
from gateway.store.recordings.audio import read_stereo
from gateway.store.recordings.salvage import repair
from gateway.store.recordings.tapefile import HEADER_BYTES, Plain, form_of, put_back
from gateway.store.recordings.vault import Vault
from tests.store.disks import Disk, failing, keys, names_in, pattern, the_file, two_recorded

STEM = f"2026-11/{'a' * 32}"
OTHER = f"2026-11/{'b' * 32}"


@pytest.fixture(params=["plain", "encrypted"])
def vault(request: pytest.FixtureRequest) -> Vault | None:
    """Without keys and with."""
    return None if request.param == "plain" else keys("a")


def part_of(folder: Path, stem: str, content: bytes = b"") -> Path:
    """A recording in progress whose process is gone."""
    path = folder / f"{stem}.part"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def left_ahead(folder: Path, *pieces: tuple[str, int, bytes]) -> Path:
    """The file of a process that is gone, written in one go."""
    ahead = Ahead(folder)
    for piece in pieces:
        ahead.add(*piece)
    ahead.sync()
    os.close(ahead._fd)
    return ahead._path


def rebooted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine went down meanwhile."""
    for each in (module, salvage):
        monkeypatch.setattr(each, "boot_id", lambda: "another")


def test_there_is_no_file_before_there_is_anything(tmp_path: Path) -> None:
    """For its owner alone once there is one, gone when it is renewed; each has a new name."""
    ahead = Ahead(tmp_path)
    ahead.sync()
    assert files_ahead(tmp_path) == []
    names = set()
    for _ in range(2):
        ahead.add(STEM, 0, b"x")
        assert files_ahead(tmp_path) == []
        ahead.sync()
        (path,) = files_ahead(tmp_path)
        assert re.fullmatch(r"[0-9a-f]{32}\.ahead", path.name)
        assert path.stat().st_mode & 0o777 == 0o600
        names.add(path.name)
        ahead.renew()
        assert files_ahead(tmp_path) == []
    assert len(names) == 2


def test_what_was_not_synced_is_forgotten_too(tmp_path: Path) -> None:
    """Nothing of it comes later."""
    ahead = Ahead(tmp_path)
    ahead.add(STEM, 0, b"secret")
    ahead.renew()
    ahead.sync()
    assert files_ahead(tmp_path) == []


def test_what_is_dropped_does_not_come_later(tmp_path: Path) -> None:
    """Of the others everything does."""
    ahead = Ahead(tmp_path)
    for stem in (STEM, OTHER, STEM):
        ahead.add(stem, 0, stem[-9:].encode())
    ahead.drop({STEM})
    ahead.sync()
    content = ahead._path.read_bytes()
    assert (STEM[-9:].encode() in content, OTHER[-9:].encode() in content) == (False, True)
    ahead.renew()


def test_one_sync_is_one_write(tmp_path: Path) -> None:
    """However many recordings there are."""
    ahead = Ahead(tmp_path)
    ahead.add(STEM, 0, b"x")
    ahead.sync()
    for number in range(100):
        ahead.add(OTHER, number, b"y" * 100)
    with Disk().watched() as disk:
        ahead.sync()
        ahead.sync()
    assert [name for name, _ in disk.seen] == ["pwrite", "fsync"]


def test_what_was_ahead_comes_back_after_the_power_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: Vault | None
) -> None:
    """All that was synced, byte for byte, zeros at its end too, though the recordings' own files
    have nothing of it.
    """
    both = two_recorded(tmp_path, vault, finish=False)
    for each in both:
        os.close(each.tape._part._fd)
        part = (tmp_path / each.tape.file).with_suffix("").with_suffix(".part")
        part.write_bytes(b"")  # what the disk may have of a file that was never synced
    os.close(os.open(tmp_path, os.O_RDONLY))
    release(tmp_path, both)
    rebooted(monkeypatch)
    repaired = {each.file: each.audio_ms for each in repair(tmp_path, vault)}
    assert repaired == {each.tape.file: 60.0 for each in both}  # the fourth piece was not synced
    for each in both:
        assert read_stereo(tmp_path / each.tape.file, vault) == each.audio[:960]
    assert names_in(tmp_path) == [form_of(vault).suffix[1:]] * 2


def release(folder: Path, made: object) -> None:
    """The process has ended: its locks are free."""
    for number in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue
        if path.startswith(str(folder)):
            os.close(int(number))


def test_without_a_loss_of_power_the_files_are_what_they_are(tmp_path: Path) -> None:
    """Whatever killed the process: the recording has all that was written, the rest is deleted."""
    part = part_of(tmp_path, STEM, b"as written")
    left_ahead(tmp_path, (STEM, 0, b"AHEAD"))
    bring_back(tmp_path)
    assert part.read_bytes() == b"as written"
    assert names_in(tmp_path) == ["part"]


def test_a_boot_nobody_knows_is_taken_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system does not tell, what is ahead is written again: it does no harm."""
    monkeypatch.setattr(module, "boot_id", lambda: "")
    part = part_of(tmp_path, STEM)
    left_ahead(tmp_path, (STEM, 0, b"AHEAD"))
    bring_back(tmp_path)
    assert part.read_bytes() == b"AHEAD"


def test_what_is_finished_or_not_wanted_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no file in progress."""
    rebooted(monkeypatch)
    part_of(tmp_path, STEM)
    left_ahead(tmp_path, (OTHER, 0, b"secret"), (STEM, 2, b"cd"), (STEM, 0, b"ab"))
    bring_back(tmp_path)
    assert (tmp_path / f"{STEM}.part").read_bytes() == b"abcd"
    assert (tmp_path / f"{STEM}.idx").read_bytes() == b"\n4 0\n"
    assert (tmp_path / f"{STEM}.idx").stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path) == ["idx", "part"]


def test_that_of_a_living_process_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if its boot looks like another."""
    part = part_of(tmp_path, STEM)
    ahead = Ahead(tmp_path)
    ahead.add(STEM, 0, b"AHEAD")
    ahead.sync()
    rebooted(monkeypatch)
    bring_back(tmp_path)
    assert part.read_bytes() == b""
    assert names_in(tmp_path) == ["ahead", "part"]
    ahead.renew()


PIECES = [(STEM, 0, b"a" * 50), (OTHER, 0, b"b" * 70), (STEM, 50, b"c" * 30)]


@given(st.data())
def test_a_torn_end_takes_what_is_before_it_from_nobody(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cut, zeroed or changed anywhere: whole pieces before that come back, nothing else does."""
    folder = tmp_path_factory.mktemp("torn")
    parts = {stem: part_of(folder, stem) for stem in (STEM, OTHER)}
    path = left_ahead(folder, *PIECES)
    content = bytearray(path.read_bytes())
    first = content.index(b"\n") + 1
    at = data.draw(st.integers(first, len(content) - 1))
    harm = data.draw(st.sampled_from(["cut", "zeros", "changed"]))
    if harm == "cut":
        del content[at:]
    elif harm == "zeros":
        content[at:] = bytes(len(content) - at)
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        rebooted(patch)
        bring_back(folder)
    expected = {STEM: b"", OTHER: b""}
    begins = first
    for stem, _, piece in PIECES:
        begins += 4 + 52 + len(piece)
        if begins > at:
            break
        expected[stem] += piece
    assert {stem: path.read_bytes() for stem, path in parts.items()} == expected
    assert not files_ahead(folder)


def test_names_that_lead_elsewhere_are_no_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wrote them there."""
    rebooted(monkeypatch)
    folder = tmp_path / "recordings"
    folder.mkdir()
    stem = "../" + "x" * 37
    victim = part_of(folder, stem, b"mine")
    left_ahead(folder, (stem, 0, b"yours"))
    bring_back(folder)
    assert victim.read_bytes() == b"mine"


def test_what_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    """Other names, folders and links; a folder that is not there has nothing."""
    (tmp_path / "mine.ahead").write_text("mine")
    (tmp_path / f"{'a' * 32}.ahead").mkdir()
    (tmp_path / f"{'b' * 32}.ahead").symlink_to(tmp_path / "mine.ahead")
    bring_back(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    assert (tmp_path / "mine.ahead").read_text() == "mine"
    bring_back(tmp_path / "nowhere")


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_what_cannot_be_brought_back_waits_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Whichever call of the disk's fails: nothing is raised, nothing finished without its end, and
    the recording beside it is whole at once unless the one ahead cannot be read at all.
    """
    rebooted(monkeypatch)
    audio = pattern(2)
    pieces = [(0, Plain.head), (HEADER_BYTES, audio)]
    for number in range(1, 40):
        folder = tmp_path / str(number)
        for stem in (STEM, OTHER):
            part_of(folder, stem)
        left_ahead(folder, *((stem, *piece) for stem in (STEM, OTHER) for piece in pieces))
        with failing(code, number).watched() as disk:
            left = bring_back(folder)
        assert len(left) <= 1
        assert not left or files_ahead(folder)
        again = repair(folder, None)
        assert {each.audio_ms for each in again} == {40.0}
        assert len(again) == 2
        assert not files_ahead(folder)
        if len(disk.seen) < number:
            break
    assert number > 8


def test_a_recording_that_is_not_complete_is_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file takes nothing now; the next start finishes it whole, and its neighbour at once."""
    rebooted(monkeypatch)
    audio = pattern(2)
    for stem in (STEM, OTHER):
        part_of(tmp_path, stem, Plain.head + audio[:320])
    left_ahead(tmp_path, (STEM, HEADER_BYTES, audio), (OTHER, HEADER_BYTES, audio))
    real = put_back

    def full(part: Path, pieces: Sequence[tuple[int, bytes]]) -> None:
        if STEM in str(part):
            raise OSError(errno.ENOSPC, "full")
        real(part, pieces)

    monkeypatch.setattr(module, "put_back", full)
    assert [each.file for each in repair(tmp_path, None)] == [f"{OTHER}.wav"]
    monkeypatch.setattr(module, "put_back", real)
    (mended,) = repair(tmp_path, None)
    assert (mended.file, mended.audio_ms) == (f"{STEM}.wav", 40.0)
    assert names_in(tmp_path) == ["wav", "wav"]


def test_a_torn_index_does_not_make_garbage_certain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last line, half there, and what is written behind it are two."""
    rebooted(monkeypatch)
    audio = b"\x55" * 320
    part = part_of(tmp_path, STEM, Plain.head + audio + bytes(6400))
    part.with_suffix(".idx").write_bytes(b"boot 0\n999")
    left_ahead(tmp_path, (STEM, HEADER_BYTES, audio))
    (mended,) = repair(tmp_path, None)
    assert mended.audio_ms == 20.0


def test_a_disk_that_fails_leaves_nothing_of_it(tmp_path: Path) -> None:
    """Whichever call fails: once renewed it is forgotten, and can begin anew."""
    for number in range(1, 8):
        ahead = Ahead(tmp_path)
        with failing(errno.EIO, number).watched():
            ahead.add(STEM, 0, b"secret")
            for work in (ahead.sync, ahead.renew):
                try:
                    work()
                except OSError:
                    assert number in range(1, 8)
        assert all(path.read_bytes() == b"" for path in files_ahead(tmp_path))
        ahead.add(STEM, 0, b"x")
        ahead.sync()
        ahead.renew()
        for path in files_ahead(tmp_path):
            path.unlink()


def test_a_head_is_a_piece_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording whose file is empty is one again."""
    rebooted(monkeypatch)
    part_of(tmp_path, STEM)
    audio = pattern(1)
    left_ahead(tmp_path, (STEM, 0, Plain.head), (STEM, HEADER_BYTES, audio))
    (mended,) = repair(tmp_path, None)
    assert (mended.file, mended.audio_ms) == (f"{STEM}.wav", 20.0)
    assert read_stereo(the_file(tmp_path, "wav"), None) == audio
