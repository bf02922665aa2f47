"""What is due, and that it is gone; what is not, and that it is still there."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.entry import Change, Entry
from gateway.store.journal.journal import Journal
from gateway.store.journal.writer import Writer
from gateway.store.privacy import retention
from gateway.store.privacy.evidence import Evidence, read
from gateway.store.privacy.retention import STRAYS, Purged, due, purge
from gateway.store.recordings.ahead import Ahead, files_ahead
from gateway.store.tables import audit, deliveries
from tests.store.asks import ids, write_down
from tests.store.canaries import FINISHED, NOW, WHOLE, Canary, column, counted, files, fill
from tests.store.databases import made, settings_in
from tests.store.running import clerk_of

DAY_S = 86400.0
STRAY = "2026-02/" + "f" * 32 + ".wav"


@pytest_asyncio.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An empty database."""
    engine = await made(settings)
    yield engine
    await engine.dispose()


def keeping(folder: Path, *, recordings: float = 0, text: float = 0, calls: float = 0) -> Settings:
    """Settings that keep things for so many days; 0 = for ever."""
    return settings_in(
        folder, keep_recordings_days=recordings, keep_text_days=text, keep_calls_days=calls
    )


def leave(folder: Path, name: str, *, age_days: float) -> None:
    """A recording that no row names."""
    path = folder / "recordings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(FINISHED)
    written = NOW.timestamp() - age_days * DAY_S
    os.utime(path, (written, written))


def counts(purged: list[Purged]) -> dict[str, dict[str, int]]:
    """What was removed, by rule, without the rules that found nothing."""
    return {each.rule: each.counts for each in purged if each.counts}


@pytest.mark.asyncio
async def test_old_recordings_go(engine: AsyncEngine, tmp_path: Path) -> None:
    """The file, and the name in the row; what was said stays, and younger ones do."""
    old, young = Canary(1, age_days=30.01), Canary(2, age_days=29.99)
    await fill(engine, tmp_path, old, young)
    purged = await purge(engine, keeping(tmp_path, recordings=30), NOW)
    assert counts(purged) == {"recordings older than 30 days": {"recordings": 1}}
    assert files(tmp_path) == {young.recording}
    assert await column(engine, "calls.recording", old) == [None]
    assert await column(engine, "calls.recording_purged_at", old) == [NOW]
    assert None not in await column(engine, "turns.text", old)


@pytest.mark.asyncio
async def test_old_words_go(engine: AsyncEngine, tmp_path: Path) -> None:
    """The rest of the call stays, its recording too."""
    old, young = Canary(1, age_days=2), Canary(2, age_days=0.5)
    await fill(engine, tmp_path, old, young)
    purged = await purge(engine, keeping(tmp_path, text=1), NOW)
    taken = {"calls": 1, "turns": 2, "tools": 2, "notes": 2, "deliveries": 2}
    assert counts(purged) == {"text older than 1 day": taken}
    assert await column(engine, "turns.text", old) == [None, None]
    assert await column(engine, "calls.text_purged_at", old) == [NOW]
    assert None not in await column(engine, "turns.text", young)
    assert files(tmp_path) == {old.recording, young.recording}


@pytest.mark.asyncio
async def test_old_calls_go(engine: AsyncEngine, tmp_path: Path) -> None:
    """All of them, with recordings that would be kept for longer."""
    old, young = Canary(1, age_days=401), Canary(2, age_days=399)
    await fill(engine, tmp_path, old, young)
    purged = await purge(engine, keeping(tmp_path, calls=400), NOW)
    assert counts(purged) == {"calls older than 400 days": {"recordings": 1, **WHOLE}}
    assert await counted(engine, old.call_sid) == {}
    assert await counted(engine, young.call_sid) == WHOLE
    assert files(tmp_path) == {young.recording}


