"""A file that cannot be used is refused in one line that names variable, file and fault."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.store.tomlfile import read_table


def test_a_table(tmp_path: Path) -> None:
    """With or without the mark some editors put at the beginning."""
    path = tmp_path / "x.toml"
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text("a = 'ü'\n", encoding=encoding)
        assert read_table(path, "GATEWAY_X") == {"a": "ü"}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a = ", "Invalid value (at end of document)"),
        (b"a = 1\nb = x", "Invalid value (at line 2, column 5)"),
        (b"a = 1\n\nb = '\xff'", "line 3: not UTF-8"),
        (b"a = " + b"[" * 100_000, "tables or lists are nested too deeply"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, fault: str) -> None:
    """Where it is wrong, when that is known."""
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as wrong:
        read_table(path, "GATEWAY_X")
    assert str(wrong.value) == f"GATEWAY_X: {path}: {fault}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """In the words of the system."""
    with pytest.raises(ConfigError) as wrong:
        read_table(tmp_path / "none.toml", "GATEWAY_X")
    assert str(wrong.value).endswith("none.toml: cannot be read: no such file or directory")
    with pytest.raises(ConfigError, match="cannot be read: is a directory"):
        read_table(tmp_path, "GATEWAY_X")
