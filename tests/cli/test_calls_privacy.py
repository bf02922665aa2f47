"""The commands by which things of calls go: their options."""

import typer
from typer.testing import CliRunner

from gateway.cli.calls_privacy import add_commands


def invoke(*words: str) -> tuple[int, str]:
    """Exit code and output of a command that never gets to the records."""
    app = typer.Typer()
    add_commands(app)
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.output


def test_the_group_gets_three_commands() -> None:
    """Each says what it does."""
    code, said = invoke("--help")
    assert code == 0
    for word in ("purge", "erase", "evidence", "Delete everything of somebody's calls"):
        assert word in said


def test_erasing_needs_to_know_whom() -> None:
    """A number or a call: neither and both are wrong usage."""
    assert invoke("erase")[0] == 2
    assert invoke("erase", "--number", "+4930100200", "--call", "CA1")[0] == 2
    assert invoke("erase", "--number", "")[0] == 2
