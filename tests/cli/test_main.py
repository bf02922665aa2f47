"""The command tree: what is there, how light it is, and how mistakes end."""

import json
import subprocess
import sys

import pytest

from gateway import __version__
from gateway.cli import main as tree
from gateway.errors import ConfigError, GatewayError
from tests.cli.conftest import Command

LIGHT = """
import sys
from gateway.cli.main import app
for words in ("--help", "serve --help", "sim --help", "agents --help", "version"):
    app(words.split(), standalone_mode=False)
loaded = {name.split(".")[0] for name in sys.modules} | set(sys.modules)
heavy = {"agents", "openai", "twilio", "starlette", "uvicorn", "picows", "gateway.settings"}
print(sorted(loaded & heavy))
"""


def test_help_names_every_command(command: Command) -> None:
    """What docs and scripts speak of is there."""
    done = command("--help")
    assert (done.code, done.err) == (0, "")
    for name in ("demo", "serve", "sim", "agents", "version"):
        assert f" {name} " in done.out


@pytest.mark.parametrize(
    "words", [["demo"], ["serve"], ["sim", "twilio"], ["sim", "realtime"], ["agents", "list"]]
)
def test_every_command_has_help(command: Command, words: list[str]) -> None:
    """Each says what it does and exits 0."""
    done = command(*words, "--help")
    assert done.code == 0
    assert "Usage:" in done.out


def test_help_and_version_load_nothing_heavy() -> None:
    """No SDK, no server, not even settings: the commands import what they need when they run."""
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_told(command: Command) -> None:
    """As words and as JSON."""
    assert command("version") == (0, f"gateway {__version__}\n", "")
    done = command("version", "--json")
    assert json.loads(done.out) == {"version": __version__}


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["version", "--nonsense"], ["serve", "--port", "x"], ["sim"], ["agents"], []],
)
def test_wrong_usage_is_exit_2(command: Command, words: list[str]) -> None:
    """What cannot be understood is not half done."""
    assert command(*words).code == 2


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigError("KEY: is wrong"), 2), (GatewayError("it failed"), 1)]
)
def test_an_error_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, error: GatewayError, code: int
) -> None:
    """2 for settings, 1 for everything else; no traceback."""

    def fail() -> None:
        raise error

    monkeypatch.setattr(tree, "app", fail)
    assert command("anything") == (code, "", f"gateway: {error}\n")


def test_a_wrong_setting_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever command reads it: the variable is named, its value is not."""
    monkeypatch.setenv("GATEWAY_MAX_CALLS", "canary")
    for words in (["serve"], ["serve", "--offline"], ["agents", "list"]):
        done = command(*words)
        assert done.code == 2
        assert done.out == ""
        assert done.err.startswith("gateway: GATEWAY_MAX_CALLS: ")
        assert done.err.count("\n") == 1
        assert "canary" not in done.err
