"""Everything that is kept of the calls of a process, put together."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    CallAnswered,
    CallEnded,
    CallOffered,
    RecordingStarted,
)
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.archive import Archive
from gateway.store.database import open_database
from gateway.store.journal.clerk import Written
from gateway.store.journal.clerkprocess import ClerkProcess
from gateway.store.pricefile import read_prices
from gateway.store.records.reader import open_reader
from gateway.store.spent import Spent
from gateway.store.tables import deliveries
from gateway.store.upgrade import upgrade
from tests.store.databases import settings_in
from tests.store.entries import offered
from tests.store.running import left_behind

OFFERED = CallOffered("+15550001000", "+15550002222", "desk", "inbound")
ENDED = CallEnded("caller_hung_up", 61_000.0, 900.0, 3050, 1, 0)


class Told:
    """What an archive said was spent."""

    def __init__(self) -> None:
        self.spent: asyncio.Future[Sequence[Spent]] = asyncio.get_running_loop().create_future()

    def hear(self, _day: date, spent: Sequence[Spent]) -> None:
        self.spent.set_result(spent)


async def started(settings: Settings) -> tuple[Archive, Told]:
    """An archive at work."""
    archive, told = Archive(settings, read_prices(settings)), Told()
    await archive.start(told.hear)
    return archive, told


async def records(settings: Settings) -> list[dict[str, Any]]:
    """All calls there are records of, whole."""
    async with open_reader(settings) as reader:
        assert reader is not None
        found = [await reader.record(call["call_sid"]) for call in await reader.calls()]
        return [each for each in found if each is not None]


@pytest.mark.asyncio
async def test_what_was_heard_is_kept(tmp_path: Path) -> None:
    """With its redaction and its costs; when it stops, all of it is in the database."""
    settings = settings_in(tmp_path)
    archive, _ = await started(settings)
    for event in (
        OFFERED,
        CallAnswered("MZ1", 100.0),
        AgentStarted("a1", "r1", 0.0),
        AgentSpoke("a1", "Your card is 4111 1111 1111 1111."),
        ENDED,
    ):
        archive.hear("CA1", event)
    assert await archive.durable(10)
    await asyncio.to_thread(archive.stop)
    (record,) = await records(settings)
    assert record["turns"][0]["text"] == "Your card is [card number]."
    assert record["call"]["outcome"] == "completed"
    assert record["call"]["carrier_usd"] == pytest.approx(2 * (0.0085 + 0.0044))
    assert archive.status().backlog == 0


@pytest.mark.asyncio
async def test_a_call_is_recorded_where_its_record_says(tmp_path: Path) -> None:
    """Below the data dir, for its owner alone."""
    settings = settings_in(tmp_path)
    archive, _ = await started(settings)
    tape = archive.tapes.open("CA1", lambda fault: None)
    archive.hear("CA1", OFFERED)
    archive.hear("CA1", RecordingStarted(tape.file, 0.0))
    tape.write(b"\x7f\xff" * 800)
    closed = await asyncio.wrap_future(tape.close())
    await asyncio.to_thread(archive.stop)
    (record,) = await records(settings)
    path = tmp_path / "recordings" / record["call"]["recording"]
    assert closed.audio_ms == 100.0
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.asyncio
async def test_what_was_spent_before_is_told_once(tmp_path: Path) -> None:
    """By calls of another process of today, to whoever keeps the limits."""
    settings = settings_in(tmp_path)
    first, nothing = await started(settings)
    assert await asyncio.wait_for(nothing.spent, 20) == []
    for event in (OFFERED, CallAnswered("MZ1", 1.0), ENDED):
        first.hear("CA1", event)
    await asyncio.to_thread(first.stop)
    second, told = await started(settings)
    (spent,) = await asyncio.wait_for(told.spent, 20)
    await asyncio.to_thread(second.stop)
    assert (spent.number, spent.route) == ("+15550002222", "default")
    assert spent.usd == pytest.approx(0.0258)


@pytest.mark.asyncio
async def test_what_waits_in_journals_of_the_dead_was_spent_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is applied first, however many there are, and however long that takes."""
    settings = settings_in(tmp_path)
    await upgrade(settings)
    now = datetime.now(UTC).isoformat()
    for number in range(3):
        spent: Any = {"route": "default", "caller": f"+1{number}", "cost_usd": 1.0 + number}
        left_behind(settings, offered(f"CA{number}", "dead", offered_at=now, **spent))
    write = ClerkProcess.write

    async def slowly(clerk: ClerkProcess, owner: str, lines: Sequence[bytes]) -> Written:
        await asyncio.sleep(0.3)
        return await write(clerk, owner, lines)

    monkeypatch.setattr(ClerkProcess, "write", slowly)
    archive, told = await started(settings)
    found = await asyncio.wait_for(told.spent, 20)
    await asyncio.to_thread(archive.stop)
    assert sorted(each.usd for each in found) == [1.0, 2.0, 3.0]


