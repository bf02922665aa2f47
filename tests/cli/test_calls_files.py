"""Files of what people said, for their owner's eyes only."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.calls_files import exports, make_folder, write_private
from gateway.errors import GatewayError
from tests.store.databases import settings_in


def mode_of(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_handed() -> Iterator[None]:
    """Whatever the umask allows others."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_exports_lie_in_the_data_dir(tmp_path: Path) -> None:
    """Where erasing looks for them."""
    assert exports(settings_in(tmp_path)) == tmp_path / "exports"


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """The file, and the folders that were made for it."""
    path = tmp_path / "exports" / "deep" / "CA1.json"
    assert write_private(path, b"{}") == path
    assert path.read_bytes() == b"{}"
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == 0o700


def test_an_older_file_is_replaced_whole(tmp_path: Path) -> None:
    """And with it who may read it; nothing else is left behind."""
    path = tmp_path / "CA1.json"
    path.write_bytes(b"older and longer")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), mode_of(path)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """What it leads to stays as it is."""
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    link = tmp_path / "CA1.json"
    link.symlink_to(other)
    write_private(link, b"new")
    assert (other.read_bytes(), link.is_symlink()) == (b"precious", False)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Naming the file or the folder at fault; no draft is left."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(GatewayError, match=r"folder: Is a directory$"):
        write_private(tmp_path / "folder", b"")
    with pytest.raises(GatewayError, match=r"file: File exists$"):
        make_folder(tmp_path / "file")
    with pytest.raises(GatewayError, match=r"below: Not a directory$"):
        make_folder(tmp_path / "file" / "below")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
