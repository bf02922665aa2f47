"""The records beside live calls: read on a thread of their own, whatever the database does."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.settings import Settings
from gateway.store.records.reader import CallFilter, Reader
from gateway.store.records.readingroom import AT_ONCE, ReadingRoom, RecordsAway
from tests.store.databases import settings_in
from tests.store.sample import recorded, sample_call

pytestmark = pytest.mark.asyncio


@contextmanager
def room_of(settings: Settings) -> Iterator[ReadingRoom]:
    """A reading room that is open."""
    records = ReadingRoom(settings)
    records.start()
    try:
        yield records
    finally:
        records.stop()


async def sids(reader: Reader) -> list[str]:
    """All calls."""
    return [call["call_sid"] for call in await reader.calls(CallFilter())]


async def test_questions_are_answered_on_another_thread(settings: Settings) -> None:
    """One connection after the other is used again."""
    await recorded(settings, sample_call("CA1"))
    seen = set()

    async def question(reader: Reader) -> list[str]:
        seen.add(threading.current_thread().name)
        return await sids(reader)

    with room_of(settings) as records:
        answers = await asyncio.gather(*(records.ask(question) for _ in range(3 * AT_ONCE)))
    assert answers == [["CA1"]] * 3 * AT_ONCE
    assert seen == {"records"}


async def test_nothing_recorded_yet_is_no_answer_and_makes_no_file(tmp_path: Path) -> None:
    """As soon as there is something, it is found."""
    settings = settings_in(tmp_path)
    with room_of(settings) as records:
        assert await records.ask(sids) is None
        assert os.listdir(tmp_path) == []
        await recorded(settings, sample_call("CA1"))
        assert await records.ask(sids) == ["CA1"]


async def test_a_database_that_is_away_is_one_clear_line(tmp_path: Path) -> None:
    """Without a password, and asked again the next time."""
    url = "postgresql://somebody:secret@127.0.0.1:1/calls"
    with room_of(settings_in(tmp_path, database_url=url)) as records:
        for _ in range(2):
            with pytest.raises(RecordsAway, match=r"^cannot read the records in 127.0.0.1:1/calls"):
                await records.ask(sids)


async def test_an_older_database_is_refused(tmp_path: Path) -> None:
    """With what is to be done."""
    with sqlite3.connect(tmp_path / "calls.db") as connection:
        connection.execute("CREATE TABLE calls (call_sid TEXT)")
    connection.close()
    with (
        room_of(settings_in(tmp_path)) as records,
        pytest.raises(RecordsAway, match="gateway db upgrade"),
    ):
        await records.ask(sids)


async def test_an_answer_that_takes_too_long_is_given_up(settings: Settings) -> None:
    """Others are answered meanwhile, and afterwards."""
    await recorded(settings, sample_call("CA1"))

    async def never(_reader: Reader) -> None:
        await asyncio.Event().wait()

    with room_of(settings) as records:
        asking = asyncio.create_task(records.ask(never, 0.05))
        assert await records.ask(sids) == ["CA1"]
        with pytest.raises(RecordsAway, match=r"did not answer in 0.05 s"):
            await asking
        assert await records.ask(sids) == ["CA1"]


async def test_stopping_ends_what_is_being_asked(settings: Settings) -> None:
    """Nobody waits for ever; a records that never started is closed, too."""
    await recorded(settings, sample_call("CA1"))
    begun = threading.Event()

    async def never(_reader: Reader) -> None:
        begun.set()
        await asyncio.Event().wait()

    records = ReadingRoom(settings)
    records.start()
    asking = asyncio.create_task(records.ask(never))
    await asyncio.to_thread(begun.wait)
    await asyncio.to_thread(records.stop)
    with pytest.raises(asyncio.CancelledError):
        await asking
    ReadingRoom(settings).stop()
