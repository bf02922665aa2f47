"""Calls of requests that nobody answered: found, or surely never made."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.dialstate import News
from gateway.ops.placing.search import NOT_FOUND, Search, is_lost, news_of
from gateway.ops.rest import CarrierUnknown
from tests.ops.placing.room import OTHER, WAITS, HandCarrier, Room, room

SID = "CA" + "1" * 32
HOUR = timedelta(hours=1)


def search(here: Room) -> Search:
    """A search in that room."""
    return Search(here.book, here.carrier.rest, lambda _: False, WAITS)


@pytest.mark.asyncio
async def test_the_call_is_found_and_so_is_how_far_it_is(tmp_path: Path) -> None:
    """With its SID and its state."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        here.carrier.make(SID, status="ringing")
        await search(here).run(dial.id)
        assert (here.now(dial).call_sid, here.now(dial).state) == (SID, "ringing")


@pytest.mark.asyncio
async def test_it_may_appear_late(tmp_path: Path) -> None:
    """It is looked for again and again; a carrier that fails meanwhile says nothing."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        here.carrier.looks = [None, CarrierUnknown("cut off"), None]
        looking = asyncio.create_task(search(here).run(dial.id))
        await here.until(lambda: not here.carrier.looks)
        here.carrier.make(SID, status="in-progress")
        await looking
        assert (here.now(dial).call_sid, here.now(dial).state) == (SID, "answered")


STRANGERS: list[dict[str, Any]] = [
    {"to": OTHER},
    {"from_": "+12025550199"},
    {"direction": "inbound"},
]


@pytest.mark.asyncio
@pytest.mark.parametrize("stranger", STRANGERS)
async def test_what_is_not_ours_is_not_taken(tmp_path: Path, stranger: dict[str, Any]) -> None:
    """Another phone, another number of ours, somebody who called: then it was never made."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        here.carrier.make(SID, **stranger)
        await search(here).run(dial.id)
        now = here.now(dial)
        assert (now.state, now.outcome, now.reason) == ("ended", "unknown", NOT_FOUND)


@pytest.mark.asyncio
async def test_a_call_belongs_to_one_dial(tmp_path: Path) -> None:
    """One that has its call already keeps it, whoever else looks for one to the same phone."""
    async with room(tmp_path) as here:
        first = await here.sending()
        here.carrier.make(SID)
        await here.book.placed(first.id, SID)
        second = await here.sending()
        later = "CA" + "2" * 32
        here.carrier.make(later)
        await search(here).run(second.id)
        assert here.now(second).call_sid == later


@pytest.mark.asyncio
async def test_a_call_that_was_made_for_something_else_is_not_taken(tmp_path: Path) -> None:
    """Though it is between the same numbers."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        here.carrier.make(SID)
        await Search(here.book, here.carrier.rest, lambda sid: sid == SID, WAITS).run(dial.id)
        assert (here.now(dial).outcome, here.now(dial).call_sid) == ("unknown", None)


@pytest.mark.asyncio
async def test_nothing_is_concluded_from_silence(tmp_path: Path) -> None:
    """While the carrier cannot be asked, nobody knows; it ends when it says that there is none."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        here.carrier.looks = [CarrierUnknown("cut off")] * 30
        looking = asyncio.create_task(search(here).run(dial.id))
        await here.until(lambda: len(here.carrier.looks) < 5)
        assert is_lost(here.now(dial))
        await looking
        assert here.now(dial).outcome == "unknown"
        assert here.carrier.looks == []


@pytest.mark.asyncio
async def test_a_callback_says_it_better(tmp_path: Path) -> None:
    """Then nobody looks any more."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        looking = asyncio.create_task(search(here).run(dial.id))
        news = News(at=datetime.now(UTC), status="initiated", sequence=0, call_sid=SID)
        await here.book.heard(dial.id, news)
        await looking
        assert (here.now(dial).call_sid, here.now(dial).state) == (SID, "queued")


@pytest.mark.asyncio
async def test_another_process_may_have_been_told(tmp_path: Path) -> None:
    """It has its call, which cannot be found any more by anybody else: it is not given up."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        news = News(at=datetime.now(UTC), status="ringing", sequence=1, call_sid=SID)
        await here.dials.heard(dial.id, news)
        assert is_lost(here.now(dial))
        await search(here).run(dial.id)
        assert (here.now(dial).state, here.now(dial).outcome) == ("ringing", None)


@pytest.mark.asyncio
async def test_what_the_carrier_says_later_corrects_it(tmp_path: Path) -> None:
    """It was given up, and then there is news of it after all: the outcome is the true one."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        await search(here).run(dial.id)
        news = News(at=datetime.now(UTC), status="completed", sequence=3, call_sid=SID)
        await here.book.heard(dial.id, news)
        assert (here.now(dial).outcome, here.now(dial).call_sid) == ("completed", SID)


@pytest.mark.asyncio
async def test_an_answer_becomes_news() -> None:
    """The end has its own moment; what goes on is as of now."""
    carrier, ended_at = HandCarrier(), datetime.now(UTC) - HOUR
    over = news_of(carrier.make(SID, status="completed", ended_at=ended_at, duration_s=7))
    assert (over.at, over.status, over.duration_s, over.sequence, over.call_sid) == (
        ended_at,
        "completed",
        7,
        None,
        SID,
    )
    live = news_of(carrier.make(SID, answered_by="human"))
    assert live.at > ended_at
    assert live.answered_by == "human"
