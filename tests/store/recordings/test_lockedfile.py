"""Files that one process writes."""

import errno
import os
import stat
from pathlib import Path

import pytest

from gateway.store.recordings.lockedfile import (
    make_folder,
    new_file,
    open_locked,
    remove_dead,
    sync_folder,
    write,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where one will be."""
    return tmp_path / "file"


def test_who_made_it_has_it_alone(file: Path) -> None:
    """Nobody else takes it, or takes it for a dead one, until it is closed."""
    fd = new_file(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(BlockingIOError):
        open_locked(file)
    with pytest.raises(FileExistsError):
        new_file(file)
    remove_dead(file)
    assert file.exists()
    os.close(fd)
    os.close(open_locked(file))
    remove_dead(file)
    remove_dead(file)
    assert not file.exists()


def test_one_that_was_renamed_meanwhile_is_somebody_elses(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking it."""
    file.touch()
    real = os.open

    def renamed(path: Path, *flags: int) -> int:
        fd = real(path, *flags)
        file.rename(file.with_suffix(".done"))
        return fd

    monkeypatch.setattr(os, "open", renamed)
    with pytest.raises(BlockingIOError, match="renamed"):
        open_locked(file)


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    """Whoever put it there."""
    (tmp_path / "mine").touch()
    file.symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        open_locked(file)
    with pytest.raises(FileExistsError):
        new_file(file)


def test_writing_goes_on_where_the_system_stopped(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take less than it is given."""
    fd, real = new_file(file), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:3], at))
    write(fd, b"0123456789", 2)
    assert file.read_bytes() == b"\0\0" + b"0123456789"
    os.close(fd)


def test_folders_are_their_owners_alone(tmp_path: Path) -> None:
    """Those that are made; what is there stays as it is."""
    month = tmp_path / "data" / "recordings" / "2026-11"
    make_folder(month)
    for each in (month, month.parent):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
        each.chmod(0o750)
    make_folder(month)
    make_folder(month.with_name("2026-12"))
    assert {stat.S_IMODE(each.stat().st_mode) for each in (month, month.parent)} == {0o750}


def test_a_folder_that_cannot_be_synced_stops_nobody(tmp_path: Path) -> None:
    """Only a name is at stake."""
    sync_folder(tmp_path)
    sync_folder(tmp_path / "nowhere")
