"""The data dir: ours to write, nobody else's to read, nothing in the way."""

import os
from pathlib import Path

import pytest

from gateway.ops.doctor.datadir import data_dir_usable, nearest
from gateway.ops.doctor.finding import Wrong
from gateway.settings import Settings, load_settings


def settings(folder: Path) -> Settings:
    """With this data dir."""
    return load_settings(_env_file=None, data_dir=folder)


def wrong_with(folder: Path) -> Wrong:
    """What is wrong with it."""
    with pytest.raises(Wrong) as wrong:
        data_dir_usable(settings(folder))
    return wrong.value


def test_a_folder_of_ours_is_right(tmp_path: Path) -> None:
    """With everything a gateway makes in it."""
    for name in ("journal", "recordings", "exports"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "calls.db").touch(mode=0o600)
    assert data_dir_usable(settings(tmp_path)) == f"{tmp_path} is ours to write"


def test_a_folder_that_is_not_there_yet_is_right(tmp_path: Path) -> None:
    """It is made at the first start, with those above it; the doctor makes none."""
    folder = tmp_path / "some" / "where"
    assert "not there yet" in data_dir_usable(settings(folder))
    assert list(tmp_path.iterdir()) == []
    assert nearest(folder) == tmp_path


@pytest.mark.parametrize("name", [".", "journal", "recordings", "exports"])
def test_a_file_in_the_way_is_named(tmp_path: Path, name: str) -> None:
    """Of the folder itself, or of one in it."""
    folder = tmp_path / "data"
    place = folder / name
    if name != ".":
        folder.mkdir()
    place.write_text("here")
    wrong = wrong_with(folder)
    assert "is no folder" in wrong.detail
    assert str(folder) in wrong.fix


def test_a_link_to_nowhere_is_in_the_way(tmp_path: Path) -> None:
    """Nothing could be made through it."""
    (tmp_path / "data").symlink_to(tmp_path / "nowhere")
    assert "is in the way" in wrong_with(tmp_path / "data").detail


def test_a_folder_for_a_database_is_in_the_way(tmp_path: Path) -> None:
    """SQLite would say so less clearly."""
    (tmp_path / "calls.db").mkdir()
    assert "calls.db is in the way" in wrong_with(tmp_path).detail


def test_what_others_may_write_is_wrong(tmp_path: Path) -> None:
    """They could put anything there."""
    tmp_path.chmod(0o777)
    assert wrong_with(tmp_path).fix == f"chmod o-w {tmp_path}"


@pytest.mark.parametrize("name", ["journal", "recordings", "calls.db"])
def test_what_others_may_read_is_wrong(tmp_path: Path, name: str) -> None:
    """It holds what people said on the phone."""
    place = tmp_path / name
    if name == "calls.db":
        place.touch()
        place.chmod(0o644)
    else:
        place.mkdir()
        place.chmod(0o755)
    wrong = wrong_with(tmp_path)
    assert f"others may read {place}" in wrong.detail
    assert wrong.fix == f"chmod -R go-rwx {place}"


def test_what_is_somebody_elses_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a start by root. (The tests' own user may be root, who may do anything.)"""
    (tmp_path / "journal").mkdir(mode=0o700)
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: "journal" not in str(path) and real(path, mode)
    )
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    wrong = wrong_with(tmp_path)
    assert "user 1234 may not write" in wrong.detail
    assert wrong.fix == f"sudo chown -R 1234 {tmp_path / 'journal'}"
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "journal").stat().st_uid)
    assert wrong_with(tmp_path).fix == f"chmod -R u+rwX {tmp_path / 'journal'}"
