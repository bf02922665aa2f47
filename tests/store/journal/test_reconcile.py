"""Calls whose process is gone are ended, once, at the last moment anything is known of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.entry import Change, Entry
from gateway.store.journal import reconcile
from gateway.store.journal.apply import apply
from gateway.store.journal.reconcile import OnClosed, close_calls
from gateway.store.tables import calls, erased
from gateway.store.transaction import writing
from tests.store.databases import made, settings_in
from tests.store.entries import OFFERED, ended, event, everything, offered, rows, said

T0 = datetime.fromisoformat(OFFERED)


def after(seconds: float) -> str:
    """A moment after the call was offered."""
    return (T0 + timedelta(seconds=seconds)).isoformat()


async def told(engine: AsyncEngine, *entries: Entry) -> None:
    """Applies entries."""
    async with writing(engine) as connection:
        await apply(connection, entries)


async def closed(engine: AsyncEngine, owner: str, on_closed: OnClosed | None = None) -> list[str]:
    """Closes calls in a transaction of its own."""
    async with writing(engine) as connection:
        return await close_calls(connection, owner, on_closed)


@pytest.mark.asyncio
async def test_only_the_calls_of_the_dead_that_did_not_end(tmp_path: Path) -> None:
    """Those of the living, those of unknown owners and those that ended stay as they are."""
    engine = await made(settings_in(tmp_path))
    await told(engine, offered("CA1", "dead"), offered("CA2", "living"), offered("CA3", "dead"))
    await told(engine, ended("CA3", 2), offered("CA4", "dead"), offered("CA5", ""))
    assert await closed(engine, "dead") == ["CA1", "CA4"]
    assert await rows(engine, "calls", "call_sid", "state", "outcome", "reason") == [
        ("CA1", "ended", "failed", "gateway_crashed"),
        ("CA2", "offered", None, None),
        ("CA3", "ended", None, "hangup"),
        ("CA4", "ended", "failed", "gateway_crashed"),
        ("CA5", "offered", None, None),
    ]
    await engine.dispose()


@pytest.mark.asyncio
async def test_closing_twice_changes_nothing(tmp_path: Path) -> None:
    """The second time there is nothing to close."""
    engine = await made(settings_in(tmp_path))
    await told(engine, offered("CA1", "dead"))
    await closed(engine, "dead")
    before = await everything(engine)
    assert await closed(engine, "dead") == []
    assert await everything(engine) == before
    await engine.dispose()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("values", "event_s", "ended_s", "duration_ms"),
    [
        ({}, 0, 0, 0.0),
        ({"answered_at": after(2)}, 1, 2, 0.0),
        ({"answered_at": after(2)}, 9.5, 9.5, 7500.0),
        ({}, 5, 5, 0.0),
    ],
)
async def test_a_call_ended_when_it_was_last_heard_of(
    tmp_path: Path, values: dict[str, Any], event_s: float, ended_s: float, duration_ms: float
) -> None:
    """Never before anything that is known; it lasted from the answer on, if there was one."""
    engine = await made(settings_in(tmp_path))
    await told(
        engine, offered("CA1", "dead", **values), Entry("CA1", 2, (event(2, after(event_s)),))
    )
    await closed(engine, "dead")
    ended_at = T0 + timedelta(seconds=ended_s)
    assert await rows(engine, "calls", "ended_at", "duration_ms") == [(ended_at, duration_ms)]
    await engine.dispose()


@pytest.mark.asyncio
async def test_of_a_call_nothing_is_known_of_it_ends_now(tmp_path: Path) -> None:
    """Its row has nothing but an owner."""
    engine = await made(settings_in(tmp_path))
    await told(engine, Entry("CA1", 1, (Change("calls", {}, {"owner": "dead"}),)))
    before = datetime.now(UTC)
    assert await closed(engine, "dead") == ["CA1"]
    ((ended_at,),) = await rows(engine, "calls", "ended_at")
    assert before <= ended_at <= datetime.now(UTC)
    await engine.dispose()


@pytest.mark.asyncio
async def test_the_end_is_an_event_like_any_other(tmp_path: Path) -> None:
    """It comes after everything told before, and what is replayed after it is not written."""
    engine = await made(settings_in(tmp_path))
    await told(engine, offered("CA1", "dead"), said("CA1", 2, 1, "Hello"))
    await closed(engine, "dead")
    await told(engine, offered("CA1", "dead"), said("CA1", 2, 1, "Hello"))
    assert await rows(engine, "events", "seq", "at", "name", "fields") == [
        (1, T0, "turn.done", {}),
        (3, T0, "call.ended", {"reason": "gateway_crashed"}),
    ]
    assert await rows(engine, "calls", "seq", "state") == [(3, "ended")]
    assert await rows(engine, "turns", "text", "heard_ms") == [("Hello", None)]
    await engine.dispose()


@pytest.mark.asyncio
async def test_an_event_nobody_counted_is_not_overwritten(tmp_path: Path) -> None:
    """The end comes after the newest event, whatever the call's row says."""
    engine = await made(settings_in(tmp_path))
    await told(engine, offered("CA1", "dead"), Entry("CA1", 2, (event(7),)))
    async with engine.begin() as connection:
        await connection.execute(update(calls).values(seq=None))
    await closed(engine, "dead")
    assert await rows(engine, "events", "seq") == [(1,), (7,), (8,)]
    await engine.dispose()


