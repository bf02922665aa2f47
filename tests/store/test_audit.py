"""The audit trail: what a line says, that none is lost, and in which order they are."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.settings import Settings
from gateway.store.archive import Archive
from gateway.store.audit import AuditLog, lines
from gateway.store.database import open_database
from gateway.store.entry import BESIDE, Entry, decode, encode
from gateway.store.pricefile import read_prices
from tests.store.databases import settings_in
from tests.store.postgres import Postgres, postgres

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


class Actor(NamedTuple):
    """Somebody."""

    name: str = "anna"
    role: str = "operator"


ANNA = Actor()


def noted(*moments: datetime, **line: Any) -> list[Entry]:
    """What one log says at these moments."""
    entries: list[Entry] = []
    clock = iter(moments)
    log = AuditLog(entries.append, lambda: next(clock))
    for _ in moments:
        log.note(ANNA, line.get("action", "hang_up"), **line.get("more", {}))
    return entries


def keys(entries: list[Entry]) -> list[str]:
    """Their IDs."""
    return [str(each.changes[0].key["id"]) for each in entries]


def test_a_line_says_who_did_what() -> None:
    """As an entry of no call, which the journal can hold."""
    (entry,) = noted(AT, more={"call_sid": "CA1", "detail": "refund"})
    assert entry.call_sid == BESIDE
    (change,) = entry.changes
    assert change.values == {
        "at": AT.isoformat(),
        "who": "anna",
        "role": "operator",
        "action": "hang_up",
        "call_sid": "CA1",
        "detail": "refund",
    }
    assert decode(encode(entry)) == entry


@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        ("+12025550123", "[number]"),
        ("to 0302345678 and +4930100200", "to [number] and [number]"),
        ("desk", "desk"),
        ("from 203.0.113.255", "from 203.0.113.255"),
        ("from 2001:db8:1:2::/64", "from 2001:db8:1:2::/64"),
        ("4a1234567890b", "4a1234567890b"),
        ("", None),
    ],
)
def test_no_line_has_a_number(detail: str, kept: str | None) -> None:
    """Whatever somebody puts there; addresses and IDs are none."""
    (entry,) = noted(AT, more={"detail": detail})
    assert entry.changes[0].values["detail"] == kept


def test_newer_ones_are_greater() -> None:
    """Within a moment, when the clock is set back, and of different processes by time."""
    second = timedelta(seconds=1)
    found = keys(noted(AT, AT, AT - second, AT + second))
    assert found == sorted(found)
    assert len(set(found)) == 4
    other = keys(noted(AT + second / 2, AT + 2 * second))
    assert found[2] < other[0] < found[3] < other[1]


async def trail(settings: Settings, **wanted: Any) -> list[dict[str, Any]]:
    """What the database has."""
    engine = open_database(settings, pooled=False)
    return await lines(engine, **{"limit": 100, **wanted})


async def kept(settings: Settings, count: int) -> None:
    """A gateway notes so many lines, ends, and left them in the database."""
    archive = Archive(settings, read_prices(settings))
    await archive.start(lambda _day, _spent: None)
    for number in range(count):
        who = ANNA if number % 3 else Actor("otto", "admin")
        archive.audit.note(who, "hang_up", call_sid=f"CA{number}", detail=str(number))
    assert await archive.durable(20)
    await asyncio.to_thread(archive.stop)


async def works(settings: Settings) -> None:
    """Notes and reads, whatever the database is."""
    await kept(settings, 10)
    found = await trail(settings)
    assert [each["detail"] for each in found] == [str(number) for number in range(9, -1, -1)]
    assert found[0].keys() == {"id", "at", "who", "role", "action", "call_sid", "detail"}
    assert datetime.fromisoformat(found[0]["at"]).tzinfo is not None
    first = await trail(settings, limit=4)
    rest = await trail(settings, after=first[-1]["id"])
    assert first + rest == found
    assert {each["detail"] for each in await trail(settings, who="otto")} == {"0", "3", "6", "9"}
    now = datetime.now(UTC)
    assert len(await trail(settings, since=now - timedelta(hours=1))) == 10
    assert await trail(settings, since=now + timedelta(hours=1)) == []


@pytest.mark.asyncio
async def test_lines_come_to_the_database(tmp_path: Path) -> None:
    """Newest first, in pages, by who and from when on."""
    await works(settings_in(tmp_path))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with postgres() as found:
        yield found


@pytest.mark.system
@pytest.mark.asyncio
async def test_lines_come_to_postgresql(server: Postgres, tmp_path: Path) -> None:
    """The same there."""
    await works(settings_in(tmp_path, database_url=server.empty()))


@pytest.mark.asyncio
async def test_nothing_is_lost_while_the_database_is_away(tmp_path: Path) -> None:
    """It waits in the journal, and the next gateway brings it in."""
    away = settings_in(tmp_path, database_url=f"sqlite:///{tmp_path}/none/calls.db")
    archive = Archive(away, read_prices(away))
    archive._writer.start()
    archive.audit.note(ANNA, "hang_up", detail="kept")
    assert await archive.durable(20)
    archive._writer.stop(0)
    archive.stop()
    assert archive.status().lost == 0
    settings = settings_in(tmp_path)
    await kept(settings, 1)
    assert [each["detail"] for each in await trail(settings)] == ["0", "kept"]
