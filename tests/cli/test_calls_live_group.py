"""The commands on live calls: their options."""

import typer
from typer.testing import CliRunner

from gateway.cli.calls_live_group import add_commands


def invoke(*words: str) -> tuple[int, str]:
    """Exit code and output of a command that never gets to the gateway."""
    app = typer.Typer()
    add_commands(app)
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.output


def test_the_group_gets_its_commands() -> None:
    """Each says what it does."""
    code, said = invoke("--help")
    assert code == 0
    for word in ("live", "whisper", "take-over", "hang-up"):
        assert word in said


def test_who_takes_over_must_be_said_once() -> None:
    """By number or by key."""
    assert invoke("take-over", "CA1")[0] == 2
    assert invoke("take-over", "CA1", "--number", "+1", "--to", "office")[0] == 2
    assert invoke("whisper", "CA1")[0] == 2
