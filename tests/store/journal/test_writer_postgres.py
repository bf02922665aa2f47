"""The same on PostgreSQL: whatever the server does, nothing is lost and nothing is there twice."""

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from gateway.settings import Settings
from gateway.store import engine as engine_module
from gateway.store.database import database_url, open_database
from gateway.store.entry import Change, Entry
from gateway.store.journal import applier
from gateway.store.journal.apply import apply
from gateway.store.journal.clerk import Away, Written
from gateway.store.journal.clerkprocess import ClerkProcess
from gateway.store.journal.fit import Unfit
from gateway.store.tables import erased
from gateway.store.transaction import writing
from gateway.store.upgrade import upgrade
from tests.call.watching import until
from tests.store.databases import settings_in
from tests.store.entries import OFFERED, as_found, as_told, event, many, offered, rows, said, told
from tests.store.journal.test_clerk import lines_of
from tests.store.postgres import Postgres, postgres
from tests.store.running import LIMIT_S, journal_bytes, left_behind, running, settled

pytestmark = pytest.mark.system

OTHERS_ENDED = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
TROUBLE = ("records.database_away", "records.database_back")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One server for all of these."""
    with postgres() as made:
        yield made


@pytest.fixture
def settings(server: Postgres, tmp_path: Path) -> Settings:
    """An empty database on it."""
    return settings_in(tmp_path, database_url=server.empty())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here waits for as long as it would on the line."""
    monkeypatch.setattr(applier, "_BACK_OFF_S", (0.02,))
    monkeypatch.setattr(engine_module, "BUSY_MS", 100)


