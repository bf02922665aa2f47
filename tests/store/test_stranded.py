"""What is done for calls whose process died."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from gateway.store.outbox import open_outbox
from gateway.store.stranded import Stranded
from gateway.store.tables import calls, deliveries
from tests.store.databases import made, settings_in

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def closed(folder: Path, stranded: Stranded, **call: Any) -> tuple[Any, list[Any]]:
    """A call that was closed, and the webhooks about it."""
    engine = await made(settings_in(folder))
    given = {"call_sid": "CA1", "seq": 9, "state": "ended", "ended_at": AT, "caller": "+1", **call}
    async with engine.begin() as connection:
        await connection.execute(insert(calls).values(**given))
        await stranded.closed(connection, "CA1")
    async with engine.connect() as connection:
        row = (await connection.execute(select(calls))).one()
        told = list((await connection.execute(select(deliveries))).all())
    await engine.dispose()
    return row, told


@pytest.mark.asyncio
async def test_a_recording_that_was_mended_belongs_to_its_call(tmp_path: Path) -> None:
    """With its length, and the reason why its end is missing."""
    stranded = Stranded(None)
    stranded.repaired = {"2026-11/a.wav": 61_000.0}
    row, told = await closed(tmp_path, stranded, recording="2026-11/a.wav")
    assert (row.recording, row.recording_ms) == ("2026-11/a.wav", 61_000.0)
    assert row.recording_incomplete == "gateway_crashed"
    assert told == []


@pytest.mark.asyncio
async def test_a_recording_of_which_nothing_is_left_is_none(tmp_path: Path) -> None:
    """No row points to a file that is not there; the row says that there was to be one."""
    row, _ = await closed(tmp_path, Stranded(None), recording="2026-11/b.wav")
    assert (row.recording, row.recording_ms) == (None, None)
    assert row.recording_incomplete == "gateway_crashed"


@pytest.mark.asyncio
async def test_a_recording_that_was_whole_before_the_crash_stays(tmp_path: Path) -> None:
    """Its end was written: nothing is missing."""
    row, _ = await closed(tmp_path, Stranded(None), recording="2026-11/c.wav", recording_ms=5.0)
    assert (row.recording, row.recording_ms) == ("2026-11/c.wav", 5.0)
    assert row.recording_incomplete is None


@pytest.mark.asyncio
async def test_whoever_waits_for_the_end_is_told_of_it(tmp_path: Path) -> None:
    """As of any other end, with what is known of the call."""
    settings = settings_in(tmp_path, hook_url="https://crm.example/hook")
    _, (told,) = await closed(tmp_path, Stranded(open_outbox(settings)), duration_ms=4000.0)
    assert (told.call_sid, told.seq, told.event, told.state) == ("CA1", 9, "call.ended", "pending")
    assert (told.created_at, told.next_at) == (AT, AT)
    body = json.loads(told.body)
    assert body["data"]["reason"] == "gateway_crashed"
    assert body["call"]["caller"] == "+1"
    assert body["call"]["ended_at"] == AT.isoformat()
    assert body["call"]["recording"] is False
