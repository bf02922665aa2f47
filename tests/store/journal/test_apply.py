"""Entries become rows: each once, in order, whatever was applied before."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, insert, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.database import open_database
from gateway.store.entry import BESIDE, Change, Entry
from gateway.store.journal.apply import apply
from gateway.store.journal.fit import Unfit
from gateway.store.tables import calls, erased
from gateway.store.transaction import writing
from tests.store.databases import made, settings_in
from tests.store.entries import (
    OFFERED,
    as_found,
    as_told,
    ended,
    everything,
    many,
    offered,
    rows,
    said,
    told,
)


async def applied(engine: AsyncEngine, entries: Sequence[Entry]) -> int:
    """Applies in a transaction of its own."""
    async with writing(engine) as connection:
        return (await apply(connection, entries)).fresh


@pytest.mark.asyncio
async def test_a_call_becomes_rows(tmp_path: Path) -> None:
    """Its row, with the newest entry's number, and a row of each thing that happened."""
    engine = await made(settings_in(tmp_path))
    call = [offered("CA1", "me", caller="+15550001"), said("CA1", 2, 1, "Hello"), ended("CA1", 3)]
    assert await applied(engine, call) == 3
    assert await rows(engine, "calls", "call_sid", "seq", "owner", "state", "reason") == [
        ("CA1", 3, "me", "ended", "hangup")
    ]
    assert await rows(engine, "calls", "offered_at") == [(datetime(2026, 3, 1, 10, tzinfo=UTC),)]
    assert await rows(engine, "turns", "call_sid", "number", "text") == [("CA1", 1, "Hello")]
    assert await rows(engine, "events", "seq", "name", "fields") == [(1, "turn.done", {})]
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_row_changes_and_keeps_the_rest(tmp_path: Path) -> None:
    """Later values win, within a batch and across batches; other columns stay."""
    engine = await made(settings_in(tmp_path))
    turn = {"number": 1}
    changes = [{"who": "agent", "text": "a"}, {"text": "b"}, {"heard_text": "c"}, {"text": "d"}]
    entries = [
        Entry("CA1", seq, (Change("turns", turn, values),)) for seq, values in enumerate(changes, 1)
    ]
    await applied(engine, entries[:2])
    await applied(engine, entries[2:])
    assert await rows(engine, "turns", "who", "text", "heard_text") == [("agent", "d", "c")]
    await engine.dispose()


@pytest.mark.asyncio
async def test_an_entry_is_applied_once(tmp_path: Path) -> None:
    """What others have changed since is not changed back by a second telling."""
    engine = await made(settings_in(tmp_path))
    call = [offered("CA1", "me"), said("CA1", 2, 1, "Hello")]
    assert await applied(engine, call) == 2
    async with engine.begin() as connection:
        await connection.execute(update(calls).values(state="changed since"))
    assert await applied(engine, call) == 0
    assert await applied(engine, [*call, ended("CA2", 1), told("CA1", 3)]) == 2
    assert await rows(engine, "calls", "call_sid", "state", "seq") == [
        ("CA1", "changed since", 3),
        ("CA2", "ended", 1),
    ]
    await engine.dispose()


@pytest.mark.asyncio
async def test_the_same_entry_twice_in_a_batch_is_one(tmp_path: Path) -> None:
    """As when it reached the disk while it was being applied from memory."""
    engine = await made(settings_in(tmp_path))
    assert await applied(engine, [*many(3), *many(4)]) == 4
    assert len(await rows(engine, "events", "seq")) == 4
    await engine.dispose()


@pytest.mark.asyncio
async def test_nothing_comes_back_of_an_erased_call(tmp_path: Path) -> None:
    """Wherever it waited; other calls are written."""
    engine = await made(settings_in(tmp_path))
    async with engine.begin() as connection:
        await connection.execute(insert(erased), [{"call_sid": "CA1"}])
    assert await applied(engine, [offered("CA1", "me"), offered("CA2", "me")]) == 1
    assert await rows(engine, "calls", "call_sid") == [("CA2",)]
    async with engine.begin() as connection:  # its row may still be there
        await connection.execute(insert(calls), [{"call_sid": "CA1", "seq": 1}])
    assert await applied(engine, [told("CA1", 2)]) == 0
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_row_without_a_number_is_at_its_beginning(tmp_path: Path) -> None:
    """Somebody else made it."""
    engine = await made(settings_in(tmp_path))
    async with engine.begin() as connection:
        await connection.execute(insert(calls), [{"call_sid": "CA1", "state": "offered"}])
    assert await applied(engine, many(1)) == 1
    assert await rows(engine, "calls", "seq", "state") == [(1, "offered")]
    await engine.dispose()


