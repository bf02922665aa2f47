"""What waits is applied as soon as the database takes it, whatever it did before."""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from gateway.settings import Settings
from gateway.store import engine as engine_module
from gateway.store.database import open_database
from gateway.store.entry import Change, Entry, decode
from gateway.store.journal import applier as module
from gateway.store.journal import clerk
from gateway.store.journal.apply import Applied, apply
from gateway.store.journal.journal import dead_journals
from gateway.store.privacy.erasable import find_number
from gateway.store.tables import calls, erased
from gateway.store.upgrade import upgrade
from tests.call.watching import until
from tests.store.databases import made, settings_in
from tests.store.entries import ended, many, offered, rows, said, told
from tests.store.running import LIMIT_S, journal_bytes, left_behind, running, settled

Logs = list[Any]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here waits for as long as it would on the line."""
    monkeypatch.setattr(module, "_BACK_OFF_S", (0.01,))
    monkeypatch.setattr(engine_module, "BUSY_MS", 20)


def locked(settings: Settings) -> sqlite3.Connection:
    """Another process is in the middle of writing, until this is closed."""
    other = sqlite3.connect(settings.data_dir / "calls.db", timeout=LIMIT_S)
    other.execute("BEGIN IMMEDIATE")
    return other


def named(logs: Logs, *events: str) -> list[str]:
    """Which of these events were logged, in order."""
    return [line["event"] for line in logs if line["event"] in events]


async def found(settings: Settings, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """What is in the database."""
    engine = open_database(settings)
    try:
        return await rows(engine, table, *columns)
    finally:
        await engine.dispose()


TROUBLE = ("records.database_away", "records.database_back")


@pytest.mark.asyncio
async def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    """Said once when it goes and once when it is back; in between the journal takes it all."""
    settings = settings_in(tmp_path)
    with capture_logs() as logs, running(settings) as writer:
        writer.put(told("CA1", 1))
        await settled(writer)
        lock = locked(settings)
        for entry in many(9)[1:]:
            writer.put(entry)
            assert await writer.durable(LIMIT_S)
        await until(lambda: not writer.status().database_ok)
        assert writer.status().backlog == 8
        lock.close()
        await settled(writer)
    assert named(logs, *TROUBLE) == [*TROUBLE]
    away, back = (line for line in logs if line["event"] in TROUBLE)
    assert away["error"] == "SQLITE_BUSY"
    assert back["backlog"] == 0
    assert await found(settings, "events", "seq") == [(seq,) for seq in range(1, 10)]


@pytest.mark.asyncio
async def test_a_database_that_is_locked_at_the_start_is_waited_for(tmp_path: Path) -> None:
    """Before it was ever brought up to date."""
    settings = settings_in(tmp_path)
    lock = locked(settings)
    with running(settings) as writer:
        writer.put(told("CA1", 1))
        assert await writer.durable(LIMIT_S)
        await until(lambda: writer._applier._failures > 2)
        assert not writer.status().database_ok
        lock.close()
        await settled(writer)
    assert await found(settings, "events", "seq") == [(1,)]


@pytest.mark.asyncio
async def test_a_folder_that_is_missing_is_waited_for(tmp_path: Path) -> None:
    """Whoever mounts it late loses nothing."""
    late = tmp_path / "late"
    settings = settings_in(tmp_path / "data", database_url=f"sqlite:///{late}/calls.db")
    with capture_logs() as logs, running(settings) as writer:
        for entry in many(3):
            writer.put(entry)
        assert await writer.durable(LIMIT_S)
        await until(lambda: writer._applier._failures > 2)
        late.mkdir()
        await settled(writer)
    assert [line["error"] for line in logs if line["event"] == TROUBLE[0]] == ["FileNotFoundError"]
    assert await found(settings, "calls", "seq") == [(3,)]


@pytest.mark.asyncio
async def test_a_database_that_is_read_only_gets_it_later(tmp_path: Path) -> None:
    """From a process that may write."""
    settings = settings_in(tmp_path)
    await upgrade(settings)
    url = f"sqlite:///file:{tmp_path}/calls.db?mode=ro&uri=true"
    with capture_logs() as logs, running(settings_in(tmp_path, database_url=url)) as writer:
        for entry in many(3):
            writer.put(entry)
        assert await writer.durable(LIMIT_S)
        await until(lambda: named(logs, *TROUBLE) == [TROUBLE[0]])
        writer.stop(0)
    assert [line["error"] for line in logs if line["event"] == TROUBLE[0]] == ["SQLITE_READONLY"]
    with running(settings) as writer:
        await settled(writer)
        await until(lambda: dead_journals(tmp_path / "journal") == [])
    assert await found(settings, "calls", "seq") == [(3,)]


@pytest.mark.asyncio
async def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    """What is known of the calls is kept until there is a gateway that may write it there."""
    settings = settings_in(tmp_path)
    await upgrade(settings)
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    await engine.dispose()
    with capture_logs() as logs, running(settings) as writer:
        writer.put(told("CA1", 1))
        assert await writer.durable(LIMIT_S)
        await until(lambda: named(logs, *TROUBLE) == [TROUBLE[0]])
        writer.stop(0)
    assert "made by a newer gateway" in next(line for line in logs if "error" in line)["error"]
    assert await found(settings, "events") == []
    assert journal_bytes(tmp_path) != b""


@pytest.mark.asyncio
async def test_what_no_database_takes_holds_nothing_up(tmp_path: Path) -> None:
    """Each such entry is set aside, and everything around it is applied in order."""
    settings = settings_in(tmp_path)
    entries = many(40)
    for number in (3, 4, 17, 39):
        entries[number] = said("CA1", number + 1, number, 7)
    with running(settings) as writer:
        for entry in entries:
            writer.put(entry)
        await settled(writer)
        assert writer.status().refused == 4
    refused = (tmp_path / "journal" / "refused.jsonl").read_bytes().splitlines()
    assert [decode(line) for line in refused] == [entries[n] for n in (3, 4, 17, 39)]
    seqs = [(n + 1,) for n in range(40) if n not in (3, 4, 17, 39)]
    assert await found(settings, "events", "seq") == seqs


@pytest.mark.asyncio
async def test_what_a_newer_version_wrote_holds_nothing_up(tmp_path: Path) -> None:
    """What is known of it is applied."""
    settings = settings_in(tmp_path)
    odd = Entry("CA1", 1, (Change("dreams", {"number": 1}, {"text": "x"}),))
    with running(settings) as writer:
        writer.put(odd)
        writer.put(told("CA1", 2))
        await settled(writer)
    assert await found(settings, "calls", "seq") == [(2,)]


@pytest.mark.asyncio
async def test_a_transaction_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And tried again on another connection."""
    monkeypatch.setattr(module, "TRANSACTION_S", 0.05)
    settings = settings_in(tmp_path)
    hung: list[int] = []

    async def hang_first(connection: AsyncConnection, entries: Sequence[Entry]) -> Applied:
        if not hung:
            hung.append(len(entries))
            await asyncio.Event().wait()
        return await apply(connection, entries)

    monkeypatch.setattr(clerk, "apply", hang_first)
    with capture_logs() as logs, running(settings) as writer:
        for entry in many(3):
            writer.put(entry)
        await settled(writer)
    assert [line["error"] for line in logs if line["event"] == TROUBLE[0]] == ["Timeout"]
    assert await found(settings, "events", "seq") == [(1,), (2,), (3,)]


