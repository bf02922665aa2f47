"""The kill switch: open until somebody closes it, for every process."""

from datetime import timedelta

import pytest

from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.switch import Position, Switch
from tests.store.asks import NOON
from tests.store.databases import made


@pytest.mark.asyncio
async def test_it_is_closed_and_opened(settings: Settings) -> None:
    """By one process, seen by another; each with its moment and reason."""
    engine, other = await made(settings), open_database(settings)
    switch, seen = Switch(engine), Switch(other)
    assert await seen.position() == Position()
    await switch.close("x" * 1000, NOON)
    await switch.close("a complaint", NOON)
    assert await seen.is_closed()
    assert await seen.position() == Position(True, NOON, "a complaint")
    await switch.open(NOON + timedelta(hours=1))
    assert not await seen.is_closed()
    assert await seen.position() == Position(False, NOON + timedelta(hours=1), None)
    for each in (engine, other):
        await each.dispose()


@pytest.mark.asyncio
async def test_there_may_be_others(settings: Settings) -> None:
    """They do not know of each other."""
    engine = await made(settings)
    await Switch(engine, "something").close(None, NOON)
    assert not await Switch(engine).is_closed()
    await engine.dispose()
