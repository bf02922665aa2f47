"""`gateway audit list`: who did what, the newest first."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.store.audit import AuditLog
from gateway.store.entry import Entry
from gateway.store.journal.apply import apply
from gateway.store.transaction import writing
from tests.store.databases import made, settings_in

THEN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def fill(folder: Path) -> None:
    """A database with three lines in it."""

    async def filling() -> None:
        put: list[Entry] = []
        moments = [THEN + timedelta(minutes=number) for number in range(3)]
        log = AuditLog(put.append, lambda: moments.pop(0))
        log.note(SimpleNamespace(name="ann", role="operator"), "whisper", call_sid="CA1")
        log.note(SimpleNamespace(name="bob", role="admin"), "log_level", detail="debug")
        log.note(SimpleNamespace(name="ann", role="operator"), "hang_up", call_sid="CA2")
        engine = await made(settings_in(folder))
        async with writing(engine) as connection:
            await apply(connection, put)
        await engine.dispose()

    asyncio.run(filling())


def run(*words: str) -> str:
    """What the command prints."""
    done = CliRunner().invoke(app, ["audit", "list", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_trail_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a table and as JSON, all of it or what one person did since a moment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    assert "nobody did anything yet" in run()
    fill(tmp_path)
    assert [each["action"] for each in json.loads(run("--json"))] == [
        "hang_up",
        "log_level",
        "whisper",
    ]
    theirs = json.loads(run("--json", "--who", "ann", "--since", "2026-03-01T09:01Z"))
    assert [(each["who"], each["call_sid"]) for each in theirs] == [("ann", "CA2")]
    table = run("--limit", "2")
    assert ("hang_up" in table, "debug" in table, "whisper" in table) == (True, True, False)
    assert "nothing of that" in run("--who", "nobody")