@pytest.mark.asyncio
async def test_what_a_newer_version_wrote_is_left_out_and_said(tmp_path: Path) -> None:
    """Unknown tables, columns and keys; the rest of the entry is applied."""
    engine = await made(settings_in(tmp_path))
    changes = (
        Change("dreams", {"number": 1}, {"text": "x"}),
        Change("erased", {}, {"at": OFFERED}),
        Change("turns", {"number": 1}, {"text": "Hello", "mood": "good", "call_sid": "CA9"}),
        Change("turns", {"number": 1, "line": 2}, {"text": "x"}),
        Change("turns", {}, {"text": "x"}),
        Change("notes", {"number": 1}, {}),
    )
    async with writing(engine) as connection:
        fresh, unknown = await apply(connection, [Entry("CA1", 1, changes)])
    assert fresh == 1
    assert unknown == {"dreams": 1, "erased": 1, "turns.mood": 1, "turns.call_sid": 1, "turns": 2}
    assert await rows(engine, "turns", "call_sid", "number", "text") == [("CA1", 1, "Hello")]
    assert await rows(engine, "notes", "number", "text") == [(1, None)]
    assert await rows(engine, "erased") == []
    await engine.dispose()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "entry",
    [
        said("CA1", 2, 1, 7),
        said("CA1", 2, 2**31, "text"),
        told("CA1", 2**31),
        Entry("CA1", 2, (Change("calls", {}, {"ended_at": "yesterday"}),)),
        Entry("CA1", 2, (Change("turns", {"number": None}, {}),)),
        told("CA" + "1" * 63, 2),
        told("CA\0", 2),
    ],
)
async def test_what_no_database_takes_changes_nothing(tmp_path: Path, entry: Entry) -> None:
    """Nothing of its batch is written: whoever applies tries the others without it."""
    engine = await made(settings_in(tmp_path))
    with pytest.raises(Unfit):
        await applied(engine, [offered("CA1", "me"), entry])
    assert await everything(engine) == {}
    await engine.dispose()


@pytest.mark.asyncio
async def test_what_a_database_refuses_for_its_content_is_unfit(tmp_path: Path) -> None:
    """Its own words are not passed on: they quote the values."""
    engine = await made(settings_in(tmp_path))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE UNIQUE INDEX odd ON turns (text)")
    await applied(engine, [said("CA1", 1, 1, "hunter2")])
    with pytest.raises(Unfit, match="SQLITE_CONSTRAINT_UNIQUE") as refused:
        await applied(engine, [said("CA1", 2, 2, "hunter2")])
    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__
    await engine.dispose()


@pytest.mark.asyncio
async def test_other_trouble_is_the_databases(tmp_path: Path) -> None:
    """A table that is missing may come back: the same entries are tried again."""
    engine = await made(settings_in(tmp_path))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE turns")
    with pytest.raises(OperationalError):
        await applied(engine, [said("CA1", 1, 1, "Hello")])
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_batch_is_a_few_statements(tmp_path: Path) -> None:
    """However many calls and entries are in it."""
    engine = await made(settings_in(tmp_path))
    seen: list[str] = []

    def count(_: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement.split()[0])

    event.listen(engine.sync_engine, "before_cursor_execute", count)
    batch = [entry for number in range(50) for entry in many(10, f"CA{number}")]
    assert await applied(engine, batch) == 500
    assert seen == ["BEGIN", "SELECT", "INSERT", "INSERT"]
    await engine.dispose()


@cache
def empty_database() -> bytes:
    """A database file with all tables."""
    with tempfile.TemporaryDirectory() as name:

        async def make() -> None:
            await (await made(settings_in(Path(name)))).dispose()

        asyncio.run(make())
        return (Path(name) / "calls.db").read_bytes()


VALUES = st.dictionaries(
    st.sampled_from(["text", "who", "item_id"]), st.text("abc", min_size=1, max_size=3), max_size=2
)
CHANGES = st.lists(
    st.builds(
        lambda number, values: Change("turns", {"number": number}, values),
        st.integers(1, 3),
        VALUES,
    )
    | st.builds(
        lambda state: Change("calls", {}, {"state": state}), st.sampled_from(["live", "ended"])
    ),
    max_size=3,
)
TOLD = st.lists(st.tuples(st.sampled_from(["CA1", "CA2", "CA3"]), CHANGES), max_size=14)