async def found(settings: Settings, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """What is in the database."""
    engine = open_database(settings)
    try:
        return await rows(engine, table, *columns)
    finally:
        await engine.dispose()


def url_of(settings: Settings) -> str:
    """The address of the database."""
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


def trouble_in(logs: Sequence[Any]) -> list[str]:
    """Going and coming of the database, as it was logged."""
    return [line["event"] for line in logs if line["event"] in TROUBLE]


@pytest.mark.asyncio
async def test_entries_become_the_same_rows(settings: Settings) -> None:
    """In any parts, begun again at any point before."""
    await upgrade(settings)
    entries = [
        Entry(
            f"CA{number % 3}",
            1 + number // 3,
            (
                Change("calls", {}, {"state": f"s{number}"}),
                Change("turns", {"number": number % 4}, {"text": f"t{number}", "who": "agent"}),
                Change("turns", {"number": number % 2}, {"heard_ms": float(number)}),
            ),
        )
        for number in range(30)
    ]
    engine = open_database(settings)
    for start, stop in ((0, 4), (0, 9), (5, 9), (7, 22), (0, 30), (29, 30)):
        async with writing(engine) as connection:
            await apply(connection, entries[start:stop])
    assert await as_found(engine) == as_told(entries)
    await engine.dispose()


@pytest.mark.asyncio
async def test_every_kind_of_column_is_written(settings: Settings) -> None:
    """Texts with odd characters, moments, numbers, yes and no, JSON, nothing."""
    values = {"interrupted": True, "from_ms": 7, "text": "a\0b", "who": "x" * 99, "cause": None}
    call = {"ended_at": "2026-03-01T11:00:00+01:00", "segments": 2, "unpriced": False}
    changes = (
        Change("calls", {}, call),
        Change("turns", {"number": 1}, values),
        event(1, OFFERED, text="\0 \ud83d", nested=[{"a": None}]),
    )
    with running(settings) as writer:
        writer.put(Entry("CA1", 1, changes))
        await settled(writer)
        assert writer.status().refused == 0
    columns = ("interrupted", "from_ms", "text", "who", "cause")
    assert await found(settings, "turns", *columns) == [(True, 7.0, "a\ufffdb", "x" * 8, None)]
    ((ended_at, segments, unpriced),) = await found(
        settings, "calls", "ended_at", "segments", "unpriced"
    )
    assert (ended_at.isoformat(), segments, unpriced) == (OFFERED, 2, False)
    fields = {"text": "\ufffd \ufffd", "nested": [{"a": None}]}
    assert await found(settings, "events", "fields") == [(fields,)]


@pytest.mark.asyncio
async def test_what_the_server_refuses_for_its_content_is_set_aside(
    settings: Settings, server: Postgres
) -> None:
    """A rule somebody added to the database: one entry, not all of them."""
    await upgrade(settings)
    server.run(url_of(settings), "ALTER TABLE turns ADD CHECK (text <> 'hunter2')")
    with capture_logs() as logs, running(settings) as writer:
        for seq in range(1, 10):
            writer.put(said("CA1", seq, seq, "hunter2" if seq == 5 else "fine"))
        await settled(writer)
        assert writer.status().refused == 1
    assert [row[0] for row in await found(settings, "turns", "number")] == [1, 2, 3, 4, 6, 7, 8, 9]
    assert "hunter2" not in str(logs)
    assert trouble_in(logs) == []


@pytest.mark.asyncio
async def test_content_and_trouble_are_told_apart(settings: Settings, server: Postgres) -> None:
    """Unfit is for ever; a missing table or permission may come back."""
    await upgrade(settings)
    server.run(url_of(settings), "ALTER TABLE turns ALTER text TYPE varchar(3)")
    engine = open_database(settings)
    with pytest.raises(Unfit):
        async with writing(engine) as connection:
            await apply(connection, [said("CA1", 1, 1, "longer")])
    server.run(url_of(settings), "DROP TABLE turns")
    with pytest.raises(DBAPIError):
        async with writing(engine) as connection:
            await apply(connection, [said("CA1", 1, 1, "Hi")])
    await engine.dispose()


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_server_that_goes_and_comes_back(
    settings: Settings, server: Postgres, mode: str
) -> None:
    """In the middle of being written to, properly or by crashing; the journal takes it all."""
    entries = (told("CA1", seq) for seq in count(1))  # a stop takes as long as it likes
    with capture_logs() as logs, running(settings) as writer:
        for entry in islice(entries, 100):
            writer.put(entry)
        await settled(writer)
        stopping = asyncio.ensure_future(asyncio.to_thread(server.stop, mode))
        try:
            while not stopping.done():
                writer.put(next(entries))
                assert await writer.durable(LIMIT_S)
            for entry in islice(entries, 20):
                writer.put(entry)
            assert await writer.durable(LIMIT_S)
            await until(lambda: not writer.status().database_ok, LIMIT_S)
        finally:
            await stopping
            await asyncio.to_thread(server.start)
        for entry in islice(entries, 100):
            writer.put(entry)
        last = next(entries)
        writer.put(last)
        await settled(writer)
    assert set(trouble_in(logs)) == {*TROUBLE}
    assert await found(settings, "events", "seq") == [(seq,) for seq in range(1, last.seq + 1)]
    assert await found(settings, "calls", "seq") == [(last.seq,)]
    assert journal_bytes(settings.data_dir) == b""


@pytest.mark.asyncio
async def test_the_gateway_starts_before_its_server(server: Postgres, tmp_path: Path) -> None:
    """The database is made and the dead are finished once it is there."""
    settings = settings_in(tmp_path, database_url=server.empty())
    owner = left_behind(settings, told("CA1", 1))
    await asyncio.to_thread(server.stop)
    with running(settings) as writer:
        try:
            writer.put(told("CA2", 1))
            assert await writer.durable(LIMIT_S)
            await until(lambda: writer._applier._failures > 2, LIMIT_S)
        finally:
            await asyncio.to_thread(server.start)
        await settled(writer)
    assert await found(settings, "calls", "call_sid") == [("CA1",), ("CA2",)]
    assert not (tmp_path / "journal" / owner).exists()


@pytest.mark.asyncio
async def test_the_dead_are_finished(settings: Settings) -> None:
    """Grouping, moments and all."""
    owner = left_behind(settings)
    journal = settings.data_dir / "journal" / owner
    journal.mkdir(parents=True, exist_ok=True)
    await upgrade(settings)
    engine = open_database(settings)
    async with writing(engine) as connection:
        await apply(connection, [offered("CA1", owner, answered_at=OFFERED), told("CA1", 2)])
    await engine.dispose()
    with running(settings) as writer:
        await settled(writer)
        await until(lambda: not journal.exists(), LIMIT_S)
    columns = ("state", "reason", "duration_ms", "seq")
    assert await found(settings, "calls", *columns) == [("ended", "gateway_crashed", 0.0, 3)]


@pytest.mark.asyncio
async def test_a_table_that_is_locked_is_waited_for(settings: Settings, server: Postgres) -> None:
    """Somebody takes a long look at it."""
    await upgrade(settings)
    engine = open_database(settings)
    with capture_logs() as logs, running(settings) as writer:
        async with engine.begin() as connection:
            await connection.exec_driver_sql("LOCK TABLE events")
            for entry in many(5):
                writer.put(entry)
            assert await writer.durable(LIMIT_S)
            await until(lambda: writer._applier._failures > 1, LIMIT_S)
        await settled(writer)
    await engine.dispose()
    assert trouble_in(logs) == [*TROUBLE]
    assert [line["error"] for line in logs if "error" in line] == ["LockNotAvailableError"]
    assert await found(settings, "calls", "seq") == [(5,)]


@pytest.mark.asyncio
async def test_a_server_that_is_read_only_is_waited_for(
    settings: Settings, server: Postgres
) -> None:
    """A standby, for one."""
    await upgrade(settings)
    name = url_of(settings).rpartition("/")[2]
    server.run(server.url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with capture_logs() as logs, running(settings) as writer:
        for entry in many(5):
            writer.put(entry)
        assert await writer.durable(LIMIT_S)
        await until(lambda: writer._applier._failures > 1, LIMIT_S)
        server.run(server.url, f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        await settled(writer)
    assert [line["error"] for line in logs if "error" in line] == ["ReadOnlySQLTransactionError"]
    assert await found(settings, "calls", "seq") == [(5,)]


@pytest.mark.asyncio
async def test_a_server_that_stands_still_is_given_up(
    settings: Settings, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers nothing and closes nothing; the journal goes on, and all is applied later."""
    monkeypatch.setattr(applier, "TRANSACTION_S", 0.3)
    monkeypatch.setattr(applier, "_CANCEL_S", 0.2)
    with capture_logs() as logs, running(settings) as writer:
        writer.put(told("CA1", 1))
        await settled(writer)
        name = url_of(settings).rpartition("/")[2]
        stopped = backends(server, name)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            for entry in many(20)[1:]:
                writer.put(entry)
                assert await writer.durable(LIMIT_S)
            await until(lambda: not writer.status().database_ok, LIMIT_S)
            await settled(writer)  # on a connection of its own
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
    assert [line["error"] for line in logs if line["event"] == TROUBLE[0]] == ["Timeout"]
    assert await found(settings, "events", "seq") == [(seq,) for seq in range(1, 21)]


def backends(server: Postgres, name: str) -> list[int]:
    """The server's processes for the connections to a database."""
    who = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'"
    return [int(line) for line in server.run(server.url, who).splitlines()]


@pytest.mark.asyncio
async def test_of_one_journal_one_transaction_at_a_time(settings: Settings) -> None:
    """What a process that died had begun is over before another comes to the same entries."""
    await upgrade(settings)
    engine = open_database(settings)
    async with writing(engine, journal="dead") as connection:
        await apply(connection, [offered("CA1", "dead")])
        async with writing(engine, journal="living"):
            pass
        with pytest.raises(DBAPIError):
            async with writing(engine, journal="dead"):
                pass
    async with writing(engine, journal="dead") as connection:
        assert (await apply(connection, [offered("CA1", "dead")])).fresh == 0
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_process_of_its_own_writes_the_same(settings: Settings) -> None:
    """Through the other driver; a connection the server ended is made anew."""
    await upgrade(settings)
    clerk = ClerkProcess(database_url(settings))
    assert await clerk.write("me", lines_of(many(3))) == Written(0, {})
    engine = open_database(settings)
    async with engine.connect() as connection:
        await connection.execute(OTHERS_ENDED)
    with pytest.raises(Away):
        await clerk.write("me", lines_of(many(4)))
    assert await clerk.write("me", lines_of(many(5))) == Written(0, {})
    await clerk.close()
    assert await rows(engine, "events", "seq") == [(seq,) for seq in range(1, 6)]
    await engine.dispose()


@pytest.mark.asyncio
async def test_who_removes_is_alone(settings: Settings) -> None:
    """Nothing is written while records are removed; afterwards nothing of them comes back."""
    await upgrade(settings)
    engine = open_database(settings)
    async with writing(engine) as connection:
        await apply(connection, [offered("CA1", "me")])
        async with writing(engine):  # those who write do not wait for each other
            pass
        with pytest.raises(DBAPIError):
            async with writing(engine, alone=True):
                pass
    with running(settings) as writer:
        async with writing(engine, alone=True) as connection:
            writer.put(told("CA1", 2))
            assert await writer.durable(LIMIT_S)
            await connection.execute(insert(erased), [{"call_sid": "CA1"}])
            await connection.exec_driver_sql("DELETE FROM calls")
            await connection.exec_driver_sql("DELETE FROM events")
        await settled(writer)
    assert await rows(engine, "calls") == []
    assert await rows(engine, "events") == []
    await engine.dispose()
