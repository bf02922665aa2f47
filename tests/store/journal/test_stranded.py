"""What is done for calls whose process died."""

import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from gateway.store.hooks.outbox import open_outbox
from gateway.store.journal.stranded import Stranded
from gateway.store.recordings.tapefile import STEREO_BYTES_PER_MS, PartFile, form_of
from gateway.store.recordings.vault import Vault
from gateway.store.tables import calls, deliveries
from tests.store.databases import made, settings_in

FILE = f"2026-11/{'a' * 32}.wav"
GONE = f"2026-11/{'b' * 32}.wav"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def closed(folder: Path, stranded: Stranded, **call: Any) -> tuple[Any, list[Any]]:
    """A call that was closed, and the webhooks about it."""
    engine = await made(settings_in(folder))
    given = {"call_sid": "CA1", "seq": 9, "state": "ended", "ended_at": AT, "caller": "+1", **call}
    async with engine.begin() as connection:
        await connection.execute(insert(calls).values(**given))
        await stranded.closed(connection, given["call_sid"])
    async with engine.connect() as connection:
        of_it = calls.c.call_sid == given["call_sid"]
        row = (await connection.execute(select(calls).where(of_it))).one()
        told = list((await connection.execute(select(deliveries))).all())
    await engine.dispose()
    return row, told


def recorded(folder: Path, file: str, ms: int, vault: Vault | None = None) -> None:
    """A finished recording of that length."""
    part = PartFile(folder / file.partition(".")[0], form_of(vault))
    for left_ms in range(ms, 0, -1000):
        part.append(bytes(min(left_ms, 1000) * STEREO_BYTES_PER_MS))
    part.finish()


@pytest.mark.asyncio
async def test_a_recording_that_was_finished_belongs_to_its_call(tmp_path: Path) -> None:
    """With its length, and the reason why its end is missing, whoever finished it: the process that
    closes the call, one that died before it could, or the call itself.
    """
    recorded(tmp_path, FILE, 610)
    row, told = await closed(tmp_path, Stranded(None, tmp_path, None), recording=FILE)
    assert (row.recording, row.recording_ms) == (FILE, 610.0)
    assert row.recording_incomplete == "gateway_crashed"
    assert told == []


@pytest.mark.asyncio
@pytest.mark.parametrize("vault", [None, Vault({"k1": bytes(32)})])
async def test_the_length_of_a_recording_is_learned_without_its_sound(
    tmp_path: Path, vault: Vault | None
) -> None:
    """A hundred of them read whole would take longer than their transaction may."""
    file = f"{FILE}.enc" if vault else FILE
    recorded(tmp_path, file, 600_000, vault)
    tracemalloc.start()
    row, _ = await closed(tmp_path, Stranded(None, tmp_path, vault), recording=file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (row.recording, row.recording_ms) == (file, 600_000.0)
    assert most < 600_000 * STEREO_BYTES_PER_MS / 2


@pytest.mark.asyncio
async def test_a_recording_of_which_nothing_is_left_is_none(tmp_path: Path) -> None:
    """No row points to a file that is not there; the row says that there was to be one."""
    row, _ = await closed(tmp_path, Stranded(None, tmp_path, None), recording=FILE)
    assert (row.recording, row.recording_ms) == (None, None)
    assert row.recording_incomplete == "gateway_crashed"


@pytest.mark.asyncio
async def test_a_recording_that_cannot_be_read_now_stays(tmp_path: Path) -> None:
    """Its key is missing, or it could not be mended yet: a call that did not know of it would leave
    it to the purge.
    """
    recorded(tmp_path, f"{FILE}.enc", 300, Vault({"old": bytes(32)}))
    stranded = Stranded(None, tmp_path, None)
    row, _ = await closed(tmp_path, stranded, recording=f"{FILE}.enc")
    assert (row.recording, row.recording_ms) == (f"{FILE}.enc", None)
    (tmp_path / f"{FILE}.enc").rename((tmp_path / FILE).with_suffix(".part"))
    row, _ = await closed(tmp_path, stranded, call_sid="CA2", recording=f"{FILE}.enc")
    assert (row.recording, row.recording_ms) == (f"{FILE}.enc", None)


@pytest.mark.asyncio
async def test_a_recording_that_was_whole_before_the_crash_stays(tmp_path: Path) -> None:
    """Its end was written: nothing is missing."""
    stranded = Stranded(None, tmp_path, None)
    row, _ = await closed(tmp_path, stranded, recording=FILE, recording_ms=5.0)
    assert (row.recording, row.recording_ms) == (FILE, 5.0)
    assert row.recording_incomplete is None


@pytest.mark.asyncio
@pytest.mark.parametrize("consent", ["declined", "withdrawn"])
async def test_what_a_caller_did_not_want_kept_is_deleted(tmp_path: Path, consent: str) -> None:
    """The process died between the caller's word and the disk."""
    recorded(tmp_path, FILE, 100)
    stranded = Stranded(None, tmp_path, None)
    row, _ = await closed(tmp_path, stranded, recording=FILE, consent=consent)
    assert (row.recording, row.recording_ms, row.recording_incomplete) == (None, None, None)
    assert not (tmp_path / FILE).exists()


@pytest.mark.asyncio
async def test_whoever_waits_for_the_end_is_told_of_it(tmp_path: Path) -> None:
    """As of any other end, with what is known of the call."""
    settings = settings_in(tmp_path, hook_url="https://crm.example/hook")
    stranded = Stranded(open_outbox(settings), tmp_path, None)
    recorded(tmp_path, FILE, 100)
    _, (told,) = await closed(tmp_path, stranded, duration_ms=4000.0, recording=FILE)
    assert (told.call_sid, told.seq, told.event, told.state) == ("CA1", 9, "call.ended", "pending")
    assert (told.created_at, told.next_at) == (AT, AT)
    body = json.loads(told.body)
    assert body["data"]["reason"] == "gateway_crashed"
    assert body["call"]["caller"] == "+1"
    assert body["call"]["ended_at"] == AT.isoformat()
    assert body["call"]["recording"] is True
    _, (_, told) = await closed(tmp_path, stranded, call_sid="CA2", recording=GONE)
    assert json.loads(told.body)["call"]["recording"] is False