@pytest.mark.asyncio
async def test_a_transaction_that_will_not_even_end_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one does not wait for it."""
    monkeypatch.setattr(module, "TRANSACTION_S", 0.05)
    monkeypatch.setattr(module, "_CANCEL_S", 0.05)
    settings = settings_in(tmp_path)
    ends: list[asyncio.Event] = []

    async def never_ends(_settings: Settings) -> None:
        if ends:
            await upgrade(settings)
            return
        ends.append(asyncio.Event())
        while not ends[0].is_set():
            try:
                await ends[0].wait()
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(module, "TURN_S", 0.025)
    monkeypatch.setattr(module, "upgrade", never_ends)
    with running(settings) as writer:
        await until(lambda: len(ends) == 1)
        monkeypatch.setattr(module, "TURN_S", LIMIT_S)
        monkeypatch.setattr(module, "TRANSACTION_S", LIMIT_S)
        writer.put(told("CA1", 1))
        await settled(writer)
        assert writer._loop is not None
        writer._loop.call_soon_threadsafe(ends[0].set)
    assert await found(settings, "events", "seq") == [(1,)]


@pytest.mark.asyncio
async def test_a_slow_database_is_given_less_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it is never asked for the same too much over and over."""
    settings = settings_in(tmp_path)
    given: list[int] = []

    async def slow(connection: AsyncConnection, entries: Sequence[Entry]) -> Applied:
        given.append(len(entries))
        if len(entries) > 30:
            raise TimeoutError
        return await apply(connection, entries)

    left_behind(settings, *many(200))
    monkeypatch.setattr(clerk, "apply", slow)
    with running(settings) as writer:
        await settled(writer)
        await until(lambda: dead_journals(tmp_path / "journal") == [])
    assert given == [200, 100, 50, *[25] * 8]
    assert await found(settings, "calls", "seq") == [(200,)]


