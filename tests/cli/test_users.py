"""`gateway users`: who may sign in, and that no password is an argument or printed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app, main
from gateway.ops.passwords import LONGEST

PASSWORD = "a made-up password of some length"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gateway of its own, with nobody's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("GATEWAY_ADMIN_PASSWORD", raising=False)
    return tmp_path / "data"


def run(*words: str, typed: str = "") -> tuple[int, str]:
    """One command; its exit code and what it said."""
    done = CliRunner().invoke(app, ["users", *words], input=typed)
    said = done.output if done.exception is None else f"{done.output}{done.exception}"
    return done.exit_code, said


def listed() -> list[dict[str, str]]:
    """Who may sign in."""
    code, said = run("list", "--json")
    assert code == 0
    found: list[dict[str, str]] = json.loads(said)
    return found


def test_somebody_is_added_changed_and_removed(data_dir: Path) -> None:
    """The file is for its owner alone, and holds a hash that changes with the password."""
    assert run("add", "ann", "--role", "operator", "--password-file", "-", typed=PASSWORD)[0] == 0
    assert listed() == [{"name": "ann", "role": "operator", "from": "file"}]
    file = data_dir / "users.toml"
    before = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in before
    assert "$argon2" in before
    assert run("password", "ann", "--password-file", "-", typed=f"{PASSWORD}!")[0] == 0
    assert file.read_text() != before
    assert run("remove", "ann")[0] == 0
    assert listed() == []


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (("add", "ann", "--role", "viewer", "--password-file", "-"), "short", "characters"),
        (("add", "ann", "--role", "viewer", "--password-file", "-"), "x" * (LONGEST + 1), "charac"),
        (("add", "ann", "--role", "viewer"), "", "--password-file"),
        (("add", "a b", "--role", "viewer", "--password-file", "-"), PASSWORD, "begins with"),
        (("password", "bob", "--password-file", "-"), PASSWORD, "no user 'bob'"),
        (("remove", "bob"), "", "no user 'bob'"),
        (("remove", "admin"), "", "GATEWAY_ADMIN_PASSWORD"),
    ],
)
def test_what_cannot_be_done_says_why(words: tuple[str, ...], typed: str, said: str) -> None:
    """And nobody is added."""
    code, text = run(*words, typed=typed)
    assert code != 0
    assert said in text
    assert listed() == []


def test_nobody_is_there_twice() -> None:
    """A second one of the same name is refused, and the first one stays."""
    words = ("add", "ann", "--role", "viewer", "--password-file", "-")
    assert run(*words, typed=PASSWORD)[0] == 0
    code, said = run(*words, typed=PASSWORD)
    assert (code != 0, "there already" in said) == (True, True)
    assert len(listed()) == 1


def test_a_role_that_is_none_is_wrong_usage() -> None:
    """Exit code 2."""
    assert run("add", "ann", "--role", "king", "--password-file", "-", typed=PASSWORD)[0] == 2


def test_the_admin_of_the_settings_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the password."""
    monkeypatch.setenv("GATEWAY_ADMIN_PASSWORD", PASSWORD)
    assert [each["name"] for each in listed()] == ["admin"]
    assert PASSWORD not in run("list")[1]


def test_a_mistake_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """As with every command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["gateway", "users", "remove", "bob"])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.strip() == "gateway: there is no user 'bob'"
