"""The do-not-call list: who is on it stays on it until somebody takes them off."""

from datetime import timedelta

import pytest

from gateway.settings import Settings
from gateway.store.donotcall import Blocked, DoNotCall
from tests.store.asks import BERLIN, NOON, somebody
from tests.store.databases import made


@pytest.mark.asyncio
async def test_a_number_is_put_on_the_list_and_taken_off(settings: Settings) -> None:
    """Once each; the first reason is kept."""
    engine = await made(settings)
    listed = DoNotCall(engine)
    assert await listed.all() == []
    assert await listed.add(BERLIN, "asked us to", NOON)
    assert not await listed.add(BERLIN, "again", NOON + timedelta(days=1))
    assert await listed.add(somebody(1), "", NOON - timedelta(days=1))
    assert await listed.all() == [
        Blocked(somebody(1), NOON - timedelta(days=1), None),
        Blocked(BERLIN, NOON, "asked us to"),
    ]
    assert await listed.count() == 2
    assert await listed.remove(BERLIN)
    assert not await listed.remove(BERLIN)
    assert await listed.count() == 1
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_reason_may_be_long(settings: Settings) -> None:
    """Then it is cut off."""
    engine = await made(settings)
    await DoNotCall(engine).add(BERLIN, "x" * 1000, NOON)
    assert (await DoNotCall(engine).all())[0].reason == "x" * 256
    await engine.dispose()
