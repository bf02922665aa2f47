"""Whose turn it is, and who has to wait for what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.call.registry import Registry
from gateway.core.policy import Rules
from gateway.ops.placing.line import TOO_LATE, WaitingLine
from gateway.ops.placing.sending import Sending
from gateway.ops.rest import CarrierUnknown
from gateway.store.dials import Dial
from gateway.store.donotcall import DoNotCall
from gateway.store.switch import Switch
from tests.ops.placing.room import ANYBODY, CALLEE, OTHER, WAITS, Room, order, room
from tests.store.databases import settings_in

LATER = timedelta(seconds=0.3)


class Scene:
    """A line in a room, and the house its calls come to."""

    def __init__(self, here: Room, seats: int, rules: Rules, per_second: float) -> None:
        self.registry = Registry(seats)
        self.unwanted: set[str] = set()
        sending = Sending(
            here.book,
            here.carrier.rest,
            lambda dial: order(to=dial.to),
            lambda dial: dial.id in self.unwanted,
            WAITS,
        )
        settings = settings_in(Path(), calls_per_second=per_second)
        self.line = WaitingLine(here.book, self.registry, sending, rules, settings, WAITS)
        here.book.on_change = self._changed

    def _changed(self, dial: Dial) -> None:
        if dial.state == "ended":
            self.registry.release(dial.id)
        self.line.look()


@asynccontextmanager
async def scene(
    folder: Path, seats: int = 10, rules: Rules = ANYBODY, per_second: float = 100
) -> AsyncIterator[tuple[Room, Scene]]:
    """A line that runs."""
    async with room(folder) as here:
        made = Scene(here, seats, rules, per_second)
        running = asyncio.create_task(made.line.run())
        try:
            yield here, made
        finally:
            running.cancel()
            await made.line.stop(5)


@pytest.mark.asyncio
async def test_those_that_wait_are_sent_in_their_order(tmp_path: Path) -> None:
    """Each has a seat before its phone rings."""
    numbers = [f"+1202555010{n}" for n in range(5)]
    async with room(tmp_path) as here:
        dials = [await here.waiting(each) for each in numbers]
        made = Scene(here, 10, ANYBODY, 10)
        running = asyncio.create_task(made.line.run())
        await here.until(lambda: all(here.now(each).state == "queued" for each in dials))
        assert [each.to for each in here.carrier.orders] == numbers
        assert all(made.registry.is_reserved(each.id) for each in dials)
        running.cancel()


@pytest.mark.asyncio
async def test_who_comes_later_wakes_the_line(tmp_path: Path) -> None:
    """An idle line sleeps until somebody looks."""
    async with scene(tmp_path) as (here, made):
        await asyncio.sleep(0.02)
        dial = await here.waiting()
        made.line.look()
        await here.until(lambda: here.now(dial).state == "queued")


@pytest.mark.asyncio
async def test_nobody_is_rung_without_a_seat(tmp_path: Path) -> None:
    """A full house lets them wait, and one that drains as well, until they are too old."""
    async with scene(tmp_path, seats=1) as (here, made):
        first = await here.waiting()
        second = await here.waiting(OTHER)
        made.line.look()
        await here.until(lambda: here.now(first).state == "queued")
        await asyncio.sleep(0.05)
        assert here.now(second).state == "waiting"
        await here.book.ended(first.id, "canceled")
        await here.until(lambda: here.now(second).state == "queued")
        made.registry.draining = True
        third = await here.waiting(expires_at=datetime.now(UTC) + LATER)
        made.line.look()
        await here.until(lambda: here.now(third).state == "ended")
        assert (here.now(third).outcome, here.now(third).reason) == ("expired", TOO_LATE)
        assert len(here.carrier.orders) == 2


@pytest.mark.asyncio
async def test_who_is_asked_for_ahead_waits(tmp_path: Path) -> None:
    """Until its time has come; others go before it meanwhile."""
    async with scene(tmp_path) as (here, made):
        at = datetime.now(UTC) + LATER
        ahead = await here.waiting(not_before=at)
        now = await here.waiting(OTHER)
        made.line.look()
        await here.until(lambda: here.now(ahead).state == "queued")
        assert [each.to for each in here.carrier.orders] == [OTHER, CALLEE]
        assert (here.now(ahead).sent_at or at) >= at
        assert here.now(now).state == "queued"


@pytest.mark.asyncio
async def test_one_phone_is_rung_by_one_request_at_a_time(tmp_path: Path) -> None:
    """Until it is known which call came of the first: nobody could tell them apart."""
    async with scene(tmp_path) as (here, made):
        here.carrier.answers = [CarrierUnknown("silence")]
        first, second = await here.waiting(), await here.waiting()
        made.line.look()
        await here.until(lambda: here.now(first).state == "unknown")
        await asyncio.sleep(0.05)
        assert here.now(second).state == "waiting"
        await here.book.ended(first.id, "unknown")
        await here.until(lambda: here.now(second).state == "queued")


@pytest.mark.asyncio
async def test_the_policy_is_asked_again(tmp_path: Path) -> None:
    """The switch, or the do-not-call list, may have changed since it was let in."""
    async with scene(tmp_path) as (here, made):
        blocked = await here.waiting(OTHER)
        await DoNotCall(here.engine).add(OTHER, None, datetime.now(UTC))
        made.line.look()
        await here.until(lambda: here.now(blocked).state == "ended")
        assert here.now(blocked).outcome == "refused"
        assert "do-not-call" in (here.now(blocked).reason or "")
        switched = await here.waiting()
        await Switch(here.engine).close(None, datetime.now(UTC))
        made.line.look()
        await here.until(lambda: here.now(switched).state == "ended")
        assert here.now(switched).outcome == "refused"
        assert here.carrier.orders == []
        assert not made.registry.is_reserved(switched.id)


@pytest.mark.asyncio
async def test_a_rule_that_passes_only_puts_off(tmp_path: Path) -> None:
    """It waits on, and its seat is free meanwhile."""
    rules = replace(ANYBODY, at_once=1)
    async with scene(tmp_path, rules=rules) as (here, made):
        first = await here.waiting()
        made.line.look()
        await here.until(lambda: here.now(first).state == "queued")
        soon = datetime.now(UTC) + timedelta(seconds=0.05)
        ahead = await here.waiting(OTHER, not_before=soon)
        made.line.look()
        await asyncio.sleep(0.15)
        assert here.now(ahead).state == "waiting"
        await here.book.ended(first.id, "canceled")
        await here.until(lambda: here.now(ahead).state == "queued")


@pytest.mark.asyncio
async def test_without_the_database_nobody_is_rung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again when there is one."""
    async with scene(tmp_path) as (here, made):
        claim, faults = here.dials.sending, [OSError("away")] * 3

        async def faulty(*words: Any) -> Dial:
            if faults:
                raise faults.pop()
            return await claim(*words)

        monkeypatch.setattr(here.dials, "sending", faulty)
        dial = await here.waiting()
        made.line.look()
        await here.until(lambda: here.now(dial).state == "queued")
        assert (faults, len(here.carrier.orders)) == ([], 1)


