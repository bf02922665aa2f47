"""Folders of what the gateway keeps."""

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from gateway.store.folders import alone_in, private_folder, settle


def test_a_private_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    """None of them lets anybody in; one that exists keeps its mode."""
    tmp_path.chmod(0o755)
    private_folder(tmp_path / "a" / "b")
    private_folder(tmp_path / "a" / "b")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("", "a", "a/b")]
    assert modes == [0o755, 0o700, 0o700]


def test_a_folder_that_is_not_there_cannot_be_settled(tmp_path: Path) -> None:
    """Whoever relies on it hears of it."""
    settle(tmp_path)
    with pytest.raises(FileNotFoundError):
        settle(tmp_path / "nowhere")


def test_one_is_alone_in_a_folder(tmp_path: Path) -> None:
    """Whoever comes waits for whoever is there; where there is no folder nobody waits."""
    order, there = [], threading.Event()

    def second() -> None:
        there.set()
        with alone_in(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    with alone_in(tmp_path):
        thread.start()
        there.wait()
        fd = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    with alone_in(tmp_path / "nowhere"):
        pass
