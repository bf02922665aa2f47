"""Who may try which delivery when, and what is written of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.hooks.deliveries import LEASE_S, claim, due, listed, renew, renew_dead, settle
from gateway.store.tables import deliveries
from tests.store.databases import made, settings_in
from tests.store.outboxes import Clock, put, rows, states


class Box:
    """A database with deliveries in it."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.clock = Clock()

    async def put(self, *ids: str) -> None:
        """Deliveries that are due now."""
        await put(self.engine, self.settings, self.clock, *ids)

    async def due(self, limit: int = 99) -> list[str]:
        """The IDs of what may be tried now."""
        return [each.id for each in await due(self.engine, self.clock.now, limit)]

    async def set(self, delivery_id: str, state: str) -> None:
        """A delivery was tried, and this became of it."""
        (delivery,) = [
            each for each in await due(self.engine, self.clock.now, 99) if each.id == delivery_id
        ]
        assert await claim(self.engine, delivery, self.clock.now)
        assert await settle(self.engine, delivery, {"state": state, "error": "timeout"})


@pytest_asyncio.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """An empty one."""
    settings = settings_in(tmp_path, hook_url="https://hooks.example.com")
    engine = await made(settings)
    yield Box(engine, settings)
    await engine.dispose()


@pytest.mark.asyncio
async def test_the_first_of_each_call_is_due(box: Box) -> None:
    """The next one when the earlier is delivered or dead, the longest waiting first."""
    await box.put("CA2:1", "CA2:5")
    box.clock.move(1)
    await box.put("CA1:3", "CA1:4")
    assert await box.due() == ["CA2:1", "CA1:3"]
    assert await box.due(limit=1) == ["CA2:1"]
    await box.set("CA2:1", "dead")
    await box.set("CA1:3", "delivered")
    assert await box.due() == ["CA2:5", "CA1:4"]


@pytest.mark.asyncio
async def test_what_is_not_due_yet_holds_back_what_is_behind_it(box: Box) -> None:
    """Order is worth more than haste."""
    box.clock.move(60)
    await box.put("CA1:1")
    box.clock.move(-60)
    await box.put("CA1:2")
    assert await box.due() == []
    box.clock.move(60)
    assert await box.due() == ["CA1:1"]


@pytest.mark.asyncio
async def test_a_delivery_is_in_one_hand(box: Box) -> None:
    """Whoever saw it due, too, does not get it; and it is not due while it is in hand."""
    await box.put("CA1:1")
    now = box.clock.now
    (mine,), (theirs,) = await due(box.engine, now, 9), await due(box.engine, now, 9)
    assert (await claim(box.engine, mine, now), await claim(box.engine, theirs, now)) == (
        True,
        False,
    )
    assert await box.due() == []
    assert (await rows(box.engine))["CA1:1"]["attempts"] == 1


@pytest.mark.asyncio
async def test_many_hands_reach_for_it_at_once(box: Box) -> None:
    """One of them has it."""
    await box.put("CA1:1")
    (found,) = await due(box.engine, box.clock.now, 9)
    claims = [claim(box.engine, found, box.clock.now) for _ in range(8)]
    assert sorted(await asyncio.gather(*claims)) == [False] * 7 + [True]


@pytest.mark.asyncio
async def test_a_lease_ends(box: Box) -> None:
    """Whoever died with it in hand is not waited for longer, and the attempt counts."""
    await box.put("CA1:1")
    (first,) = await due(box.engine, box.clock.now, 9)
    assert await claim(box.engine, first, box.clock.now)
    box.clock.move(LEASE_S - 1)
    assert await box.due() == []
    box.clock.move(1)
    (second,) = await due(box.engine, box.clock.now, 9)
    assert (first.attempts, second.attempts) == (1, 2)


