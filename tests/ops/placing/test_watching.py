"""Calls of which nothing is heard, and legs that nobody here knows."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog.testing

from gateway.call.call import Call
from gateway.call.registry import Registry
from gateway.core.dialstate import News
from gateway.ops.placing.watching import UNKNOWN_THERE, Watching
from gateway.ops.rest import CarrierUnknown
from gateway.store.dials import Dial
from tests.ops.placing.room import WAITS, Room, room

SID = "CA" + "1" * 32
LONG_AGO = timedelta(hours=1)


class Scene:
    """A watch in a room."""

    def __init__(self, here: Room) -> None:
        self.registry = Registry(5)
        self.searched: list[str] = []
        self.elsewhere: set[str] = set()
        self.watch = Watching(
            here.book,
            here.carrier.rest,
            self.registry,
            lambda dial: self.searched.append(dial.id),
            lambda sid: sid in self.elsewhere,
            WAITS,
        )
        here.book.on_change = self.watch.heard_of

    def came(self, sid: str) -> Call:
        """A call is on the line."""
        offer = SimpleNamespace(call_sid=sid, errand=None)
        call = cast(Call, SimpleNamespace(offer=offer))
        self.registry.add(call)
        return call

    def went(self, call: Call, reason: str) -> None:
        """It is over here."""
        self.registry.remove(call, reason, time.monotonic())


async def under_way(here: Room, status: str) -> Dial:
    """A call the carrier has, as far as we know."""
    dial = await here.sending()
    here.carrier.make(SID, status=status)
    await here.book.placed(dial.id, SID)
    await here.book.heard(dial.id, News(at=datetime.now(UTC), status=status, call_sid=SID))
    return dial


@pytest.mark.asyncio
async def test_news_that_are_late_are_asked_for(tmp_path: Path) -> None:
    """The end was never told. A call that rings within its time is left in peace."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        dial = await under_way(here, "ringing")
        here.carrier.turn(SID, "no-answer")
        await scene.watch.look()
        assert here.now(dial).state == "ringing"
        scene.watch.expect(dial)
        await scene.watch.look()
        assert (here.now(dial).state, here.now(dial).outcome) == ("ended", "no_answer")


@pytest.mark.asyncio
async def test_what_was_open_before_this_process_is_asked_for_at_once(tmp_path: Path) -> None:
    """Whatever was told while nobody listened."""
    async with room(tmp_path) as here:
        dial = await under_way(here, "ringing")
        scene = Scene(here)
        here.carrier.turn(SID, "in-progress")
        await scene.watch.look()
        assert here.now(dial).state == "answered"


@pytest.mark.asyncio
async def test_a_call_that_is_over_here_is_asked_for(tmp_path: Path) -> None:
    """Not while it is on the line; and the leg of one that ended here is ended there."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        call = scene.came(SID)
        dial = await under_way(here, "in-progress")
        await asyncio.sleep(WAITS.overdue_s * 1.5)
        here.carrier.looks = [CarrierUnknown("would be asked")]
        await scene.watch.look()
        assert len(here.carrier.looks) == 1
        here.carrier.looks = []
        scene.went(call, "agent_hung_up")
        await scene.watch.look()
        assert here.carrier.ended == [SID]
        scene.watch.expect(dial)
        await scene.watch.look()
        assert here.now(dial).outcome == "completed"


@pytest.mark.asyncio
async def test_who_was_transferred_talks_on(tmp_path: Path) -> None:
    """The call is over for us, and nobody cuts it off."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        call = scene.came(SID)
        dial = await under_way(here, "in-progress")
        scene.went(call, "transferred")
        scene.watch.expect(dial)
        await scene.watch.look()
        assert (here.carrier.ended, here.now(dial).state) == ([], "answered")


@pytest.mark.asyncio
async def test_a_call_the_carrier_does_not_know_is_over(tmp_path: Path) -> None:
    """404; a carrier that fails says nothing of it."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        dial = await under_way(here, "ringing")
        del here.carrier.calls[SID]
        scene.watch.expect(dial)
        here.carrier.looks = [CarrierUnknown("cut off")]
        await scene.watch.look()
        assert here.now(dial).state == "ringing"
        await scene.watch.look()
        assert (here.now(dial).outcome, here.now(dial).reason) == ("unknown", UNKNOWN_THERE)


@pytest.mark.asyncio
async def test_lost_requests_are_searched_for(tmp_path: Path) -> None:
    """After a crash nobody else does."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        dial = await here.sending()
        await scene.watch.look()
        assert scene.searched == [dial.id]


