"""Erasing: afterwards not a byte of the call is left, and every byte of the others is."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.donotcall import DoNotCall
from gateway.store.entry import Change, Entry
from gateway.store.journal.journal import Journal
from gateway.store.journal.segments import Segments
from gateway.store.journal.writer import Writer
from gateway.store.privacy import erasure as module
from gateway.store.privacy import removal
from gateway.store.privacy.busy import Busy
from gateway.store.privacy.erasable import Found, find_call, find_number
from gateway.store.privacy.erasure import DRAIN_S, Erased, Erasure
from gateway.store.privacy.evidence import Evidence, read
from gateway.store.recordings.ahead import Ahead, files_ahead
from gateway.store.tables import OF_CALLS, audit, dials, erased
from tests.store.asks import ids, write_down
from tests.store.canaries import NOW, WHOLE, Canary, counted, files, fill, sid
from tests.store.databases import made, settings_in
from tests.store.journal.test_waiting import entry, journal
from tests.store.postgres import Postgres
from tests.store.running import clerk_of

NUMBER, NAME, PIN = "+4930100200", "Annegret Zwitscher", "739104"
OURS = (
    Canary(1, caller=NUMBER),
    Canary(2, caller="+15550000001", called=NUMBER),
    Canary(3, caller=f"sip:{NUMBER}@voice.example.com", recorded=False),
)
OTHERS = (Canary(5, caller="+15550000002"), Canary(6, caller="+15550000003", recorded=False))
LIVE = Canary(7, caller="+15550000004", state="live")


class Cut(Exception):
    """The process is gone, here."""


@pytest_asyncio.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """A database with calls of several people, and all that can lie beside it."""
    engine = await made(settings)
    await fill(engine, settings.data_dir, *OURS, *OTHERS, LIVE)
    leave_files(settings.data_dir)
    yield engine
    await engine.dispose()


def leave_files(folder: Path) -> None:
    """Unfinished recordings, exports, a dead process's journal, refused entries."""
    (folder / "exports").mkdir()
    (folder / "journal").mkdir()
    for each in (*OURS, *OTHERS):
        words = f"{each.word} {NAME} {PIN}" if each in OURS else each.word
        (folder / "exports" / f"{each.call_sid}.caller.wav").write_text(words)
        for ending in (".part", ".idx", ".wav.enc"):
            if each.recorded:
                stem = folder / "recordings" / str(each.recording)
                stem.with_suffix("").with_suffix(ending).write_text(words)
    (folder / "exports" / OURS[0].call_sid).mkdir()
    (folder / "exports" / OURS[0].call_sid / "call.json").write_text(f"{OURS[0].word} {NAME}")
    (folder / "recordings" / "2026-02" / ("9" * 32 + ".wav")).write_text(NAME)
    lines = [
        entry(OTHERS[0].call_sid, reason=OTHERS[0].word),
        entry(OURS[0].call_sid, reason=f"{NAME} {PIN}"),
        entry(sid(9), caller=NUMBER, recording="2026-02/" + "9" * 32 + ".wav"),
        entry(sid(9), 2, reason=NAME),
    ]
    journal(folder / "journal", *lines, entry(OURS[1].call_sid, reason=NAME)[:-5])
    (folder / "journal" / "refused.jsonl").write_bytes(lines[1] + lines[0])


def erasure(engine: AsyncEngine, settings: Settings, **overrides: Any) -> Erasure:
    """By the number, without waiting for anybody."""
    return Erasure(engine, settings, NOW, "by number", **{"drain_s": 0.0, **overrides})


async def erase(engine: AsyncEngine, settings: Settings, **overrides: Any) -> Erased:
    """All calls of the number."""
    found = await find_number(engine, settings, NUMBER)
    return await erasure(engine, settings, **overrides).erase(found)


async def place(engine: AsyncEngine) -> None:
    """Calls to the number that we placed, or were about to; and one to somebody else."""
    data = {"name": NAME}
    await write_down(engine, "its", to_number=NUMBER, call_sid=OURS[1].call_sid, data=data)
    await write_down(engine, "busy", to_number=NUMBER, data=data, key=f"{NUMBER} in spring")
    await write_down(engine, "waits", to_number=NUMBER, data=data, state="waiting")
    await write_down(engine, "theirs")


