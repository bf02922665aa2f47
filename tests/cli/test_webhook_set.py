"""`gateway webhook set` and `restore`: the question before anything is changed."""

import io
import sys
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Command
from tests.ops.twin import ACCOUNT, MAIN, TOKEN, TwinServer, twin_server


class Terminal(io.StringIO):
    """A person at a terminal, who has typed this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch, nothing_set: None) -> Iterator[TwinServer]:
    """The carrier of the settings."""
    with twin_server() as running:
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        monkeypatch.setenv("GATEWAY_TWILIO_API_URL", running.url)
        monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://voice.example.com")
        yield running


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_yes_changes_it(
    command: Command, twin: TwinServer, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """After the change was shown."""
    before = twin.number(MAIN)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = command("webhook", "set", MAIN)
    assert (done.code, done.err) == (0, "Change it? [y/N]: ")
    assert twin.number(MAIN) != before


@pytest.mark.parametrize("answer", ["\n", "n\n", "maybe\n", ""])
def test_anything_else_does_not(
    command: Command, twin: TwinServer, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """Nor is anything written down."""
    before = twin.number(MAIN)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert command("webhook", "set", MAIN).code == 1
    assert twin.number(MAIN) == before
    assert "nothing of" in command("webhook", "restore", MAIN).err


def test_without_a_terminal_it_has_to_be_said_beforehand(
    command: Command, twin: TwinServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that forgot `--yes` changes nothing, and sees what it would have changed."""
    before = twin.number(MAIN)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    done = command("webhook", "set", MAIN)
    assert done.code == 2
    assert "→" in done.out
    assert done.err.startswith("gateway: --yes: ")
    assert twin.number(MAIN) == before


def test_without_an_address_nothing_is_asked(
    command: Command, twin: TwinServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to point a number at."""
    monkeypatch.delenv("GATEWAY_PUBLIC_URL")
    done = command("webhook", "set", MAIN, "--yes")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("gateway: GATEWAY_PUBLIC_URL: not set")


def test_a_database_that_is_away_changes_nothing(
    command: Command, twin: TwinServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there could not be restored."""
    before = twin.number(MAIN)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "sqlite:///no/such/folder/calls.db")
    done = command("webhook", "set", MAIN, "--yes")
    assert (done.code, "GATEWAY_DATABASE_URL: " in done.err) == (1, True)
    assert twin.number(MAIN) == before
