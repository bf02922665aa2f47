"""What numbers had before they were pointed here, on each database."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from gateway.settings import Settings
from gateway.store.pointed import Pointed, open_pointed
from gateway.store.tables import pointed
from tests.store.databases import made

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NUMBER, SID = "+15550001000", "PN1"
BEFORE = {"voice_url": "https://old.example.com/?a=ü b", "trunk_sid": ""}
AFTER = {"voice_url": "https://voice.example.com/twilio/voice", "trunk_sid": ""}


@pytest.mark.asyncio
async def test_the_newest_change_that_was_not_restored_comes_first(settings: Settings) -> None:
    """One after the other, back to what was there before all of them."""
    async with open_pointed(settings) as changes:
        assert await changes.newest(NUMBER, SID) is None
        first = await changes.add(NUMBER, SID, AT, BEFORE, AFTER)
        second = await changes.add(NUMBER, SID, AT + timedelta(days=1), AFTER, BEFORE)
        found = await changes.newest(NUMBER, SID)
        assert found is not None
        assert (found.id, found.number, found.sid, found.at) == (
            second,
            NUMBER,
            SID,
            AT + timedelta(1),
        )
        assert (found.before, found.after) == (AFTER, BEFORE)
        await changes.restored(second, AT)
        found = await changes.newest(NUMBER, SID)
        assert found is not None
        assert (found.id, found.before) == (first, BEFORE)
        await changes.restored(first, AT)
        assert await changes.newest(NUMBER, SID) is None


@pytest.mark.asyncio
async def test_a_number_is_itself_only_with_its_id(settings: Settings) -> None:
    """Other numbers, and the same one bought again, have nothing to be restored."""
    async with open_pointed(settings) as changes:
        await changes.add(NUMBER, SID, AT, BEFORE, AFTER)
        assert await changes.newest("+15550001001", SID) is None
        assert await changes.newest(NUMBER, "PN2") is None


@pytest.mark.asyncio
async def test_what_was_not_done_is_forgotten(settings: Settings) -> None:
    """And nothing else."""
    async with open_pointed(settings) as changes:
        kept = await changes.add(NUMBER, SID, AT, BEFORE, AFTER)
        await changes.forget(await changes.add(NUMBER, SID, AT, AFTER, BEFORE))
        found = await changes.newest(NUMBER, SID)
        assert found is not None
        assert found.id == kept


@pytest.mark.asyncio
async def test_the_database_is_made_when_there_is_none(settings: Settings) -> None:
    """By the same tables as everything else, so that a gateway finds it as its own."""
    async with open_pointed(settings) as changes:
        await changes.add(NUMBER, SID, AT, BEFORE, AFTER)
    engine = await made(settings)
    assert isinstance(Pointed(engine), Pointed)
    async with engine.connect() as connection:
        (row,) = (await connection.execute(select(pointed))).mappings().all()
    await engine.dispose()
    assert (row["before"], row["restored_at"]) == (BEFORE, None)