@pytest.mark.asyncio
async def test_a_fault_of_ours_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, and the entries wait for the next try: they are not refused."""
    settings = settings_in(tmp_path)
    faults = [LookupError("what the caller said")] * 3

    async def faulty(connection: AsyncConnection, entries: Sequence[Entry]) -> Applied:
        if faults:
            raise faults.pop()
        return await apply(connection, entries)

    monkeypatch.setattr(clerk, "apply", faulty)
    with capture_logs() as logs, running(settings) as writer:
        for entry in many(3):
            writer.put(entry)
        await settled(writer)
        assert writer.status().refused == 0
    assert [line["error"] for line in logs if line["event"] == TROUBLE[0]] == ["LookupError"]
    assert "caller said" not in str(logs)
    assert await found(settings, "events", "seq") == [(1,), (2,), (3,)]


@pytest.mark.asyncio
async def test_a_journal_that_cannot_be_read_now_is_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files, for one."""
    settings = settings_in(tmp_path)
    with running(settings) as writer:
        read = writer._journal.read
        trouble = [OSError(24, "too many open files")] * 2

        def troubled() -> object:
            if trouble:
                raise trouble.pop()
            return read()

        monkeypatch.setattr(writer._journal, "read", troubled)
        writer.put(told("CA1", 1))
        await settled(writer)
        assert trouble == []
    assert await found(settings, "events", "seq") == [(1,)]


# What dead processes left


@pytest.mark.asyncio
async def test_what_a_dead_process_left_is_finished(tmp_path: Path) -> None:
    """Applied, its calls ended, others told of each, and the journal removed."""
    settings = settings_in(tmp_path)
    owner = left_behind(
        settings, offered("CA1", "?"), said("CA1", 2, 1, "Hello"), offered("CA2", "?")
    )
    rename_owner(settings, owner)
    closed: list[str] = []

    async def note(_connection: AsyncConnection, call_sid: str) -> None:
        closed.append(call_sid)

    with capture_logs() as logs, running(settings, on_closed=note) as writer:
        writer.put(offered("CA3", writer._journal.owner))
        await settled(writer)
        await until(lambda: not (tmp_path / "journal" / owner).exists())
        assert [line for line in logs if line["event"] == "records.reconciled"] == [
            {"event": "records.reconciled", "log_level": "info", "owner": owner, "closed": 2}
        ]
    assert closed == ["CA1", "CA2"]
    assert await found(settings, "calls", "call_sid", "state", "seq") == [
        ("CA1", "ended", 3),
        ("CA2", "ended", 2),
        ("CA3", "offered", 1),
    ]
    assert await found(settings, "turns", "text") == [("Hello",)]


def rename_owner(settings: Settings, owner: str) -> None:
    """Writes the owner into what it left: it was not known before."""
    (path,) = (settings.data_dir / "journal" / owner).glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"owner":"?"', f'"owner":"{owner}"'.encode()))


@pytest.mark.asyncio
async def test_the_dead_are_finished_once_the_database_is_back(tmp_path: Path) -> None:
    """The gateway starts without it."""
    settings = settings_in(tmp_path)
    await upgrade(settings)
    owner = left_behind(settings, offered("CA1", "?"))
    rename_owner(settings, owner)
    lock = locked(settings)
    with running(settings) as writer:
        await until(lambda: writer._applier._failures > 2)
        assert (tmp_path / "journal" / owner).exists()
        lock.close()
    assert not (tmp_path / "journal" / owner).exists()
    assert await found(settings, "calls", "state", "reason") == [("ended", "gateway_crashed")]


