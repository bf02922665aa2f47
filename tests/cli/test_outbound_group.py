"""The commands of `gateway outbound`: their options."""

import typer
from typer.testing import CliRunner

from gateway.cli.outbound_group import add_commands


def invoke(*words: str) -> tuple[int, str]:
    """Exit code and output of a command that never gets to the database."""
    app = typer.Typer()
    add_commands(app)
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.output


def test_the_group_gets_its_commands() -> None:
    """Each says what it does."""
    code, said = invoke("--help")
    assert code == 0
    for word in ("show", "check", "close", "open", "block", "unblock", "blocked", "do-not-call"):
        assert word in said


def test_whom_must_be_said() -> None:
    """A number is part of the command."""
    for command in ("check", "block", "unblock"):
        assert invoke(command)[0] == 2
