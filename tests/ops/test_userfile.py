"""The file of users: what it takes, what it says of mistakes, and that it is written whole."""

import os
import stat
import threading
from pathlib import Path

import pytest

from gateway.errors import ConfigError, GatewayError
from gateway.ops.passwords import hashed
from gateway.ops.userfile import User, changed_users, name_fault, read_users, user_file
from gateway.settings import load_settings

HASH = hashed("a made-up password")
ANNA = User("anna", "operator", HASH)
BEN = User("ben@example.com", "viewer", HASH)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file is to be; there is none yet, nor its folder."""
    return tmp_path / "data" / "users.toml"


def mode_of(path: Path) -> int:
    """Who may do what with it."""
    return stat.S_IMODE(path.stat().st_mode)


def test_where_it_is(tmp_path: Path) -> None:
    """In the data dir, or where the setting says."""
    assert user_file(load_settings(_env_file=None, data_dir=tmp_path)) == tmp_path / "users.toml"
    there = load_settings(_env_file=None, users=tmp_path / "who.toml")
    assert user_file(there) == tmp_path / "who.toml"


def test_what_is_written_is_read(file: Path) -> None:
    """By its owner only; no file is nobody."""
    assert read_users(file) == {}
    with changed_users(file) as users:
        users["anna"] = ANNA
        users[BEN.name] = BEN
    assert read_users(file) == {"anna": ANNA, BEN.name: BEN}
    assert (mode_of(file), mode_of(file.parent)) == (0o600, 0o700)
    with changed_users(file) as users:
        del users["anna"]
    assert read_users(file) == {BEN.name: BEN}
    assert [path.name for path in file.parent.iterdir()] == ["users.toml"]


def test_what_is_raised_changes_nothing(file: Path) -> None:
    """And neither does changing nothing."""
    with changed_users(file) as users:
        users["anna"] = ANNA
    before = file.stat().st_ino
    with pytest.raises(ZeroDivisionError), changed_users(file) as users:
        users["ben"] = User("ben", "viewer", HASH * (1 // 0))
    with changed_users(file):
        pass
    assert file.stat().st_ino == before


def test_one_at_a_time(file: Path) -> None:
    """Two commands at once lose nobody."""
    with changed_users(file) as users:
        users["anna"] = ANNA

    def add(number: int) -> None:
        with changed_users(file) as users:
            users[f"user{number}"] = User(f"user{number}", "viewer", HASH)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_users(file)) == 9


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[anna", "Expected"),
        ("anna = 1", "'anna': has `role` and `password`"),
        ("[anna]\nrole = 'viewer'", "'anna': has `role` and `password`"),
        (f"[anna]\nrole = 'viewer'\npassword = '{HASH}'\nmore = 1", "nothing else"),
        (f"[anna]\nrole = 'root'\npassword = '{HASH}'", "`role` is one of viewer, operator, admin"),
        ("[anna]\nrole = 'viewer'\npassword = 'plain words'", "`password` is an argon2 hash"),
        ("[anna]\nrole = 'viewer'\npassword = 5", "`password` is an argon2 hash"),
        (f"[admin]\nrole = 'viewer'\npassword = '{HASH}'", "`admin` is nobody's name"),
        (f"[Anna]\nrole = 'viewer'\npassword = '{HASH}'", "'Anna': a name has"),
        (f"['']\nrole = 'viewer'\npassword = '{HASH}'", "a name has"),
    ],
)
def test_mistakes_are_named(file: Path, text: str, fault: str) -> None:
    """With the setting, the file and the name; never with a password."""
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ConfigError) as told:
        read_users(file)
    assert str(told.value).startswith(f"GATEWAY_USERS: {file}: ")
    assert fault in str(told.value)
    assert "plain words" not in str(told.value)
    with pytest.raises(ConfigError), changed_users(file):
        pytest.fail("a file with mistakes must not be written over")
    assert file.read_text() == text


def test_so_many_users(file: Path) -> None:
    """More would be somebody's mistake."""
    file.parent.mkdir()
    rows = [f"[u{n}]\nrole='viewer'\npassword='{HASH}'\n" for n in range(1001)]
    file.write_text("".join(rows))
    with pytest.raises(ConfigError, match="over 1000 users"):
        read_users(file)


def test_a_folder_that_takes_nothing(tmp_path: Path) -> None:
    """One line with the file and the reason."""
    (tmp_path / "data").write_text("a file where a folder should be")
    file = tmp_path / "data" / "users.toml"
    with pytest.raises(GatewayError, match="cannot be written"), changed_users(file):
        pytest.fail("there is nowhere to write to")


def test_nothing_is_left_of_a_write_that_failed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there stays."""
    with changed_users(file) as users:
        users["anna"] = ANNA

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(GatewayError, match="no space left"), changed_users(file) as users:
        users.clear()
    assert read_users(file) == {"anna": ANNA}
    assert [path.name for path in file.parent.iterdir()] == ["users.toml"]


@pytest.mark.parametrize("name", ["token", "cli", "local", "unknown", "admin"])
def test_some_names_are_taken(name: str) -> None:
    """Who else stands in the audit trail must not be mistaken for a user."""
    assert "nobody's name" in (name_fault(name) or "")


@pytest.mark.parametrize("name", ["a", "a.b", "x@y.z", "0", "a" * 64])
def test_names_people_have(name: str) -> None:
    """Mail addresses are some."""
    assert name_fault(name) is None


@pytest.mark.parametrize(
    "name", ["", "A", "é", "a b", 'a"b', "a\nb", "-a", "a" * 65, "a\\b", "a\n"]
)
def test_names_nobody_has(name: str) -> None:
    """What could be mistaken for another, or break the file."""
    assert name_fault(name)