def numbered(events: list[tuple[str, list[Change]]]) -> list[Entry]:
    """Entries counted within their calls."""
    newest: dict[str, int] = {}
    entries = []
    for call_sid, changes in events:
        newest[call_sid] = newest.get(call_sid, 0) + 1
        entries.append(Entry(call_sid, newest[call_sid], tuple(changes)))
    return entries


@st.composite
def tellings(draw: st.DrawFn) -> tuple[list[Entry], list[tuple[int, int, bool]]]:
    """Entries, and how they are applied: from where, up to where, and whether that fails first."""
    entries = numbered(draw(TOLD))
    parts: list[tuple[int, int, bool]] = []
    done = 0
    while done < len(entries):
        start, stop = draw(st.integers(0, done)), draw(st.integers(done + 1, len(entries)))
        parts.append((start, stop, draw(st.booleans())))
        done = stop
    return entries, parts


@settings(max_examples=60, deadline=None)
@given(tellings())
def test_batches_crashes_and_replays_make_the_same_rows(
    telling: tuple[list[Entry], list[tuple[int, int, bool]]],
) -> None:
    """Applied in any parts, each begun at any point before: the rows of telling it once."""
    entries, parts = telling

    async def live(folder: Path) -> None:
        engine = open_database(settings_in(folder))
        done = 0
        for start, stop, crashes in parts:
            if crashes:
                await undone(engine, entries[start:stop])
            assert await applied(engine, entries[start:stop]) == stop - done
            done = stop
        assert await as_found(engine) == as_told(entries)
        await engine.dispose()

    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "calls.db").write_bytes(empty_database())
        asyncio.run(live(Path(name)))


@pytest.mark.asyncio
async def test_much_is_applied_in_one_statement_per_table(tmp_path: Path) -> None:
    """A statement costs more than the rows it has."""
    engine = await made(settings_in(tmp_path))
    statements: list[str] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT"):
            statements.append(statement.split()[2])

    assert await applied(engine, many(300)) == 300
    assert len(statements) == len(set(statements))
    assert await rows(engine, "events", "seq") == [(seq,) for seq in range(1, 301)]
    assert await rows(engine, "calls", "seq") == [(300,)]
    await engine.dispose()


async def undone(engine: AsyncEngine, entries: Sequence[Entry]) -> None:
    """Applies and never commits."""
    with suppress(ConnectionError):
        async with writing(engine) as connection:
            await apply(connection, entries)
            raise ConnectionError


def line(key: str, **values: Any) -> Entry:
    """A line of the audit trail, which is of no call."""
    return Entry(BESIDE, 0, (Change("audit", {"id": key}, values),))


@pytest.mark.asyncio
async def test_what_is_of_no_call_becomes_rows(tmp_path: Path) -> None:
    """All of it, whatever came before, once each; no call is made of it, erased ones included."""
    engine = await made(settings_in(tmp_path))
    async with engine.begin() as connection:
        await connection.execute(insert(erased).values(call_sid="CA1"))
    lines = [line("1", who="anna", call_sid="CA1"), line("2", who="otto", action="hang_up")]
    assert await applied(engine, [*lines, offered("CA2", "me"), *lines]) == 5
    assert await applied(engine, lines) == 2
    assert await rows(engine, "audit", "id", "who", "action", "call_sid") == [
        ("1", "anna", None, "CA1"),
        ("2", "otto", "hang_up", None),
    ]
    assert await rows(engine, "calls", "call_sid") == [("CA2",)]
    await engine.dispose()


@pytest.mark.asyncio
async def test_tables_are_not_mixed(tmp_path: Path) -> None:
    """A call has no line in the audit trail, and what is of no call no row of a call."""
    engine = await made(settings_in(tmp_path))
    wrong = [
        Entry("CA1", 1, (Change("audit", {"id": "1"}, {"who": "anna"}),)),
        Entry(BESIDE, 0, (Change("notes", {"number": 1}, {"text": "x"}),)),
        Entry(BESIDE, 0, (Change("audit", {}, {"who": "anna"}),)),
    ]
    async with writing(engine) as connection:
        assert (await apply(connection, wrong)).unknown == {"audit": 2, "notes": 1}
    assert await rows(engine, "audit", "id") == []
    assert await rows(engine, "notes", "call_sid") == []
    with pytest.raises(Unfit):
        await applied(engine, [line("x" * 33, who="anna")])
    await engine.dispose()
