"""Calls that somebody wants ended, wherever they are."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog.testing

from gateway.call.call import Call
from gateway.call.registry import Registry
from gateway.core.direction import SOFTPHONE
from gateway.ops.placing.endings import Endings
from gateway.ops.placing.watching import Watching
from gateway.ops.rest import CarrierUnknown
from gateway.store.dials import Dial
from tests.ops.placing.room import ANYBODY, WAITS, Room, room

SID = "CA" + "1" * 32


class Scene:
    """What ends calls in a room."""

    def __init__(self, here: Room) -> None:
        self.here = here
        self.registry = Registry(5)
        self.endings = Endings(here.book, here.carrier.rest, self.registry)
        self.watch = Watching(
            here.book, here.carrier.rest, self.registry, lambda _: None, lambda _: False, WAITS
        )

    async def end(self, dial: Dial, *, leaving: bool = False) -> None:
        """Ends one."""
        await self.endings.end(self.here.now(dial), self.watch, leaving=leaving)

    def on_line(self, *, streams: bool, direction: str = "outbound-api") -> list[str]:
        """The call is on a line here; why it is told to end."""
        told: list[str] = []
        call = SimpleNamespace(
            offer=SimpleNamespace(call_sid=SID, errand=None, direction=direction),
            downstream=SimpleNamespace(is_open=streams),
            end=told.append,
        )
        self.registry.add(cast(Call, call))
        return told


async def placed(here: Room, **call: Any) -> Dial:
    """A dial whose call the carrier has."""
    dial = await here.sending()
    here.carrier.make(SID, **call)
    await here.book.placed(dial.id, SID)
    return dial


@pytest.mark.asyncio
async def test_what_waits_is_over_at_once(tmp_path: Path) -> None:
    """Unless the carrier is being asked for it just then."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        one, two = await here.waiting(), await here.waiting()
        await scene.end(one)
        assert (here.now(one).state, here.now(one).outcome) == ("ended", "canceled")
        await scene.end(two, leaving=True)
        assert here.now(two).state == "waiting"
        assert scene.endings.is_unwanted(two)
        scene.endings.forget(two)
        assert not scene.endings.is_unwanted(two)


@pytest.mark.asyncio
async def test_what_waited_and_was_sent_elsewhere_is_ended_as_it_is(tmp_path: Path) -> None:
    """The carrier is told; it is not written over a call that rings."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        dial, now = await here.waiting(), datetime.now(UTC)
        await here.dials.sending(dial.id, ANYBODY, now)
        await here.dials.placed(dial.id, SID, now)
        here.carrier.make(SID, status="ringing")
        await scene.end(dial)
        assert (here.now(dial).state, here.carrier.ended) == ("queued", [SID])


@pytest.mark.asyncio
async def test_what_nobody_knows_is_not_wanted(tmp_path: Path) -> None:
    """The carrier cannot be told to end it before it is known what it is."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        dial = await here.sending()
        await scene.end(dial)
        assert scene.endings.is_unwanted(dial)
        assert here.carrier.ended == []


@pytest.mark.asyncio
async def test_what_was_placed_a_moment_ago_is_ended_at_once(tmp_path: Path) -> None:
    """Its request has hardly returned, and news may be long in coming."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        dial = await placed(here)
        await scene.end(dial, leaving=True)
        assert here.carrier.ended == [SID]
        assert not scene.endings.is_unwanted(dial)


@pytest.mark.asyncio
@pytest.mark.parametrize("streams", [True, False])
async def test_a_call_on_the_line_loses_its_stream(tmp_path: Path, streams: bool) -> None:
    """Where it has none, the carrier is told."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        dial = await placed(here, status="in-progress")
        told = scene.on_line(streams=streams)
        await scene.end(dial)
        assert (told, here.carrier.ended) == (["hung_up"], [] if streams else [SID])


@pytest.mark.asyncio
async def test_of_a_softphone_the_carrier_is_told_nothing(tmp_path: Path) -> None:
    """Whether its stream is there or not."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        told = scene.on_line(streams=False, direction=SOFTPHONE)
        assert await scene.endings.call(SID, scene.registry.get(SID))
        assert (told, here.carrier.ended) == (["hung_up"], [])


@pytest.mark.asyncio
async def test_one_that_was_over_is_asked_for(tmp_path: Path) -> None:
    """Nobody had told its end; one that is known to be over is left alone."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        dial = await placed(here, status="busy")
        await scene.end(dial)
        assert here.now(dial).outcome == "busy"
        await scene.end(dial)
        assert here.carrier.ended == [SID]


@pytest.mark.asyncio
async def test_quietly_a_fault_is_a_line_of_the_log(tmp_path: Path) -> None:
    """Whoever wants it ended again asks again."""
    async with room(tmp_path) as here:
        scene = Scene(here)
        dial = await placed(here)
        here.carrier.looks = [CarrierUnknown("cut off")] * 2
        with pytest.raises(CarrierUnknown):
            await scene.end(dial)
        with structlog.testing.capture_logs() as logs:
            now = here.now(dial)
            await scene.endings.quietly(now, scene.endings.leg(now, scene.watch))
        assert [each["event"] for each in logs] == ["dial.not_ended"]
        await asyncio.sleep(0)