@pytest.mark.asyncio
async def test_others_are_told_within_the_transaction(tmp_path: Path) -> None:
    """They see the call closed; when they fail it is not, and they are told again."""
    engine = await made(settings_in(tmp_path))
    await told(engine, offered("CA1", "dead"), offered("CA2", "dead"))
    told_of: list[tuple[str, str]] = []

    async def note(connection: AsyncConnection, call_sid: str) -> None:
        found = await connection.execute(calls.select().where(calls.c.call_sid == call_sid))
        told_of.append((call_sid, found.one().state))

    async def fail(_connection: AsyncConnection, _call_sid: str) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await closed(engine, "dead", fail)
    assert await rows(engine, "calls", "state") == [("offered",), ("offered",)]
    assert await closed(engine, "dead", note) == ["CA1", "CA2"]
    assert told_of == [("CA1", "ended"), ("CA2", "ended")]
    await engine.dispose()


@pytest.mark.asyncio
async def test_many_are_closed_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until none is named."""
    monkeypatch.setattr(reconcile, "AT_A_TIME", 2)
    engine = await made(settings_in(tmp_path))
    await told(engine, *(offered(f"CA{number}", "dead") for number in range(5)))
    assert [len(await closed(engine, "dead")) for _ in range(4)] == [2, 2, 1, 0]
    await engine.dispose()


@pytest.mark.asyncio
async def test_calls_whose_erasure_was_cut_off_are_over(tmp_path: Path) -> None:
    """Their tombstones are there, and so are their rows: they are closed once, like any other, for
    whoever erases again; but nothing is told of them, and nothing more is written.
    """
    engine = await made(settings_in(tmp_path))
    await told(engine, offered("CA1", "dead"), offered("CA2", "dead"), offered("CA3", "living"))
    async with engine.begin() as connection:
        tombs = [{"call_sid": sid, "at": T0} for sid in ("CA1", "CA3")]
        await connection.execute(insert(erased).values(tombs))
    told_of: list[str] = []

    async def note(_connection: AsyncConnection, call_sid: str) -> None:
        told_of.append(call_sid)

    assert await closed(engine, "dead", note) == ["CA1", "CA2"]
    assert await closed(engine, "dead", note) == []
    assert told_of == ["CA2"]
    assert await rows(engine, "calls", "call_sid", "state", "reason") == [
        ("CA1", "ended", None),
        ("CA2", "ended", "gateway_crashed"),
        ("CA3", "offered", None),
    ]
    assert await rows(engine, "events", "call_sid", "seq") == [
        ("CA1", 1),
        ("CA2", 1),
        ("CA2", 2),
        ("CA3", 1),
    ]
    await engine.dispose()