@pytest.mark.asyncio
async def test_a_call_that_ended_well_stays_so(tmp_path: Path) -> None:
    """Its process went before the database had it."""
    settings = settings_in(tmp_path)
    owner = left_behind(settings, offered("CA1", "?"), ended("CA1", 2))
    rename_owner(settings, owner)
    with running(settings) as writer:
        await settled(writer)
    assert await found(settings, "calls", "state", "reason") == [("ended", "hangup")]


@pytest.mark.asyncio
async def test_who_fails_to_hear_of_the_dead_holds_nobody_up(tmp_path: Path) -> None:
    """The calls stay open until the next start, and the living are written."""
    settings = settings_in(tmp_path)
    owner = left_behind(settings, offered("CA1", "?"))
    rename_owner(settings, owner)

    async def fail(_connection: AsyncConnection, _call_sid: str) -> None:
        raise LookupError

    with capture_logs() as logs, running(settings, on_closed=fail) as writer:
        writer.put(told("CA2", 1))
        await settled(writer)
    assert named(logs, "records.not_reconciled", "records.reconciled") == ["records.not_reconciled"]
    assert await found(settings, "calls", "call_sid", "state") == [
        ("CA1", "offered"),
        ("CA2", None),
    ]
    with running(settings) as writer:
        await settled(writer)
    assert await found(settings, "calls", "state") == [("ended",), (None,)]


@pytest.mark.asyncio
async def test_two_that_start_at_once_share_the_dead(tmp_path: Path) -> None:
    """Each of the dead is finished by one of them."""
    settings = settings_in(tmp_path)
    await upgrade(settings)
    for number in range(6):
        rename_owner(settings, left_behind(settings, offered(f"CA{number}", "?")))
    closed: list[str] = []

    async def note(_connection: AsyncConnection, call_sid: str) -> None:
        closed.append(call_sid)

    with running(settings, on_closed=note) as one, running(settings, on_closed=note) as other:
        await settled(one)
        await settled(other)
    assert sorted(closed) == [f"CA{number}" for number in range(6)]
    assert await found(settings, "calls", "state") == [("ended",)] * 6


@pytest.mark.asyncio
async def test_a_long_absence_is_made_up_for(tmp_path: Path) -> None:
    """Thousands of entries of the dead and of the living, all there and in order."""
    settings = settings_in(tmp_path)
    owner = left_behind(settings, *many(6000, "CA1"))
    await (await made(settings)).dispose()
    lock = locked(settings)
    with running(settings) as writer:
        for entry in many(3000, "CA2"):
            writer.put(entry)
        assert await writer.durable(LIMIT_S)
        await until(lambda: writer._applier._failures > 2)
        lock.close()
    assert await found(settings, "calls", "call_sid", "seq") == [("CA1", 6000), ("CA2", 3000)]
    assert len(await found(settings, "events", "seq")) == 9000
    assert not (tmp_path / "journal" / owner).exists()
    assert journal_bytes(tmp_path) == b""


@pytest.mark.asyncio
async def test_an_erasure_that_was_cut_off_holds_nobody_up(tmp_path: Path) -> None:
    """The call has its tombstone and its row, and is over for whoever erases the number again."""
    settings = settings_in(tmp_path)
    owner = left_behind(settings, told("CA1", 2))
    await upgrade(settings)
    engine = open_database(settings)
    row = {"call_sid": "CA1", "seq": 1, "state": "live", "owner": owner, "caller": "+4930100"}
    async with engine.begin() as connection:
        await connection.execute(insert(calls).values(row))
        await connection.execute(insert(erased).values(call_sid="CA1", at=datetime.now(UTC)))
    closed: list[str] = []

    async def note(_connection: AsyncConnection, call_sid: str) -> None:
        closed.append(call_sid)

    with running(settings, on_closed=note) as writer:
        writer.put(told("CA2", 1))
        await settled(writer)
    assert closed == []
    assert not (tmp_path / "journal" / owner).exists()
    assert await found(settings, "calls", "seq", "state") == [(1, "ended"), (1, None)]
    assert (await find_number(engine, settings, "+4930100")).ended == ("CA1",)
    await engine.dispose()
