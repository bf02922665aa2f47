"""How things stand for the policy, as it is counted in the database."""

from datetime import timedelta

import pytest

from gateway.core.policy import Counted
from gateway.settings import Settings
from gateway.store.dialcounts import OPEN as OPEN_STATES
from gateway.store.dialcounts import id_prefix, overview
from gateway.store.dials import Dials
from gateway.store.switch import Switch
from tests.store.asks import NOON, OPEN, ask, somebody
from tests.store.databases import made


@pytest.mark.asyncio
async def test_an_overview(settings: Settings) -> None:
    """All calls of the minute and the day, those open, the switch."""
    engine = await made(settings)
    placed = Dials(engine)
    async with engine.connect() as connection:
        assert await overview(connection, NOON) == Counted()
    late = NOON + timedelta(days=1)
    for number, minutes in enumerate((-30, -1, 0)):
        now = NOON + timedelta(minutes=minutes)
        await placed.admit(ask(somebody(number), expires_at=late), OPEN, now)
    await placed.admit(ask(not_before=NOON + timedelta(hours=1), expires_at=late), OPEN, NOON)
    await Switch(engine).close(None, NOON)
    async with engine.connect() as connection:
        found = await overview(connection, NOON)
    assert found == Counted(closed=True, minute=1, day=4, at_once=3)
    await engine.dispose()


def test_ids_are_in_order_of_time() -> None:
    """So that those of a day are found by key alone."""
    moments = [NOON + timedelta(milliseconds=10**power) for power in range(12)]
    prefixes = [id_prefix(moment) for moment in moments]
    assert prefixes == sorted(prefixes)
    assert {len(prefix) for prefix in prefixes} == {12}


def test_every_state_but_the_last_is_open() -> None:
    """An ended call takes nobody's place."""
    assert "ended" not in OPEN_STATES
    assert len(OPEN_STATES) == 6
