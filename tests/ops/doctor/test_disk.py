"""The disk: room for what comes, and writes that stay."""

import errno
import os
from pathlib import Path

import pytest

from gateway.ops.doctor.disk import disk_keeps
from gateway.ops.doctor.finding import Wrong
from gateway.settings import Settings, load_settings


def settings(folder: Path) -> Settings:
    """With this data dir."""
    return load_settings(_env_file=None, data_dir=folder)


def test_a_write_stays_and_leaves_nothing(tmp_path: Path) -> None:
    """Measured, and removed again."""
    assert "free, a write is on the disk in" in disk_keeps(settings(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_data_dir_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    """The disk it will be on is looked at."""
    disk_keeps(settings(tmp_path / "data" / "here"))
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_wrong(tmp_path: Path) -> None:
    """With how much there is."""
    with pytest.raises(Wrong) as wrong:
        disk_keeps(settings(tmp_path), least_free=1 << 62)
    assert f"are free at {tmp_path}" in wrong.value.detail
    assert "gateway calls purge" in wrong.value.fix


def test_too_few_files_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may be full of names."""

    def full(_path: Path) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 10**9, 10**9, 10**9, 100, 7, 7, 0, 255))

    monkeypatch.setattr(os, "statvfs", full)
    with pytest.raises(Wrong, match="only 7 more files fit"):
        disk_keeps(settings(tmp_path))


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
def test_a_write_that_fails_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """In the system's own words; and nothing is left behind."""

    def fails(_fd: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(Wrong) as wrong:
        disk_keeps(settings(tmp_path))
    assert os.strerror(error) in wrong.value.detail
    assert list(tmp_path.iterdir()) == []
