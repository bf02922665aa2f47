"""A gateway that is killed in the middle of everything: what it said was durable is there, once."""

from pathlib import Path

import pytest

from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.journal.journal import dead_journals
from tests.store.databases import settings_in
from tests.store.dying import kill_one
from tests.store.entries import rows
from tests.store.postgres import postgres
from tests.store.running import journal_bytes, running, settled


async def check(settings: Settings, acknowledged: dict[str, int]) -> None:
    """Starts again and compares: every acknowledged entry once, every call ended."""
    with running(settings) as writer:
        await settled(writer)
    assert dead_journals(settings.data_dir / "journal")[1:] == []
    assert journal_bytes(settings.data_dir) == b""
    engine = open_database(settings)
    calls = await rows(engine, "calls", "call_sid", "state", "reason", "seq")
    events = await rows(engine, "events", "call_sid", "seq", "name")
    await engine.dispose()
    assert [call[:3] for call in calls] == [
        (call_sid, "ended", "gateway_crashed") for call_sid in sorted(acknowledged)
    ]
    for call_sid, _, _, last in calls:
        assert last > acknowledged[call_sid]
        told = [(seq, name) for sid, seq, name in events if sid == call_sid]
        assert told == [
            *((seq, "turn.done") for seq in range(1, last)),
            (last, "call.ended"),
        ]


@pytest.mark.asyncio
async def test_killed_while_the_database_is_written(tmp_path: Path) -> None:
    """At any moment of it; the second process is killed while it finishes what the first left."""
    settings = settings_in(tmp_path)
    acknowledged = {
        call_sid: kill_one(tmp_path, call_sid, lines)
        for call_sid, lines in (("CA1", 70), ("CA2", 1))
    }
    await check(settings, acknowledged)


@pytest.mark.asyncio
async def test_killed_while_the_database_is_away(tmp_path: Path) -> None:
    """All there is of it is in the journal."""
    away = f"sqlite:///{tmp_path}/nowhere/calls.db"
    acknowledged = {"CA1": kill_one(tmp_path, "CA1", 60, away)}
    await check(settings_in(tmp_path), acknowledged)


@pytest.mark.asyncio
@pytest.mark.system
@pytest.mark.timeout(300)
@pytest.mark.parametrize("server_based", [False, True])
async def test_killed_many_times(tmp_path: Path, server_based: bool) -> None:
    """Twenty deaths, on either database."""
    with postgres() as server:
        url = server.empty() if server_based else None
        settings = settings_in(tmp_path, **({"database_url": url} if url else {}))
        acknowledged = {
            f"CA{number}": kill_one(tmp_path, f"CA{number}", 1 + 17 * number % 120, url)
            for number in range(20)
        }
        await check(settings, acknowledged)