@pytest.mark.asyncio
async def test_whoever_wants_to_know_is_told(tmp_path: Path) -> None:
    """A webhook is committed with the event it tells of, words and all but those of people."""
    settings = settings_in(tmp_path, hook_url="http://127.0.0.1:9/hook", hook_secret="salt")
    archive, _ = await started(settings)
    for event in (OFFERED, CallAnswered("MZ1", 1.0), ENDED):
        archive.hear("CA1", event)
    await asyncio.to_thread(archive.stop)
    told = await of_deliveries(settings)
    assert [row["event"] for row in told] == ["call.started", "call.ended"]
    body = json.loads(told[1]["body"])
    assert body["call"]["outcome"] == "completed"
    assert datetime.fromisoformat(body["at"]).utcoffset() == timedelta(0)


async def of_deliveries(settings: Settings) -> list[dict[str, Any]]:
    """The rows of webhooks."""
    engine = open_database(settings)
    async with engine.connect() as connection:
        rows = (await connection.execute(select(deliveries).order_by(deliveries.c.seq))).mappings()
        found = [dict(row) for row in rows]
    await engine.dispose()
    return found


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"hook_url": "https://crm.example/hook"}, "GATEWAY_HOOK_SECRET"),
        (
            {"hook_url": "https://crm.example", "hook_secret": "x", "hook_events": "call.done"},
            "GATEWAY_HOOK_EVENTS",
        ),
        ({"recording_keys": Path("nothing-there")}, "GATEWAY_RECORDING_KEYS"),
        ({"redact": Path("nothing-there")}, "GATEWAY_REDACT"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(
    tmp_path: Path, wrong: dict[str, Any], named: str
) -> None:
    """By the name of the setting."""
    settings = settings_in(tmp_path, **wrong)
    with pytest.raises(ConfigError, match=f"^{named}"):
        Archive(settings, read_prices(settings))


@pytest.mark.asyncio
async def test_a_database_that_is_away_stops_nothing(tmp_path: Path) -> None:
    """What is heard is on the disk at once, and in the journal when the process ends."""
    url = "postgresql://nobody@127.0.0.1:9/nothing"
    archive, _ = await started(settings_in(tmp_path, database_url=url))
    archive.hear("CA1", OFFERED)
    assert await archive.durable(10)
    assert not archive.status().database_ok
    await asyncio.to_thread(archive.stop)
    lines = "".join(path.read_text() for path in (tmp_path / "journal").rglob("*.jsonl"))
    assert "CA1" in lines


@pytest.mark.asyncio
async def test_a_database_of_a_newer_gateway_is_refused(tmp_path: Path) -> None:
    """Before any call: what it holds is not ours to change."""
    settings = settings_in(tmp_path)
    first, _ = await started(settings)
    await asyncio.to_thread(first.stop)
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    archive = Archive(settings, read_prices(settings))
    with pytest.raises(ConfigError, match="newer gateway"):
        await archive.start(Told().hear)
    await asyncio.to_thread(archive.stop)