def every_file(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of all files below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def where(folder: Path, text: str) -> list[str]:
    """The files in which a text is, or in whose names."""
    known = text.encode()
    return [name for name, content in every_file(folder) if known in content or text in name]


def assert_gone(folder: Path) -> None:
    """Nothing of the number is left in any file."""
    words = [*(each.word for each in OURS), NAME, PIN, NUMBER, NUMBER[1:]]
    assert {word: where(folder, word) for word in words} == {word: [] for word in words}
    names = {name for each in (*OURS, Canary(9)) for name in where(folder, each.call_sid)}
    assert names <= {"calls.db"}  # the tombstones


@pytest.mark.asyncio
async def test_no_byte_is_left_of_a_number(engine: AsyncEngine, settings: Settings) -> None:
    """In no file of the data dir; all that is of others is where it was."""
    folder = settings.data_dir
    await place(engine)
    stay = [
        (word, name)
        for word in (each.word for each in (*OTHERS, LIVE))
        for name in where(folder, word)
        if not name.startswith("calls.db")
    ]
    assert where(folder, NAME)
    assert where(folder, NUMBER)
    done = await erase(engine, settings)
    await engine.dispose()
    assert done.complete
    assert_gone(folder)
    assert len(stay) == 9
    assert [name in where(folder, word) for word, name in stay] == [True] * 9
    for each in (*OTHERS, LIVE):
        assert await counted(engine, each.call_sid) == WHOLE


def where_in(server: Postgres, url: str, text: str) -> list[str]:
    """The files of a database in which a text is, once all is written; and its statistics."""
    server.run(url, "CHECKPOINT")
    folder = "SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database"
    here = server.run(url, f"{folder} WHERE datname = current_database()")
    known = "SELECT tablename || '.' || attname FROM pg_stats WHERE concat(most_common_vals,"
    rows = server.run(url, f"{known} histogram_bounds) LIKE '%{text}%'")
    return where(Path(here), text) + rows.split()


@pytest.mark.system
@pytest.mark.asyncio
@pytest.mark.parametrize("others", [(), OTHERS])
async def test_no_byte_is_left_in_postgresql(
    server: Postgres, tmp_path: Path, others: tuple[Canary, ...]
) -> None:
    """In no file of the database, and not in what it knows of its columns, empty tables or not."""
    url = server.empty()
    settings = settings_in(tmp_path, database_url=url)
    engine = await made(settings)
    await fill(engine, tmp_path, *OURS, *others)
    await place(engine)
    server.run(url, "ANALYZE")
    words = [each.word for each in OURS]
    assert all(len(where_in(server, url, word)) > len(OF_CALLS) for word in words)
    words.append(NAME)
    assert where_in(server, url, NAME)
    done = await erase(engine, settings)
    assert done.complete
    assert {word: where_in(server, url, word) for word in [*words, NUMBER[1:]]} == {
        word: [] for word in [*words, NUMBER[1:]]
    }
    for each in others:
        assert where_in(server, url, each.word)
        assert await counted(engine, each.call_sid) == WHOLE
    await engine.dispose()


@pytest.mark.system
@pytest.mark.asyncio
async def test_only_the_owner_can_rewrite_a_database(server: Postgres, tmp_path: Path) -> None:
    """PostgreSQL would just leave it; the rows are gone, and it is told."""
    url = server.empty()
    owner = await made(settings_in(tmp_path, database_url=url))
    await fill(owner, tmp_path, *OURS, *OTHERS)
    await owner.dispose()
    server.run(url, "CREATE ROLE guest LOGIN")
    server.run(url, "GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
    server.run(url, "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO guest")
    settings = settings_in(tmp_path, database_url=url.replace("postgres@", "guest@"))
    engine = open_database(settings)
    done = await erase(engine, settings)
    assert done.unscrubbed == "its user does not own it: VACUUM is for its owner"
    assert (done.counts["calls"], done.complete) == (3, False)
    await engine.dispose()


@pytest.mark.asyncio
async def test_what_was_erased_is_counted_as_evidence(
    engine: AsyncEngine, settings: Settings
) -> None:
    """How much of what, and the rule; neither number nor calls."""
    done = await erase(engine, settings)
    rows = {name: 3 * count for name, count in WHOLE.items()}
    assert done.counts == {"exports": 4, "entries": 5, "recordings": 2, **rows}
    assert await read(engine) == [Evidence(NOW, "erase", "by number", done.counts)]


@pytest.mark.asyncio
async def test_each_erased_call_has_a_tombstone(engine: AsyncEngine, settings: Settings) -> None:
    """Its ID and when, so that nothing that still waits anywhere is ever written."""
    await erase(engine, settings)
    async with engine.connect() as connection:
        tombs = await connection.execute(select(erased).order_by(erased.c.call_sid))
        assert tombs.all() == [(sid(number), NOW) for number in (1, 2, 3, 9)]


@pytest.mark.asyncio
async def test_one_call_is_erased_by_its_id(engine: AsyncEngine, settings: Settings) -> None:
    """The others of the same number stay."""
    found = await find_call(engine, settings, OURS[0].call_sid)
    assert (await erasure(engine, settings).erase(found)).complete
    assert await counted(engine, OURS[0].call_sid) == {}
    assert await counted(engine, OURS[1].call_sid) == WHOLE
    assert where(settings.data_dir, OURS[0].word) == []
    assert OURS[1].recording in files(settings.data_dir)


@pytest.mark.asyncio
async def test_batches_are_one_act(
    engine: AsyncEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of evidence, and who waits hears how far it is."""
    monkeypatch.setattr("gateway.store.privacy.erasable.BATCH", 1)
    monkeypatch.setattr(module, "BATCH", 1)
    heard: list[str] = []
    await erase(engine, settings, told=heard.append)
    assert heard[:4] == [f"erasing: {number} of 4 calls are gone" for number in range(4)]
    assert [line.counts["calls"] for line in await read(engine)] == [3]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("place", "name"),
    [
        (module, "exports_of"),
        (module, "unlink"),
        (module, "drop"),
        (removal, "unlink"),
        (removal, "write"),
    ],
)
async def test_whoever_is_cut_off_can_go_on(
    engine: AsyncEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch, place: Any, name: str
) -> None:
    """Wherever that was: the number still finds what is left."""

    def cut_off(*_: Any) -> None:
        raise Cut

    monkeypatch.setattr(place, name, cut_off)
    with pytest.raises(Cut):
        await erase(engine, settings)
    assert await read(engine) == []
    monkeypatch.undo()
    assert (await erase(engine, settings)).complete
    await engine.dispose()
    assert_gone(settings.data_dir)
    assert len(await read(engine)) == 1


@pytest.mark.asyncio
async def test_an_export_that_cannot_be_deleted_stops_it(
    engine: AsyncEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its call stays to be found; nothing is written of it any more."""
    name = f"{OURS[0].call_sid}.caller.wav"

    def refuse(path: Path) -> None:
        if path.name == name:
            raise PermissionError(13, "Permission denied")
        path.unlink()

    monkeypatch.setattr(module, "remove_export", refuse)
    found = await find_call(engine, settings, OURS[0].call_sid)
    os.unlink(settings.data_dir / "exports" / OURS[0].call_sid / "call.json")
    os.rmdir(settings.data_dir / "exports" / OURS[0].call_sid)
    done = await erasure(engine, settings).erase(found)
    assert done == Erased({}, failed={f"exports/{name}": "Permission denied"})
    assert not done.complete
    assert await counted(engine, OURS[0].call_sid) == WHOLE
    monkeypatch.undo()
    again = await find_call(engine, settings, OURS[0].call_sid)
    assert (await erasure(engine, settings).erase(again)).complete
    assert where(settings.data_dir, OURS[0].word) == []


@pytest.mark.asyncio
async def test_a_recording_that_cannot_be_deleted_keeps_its_call(
    engine: AsyncEngine, settings: Settings
) -> None:
    """The other calls of the number go."""
    path = settings.data_dir / "recordings" / str(OURS[0].recording)
    os.unlink(path)
    os.mkdir(path)
    done = await erase(engine, settings)
    assert list(done.failed) == [f"recordings/{OURS[0].recording}"]
    assert await counted(engine, OURS[0].call_sid) == WHOLE
    assert await counted(engine, OURS[1].call_sid) == {}


@pytest.mark.asyncio
async def test_a_recording_on_another_disk_is_told(engine: AsyncEngine, settings: Settings) -> None:
    """Its call goes all the same."""
    stem = settings.data_dir / "recordings" / str(OURS[0].recording)
    for ending in (".wav", ".part", ".idx", ".wav.enc"):
        os.unlink(stem.with_suffix("").with_suffix(ending))
    done = await erase(engine, settings)
    assert (done.missing, done.complete) == (1, True)
    assert await counted(engine, OURS[0].call_sid) == {}


@pytest.mark.asyncio
async def test_the_journal_of_a_running_gateway_is_told(
    engine: AsyncEngine, settings: Settings
) -> None:
    """If it does not empty itself in time; when it has, the same call is gone over again."""
    owner = "b" * 32
    living = Segments(settings.data_dir / "journal" / owner)
    living.open()
    living.append(entry(OURS[0].call_sid, reason=NAME))
    done = await erase(engine, settings)
    assert (done.waiting, done.complete) == ([owner], False)
    piece = living.read()
    assert piece is not None
    living.forget(piece)
    again = await find_call(engine, settings, OURS[0].call_sid)
    assert again == Found(ended=(OURS[0].call_sid,), again=True)
    done = await erasure(engine, settings).erase(again)
    assert (done.counts, done.complete) == ({}, True)
    assert len(await read(engine)) == 1
    living.close()
    await engine.dispose()
    assert_gone(settings.data_dir)


@pytest.mark.asyncio
async def test_a_database_that_could_not_be_rewritten_is_told(
    engine: AsyncEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are gone, the bytes perhaps not."""

    async def busy(*_: Any) -> None:
        raise Busy

    monkeypatch.setattr(module, "scrub", busy)
    done = await erase(engine, settings)
    assert (done.unscrubbed, done.complete) == ("it was in use all the time", False)
    assert await counted(engine, OURS[0].call_sid) == {}


@pytest.mark.asyncio
async def test_a_running_gateway_drops_what_is_erased(
    engine: AsyncEngine, settings: Settings
) -> None:
    """What it was just writing, and what it writes later; it goes on with other calls."""
    writer = Writer(settings, Journal(settings.data_dir / "journal"), clerk_of(settings))
    writer.start()

    def tell(call_sid: str, seq: int, words: str) -> None:
        writer.put(Entry(call_sid, seq, (Change("notes", {"number": seq}, {"text": words}),)))

    tell(OURS[0].call_sid, 10, f"{OURS[0].word} {NAME}")
    assert await writer.durable(timeout_s=10)
    done = await erase(engine, settings, drain_s=20.0)
    assert done.complete
    tell(OURS[0].call_sid, 11, f"{OURS[0].word} {NAME}")
    tell(OTHERS[0].call_sid, 11, "more of it")
    writer.stop(limit_s=10)
    await engine.dispose()
    assert_gone(settings.data_dir)
    assert await counted(engine, OURS[0].call_sid) == {}
    assert (await counted(engine, OTHERS[0].call_sid))["notes"] == 3


@pytest.mark.asyncio
async def test_calls_we_placed_go_and_the_promise_stays(
    engine: AsyncEngine, settings: Settings
) -> None:
    """Counted as evidence with the rest; who is never to be called is not to be called yet."""
    await place(engine)
    await DoNotCall(engine).add(NUMBER, "asked us to", NOW)
    done = await erase(engine, settings)
    assert done.complete
    assert done.counts["dials"] == 3
    assert (await read(engine))[0].counts == done.counts
    assert await ids(engine) == ["theirs"]
    assert [each.number for each in await DoNotCall(engine).all()] == [NUMBER]


@pytest.mark.asyncio
async def test_who_never_answered_is_erased(settings: Settings) -> None:
    """There is no call of theirs, only that it was tried."""
    engine = await made(settings)
    await place(engine)
    done = await erase(engine, settings)
    assert (done.counts, done.complete) == ({"dials": 3}, True)
    assert await ids(engine) == ["theirs"]
    await engine.dispose()


@pytest.mark.asyncio
async def test_who_is_being_called_is_not_erased(settings: Settings) -> None:
    """It began after they were looked for; the next erasure finds it."""
    engine = await made(settings)
    await place(engine)
    found = await find_number(engine, settings, NUMBER)
    async with engine.begin() as connection:
        late = update(dials).where(dials.c.id == "waits").values(state="sending")
        await connection.execute(late)
    done = await erasure(engine, settings).erase(found)
    assert done.counts == {"dials": 2}
    assert await ids(engine) == ["theirs", "waits"]
    await engine.dispose()


@pytest.mark.asyncio
async def test_the_audit_trail_stays(engine: AsyncEngine, settings: Settings) -> None:
    """It says who did something to a call that is gone; there is nothing of the caller's in it."""
    await place(engine)
    row = {"id": "1", "who": "anna", "action": "hang_up", "call_sid": OURS[0].call_sid}
    async with engine.begin() as connection:
        await connection.execute(insert(audit).values(row))
    assert (await erase(engine, settings)).complete
    async with engine.connect() as connection:
        kept = (await connection.execute(select(audit.c.call_sid))).scalars().all()
    assert kept == [OURS[0].call_sid]


@pytest.mark.asyncio
async def test_what_a_running_gateway_has_ahead_is_waited_for(
    engine: AsyncEngine, settings: Settings
) -> None:
    """Its file is renewed every few seconds; it is told if it is not. That of a gateway that is
    gone is deleted.
    """
    folder = settings.data_dir / "recordings"
    stem = str(OURS[0].recording).partition(".")[0]
    living, dead = Ahead(folder), Ahead(folder)
    for each in (living, dead):
        each.add(stem, 0, b"secret")
        each.sync()
    (path,) = set(files_ahead(folder)) - {dead._path}
    os.close(dead._fd)
    done = await erase(engine, settings)
    assert files_ahead(folder) == [path]
    assert (done.ahead, done.complete) == ([path.name], False)
    again = await find_call(engine, settings, OURS[0].call_sid)
    asyncio.get_running_loop().call_later(0.1, living.renew)
    done = await replace(erasure(engine, settings), drain_s=DRAIN_S).erase(again)
    assert (done.ahead, done.complete) == ([], True)
    assert files_ahead(folder) == []
