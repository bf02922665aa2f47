"""Questions to the records, on either database."""

import asyncio
import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway.errors import ConfigError, GatewayError
from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.records.reader import CallFilter, Reader, open_reader
from tests.store.databases import made, settings_in
from tests.store.postgres import Postgres
from tests.store.sample import OFFERED_AT, Rows, missed_call, recorded, sample_call

HOUR = timedelta(hours=1)


def some_calls() -> list[Rows]:
    """Four calls, an hour apart, CA1 the oldest; and CA5, of which only its row was begun."""
    return [
        sample_call("CA1", response_worst_ms=900.0, cost_usd=0.5),
        missed_call("CA2", offered_at=OFFERED_AT + HOUR, caller="+12025550188"),
        sample_call(
            "CA3",
            offered_at=OFFERED_AT + 2 * HOUR,
            agent="booking",
            called="+12025550188",
            response_worst_ms=3000.0,
            cost_usd=0.1,
        ),
        sample_call(
            "CA4", offered_at=OFFERED_AT + 3 * HOUR, state="live", outcome=None, reason=None
        ),
        {"calls": [{"call_sid": "CA5", "state": "offered"}]},
    ]


async def listed(settings: Settings, wanted: CallFilter) -> list[str]:
    """The CallSids of a filter, in its order."""
    async with open_reader(settings) as reader:
        assert reader is not None
        return [call["call_sid"] for call in await reader.calls(wanted)]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(), ["CA4", "CA3", "CA2", "CA1", "CA5"]),
        (CallFilter(limit=2), ["CA4", "CA3"]),
        (CallFilter(agent="booking"), ["CA3"]),
        (CallFilter(outcome="missed"), ["CA2"]),
        (CallFilter(state="live"), ["CA4"]),
        (CallFilter(number="+12025550188"), ["CA3", "CA2"]),
        (CallFilter(since=OFFERED_AT + 2 * HOUR), ["CA4", "CA3"]),
        (CallFilter(until=OFFERED_AT + 2 * HOUR), ["CA2", "CA1"]),
        (CallFilter(worse_than_ms=900.0), ["CA4", "CA3"]),
        (CallFilter(sort="worst"), ["CA3", "CA4", "CA1", "CA2", "CA5"]),
        (CallFilter(sort="cost"), ["CA1", "CA3", "CA4", "CA2", "CA5"]),
        (CallFilter(agent="frontdesk", outcome="completed", until=OFFERED_AT + HOUR), ["CA1"]),
        (CallFilter(agent="' OR 1=1 --"), []),
    ],
)
async def test_calls_are_filtered_and_sorted(
    settings: Settings, wanted: CallFilter, found: list[str]
) -> None:
    """Newest first unless said otherwise; what is not known stands last, whatever is sorted by."""
    await recorded(settings, *some_calls())
    assert await listed(settings, wanted) == found


@pytest.mark.asyncio
async def test_a_call_is_found_by_its_id(settings: Settings) -> None:
    """Its row alone, or with everything that belongs to it and nothing of another call."""
    await recorded(settings, sample_call("CA1"), sample_call("CA2"), missed_call("CA3"))
    async with open_reader(settings) as reader:
        assert reader is not None
        call, record = await reader.call("CA1"), await reader.record("CA1")
        missed = await reader.record("CA3")
        assert await reader.call("CA9") is None
        assert await reader.record("CA9") is None
    assert call is not None
    assert record is not None
    assert missed is not None
    assert record["call"] == call
    assert call["offered_at"] == "2026-11-20T09:30:05.250000+00:00"
    counts = {name: len(rows) for name, rows in record.items() if isinstance(rows, list)}
    assert counts == {
        "turns": 7,
        "tools": 1,
        "handoffs": 1,
        "guardrails": 1,
        "usage": 3,
        "notes": 1,
        "events": 9,
    }
    assert record["turns"][2]["unheard_text"].startswith("item, such as")
    assert record["events"][3]["fields"] == {"state": "granted"}
    assert [missed[name] for name in counts] == [[]] * len(counts)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("CAaaaaaa1", ["CAaaaaaa1"]),
        ("CAaaaaaa", ["CAaaaaaa1", "CAaaaaaa2"]),
        ("CAbbbb", ["CAbbbbbb3"]),
        ("CAbbb", []),
        ("CAshort", ["CAshort"]),
        ("CA5", ["CA5"]),
        ("CAAAAAAA", []),
        ("CA%%%%%%", []),
        ("CA______", []),
        ("", []),
    ],
)
async def test_a_beginning_of_an_id_finds_all_that_begin_so(
    settings: Settings, prefix: str, found: list[str]
) -> None:
    """From six characters on, letter by letter; a whole ID finds itself, however short."""
    known = ("CAaaaaaa1", "CAaaaaaa2", "CAbbbbbb3", "CAshort", "CAshorter", "CA5")
    await recorded(settings, *(missed_call(call_sid) for call_sid in known))
    async with open_reader(settings) as reader:
        assert reader is not None
        assert await reader.find(prefix) == found


