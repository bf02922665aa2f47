"""What is put is durable before long, and in the database as soon as that takes it."""

import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from gateway.store.database import open_database
from gateway.store.entry import Entry, decode
from gateway.store.journal import clerk
from gateway.store.journal import writer as module
from gateway.store.journal.apply import Applied, apply
from gateway.store.journal.journal import Journal, dead_journals
from gateway.store.journal.writer import Writer, WriterStatus
from tests.call.watching import until
from tests.store.databases import settings_in
from tests.store.entries import as_found, as_told, ended, many, offered, rows, said, told
from tests.store.running import LIMIT_S, clerk_of, journal_bytes, journal_in, running, settled

NO_DATABASE = "postgresql://u:p@127.0.0.1:1/calls"
CALL = [offered("CA1", "me"), said("CA1", 2, 1, "Hello"), ended("CA1", 3)]


@pytest.mark.asyncio
async def test_what_is_put_is_in_the_database(tmp_path: Path) -> None:
    """Made by the writer itself, with nothing left in the journal."""
    settings = settings_in(tmp_path / "data")
    with running(settings) as writer:
        for entry in CALL:
            writer.put(entry)
        await settled(writer)
        assert writer.status() == WriterStatus(0, True, True, 0, 0, caught_up=True)
        assert journal_bytes(settings.data_dir) == b""
    engine = open_database(settings)
    assert await as_found(engine, ("turns",)) == {("turns", "CA1", "1"): {"text": "Hello"}}
    assert await rows(engine, "calls", "state", "seq") == [("ended", 3)]
    await engine.dispose()


@pytest.mark.asyncio
async def test_durable_needs_no_database(tmp_path: Path) -> None:
    """What was acknowledged is on the disk, to the last byte."""
    settings = settings_in(tmp_path, database_url=NO_DATABASE)
    journal = journal_in(settings)
    writer = Writer(settings, journal, clerk_of(settings))
    writer.start()
    for entry in CALL:
        writer.put(entry)
    assert await writer.durable(LIMIT_S)
    assert journal_bytes(tmp_path).count(b"\n") == 3
    await until(lambda: writer.status() == WriterStatus(3, True, False, 0, 0))
    writer.stop(0)
    (dead,) = dead_journals(tmp_path / "journal")
    chunk = dead.read()
    assert chunk is not None
    assert [decode(line) for line in chunk.lines] == CALL
    dead.close()


@pytest.mark.asyncio
async def test_durable_hurries_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who waits for it waits for the gathering."""
    monkeypatch.setattr(module, "GATHER_S", 3600.0)
    with running(settings_in(tmp_path)) as writer:
        for entry in CALL:
            writer.put(entry)
            assert await writer.durable(LIMIT_S)


@pytest.mark.asyncio
async def test_much_is_taken_down_with_pauses_until_somebody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dozen at a time: the calls' thread has its turn between; the order stays the same."""
    monkeypatch.setattr(module, "_PAUSE_S", 3600.0)
    taken: list[Entry] = []

    def entry_of(entry: Entry) -> Entry:
        taken.append(entry)
        return entry

    settings = settings_in(tmp_path)
    entries = many(100)
    writer = Writer(settings, journal_in(settings), clerk_of(settings), entry_of=entry_of)
    for entry in entries:
        writer.put(entry)
    writer.start()
    await until(lambda: len(taken) == 12)
    assert await writer.durable(LIMIT_S)
    assert taken == entries
    writer.stop(LIMIT_S)
    engine = open_database(settings)
    assert await rows(engine, "events", "seq") == [(seq,) for seq in range(1, 101)]
    assert await rows(engine, "calls", "seq") == [(100,)]
    await engine.dispose()


@pytest.mark.asyncio
async def test_durable_without_a_disk_takes_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either of the two will do."""
    monkeypatch.setattr(os, "fdatasync", no_disk)
    settings = settings_in(tmp_path)
    with running(settings) as writer:
        for entry in CALL:
            writer.put(entry)
        assert await writer.durable(LIMIT_S)
        assert not writer.status().journal_ok
        assert writer.status().database_ok
        engine = open_database(settings)
        assert await rows(engine, "calls", "seq") == [(3,)]
        await engine.dispose()


@pytest.mark.asyncio
async def test_durable_is_false_when_neither_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And true again as soon as one does, without another put."""
    monkeypatch.setattr(module, "_AGAIN_S", 0.01)
    settings = settings_in(tmp_path, database_url=NO_DATABASE)
    with running(settings) as writer:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(os, "fdatasync", no_disk)
            writer.put(CALL[0])
            assert not await writer.durable(0.05)
            waiting = asyncio.ensure_future(writer.durable(LIMIT_S))
            await until(lambda: len(writer._asked) == 1)
        assert await waiting
        writer.stop(0)


