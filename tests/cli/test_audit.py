"""`gateway audit list`: who did what, for people and for scripts."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from gateway.store.tables import audit
from tests.cli.conftest import Command
from tests.store.databases import made, settings_in

ROWS = [
    ("1", "anna", "signed_in", None, "from 127.0.0.1", 10),
    ("2", "otto", "hang_up", "CA1", None, 5),
    ("3", "anna", "approve", "CA2", "refund", 1),
]


async def fill(folder: Path) -> None:
    """A database with a trail."""
    engine = await made(settings_in(folder))
    async with engine.begin() as connection:
        for key, who, action, call_sid, detail, days in ROWS:
            row: dict[str, Any] = {
                "id": key,
                "who": who,
                "role": "admin",
                "action": action,
                "detail": detail,
            }
            row |= {"call_sid": call_sid, "at": datetime.now(UTC) - timedelta(days=days)}
            await connection.execute(insert(audit).values(row))
    await engine.dispose()


@pytest.fixture
def folder(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data dir."""
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def actions(out: str) -> list[str]:
    """What was done, in the order it is told."""
    return [row["action"] for row in json.loads(out)]


def test_there_is_nothing_at_first(command: Command, folder: Path) -> None:
    """And nothing is made by looking."""
    assert command("audit", "list").out == "nobody did anything yet\n"
    assert command("audit", "list", "--json").out == "[]\n"
    assert not folder.exists()


def test_what_was_done(command: Command, folder: Path) -> None:
    """The newest first; of one name, since a time, so many at most."""
    asyncio.run(fill(folder))
    done = command("audit", "list", "--json")
    assert (done.code, done.err) == (0, "")
    assert actions(done.out) == ["approve", "hang_up", "signed_in"]
    first = json.loads(done.out)[0]
    assert first | {"at": ""} == {
        "id": "3",
        "at": "",
        "who": "anna",
        "role": "admin",
        "action": "approve",
        "call_sid": "CA2",
        "detail": "refund",
    }
    assert actions(command("audit", "list", "--who", "anna", "--json").out) == [
        "approve",
        "signed_in",
    ]
    assert actions(command("audit", "list", "--since", "7d", "--json").out) == [
        "approve",
        "hang_up",
    ]
    assert actions(command("audit", "list", "--limit", "1", "--json").out) == ["approve"]
    assert command("audit", "list", "--who", "nobody").out == "nothing of that\n"
    table = command("audit", "list").out
    assert "hang_up" in table
    assert "CA1" in table
