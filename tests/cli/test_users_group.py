"""The options of `gateway users`."""

import pytest

from tests.cli.conftest import Command


def test_a_role_must_be_said(command: Command) -> None:
    """Nobody becomes an admin by accident."""
    done = command("users", "add", "anna")
    assert done.code == 2
    assert "--role" in done.err


@pytest.mark.parametrize("role", ["root", "Admin", ""])
def test_a_role_is_one_of_three(command: Command, role: str) -> None:
    """Others are wrong usage."""
    assert command("users", "add", "anna", "--role", role).code == 2


def test_a_password_is_no_option(command: Command) -> None:
    """It would be in the list of processes and in the shell's history."""
    assert command("users", "add", "anna", "--role", "viewer", "--password", "x").code == 2
    assert command("users", "password", "anna", "a made-up password").code == 2
