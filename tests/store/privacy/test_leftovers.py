"""Files of calls: what is deleted, what is found, what is left alone."""

import fcntl
import os
from pathlib import Path

import pytest

from gateway.store.privacy.leftovers import aged, exports_of, stem_of, stems_in, unlink

ONE, TWO = "2026-02/" + "1" * 32, "2026-02/" + "2" * 32
OLD, YOUNG, LIMIT = 1_000_000.0, 3_000_000.0, 2_000_000.0


def make(folder: Path, *names: str, written: float = OLD) -> None:
    """Files, last written then."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"RIFF")
        os.utime(path, (written, written))


def names_in(folder: Path) -> list[str]:
    """The files below a folder."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.relative_to(folder).as_posix() for path in found)


def test_a_recording_goes_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    """Finished or not, encrypted or not; others stay."""
    endings = (".wav", ".wav.enc", ".part", ".idx")
    make(tmp_path, *(ONE + ending for ending in endings), TWO + ".wav")
    gone = unlink(tmp_path, [ONE + ".wav"])
    assert (gone.missing, gone.failed) == ([], {})
    assert names_in(tmp_path) == [TWO + ".wav"]


def test_a_recording_that_is_not_there_is_told(tmp_path: Path) -> None:
    """It may be on another gateway's disk; the rest is deleted all the same."""
    make(tmp_path, TWO + ".wav")
    assert unlink(tmp_path, [ONE + ".wav", TWO + ".wav"]).missing == [ONE + ".wav"]
    assert names_in(tmp_path) == []


def test_a_recording_that_cannot_be_deleted_holds_up_no_other(tmp_path: Path) -> None:
    """It is told with the reason."""
    (tmp_path / (ONE + ".wav")).mkdir(parents=True)
    make(tmp_path, TWO + ".wav")
    gone = unlink(tmp_path, [ONE + ".wav", TWO + ".wav"])
    assert list(gone.failed) == [ONE + ".wav"]
    assert gone.failed[ONE + ".wav"]
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", ["../outside.wav", "2026-02/../../outside.wav", "", "."])
def test_nothing_outside_of_the_folder_is_deleted(tmp_path: Path, name: str) -> None:
    """Whatever a row says."""
    make(tmp_path, "outside.wav", "inside/" + ONE + ".wav")
    before = names_in(tmp_path)
    assert unlink(tmp_path / "inside", [name]).missing == [name]
    absolute = str(tmp_path / "outside.wav")
    assert unlink(tmp_path / "inside", [absolute]).missing == [absolute]
    assert names_in(tmp_path) == before


def test_aged_recordings_are_found_by_stem(tmp_path: Path) -> None:
    """With the last time anything of them was written; younger ones and strangers are not."""
    make(tmp_path, ONE + ".wav.enc", "2026-02/readme.txt", "notes/" + "3" * 32 + ".wav")
    make(tmp_path, TWO + ".part")
    make(tmp_path, TWO + ".idx", written=YOUNG)
    assert aged(tmp_path, LIMIT) == {ONE: OLD}
    assert aged(tmp_path, YOUNG + 1) == {ONE: OLD, TWO: YOUNG}
    assert aged(tmp_path / "nowhere", LIMIT) == {}


def test_a_recording_that_is_being_made_is_not_aged(tmp_path: Path) -> None:
    """However long nothing was written: its writer holds a lock on it."""
    make(tmp_path, ONE + ".part", ONE + ".idx")
    with (tmp_path / (ONE + ".part")).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert aged(tmp_path, LIMIT) == {}
    assert aged(tmp_path, LIMIT) == {ONE: OLD}


def test_what_waits_in_journals_names_recordings(tmp_path: Path) -> None:
    """At any depth, by stem."""
    make(tmp_path, "owner/lock")
    (tmp_path / "owner" / "1.jsonl").write_text(f'["CA1",1,[["calls",{{}},"{ONE}.wav"]]]\n')
    assert stems_in(tmp_path) == {ONE}
    assert stems_in(tmp_path / "nowhere") == set()
    assert stem_of(ONE + ".wav.enc") == ONE


def test_exports_carry_the_callsid_in_their_name(tmp_path: Path) -> None:
    """Files and folders; those of other calls are not found."""
    make(tmp_path, "call-CA1.zip", "CA1/call.json", "CA2.wav")
    assert [path.name for path in exports_of(tmp_path, ["CA1"])] == ["CA1", "call-CA1.zip"]
    assert exports_of(tmp_path / "nowhere", ["CA1"]) == []