@pytest.mark.asyncio
async def test_what_is_added_up_is_asked_of_the_same_database(settings: Settings) -> None:
    """The figures of test_figures.py, through the reader."""
    await recorded(settings, *some_calls())
    async with open_reader(settings) as reader:
        assert reader is not None
        rows = await reader.stats(since=OFFERED_AT, until=OFFERED_AT + 3 * HOUR, by=("agent",))
    assert [(row["agent"], row["calls"]) for row in rows] == [("booking", 1), ("frontdesk", 2)]


@pytest.mark.asyncio
async def test_a_reader_serves_an_engine_of_somebody_else(settings: Settings) -> None:
    """Many questions at a time, one engine."""
    await recorded(settings, sample_call("CA1"), sample_call("CA2"))
    engine = open_database(settings)
    reader = Reader(engine)
    found = await asyncio.gather(*(reader.call(sid) for sid in ("CA1", "CA2", "CA1")))
    await engine.dispose()
    assert [call and call["call_sid"] for call in found] == ["CA1", "CA2", "CA1"]


@pytest.mark.asyncio
async def test_a_database_that_is_not_there_has_no_calls(tmp_path: Path) -> None:
    """Asking does not make it, nor its folder."""
    async with open_reader(settings_in(tmp_path / "data")) as reader:
        assert reader is None
    assert os.listdir(tmp_path) == []


@pytest.mark.asyncio
async def test_a_database_without_tables_has_no_calls(settings: Settings) -> None:
    """Asking does not make them: the tables are the writer's."""
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE of_somebody_else (id INTEGER)"))
    async with open_reader(settings) as reader:
        assert reader is None
    async with engine.connect() as connection:
        count = "SELECT count(*) FROM "
        tables = "sqlite_master"
        if engine.dialect.name == "postgresql":
            tables = "information_schema.tables WHERE table_schema = 'public'"
        assert (await connection.execute(text(count + tables))).scalar_one() == 1
    await engine.dispose()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "change", ["ALTER TABLE calls DROP COLUMN stir", "DROP TABLE notes", "DROP TABLE calls"]
)
async def test_an_older_database_is_refused(settings: Settings, change: str) -> None:
    """The line says what to do about it; nothing was changed."""
    engine = await made(settings)
    async with engine.begin() as connection:
        await connection.execute(text(change))
    await engine.dispose()
    with pytest.raises(GatewayError, match="older version: run `gateway db upgrade`"):
        async with open_reader(settings):
            pass


@pytest.mark.asyncio
async def test_columns_of_a_newer_database_do_not_matter(settings: Settings) -> None:
    """What is not known here is left alone."""
    await recorded(settings, missed_call("CA1"))
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE calls ADD COLUMN mood VARCHAR(8)"))
    await engine.dispose()
    assert await listed(settings, CallFilter()) == ["CA1"]


async def refused(settings: Settings) -> str:
    """The line that says why a database cannot be read."""
    with pytest.raises(GatewayError) as wrong:
        async with open_reader(settings):
            pass
    assert not isinstance(wrong.value, ConfigError)
    return str(wrong.value)


@pytest.mark.asyncio
async def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """Where it was looked for, without the user or the password."""
    url = "postgresql://somebody:hunter2@127.0.0.1:1/calls"
    line = await refused(settings_in(tmp_path, database_url=url))
    assert line == "cannot read the records in 127.0.0.1:1/calls: Connection refused"


@pytest.mark.asyncio
async def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    """In the words of SQLite."""
    path = tmp_path / "calls.db"
    path.write_text("This is no database, however long it may be. " * 10)
    line = await refused(settings_in(tmp_path))
    assert line == f"cannot read the records in {path}: file is not a database"


@pytest.mark.asyncio
async def test_what_fails_later_is_one_line_too(tmp_path: Path) -> None:
    """And never quotes the statement: there are people's numbers in it."""
    settings = settings_in(tmp_path)
    await recorded(settings, missed_call("CA1"))

    async def asked_too_late() -> None:
        async with open_reader(settings) as reader:
            assert reader is not None
            with closing(sqlite3.connect(tmp_path / "calls.db")) as other:
                other.execute("DROP TABLE calls")
            await reader.calls(CallFilter(number="+12025550188"))

    with pytest.raises(GatewayError, match=r"calls.db: no such table: calls$"):
        await asked_too_late()


@pytest.mark.system
@pytest.mark.asyncio
async def test_a_server_that_refuses_is_quoted(server: Postgres, tmp_path: Path) -> None:
    """What PostgreSQL says of a database it does not have."""
    url = server.url.rpartition("/")[0].replace("@", ":hunter2@") + "/nowhere"
    line = await refused(settings_in(tmp_path, database_url=url))
    assert line.endswith(f'{server.port}/nowhere: database "nowhere" does not exist')
    assert "hunter2" not in line


@pytest.mark.asyncio
async def test_reading_changes_nothing(tmp_path: Path) -> None:
    """Not a byte of the database."""
    settings = settings_in(tmp_path)
    await recorded(settings, sample_call("CA1"))
    before: Any = (tmp_path / "calls.db").read_bytes()
    async with open_reader(settings) as reader:
        assert reader is not None
        await reader.calls()
        await reader.record("CA1")
        await reader.find("CA1CA1CA1")
        await reader.stats()
    assert (tmp_path / "calls.db").read_bytes() == before