@pytest.mark.asyncio
async def test_a_call_that_has_not_ended_is_never_touched(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    """However long ago it began."""
    live = Canary(1, age_days=1000, state="live")
    await fill(engine, tmp_path, live)
    purged = await purge(engine, keeping(tmp_path, recordings=1, text=1, calls=1), NOW)
    assert counts(purged) == {}
    assert await counted(engine, live.call_sid) == WHOLE
    assert await column(engine, "calls.recording_purged_at", live) == [None]
    assert files(tmp_path) == {live.recording}


@pytest.mark.asyncio
async def test_nought_is_never(engine: AsyncEngine, tmp_path: Path) -> None:
    """And so is a limit longer than there are dates."""
    await fill(engine, tmp_path, Canary(1, age_days=5000))
    assert counts(await purge(engine, keeping(tmp_path), NOW)) == {}
    long = keeping(tmp_path, recordings=1e12, text=1e12, calls=1e12)
    assert counts(await purge(engine, long, NOW)) == {}


@pytest.mark.asyncio
async def test_a_message_delivered_later_goes_later(engine: AsyncEngine, tmp_path: Path) -> None:
    """It has to be delivered first; then the next purge takes it, too."""
    call = Canary(1, age_days=2, delivery="pending")
    await fill(engine, tmp_path, call)
    settings = keeping(tmp_path, text=1)
    await purge(engine, settings, NOW)
    assert None not in await column(engine, "deliveries.body", call)
    async with engine.begin() as connection:
        await connection.execute(update(deliveries).values(state="dead"))
    later = await purge(engine, settings, NOW + timedelta(hours=1))
    assert counts(later) == {"text older than 1 day": {"deliveries": 2}}
    assert await column(engine, "deliveries.body", call) == [None, None]
    assert await column(engine, "calls.text_purged_at", call) == [NOW]


@pytest.mark.asyncio
async def test_each_rule_that_found_something_is_evidence(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    """One line each; a purge that found nothing writes none."""
    await fill(engine, tmp_path, Canary(1, age_days=2), Canary(2, age_days=20))
    settings = keeping(tmp_path, recordings=1, calls=10)
    purged = await purge(engine, settings, NOW)
    assert await read(engine) == [
        Evidence(NOW, "purge", each.rule, each.counts) for each in purged if each.counts
    ]
    assert len(await read(engine)) == 2
    assert counts(await purge(engine, settings, NOW)) == {}
    assert len(await read(engine)) == 2


@pytest.mark.asyncio
async def test_many_calls_go_in_batches(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of evidence for all of them; who waits hears how far it is."""
    monkeypatch.setattr(retention, "BATCH", 2)
    await fill(engine, tmp_path, *(Canary(number, age_days=2) for number in range(5)))
    heard: list[Purged] = []
    await purge(engine, keeping(tmp_path, recordings=1), NOW, heard.append)
    assert [each.counts["recordings"] for each in heard] == [2, 4, 5]
    assert [line.counts for line in await read(engine)] == [{"recordings": 5}]
    assert files(tmp_path) == set()


@pytest.mark.asyncio
async def test_a_file_that_cannot_be_deleted_holds_up_nothing(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and tried again by the next purge."""
    monkeypatch.setattr(retention, "BATCH", 1)
    stuck, other = Canary(1, age_days=2), Canary(2, age_days=2)
    await fill(engine, tmp_path, stuck, other)
    path = tmp_path / "recordings" / str(stuck.recording)
    path.unlink()
    path.mkdir()
    settings = keeping(tmp_path, recordings=1)
    first, *_ = await purge(engine, settings, NOW)
    assert (first.counts, list(first.failed)) == ({"recordings": 1}, [stuck.recording])
    path.rmdir()
    first, *_ = await purge(engine, settings, NOW)
    assert (first.counts, first.failed) == ({"recordings": 1}, {})


@pytest.mark.asyncio
async def test_recordings_no_call_knows_of_go(engine: AsyncEngine, tmp_path: Path) -> None:
    """After a day: nobody could find them to erase them."""
    call = Canary(1, age_days=5)
    await fill(engine, tmp_path, call)
    leave(tmp_path, STRAY, age_days=1.1)
    leave(tmp_path, STRAY.replace("f", "e"), age_days=0.9)
    leave(tmp_path, str(call.recording), age_days=5)
    purged = await purge(engine, keeping(tmp_path), NOW)
    assert counts(purged) == {STRAYS: {"recordings": 1}}
    assert files(tmp_path) == {call.recording, STRAY.replace("f", "e")}
    assert await read(engine) == [Evidence(NOW, "purge", STRAYS, {"recordings": 1})]


@pytest.mark.asyncio
async def test_what_a_dead_gateway_had_ahead_goes_at_once(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    """It may never start again, and nobody else would delete it; a living one's file stays."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    living, dead = Ahead(folder), Ahead(folder)
    for each in (living, dead):
        each.add(STRAY.removesuffix(".wav"), 0, b"secret")
        each.sync()
    os.close(dead._fd)
    await due(engine, keeping(tmp_path), NOW)
    assert len(files_ahead(folder)) == 2
    await purge(engine, keeping(tmp_path), NOW)
    assert files_ahead(folder) == [living._path]
    living.renew()


@pytest.mark.asyncio
async def test_what_waits_in_a_journal_is_known(engine: AsyncEngine, tmp_path: Path) -> None:
    """While the database is away, only the journal knows whose recordings they are."""
    await fill(engine, tmp_path, Canary(1, age_days=5))
    leave(tmp_path, STRAY, age_days=2)
    journal = tmp_path / "journal" / "owner" / "00000001.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text(f'["CA1",2,[["calls",{{}},{{"recording":"{STRAY}"}}]]]\n')
    assert counts(await purge(engine, keeping(tmp_path), NOW)) == {}
    journal.unlink()
    assert counts(await purge(engine, keeping(tmp_path), NOW)) == {STRAYS: {"recordings": 1}}


@pytest.mark.asyncio
async def test_a_database_younger_than_the_files_is_doubted(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    """It may be the wrong one: what it does not know stays as long as any recording may."""
    leave(tmp_path, STRAY, age_days=9)
    assert counts(await purge(engine, keeping(tmp_path, recordings=10), NOW)) == {}
    await fill(engine, tmp_path, Canary(1, age_days=3))
    assert counts(await purge(engine, keeping(tmp_path, recordings=10), NOW)) == {}
    assert counts(await purge(engine, keeping(tmp_path), NOW)) == {}
    shorter = keeping(tmp_path, recordings=8)
    assert counts(await purge(engine, shorter, NOW)) == {STRAYS: {"recordings": 1}}


@pytest.mark.asyncio
async def test_entries_no_database_took_go_like_words(engine: AsyncEngine, tmp_path: Path) -> None:
    """When the last one is old: what was said is in them. A recording they name is no call's."""
    await fill(engine, tmp_path, Canary(1, age_days=5, recorded=False))
    leave(tmp_path, STRAY, age_days=2)
    refused = tmp_path / "journal" / "refused.jsonl"
    refused.parent.mkdir()
    refused.write_text(f'["CA1",1,[["calls",{{}},{{"recording":"{STRAY}"}}]]]\n\n["CA2",1,[]]\n')
    os.utime(refused, (NOW.timestamp() - 9.5 * DAY_S,) * 2)
    assert counts(await purge(engine, keeping(tmp_path), NOW)) == {STRAYS: {"recordings": 1}}
    assert counts(await purge(engine, keeping(tmp_path, text=10), NOW)) == {}
    settings = keeping(tmp_path, text=9)
    told = counts(await due(engine, settings, NOW))
    assert told == {"refused entries older than 9 days": {"entries": 2}}
    assert counts(await purge(engine, settings, NOW)) == told
    assert not refused.exists()
    assert [line.rule for line in await read(engine)] == [STRAYS, *told]


@pytest.mark.asyncio
async def test_what_is_due_is_only_told(engine: AsyncEngine, tmp_path: Path) -> None:
    """A dry run removes nothing and writes no evidence."""
    call = Canary(1, age_days=2)
    await fill(engine, tmp_path, call)
    leave(tmp_path, STRAY, age_days=1.5)
    told = await due(engine, keeping(tmp_path, recordings=1, text=1), NOW)
    assert [each.rule for each in told if each.counts] == [
        "recordings older than 1 day",
        "text older than 1 day",
        STRAYS,
    ]
    assert await counted(engine, call.call_sid) == WHOLE
    assert files(tmp_path) == {call.recording, STRAY}
    assert await read(engine) == []


@pytest.mark.asyncio
async def test_a_gateway_writes_on_while_things_go(
    engine: AsyncEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both wait for each other: what is due is gone, what was told is there."""
    monkeypatch.setattr(retention, "BATCH", 1)
    live = Canary(9, state="live", recorded=False)
    old = [Canary(number, age_days=500) for number in range(8)]
    await fill(engine, settings.data_dir, *old, live)
    writer = Writer(settings, Journal(settings.data_dir / "journal"), clerk_of(settings))
    writer.start()
    seqs = iter(range(10, 1000))

    def tell(_: Purged) -> None:
        seq = next(seqs)
        note = Change("notes", {"number": seq}, {"text": "heard"})
        writer.put(Entry(live.call_sid, seq, (note,)))

    tell(Purged("", {}))
    assert await writer.durable(timeout_s=10)
    purged = await purge(engine, settings, NOW, tell)
    writer.stop(limit_s=10)
    assert counts(purged)["calls older than 400 days"]["calls"] == 8
    assert (await counted(engine, live.call_sid))["notes"] == 11


LIMITS = st.sampled_from([0.0, 1.0, 10.0, 100.0])
CALLS = st.lists(
    st.tuples(
        st.sampled_from([0.5, 5.0, 50.0, 500.0]),
        st.sampled_from(["ended", "ended", "live", "away"]),
        st.sampled_from(["pending", "delivered", "dead"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@hypothesis.settings(deadline=None, max_examples=30)
@given(CALLS, LIMITS, LIMITS, LIMITS)
def test_what_is_due_is_what_goes(
    given_calls: list[tuple[float, str, str, bool]], recordings: float, text: float, calls: float
) -> None:
    """Whatever the limits: a dry run tells the truth, and afterwards nothing is due."""

    async def live(folder: Path) -> None:
        settings = keeping(folder, recordings=recordings, text=text, calls=calls)
        engine = await made(settings)
        canaries = [
            Canary(number, age_days=age, state=state, delivery=delivery, recorded=recorded)
            for number, (age, state, delivery, recorded) in enumerate(given_calls)
        ]
        await fill(engine, folder, *canaries)
        told = await due(engine, settings, NOW)
        assert await purge(engine, settings, NOW) == told
        assert counts(await due(engine, settings, NOW)) == {}
        for each in canaries:
            kept = each.recorded and (
                each.state != "ended"
                or all(not limit or each.age_days < limit for limit in (recordings, calls))
            )
            assert (each.recording in files(folder)) is kept
        await engine.dispose()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder)))


@pytest.mark.asyncio
async def test_old_calls_we_placed_go(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that never became a call; not one that has not ended."""
    monkeypatch.setattr(retention, "BATCH", 2)
    old, young = NOW - timedelta(days=401), NOW - timedelta(days=399)
    for number in range(3):
        await write_down(engine, f"old {number}", created_at=old, ended_at=old)
    await write_down(engine, "never began", created_at=old, ended_at=None)
    await write_down(engine, "open", created_at=old, ended_at=None, state="unknown")
    await write_down(engine, "young", created_at=old, ended_at=young)
    settings = keeping(tmp_path, calls=400)
    gone = {"placed calls older than 400 days": {"dials": 4}}
    assert counts(await due(engine, settings, NOW)) == gone
    assert len(await ids(engine)) == 6
    heard: list[Purged] = []
    assert counts(await purge(engine, settings, NOW, heard.append)) == gone
    assert [each.counts["dials"] for each in heard] == [2, 4]
    assert await ids(engine) == ["open", "young"]
    assert [line.counts for line in await read(engine)] == [{"dials": 4}]
    assert counts(await purge(engine, keeping(tmp_path), NOW + timedelta(days=9999))) == {}


@pytest.mark.asyncio
async def test_a_call_goes_with_how_it_was_placed(engine: AsyncEngine, tmp_path: Path) -> None:
    """Both are as old, and nobody would know what the one without the other was."""
    old = Canary(1, age_days=401)
    await fill(engine, tmp_path, old)
    await write_down(engine, "its", created_at=NOW, ended_at=NOW, call_sid=old.call_sid)
    purged = await purge(engine, keeping(tmp_path, calls=400), NOW)
    rows = {"recordings": 1, **WHOLE, "dials": 1}
    assert counts(purged) == {"calls older than 400 days": rows}
    assert await ids(engine) == []


@pytest.mark.asyncio
async def test_the_audit_trail_goes_with_the_calls(engine: AsyncEngine, tmp_path: Path) -> None:
    """As old as they may be, in batches; younger lines stay, and so do all without a limit."""
    async with engine.begin() as connection:
        for number in range(450):
            age = timedelta(days=401 if number < 449 else 399)
            row = {"id": f"{number:04}", "at": NOW - age, "who": "anna", "action": "hang_up"}
            await connection.execute(insert(audit).values(row))
    assert counts(await purge(engine, keeping(tmp_path), NOW)) == {}
    gone = {"audit trail older than 400 days": {"audit": 449}}
    assert counts(await due(engine, keeping(tmp_path, calls=400), NOW)) == gone
    assert counts(await purge(engine, keeping(tmp_path, calls=400), NOW)) == gone
    async with engine.connect() as connection:
        assert (await connection.execute(select(audit.c.id))).scalars().all() == ["0449"]
    assert [(each.rule, each.counts) for each in await read(engine)] == list(gone.items())