@pytest.mark.asyncio
async def test_another_process_may_be_quicker(tmp_path: Path) -> None:
    """What it claimed is left to it, and what was erased is forgotten."""
    async with scene(tmp_path) as (here, made):
        theirs, erased = await here.waiting(), await here.waiting(OTHER)
        await here.dials.sending(theirs.id, ANYBODY, datetime.now(UTC))
        async with here.engine.begin() as connection:
            await connection.exec_driver_sql(f"DELETE FROM dials WHERE id = '{erased.id}'")
        made.line.look()
        await here.until(lambda: here.book.get(erased.id) is None)
        await here.until(lambda: here.now(theirs).state == "sending")
        assert here.carrier.orders == []


@pytest.mark.asyncio
async def test_who_was_sent_by_another_is_not_too_late_here(tmp_path: Path) -> None:
    """A house without a seat has an old row of it; what it is by now stands."""
    async with scene(tmp_path) as (here, made):
        made.registry.draining = True
        dial = await here.waiting(expires_at=datetime.now(UTC) + LATER)
        sent = await here.dials.sending(dial.id, ANYBODY, datetime.now(UTC))
        made.line.look()
        await here.until(lambda: here.now(dial).state != "waiting")
        assert here.now(dial).state == "sending"
        assert await here.dials.get(dial.id) == sent


@pytest.mark.asyncio
async def test_the_end_waits_for_requests_under_way(tmp_path: Path) -> None:
    """So that their fate is known; not for longer than it may."""
    async with scene(tmp_path) as (here, made):
        here.carrier.gate.clear()
        dial = await here.waiting()
        made.line.look()
        await here.until(lambda: len(here.carrier.orders) == 1)
        assert made.line.is_leaving(dial.id)
        stopping = asyncio.create_task(made.line.stop(5))
        await asyncio.sleep(0.02)
        assert not stopping.done()
        here.carrier.gate.set()
        await stopping
        assert here.now(dial).state == "queued"
        assert not made.line.is_leaving(dial.id)
        here.carrier.gate.clear()
        second = await here.waiting(OTHER)
        made.line.look()
        await here.until(lambda: len(here.carrier.orders) == 2)
        await made.line.stop(0.01)
        assert here.now(second).state == "sending"