@pytest.mark.asyncio
async def test_durable_is_false_when_something_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: those who ask later did not lose it."""
    monkeypatch.setattr(os, "fdatasync", no_disk)
    settings = settings_in(tmp_path, database_url=NO_DATABASE)
    journal = Journal(tmp_path / "journal", keep=2)
    with capture_logs() as logs, running(settings, journal) as writer:
        for entry in CALL:
            writer.put(entry)
        waiting = asyncio.ensure_future(writer.durable(LIMIT_S))
        await until(lambda: writer.status().lost == 1)
        monkeypatch.undo()
        assert not await waiting
        assert await writer.durable(LIMIT_S)
        writer.stop(0)
    assert [line["entries"] for line in logs if line["event"] == "records.lost"] == [1]


@pytest.mark.asyncio
async def test_who_waited_in_vain_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long time without disk and database is not a list that grows."""
    monkeypatch.setattr(os, "fdatasync", no_disk)
    with running(settings_in(tmp_path, database_url=NO_DATABASE)) as writer:
        writer.put(CALL[0])
        for _ in range(5):
            assert not await writer.durable(0.01)
        await until(lambda: len(writer._asked) + len(writer._asking) <= 1)
        writer.stop(0)


@pytest.mark.asyncio
async def test_put_never_waits_for_the_writer(tmp_path: Path) -> None:
    """Not even while its thread hangs in the disk; what does not fit is counted."""
    settings = settings_in(tmp_path, database_url=NO_DATABASE)
    stuck, free = threading.Event(), threading.Event()
    fdatasync = os.fdatasync

    def hang(fd: int) -> None:
        stuck.set()
        free.wait(LIMIT_S)
        fdatasync(fd)

    with pytest.MonkeyPatch.context() as patched, capture_logs() as logs:
        patched.setattr(os, "fdatasync", hang)
        patched.setattr(module, "MEMORY_ENTRIES", 10)
        with running(settings) as writer:
            writer.put(told("CA0", 1))
            await until(stuck.is_set)
            for entry in many(13):
                writer.put(entry)
            assert writer.status().lost == 3
            free.set()
            assert not await writer.durable(LIMIT_S)
            assert await writer.durable(LIMIT_S)
            assert (writer.status().lost, writer.status().backlog) == (3, 11)
            writer.stop(0)
    assert [line["entries"] for line in logs if line["event"] == "records.lost"] == [3]


@pytest.mark.asyncio
async def test_one_wake_up_for_many_entries(tmp_path: Path) -> None:
    """Until the writer has taken them, putting more costs nothing but the putting."""
    with running(settings_in(tmp_path)) as writer:
        await until(lambda: writer._woken is False)
        assert writer._loop is not None
        told_of: list[object] = []
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(writer._loop, "call_soon_threadsafe", told_of.append)
            for entry in CALL:
                writer.put(entry)
        assert len(told_of) == 1
        assert await writer.durable(LIMIT_S)


@pytest.mark.asyncio
async def test_many_threads_may_put(tmp_path: Path) -> None:
    """Nothing is lost between them."""
    settings = settings_in(tmp_path)

    def put(writer: Writer, call_sid: str) -> None:
        for entry in many(200, call_sid):
            writer.put(entry)

    with running(settings) as writer:
        await asyncio.gather(*(asyncio.to_thread(put, writer, f"CA{n}") for n in range(5)))
        await settled(writer)
        engine = open_database(settings)
        assert await rows(engine, "calls", "seq") == [(200,)] * 5
        assert len(await rows(engine, "events", "seq")) == 1000
        await engine.dispose()


@pytest.mark.asyncio
async def test_what_was_put_before_the_start_is_written(tmp_path: Path) -> None:
    """There may be calls before there is a thread."""
    settings = settings_in(tmp_path)
    writer = Writer(settings, journal_in(settings), clerk_of(settings))
    writer.put(CALL[0])
    assert writer.status() == WriterStatus(1, True, False, 0, 0)
    writer.start()
    await settled(writer)
    writer.stop(LIMIT_S)
    assert writer.status().backlog == 0


@pytest.mark.asyncio
async def test_stopping_writes_what_is_left(tmp_path: Path) -> None:
    """Without being asked whether it is durable."""
    settings = settings_in(tmp_path)
    with running(settings) as writer:
        for entry in CALL:
            writer.put(entry)
    engine = open_database(settings)
    assert await rows(engine, "calls", "state") == [("ended",)]
    await engine.dispose()
    assert journal_bytes(tmp_path) == b""
    (left,) = dead_journals(tmp_path / "journal")
    left.close()


@pytest.mark.asyncio
async def test_after_the_stop_nothing_is_taken(tmp_path: Path) -> None:
    """It is counted as lost, nobody is told that it is durable, and nothing raises."""
    with running(settings_in(tmp_path)) as writer:
        pass
    writer.put(CALL[0])
    assert not await writer.durable(0.01)
    assert writer.status().lost == 1
    writer.stop(0)


