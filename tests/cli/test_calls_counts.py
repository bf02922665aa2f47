"""Counts in words, and trouble with the records in one line."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from gateway.cli.calls_counts import in_words, opened, tell
from gateway.errors import GatewayError
from tests.store.databases import made, settings_in


def test_counts_in_words() -> None:
    """One or many of each; nothing at all."""
    assert in_words({"calls": 1, "deliveries": 1, "entries": 1}) == (
        "1 call, 1 webhook, 1 waiting entry"
    )
    assert in_words({"recordings": 2, "tools": 3, "usage": 2}) == (
        "2 recordings, 3 tool calls, 2 counts of usage"
    )
    assert in_words({}) == "nothing"


def test_what_is_told_is_out_of_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts read stdout."""
    tell("still on the line")
    assert capsys.readouterr() == ("", "gateway: still on the line\n")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "ConnectionRefusedError"),
        (OperationalError("SELECT", {"x": "+4930"}, ConnectionError()), "ConnectionError"),
        (OperationalError("SELECT", {"x": "+4930"}, sqlite3.OperationalError("+4930")), "Operati"),
    ],
)
def test_trouble_with_the_database_is_one_line(tmp_path: Path, error: Exception, told: str) -> None:
    """Without what the statement was about."""

    async def fail() -> None:
        await (await made(settings_in(tmp_path))).dispose()
        async with opened(settings_in(tmp_path)):
            raise error

    with pytest.raises(GatewayError) as wrong:
        asyncio.run(fail())
    assert str(wrong.value).startswith(f"the database of the records: {told}")
    assert "+4930" not in str(wrong.value)


def test_trouble_with_a_file_names_it(tmp_path: Path) -> None:
    """As the person knows it."""

    async def fail() -> None:
        await (await made(settings_in(tmp_path))).dispose()
        async with opened(settings_in(tmp_path)):
            raise PermissionError(13, "Permission denied", "data/journal")

    with pytest.raises(GatewayError, match=r"^data/journal: Permission denied$"):
        asyncio.run(fail())
