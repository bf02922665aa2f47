"""The options of `gateway audit`."""

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize(
    "words", [("--since", "whenever"), ("--limit", "0"), ("--limit", "x"), ("anna",)]
)
def test_wrong_usage(command: Command, words: tuple[str, ...]) -> None:
    """Exit code 2, before anything is opened."""
    assert command("audit", "list", *words).code == 2