@pytest.mark.asyncio
async def test_who_is_late_changes_nothing(box: Box) -> None:
    """After the lease the result is that of whoever has it now."""
    await box.put("CA1:1")
    (late,) = await due(box.engine, box.clock.now, 9)
    await claim(box.engine, late, box.clock.now)
    box.clock.move(LEASE_S)
    (mine,) = await due(box.engine, box.clock.now, 9)
    await claim(box.engine, mine, box.clock.now)
    assert not await settle(box.engine, late, {"state": "dead"})
    assert await settle(box.engine, mine, {"state": "delivered"})
    assert not await settle(box.engine, mine, {"state": "dead"})
    assert await states(box.engine) == {"CA1:1": "delivered"}


@pytest.mark.asyncio
async def test_an_erased_delivery_stays_erased(box: Box) -> None:
    """Its result finds no row, and makes none."""
    await box.put("CA1:1")
    (found,) = await due(box.engine, box.clock.now, 9)
    await claim(box.engine, found, box.clock.now)
    async with box.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM deliveries")
    assert not await settle(box.engine, found, {"state": "delivered"})
    assert await rows(box.engine) == {}


@pytest.mark.asyncio
async def test_deliveries_are_listed_without_what_they_say(box: Box) -> None:
    """The newest first; of one state or one call."""
    await box.put("CA1:1", "CA1:2", "CA2:1")
    await box.set("CA1:1", "dead")
    box.clock.move(1)
    await box.put("CA3:7")
    found = await listed(box.engine)
    assert [(row["call_sid"], row["seq"]) for row in found] == [
        ("CA3", 7),
        ("CA1", 2),
        ("CA1", 1),
        ("CA2", 1),
    ]
    assert "body" not in found[0]
    assert [row["seq"] for row in await listed(box.engine, state="dead")] == [1]
    assert [row["seq"] for row in await listed(box.engine, call_sid="CA1")] == [2, 1]
    assert await listed(box.engine, "dead", "CA2") == []


@pytest.mark.asyncio
async def test_one_is_tried_again(box: Box) -> None:
    """Whatever became of it, with all its attempts."""
    await box.put("CA1:1", "CA2:1")
    await box.set("CA1:1", "dead")
    await box.set("CA2:1", "delivered")
    assert await renew(box.engine, "CA1:1", box.clock.now)
    row = (await rows(box.engine))["CA1:1"]
    assert (row["state"], row["attempts"], row["error"], row["done_at"]) == (
        "pending",
        0,
        None,
        None,
    )
    assert await box.due() == ["CA1:1"]


@pytest.mark.asyncio
@pytest.mark.parametrize("given", ["CA1:2", "CA9:1", "CA1", "", ":", "CA1:x", "CA1:²", "CA1:-1"])
async def test_there_is_no_such_delivery(box: Box, given: str) -> None:
    """Nothing is changed by an ID that is none."""
    await box.put("CA1:1")
    await box.set("CA1:1", "dead")
    assert not await renew(box.engine, given, box.clock.now)
    assert await states(box.engine) == {"CA1:1": "dead"}


@pytest.mark.asyncio
async def test_all_that_were_given_up_are_tried_again(box: Box) -> None:
    """And only those."""
    await box.put("CA1:1", "CA2:1", "CA3:1")
    for each in ("CA1:1", "CA2:1"):
        await box.set(each, "dead")
    await box.set("CA3:1", "delivered")
    assert await renew_dead(box.engine, box.clock.now) == 2
    assert await box.due() == ["CA1:1", "CA2:1"]


@pytest.mark.asyncio
async def test_what_was_purged_is_not_sent_again(box: Box) -> None:
    """A webhook whose words are gone has nothing to say."""
    await box.put("CA1:1", "CA2:1")
    for each in ("CA1:1", "CA2:1"):
        await box.set(each, "dead")
    async with box.engine.begin() as connection:
        gone = deliveries.c.call_sid == "CA1"
        await connection.execute(update(deliveries).where(gone).values(body=None))
    assert not await renew(box.engine, "CA1:1", box.clock.now)
    assert await renew_dead(box.engine, box.clock.now) == 1
    assert await box.due() == ["CA2:1"]
