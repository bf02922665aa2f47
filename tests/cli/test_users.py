"""`gateway users`: who may sign in, and that no password is ever an argument or in what is told."""

import io
import json
import stat
import sys
from pathlib import Path

import pytest

from gateway.ops.passwords import is_right
from gateway.ops.userfile import read_users
from tests.cli.conftest import Command

PASSWORD = "a made-up password"


@pytest.fixture
def file(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the users are; there is none yet."""
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data" / "users.toml"


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """A file with a password in its first line."""
    path = tmp_path / "password.txt"
    path.write_text(f"{PASSWORD}\r\nmore\n")
    return str(path)


def test_nobody_at_first(command: Command, file: Path) -> None:
    """It says how to change that; scripts get an empty array, and nothing is made."""
    done = command("users", "list")
    assert (done.code, done.err) == (0, "")
    assert "gateway users add" in done.out
    assert command("users", "list", "--json").out == "[]\n"
    assert not file.parent.exists()


def test_somebody_is_added(command: Command, file: Path, secret: str) -> None:
    """With a role and a password of a file; only its owner may read what is kept."""
    done = command("users", "add", "anna", "--role", "operator", "--password-file", secret)
    assert (done.code, done.out, done.err) == (0, "anna may sign in as operator\n", "")
    anna = read_users(file)["anna"]
    assert (anna.role, is_right(PASSWORD, anna.password)) == ("operator", True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()
    rows = json.loads(command("users", "list", "--json").out)
    assert rows == [{"name": "anna", "role": "operator", "from": "file"}]
    assert "anna" in command("users", "list").out


def test_the_admin_of_the_settings_is_listed(
    command: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And can be changed only there."""
    monkeypatch.setenv("GATEWAY_ADMIN_PASSWORD", PASSWORD)
    (row,) = json.loads(command("users", "list", "--json").out)
    assert row == {"name": "admin", "role": "admin", "from": "GATEWAY_ADMIN_PASSWORD"}
    for words in (("password", "admin"), ("remove", "admin")):
        done = command("users", *words)
        assert done.code == 1
        assert "GATEWAY_ADMIN_PASSWORD" in done.err


def test_a_password_is_changed(
    command: Command, file: Path, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From stdin here; the role stays."""
    command("users", "add", "anna", "--role", "viewer", "--password-file", secret)
    monkeypatch.setattr(sys, "stdin", io.StringIO("another password\nmore\n"))
    done = command("users", "password", "anna", "--password-file", "-")
    assert (done.code, done.err) == (0, "")
    anna = read_users(file)["anna"]
    assert (anna.role, is_right("another password", anna.password)) == ("viewer", True)


def test_somebody_is_removed(command: Command, file: Path, secret: str) -> None:
    """And is there no more."""
    command("users", "add", "anna", "--role", "viewer", "--password-file", secret)
    assert command("users", "remove", "anna").code == 0
    assert read_users(file) == {}
    done = command("users", "remove", "anna")
    assert (done.code, done.err) == (1, "gateway: there is no user 'anna'\n")
    assert command("users", "password", "anna").code == 1


def test_nobody_is_added_twice(command: Command, file: Path, secret: str) -> None:
    """What there is stays."""
    command("users", "add", "anna", "--role", "viewer", "--password-file", secret)
    before = file.read_text()
    done = command("users", "add", "anna", "--role", "admin", "--password-file", secret)
    assert done.code == 1
    assert "is there already" in done.err
    assert file.read_text() == before


@pytest.mark.parametrize("name", ["admin", "token", "Anna", "a b", ""])
def test_some_names_cannot_be_had(command: Command, file: Path, name: str, secret: str) -> None:
    """With the reason."""
    done = command("users", "add", name, "--role", "viewer", "--password-file", secret)
    assert done.code == 1
    assert "name" in done.err
    assert not file.exists()


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_passwords_have_a_length(
    command: Command, file: Path, tmp_path: Path, password: str
) -> None:
    """Ten characters at least; they are told nowhere."""
    path = tmp_path / "weak.txt"
    path.write_text(password)
    done = command("users", "add", "anna", "--role", "viewer", "--password-file", str(path))
    assert done.code == 1
    assert "10 to 1024 characters" in done.err
    assert not password or password not in done.out + done.err
    assert not file.exists()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_password_file_that_is_none(
    command: Command, file: Path, tmp_path: Path, content: bytes | None
) -> None:
    """One line with its name."""
    path = tmp_path / "none.txt"
    if content is not None:
        path.write_bytes(content)
    done = command("users", "add", "anna", "--role", "viewer", "--password-file", str(path))
    assert done.code == 1
    assert done.err.startswith(f"gateway: {path}: ")


def test_without_a_terminal_nobody_is_asked(
    command: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to do instead."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD))
    done = command("users", "add", "anna", "--role", "viewer")
    assert done.code == 1
    assert "--password-file" in done.err


def test_a_password_is_typed_twice(
    command: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unseen, at a terminal."""
    asked: list[dict[str, object]] = []

    def prompt(_text: str, **how: object) -> str:
        asked.append(how)
        return PASSWORD

    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    done = command("users", "add", "anna", "--role", "viewer")
    assert (done.code, asked) == (0, [{"hide_input": True, "confirmation_prompt": True}])
    assert PASSWORD not in done.out + done.err


def test_a_broken_file_is_not_written_over(command: Command, file: Path, secret: str) -> None:
    """Exit code 2 and the line, whichever command it is."""
    file.parent.mkdir()
    file.write_text("[anna")
    for words in (("list",), ("add", "ben", "--role", "viewer", "--password-file", secret)):
        done = command("users", *words)
        assert done.code == 2
        assert done.err.startswith(f"gateway: GATEWAY_USERS: {file}: ")
    assert command("users", "remove", "anna").code == 2
    assert file.read_text() == "[anna"
