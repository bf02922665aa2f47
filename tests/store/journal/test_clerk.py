"""Lines of a journal are applied, or nothing of them is and the reason is told."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import engine as engine_module
from gateway.store.database import database_url
from gateway.store.entry import Change, Entry, encode
from gateway.store.journal import clerk as module
from gateway.store.journal.apply import Applied, apply
from gateway.store.journal.clerk import Away, Clerk, Fault, Written, trouble
from gateway.store.journal.fit import Unfit
from tests.store.databases import made, settings_in
from tests.store.entries import many, rows, said


def lines_of(entries: Sequence[Entry]) -> list[bytes]:
    """As a journal has them."""
    return [encode(entry) for entry in entries]


@pytest.mark.asyncio
async def test_lines_become_rows_once(tmp_path: Path) -> None:
    """However often they are given, some of them known already."""
    engine = await made(settings_in(tmp_path))
    clerk = Clerk(engine.url)
    await clerk.ready()
    assert await clerk.write("me", lines_of(many(3))) == Written(0, {})
    assert await clerk.write("me", lines_of(many(5))) == Written(0, {})
    assert await rows(engine, "events", "seq") == [(seq,) for seq in range(1, 6)]
    await clerk.close()
    assert await clerk.write("me", lines_of(many(6))) == Written(0, {})
    await clerk.close()
    await engine.dispose()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "damage", [b"", b"\0" * 40, b'["CA1",9,[["turns"', b"\xff\xfe", b'{"a":1}', b'["CA1","x",[]]']
)
async def test_what_is_no_entry_is_counted_and_left_out(tmp_path: Path, damage: bytes) -> None:
    """Whatever is in the file: what is around it is applied."""
    engine = await made(settings_in(tmp_path))
    clerk = Clerk(engine.url)
    first, second = lines_of(many(2))
    assert await clerk.write("me", [first, damage, second]) == Written(1, {})
    assert await rows(engine, "events", "seq") == [(1,), (2,)]
    await clerk.close()
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_line_torn_anywhere_is_whole_or_none(tmp_path: Path) -> None:
    """Cut at every byte."""
    engine = await made(settings_in(tmp_path))
    clerk = Clerk(engine.url)
    (whole,) = lines_of(many(1))
    for cut in range(len(whole)):
        assert await clerk.write("me", [whole[:cut]]) == Written(1, {})
    assert await clerk.write("me", [whole]) == Written(0, {})
    await clerk.close()
    await engine.dispose()


@pytest.mark.asyncio
async def test_what_a_newer_version_wrote_is_named(tmp_path: Path) -> None:
    """The rest is applied."""
    engine = await made(settings_in(tmp_path))
    clerk = Clerk(engine.url)
    odd = Entry("CA1", 1, (Change("dreams", {"number": 1}, {"text": "x"}),))
    assert await clerk.write("me", lines_of([odd])) == Written(0, {"dreams": 1})
    await clerk.close()
    await engine.dispose()


@pytest.mark.asyncio
async def test_trouble_has_a_name_and_applies_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What will never be taken, what may be later, and what is a fault of ours."""
    monkeypatch.setattr(engine_module, "BUSY_MS", 20)
    engine = await made(settings_in(tmp_path))
    clerk = Clerk(engine.url)
    with pytest.raises(Unfit) as unfit:
        await clerk.write("me", lines_of([*many(2), said("CA1", 3, 1, 7)]))
    with sqlite3.connect(tmp_path / "calls.db") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError) as busy:
            await clerk.write("me", lines_of(many(2)))
    other.close()

    async def faulty(_connection: AsyncConnection, _entries: Sequence[Entry]) -> Applied:
        raise LookupError("what the caller said")

    with monkeypatch.context() as patched:
        patched.setattr(module, "apply", faulty)
        with pytest.raises(LookupError) as fault:
            await clerk.write("me", lines_of(many(2)))
    told = [trouble(error) for error in (unfit.value, busy.value, fault.value)]
    assert [(type(each), str(each)) for each in told] == [
        (Unfit, "turns.text: takes no such value"),
        (Away, "SQLITE_BUSY"),
        (Fault, "LookupError"),
    ]
    assert await rows(engine, "events") == []
    assert await clerk.write("me", lines_of(many(2))) == Written(0, {})
    await clerk.close()
    await engine.dispose()


@pytest.mark.asyncio
async def test_cancelled_it_applies_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one does not wait for it."""
    engine = await made(settings_in(tmp_path))
    clerk = Clerk(engine.url)
    begun = asyncio.Event()

    async def hang(connection: AsyncConnection, entries: Sequence[Entry]) -> Applied:
        await apply(connection, entries)
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(module, "apply", hang)
        hanging = asyncio.ensure_future(clerk.write("me", lines_of(many(2))))
        await begun.wait()
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
    assert await rows(engine, "events") == []
    assert await clerk.write("me", lines_of(many(3))) == Written(0, {})
    await clerk.close()
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_database_that_is_away_does_not_keep_it_from_being_ready(tmp_path: Path) -> None:
    """The first transaction says so."""
    url = f"sqlite:///{tmp_path}/nowhere/calls.db"
    clerk = Clerk(database_url(settings_in(tmp_path, database_url=url)))
    await clerk.ready()
    with pytest.raises(OperationalError):
        await clerk.write("me", lines_of(many(1)))
    await clerk.close()