# Orphans


async def ended(here: Room, at: datetime, outcome: str = "canceled") -> Dial:
    """A dial that is over, whose call is not."""
    dial = await here.sending()
    here.carrier.make(SID, status="in-progress")
    await here.book.placed(dial.id, SID)
    await here.book.ended(dial.id, outcome)
    async with here.engine.begin() as connection:
        when = at.strftime("%Y-%m-%d %H:%M:%S.%f")
        await connection.exec_driver_sql(f"UPDATE dials SET ended_at = '{when}'")
    here.book.forget(dial.id)
    return dial


@pytest.mark.asyncio
async def test_a_leg_of_a_dial_that_is_over_is_ended(tmp_path: Path) -> None:
    """It is certainly ours, and nobody needs it; one that ended just now is given its time."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        await ended(here, datetime.now(UTC) + LONG_AGO)
        await scene.watch.sweep()
        assert here.carrier.ended == []
    async with room(tmp_path / "other") as here:
        scene = Scene(here)
        await ended(here, datetime.now(UTC) - LONG_AGO)
        await scene.watch.sweep()
        assert here.carrier.ended == [SID]


@pytest.mark.asyncio
async def test_whom_somebody_gave_up_is_not_hung_up_on(tmp_path: Path) -> None:
    """Nobody knew which call came of it: it may be on the line of another process."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        await ended(here, datetime.now(UTC) - LONG_AGO, "unknown")
        await scene.watch.sweep()
        assert here.carrier.ended == []


@pytest.mark.asyncio
async def test_what_is_on_the_line_is_no_orphan(tmp_path: Path) -> None:
    """Whatever its dial says."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        scene.came(SID)
        await ended(here, datetime.now(UTC) - LONG_AGO)
        await scene.watch.sweep()
        assert here.carrier.ended == []


@pytest.mark.asyncio
async def test_what_was_made_for_something_else_is_no_orphan(tmp_path: Path) -> None:
    """A colleague who is asked to take a call: nothing is told of them, and nobody is ended."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        scene.elsewhere.add(SID)
        here.carrier.make(SID, status="in-progress")
        with structlog.testing.capture_logs() as logs:
            await scene.watch.sweep()
        assert (here.carrier.ended, logs) == ([], [])


STRANGERS: list[dict[str, Any]] = [{}, {"direction": "inbound"}, {"direction": "outbound-dial"}]


@pytest.mark.asyncio
@pytest.mark.parametrize("stranger", STRANGERS)
async def test_what_may_be_another_programs_is_left_alone(
    tmp_path: Path, stranger: dict[str, Any]
) -> None:
    """A call without a dial is told once, if it could be ours at all; nobody's call is ended."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        here.carrier.make(SID, status="in-progress", **stranger)
        with structlog.testing.capture_logs() as logs:
            await scene.watch.sweep()
            await scene.watch.sweep()
        assert here.carrier.ended == []
        told = [each for each in logs if each["event"] == "orphan.not_ours"]
        assert len(told) == (not stranger)


@pytest.mark.asyncio
async def test_a_call_that_is_being_made_is_expected(tmp_path: Path) -> None:
    """Its answer, or the search, will say whose it is."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        await here.sending()
        here.carrier.make(SID, status="ringing")
        with structlog.testing.capture_logs() as logs:
            await scene.watch.sweep()
        assert logs == []


@pytest.mark.asyncio
async def test_a_sweep_that_fails_is_made_again(tmp_path: Path) -> None:
    """The watch goes on, whatever the carrier does."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        await ended(here, datetime.now(UTC) - LONG_AGO)
        here.carrier.looks = [CarrierUnknown("cut off")]
        running = asyncio.create_task(scene.watch.run())
        await here.until(lambda: here.carrier.ended == [SID])
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