def test_a_writer_that_never_started_stops(tmp_path: Path) -> None:
    """There is nothing to wait for."""
    settings = settings_in(tmp_path)
    Writer(settings, journal_in(settings), clerk_of(settings)).stop(0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.asyncio
async def test_who_waits_when_it_stops_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is true: it is not durable."""
    monkeypatch.setattr(os, "fdatasync", no_disk)
    with running(settings_in(tmp_path, database_url=NO_DATABASE)) as writer:
        writer.put(CALL[0])
        waiting = asyncio.ensure_future(writer.durable(LIMIT_S))
        await until(lambda: len(writer._asked) == 1)
        await asyncio.to_thread(writer.stop, 0)
        assert not await waiting
    assert writer.status().lost == 1


@pytest.mark.asyncio
async def test_the_writer_outlives_its_own_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins again, and says so: nobody else would write."""
    monkeypatch.setattr(module, "_AGAIN_S", 0.01)
    journal = journal_in(settings_in(tmp_path))
    flushed = journal.flush
    faults = [LookupError(), LookupError()]

    def flush() -> None:
        if faults:
            raise faults.pop()
        flushed()

    monkeypatch.setattr(journal, "flush", flush)
    with capture_logs() as logs, running(settings_in(tmp_path), journal) as writer:
        writer.put(CALL[0])
        await settled(writer)
    assert [line["error"] for line in logs if line["event"] == "records.writer_failed"] == [
        "LookupError",
        "LookupError",
    ]


@pytest.mark.asyncio
async def test_the_journal_does_not_wait_for_a_transaction_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is put meanwhile is durable, and applied once the database moves again."""
    settings = settings_in(tmp_path)
    moves = threading.Event()

    async def hang(connection: AsyncConnection, entries: Sequence[Entry]) -> Applied:
        await asyncio.to_thread(moves.wait, LIMIT_S)
        return await apply(connection, entries)

    monkeypatch.setattr(clerk, "apply", hang)
    with running(settings) as writer:
        for entry in CALL:
            writer.put(entry)
            assert await writer.durable(LIMIT_S)
        assert writer.status().backlog == 3
        moves.set()
        await settled(writer)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "durable", "restart", "kill"]), st.integers(1, 5)
    ),
    max_size=15,
)


@hypothesis_settings(max_examples=8, deadline=None)
@given(STEPS)
def test_whatever_happens_the_rows_are_those_of_what_was_put(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Restarts and crashes, each behind what was acknowledged: every entry is there once."""
    settings = settings_in(tmp_path_factory.mktemp("data"))
    put: list[Entry] = []

    async def live() -> None:
        writer = Writer(settings, journal_in(settings), clerk_of(settings))
        writer.start()
        for step, size in steps:
            if step == "put":
                for entry in next_entries(put, size):
                    put.append(entry)
                    writer.put(entry)
            elif step == "durable":
                assert await writer.durable(LIMIT_S)
            else:
                if step == "kill":
                    assert await writer.durable(LIMIT_S)
                await asyncio.to_thread(writer.stop, LIMIT_S if step == "restart" else 0)
                writer = Writer(settings, journal_in(settings), clerk_of(settings))
                writer.start()
        await settled(writer)
        await asyncio.to_thread(writer.stop, LIMIT_S)
        engine = open_database(settings)
        assert await as_found(engine) == as_told(put)
        await engine.dispose()

    asyncio.run(live())


def next_entries(put: list[Entry], size: int) -> list[Entry]:
    """A few more entries of one of two calls; they belong to nobody who could be dead."""
    call_sid = f"CA{size % 2}"
    newest = sum(entry.call_sid == call_sid for entry in put)
    return [
        said(call_sid, seq, seq % 3, f"words {seq}") for seq in range(newest + 1, newest + size + 1)
    ]


def no_disk(*_: object) -> None:
    """A disk that takes nothing."""
    raise OSError(28, "no space")


@pytest.mark.asyncio
async def test_what_is_put_becomes_an_entry_on_the_writers_thread(tmp_path: Path) -> None:
    """In order; what becomes none is left out, what cannot become one is counted and costs no
    other its place.
    """
    threads: set[str] = set()

    def entry_of(number: int) -> Entry | None:
        threads.add(threading.current_thread().name)
        if number == 2:
            raise ValueError("said something")
        return None if number == 1 else CALL[{0: 0, 3: 1, 4: 2}[number]]

    settings = settings_in(tmp_path)
    writer = Writer(settings, journal_in(settings), clerk_of(settings), entry_of=entry_of)
    with capture_logs() as lines:
        writer.start()
        for number in range(5):
            writer.put(number)
        assert not await writer.durable(LIMIT_S)
        await settled(writer)
        writer.stop(LIMIT_S)
    assert threads == {"writer"}
    assert writer.status().lost == 1
    assert {
        "event": "records.lost",
        "entries": 1,
        "why": "ValueError",
        "log_level": "error",
    } in lines
    engine = open_database(settings)
    assert await rows(engine, "calls", "state", "seq") == [("ended", 3)]
    await engine.dispose()
