"""The dials in memory, and the way what happens to them gets into the database."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.core.dialstate import News
from gateway.ops.placing import book as book_module
from gateway.ops.placing.book import Book
from gateway.store.dials import Dial, NotToBeSent
from tests.ops.placing.room import ANYBODY, OTHER, Room, room

SID = "CA" + "1" * 32


def ringing(sid: str = SID) -> News:
    """The carrier tells that it rings."""
    return News(at=datetime.now(UTC), status="ringing", sequence=1, call_sid=sid)


@pytest.mark.asyncio
async def test_memory_and_database_say_the_same(tmp_path: Path) -> None:
    """After every step; and every step is told, once."""
    async with room(tmp_path) as here:
        told: list[str] = []
        here.book.on_change = lambda dial: told.append(dial.state)
        dial = await here.waiting()
        await here.book.sending(dial.id, ANYBODY)
        await here.book.unknown(dial.id)
        await here.book.placed(dial.id, SID)
        await here.book.heard(dial.id, ringing())
        await here.book.heard(dial.id, ringing())
        assert here.book.by_sid(SID) == here.now(dial)
        await here.book.ended(dial.id, "canceled", "w" * 500)
        assert told == ["sending", "unknown", "queued", "ringing", "ended"]
        row = here.now(dial)
        assert row == await here.dials.get(dial.id)
        assert (row.outcome, len(row.reason or ""), row.call_sid) == ("canceled", 128, SID)
        assert here.book.open() == []


@pytest.mark.asyncio
async def test_states_and_outcomes_are_counted(tmp_path: Path) -> None:
    """Each end once, however often it is told; what ended before this process is not among them."""
    async with room(tmp_path) as here:
        one, two = await here.waiting(), await here.waiting(OTHER)
        await here.book.placed(two.id, SID)
        assert here.book.states() == {"waiting": 1, "queued": 1}
        await here.book.ended(one.id, "canceled")
        await here.book.ended(one.id, "canceled")
        assert (here.book.states(), here.book.outcomes) == ({"queued": 1}, {"canceled": 1})
        later = Book(here.dials)
        await later.find(one.id)
        assert later.outcomes == {}


@pytest.mark.asyncio
async def test_what_another_process_let_in_is_found(tmp_path: Path) -> None:
    """By its ID or its CallSid; what is open is loaded at the start."""
    async with room(tmp_path) as here:
        one, two = await here.waiting(), await here.waiting(OTHER)
        await here.book.placed(two.id, SID)
        await here.book.ended(one.id, "canceled")
        later = Book(here.dials)
        assert [each.id for each in await later.load()] == [two.id]
        assert later.get(one.id) is None
        assert await later.find(one.id) == here.now(one)
        assert await later.find_sid(SID) == here.now(two)
        assert (await later.find("x"), await later.find_sid("CAx")) == (None, None)


@pytest.mark.asyncio
async def test_a_dial_is_claimed_once(tmp_path: Path) -> None:
    """Whoever comes second is told so, and knows how far it is by then."""
    async with room(tmp_path) as here:
        dial = await here.waiting()
        other = Book(here.dials)
        other.keep(dial)
        await here.book.sending(dial.id, ANYBODY)
        with pytest.raises(NotToBeSent):
            await other.sending(dial.id, ANYBODY)
        assert other.get(dial.id) == here.now(dial)


@pytest.mark.asyncio
async def test_what_happens_waits_for_a_database_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written as soon as there is one again, in the order in which it happened."""
    monkeypatch.setattr(book_module, "_AGAIN_S", 0.01)
    async with room(tmp_path) as here:
        dial = await here.sending()
        away, heard = asyncio.Event(), here.dials.heard

        async def faulty(dial_id: str, news: News) -> Dial | None:
            if not away.is_set():
                raise OSError("no database")
            return await heard(dial_id, news)

        monkeypatch.setattr(here.dials, "heard", faulty)
        writing = [
            asyncio.create_task(here.book.placed(dial.id, SID)),
            asyncio.create_task(here.book.heard(dial.id, ringing())),
        ]
        await asyncio.sleep(0.05)
        assert not any(each.done() for each in writing)
        assert here.now(dial).state == "sending"
        away.set()
        await asyncio.gather(*writing)
        assert (here.now(dial).state, here.now(dial).call_sid) == ("ringing", SID)


@pytest.mark.asyncio
async def test_a_claim_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the database nobody is rung."""
    async with room(tmp_path) as here:
        dial = await here.waiting()

        async def away(*_: Any) -> Dial:
            raise OSError("no database")

        monkeypatch.setattr(here.dials, "sending", away)
        with pytest.raises(OSError, match="no database"):
            await here.book.sending(dial.id, ANYBODY)


@pytest.mark.asyncio
async def test_older_rows_do_not_replace_newer_ones(tmp_path: Path) -> None:
    """A row that was read before something happened is not taken for the truth."""
    async with room(tmp_path) as here:
        dial = await here.waiting()
        await here.book.placed(dial.id, SID)
        assert here.book.keep(dial).state == "queued"
        assert here.now(dial).state == "queued"


@pytest.mark.asyncio
async def test_of_those_that_are_over_a_few_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory does not grow; what is forgotten is found in the database."""
    monkeypatch.setattr(book_module, "MOST_KEPT", 2)

    async def over(here: Room) -> Dial:
        dial = await here.waiting()
        await here.book.ended(dial.id, "canceled")
        return dial

    async with room(tmp_path) as here:
        first, second, third = [await over(here) for _ in range(3)]
        assert [here.book.get(each.id) is None for each in (first, second, third)] == [
            True,
            False,
            False,
        ]
        assert (await here.book.find(first.id)) is not None
        here.book.forget(third.id)
        assert here.book.get(third.id) is None


@pytest.mark.asyncio
async def test_what_was_erased_is_gone(tmp_path: Path) -> None:
    """Memory shows nothing that the database has not any more."""
    async with room(tmp_path) as here:
        dial = await here.waiting()
        await here.book.placed(dial.id, SID)
        await here.book.ended(dial.id, "canceled")
        assert await here.book.find_sid(SID) == here.now(dial)
        async with here.engine.begin() as connection:
            await connection.exec_driver_sql("DELETE FROM dials")
        assert await here.book.find(dial.id) is None
        assert await here.book.find_sid(SID) is None
        assert here.book.get(dial.id) is None


@pytest.mark.asyncio
async def test_what_others_left_is_taken_in(tmp_path: Path) -> None:
    """What waits, and what the carrier has; a request that may be under way is theirs."""
    async with room(tmp_path) as here:
        waits, lost = await here.waiting(), await here.sending(OTHER)
        rings = await here.sending("+12025550111")
        await here.book.placed(rings.id, SID)
        later = Book(here.dials)
        await later.look()
        assert {each.id for each in later.open()} == {waits.id, rings.id}
        assert later.get(lost.id) is None


@pytest.mark.asyncio
async def test_only_who_waits_is_dropped(tmp_path: Path) -> None:
    """What another process has taken is taken in as it is."""
    async with room(tmp_path) as here:
        waits, taken = await here.waiting(), await here.waiting(OTHER)
        await here.dials.sending(taken.id, ANYBODY, datetime.now(UTC))
        for each in (waits, taken):
            await here.book.dropped(each.id, "refused", "x" * 200)
        assert (here.now(waits).outcome, len(here.now(waits).reason or "")) == ("refused", 128)
        assert (here.now(taken).state, here.now(taken).outcome) == ("sending", None)
