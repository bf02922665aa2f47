"""Calls back: agreed on by an agent, placed at their time, or not at all for a good reason."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.core.events import Noted
from gateway.ops.placing.callbacks import told as in_words
from gateway.sim.twilio import Callee, HangUp, Pause, TwinCall
from gateway.store.donotcall import DoNotCall
from tests.e2e.harness import LIMIT_S, NUMBER, House, told
from tests.e2e.phones import CALLEE, calling_house, outcome, rung
from tests.e2e.scenes import agents_in, calls, on_key, outputs, scene

NEW_YORK = ZoneInfo("America/New_York")
AGENT = """
greeting = "Greet."
tools = ["note", "schedule_callback", "end_call"]
"""
KNOWS = 'callback={{ data.callback | default("") }} notes={{ data.callback_notes | default("") }}'
TALKS = Callee(CALLEE, ring_ms=50, script=(Pause(ms=1500), HangUp()))


class Clock:
    """The time, ahead as far as a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """What time it is."""
        return datetime.now(UTC) + self.ahead

    def turn_to(self, at: datetime) -> None:
        """It is now then."""
        self.ahead = at - datetime.now(UTC)


class Scene:
    """A house in which somebody calls, and asks to be called back."""

    def __init__(self, running: House, clock: Clock) -> None:
        self.running = running
        self.clock = clock
        self.said: list[str] = []
        """What the agent was told by its tools in the newest call."""

    async def call(self, *keys: str) -> TwinCall:
        """Somebody calls, presses these keys one after the other, and hangs up."""
        running = self.running
        call = running.twin.place_call(NUMBER, CALLEE)
        await running.until(lambda: any(c.state == "live" for c in running.reception.registry))
        session = running.model.sessions[-1]
        for count, key in enumerate(keys, 1):
            call.press(f"{key}#")
            async with asyncio.timeout(LIMIT_S):
                while len(outputs(session)) < count:  # noqa: ASYNC110 the twin tells nobody
                    await asyncio.sleep(0.02)
        call.hang_up()
        await running.ended(call)
        self.said = outputs(session)
        return call

    def waiting(self) -> list[dict[str, Any]]:
        """What is to be placed."""
        assert self.running.placing is not None
        return self.running.placing.views()

    async def turn_to(self, at: datetime) -> None:
        """It is then, and everything that happened before is written down."""
        archive = self.running.archive
        assert archive is not None
        async with asyncio.timeout(LIMIT_S):
            while archive.status().backlog:  # noqa: ASYNC110 written on another thread
                await asyncio.sleep(0.02)
        assert self.running.placing is not None
        self.clock.turn_to(at)
        self.running.placing._line.look()


def tomorrow(at: time) -> datetime:
    """That time of the day after tomorrow in New York, where the callee's area code is."""
    day = (datetime.now(NEW_YORK) + timedelta(days=2)).date()
    return datetime.combine(day, at, NEW_YORK)


@asynccontextmanager
async def stage(folder: Path, *whens: str) -> AsyncIterator[Scene]:
    """Key 1 asks for the first of these times, 2 for the second; 9 notes something."""
    script = "".join(
        on_key(str(n), calls("schedule_callback", when=when, about="the boiler"))
        for n, when in enumerate(whens, 1)
    )
    script += on_key("9", calls("note", text="wants an offer in writing"))
    agents = agents_in(folder, a_toml=AGENT, a_md=KNOWS)
    clock = Clock()
    house = calling_house(
        folder / "kept",
        TALKS,
        options=scene(folder, script + '[greeting]\nsay = "hello"\n[otherwise]\nsay = "else"\n'),
        now=clock.now,
        agents_dir=agents,
        agent="a",
        outbound_quiet="21:00-08:00",
    )
    async with house as running:
        yield Scene(running, clock)


@pytest.mark.asyncio
async def test_whoever_asks_for_it_is_called_back_at_that_time(tmp_path: Path) -> None:
    """Not before; by the same agent, who knows that it is a call back and what was noted."""
    at = tomorrow(time(15, 30))
    async with stage(tmp_path, at.replace(tzinfo=None).isoformat()) as scene:
        running = scene.running
        call = await scene.call("1", "9")
        assert scene.said[0] == f"The caller will be called back on {in_words(at)}. Tell them so."
        assert "America/New_York" in scene.said[0]
        (view,) = scene.waiting()
        assert (view["state"], view["by"], view["to"]) == ("waiting", "callback", CALLEE)
        assert datetime.fromisoformat(view["not_before"]) == at
        await scene.turn_to(at - timedelta(seconds=30))
        assert rung(running) == []
        await scene.turn_to(at)
        ended = await outcome(running, view["id"])
        assert (ended["outcome"], ended["agent"]) == ("completed", "a")
        (back,) = rung(running)
        assert (back.identity.from_, back.identity.direction) == (NUMBER, "outbound-api")
        notes = [event.text for event in running.of(Noted, call.sid)]
        assert notes == ["the boiler", "wants an offer in writing"]
        update = told(running.model.sessions[-1], "C", "session.update")[0]
        expected = "callback=yes notes=the boiler\nwants an offer in writing"
        assert expected in update["session"]["instructions"]


@pytest.mark.asyncio
async def test_what_is_forbidden_then_is_refused_now(tmp_path: Path) -> None:
    """Quiet hours, the past, too far ahead: each in words, and nothing is to be placed."""
    whens = (
        tomorrow(time(22, 30)).replace(tzinfo=None).isoformat(),
        "2020-01-01T12:00Z",
        (datetime.now(UTC) + timedelta(days=31)).isoformat(),
        "this afternoon",
    )
    async with stage(tmp_path, *whens) as scene:
        await scene.call("1", "2", "3", "4")
        night, past, far, words = scene.said
        assert "nobody is called from 21:00 to 08:00" in night
        assert "where the caller is, it is" in past
        assert "30 days" in far
        assert "ISO 8601" in words
        assert all(each.startswith("Not done: ") for each in scene.said)
        assert scene.waiting() == []


@pytest.mark.asyncio
async def test_who_changes_their_mind_is_called_back_once(tmp_path: Path) -> None:
    """The last time stands; the same one again changes nothing."""
    first, second = tomorrow(time(10)), tomorrow(time(11))
    async with stage(tmp_path, first.isoformat(), second.isoformat()) as scene:
        await scene.call("1", "2", "2", "1")
        (view,) = scene.waiting()
        assert datetime.fromisoformat(view["not_before"]) == first
        await scene.turn_to(first)
        await outcome(scene.running, view["id"])
        await scene.turn_to(second)
        assert scene.waiting() == []
        assert len(rung(scene.running)) == 1


@pytest.mark.asyncio
async def test_it_is_judged_again_at_its_time(tmp_path: Path) -> None:
    """Whoever is on the do-not-call list by then is not rung, and it is written down why."""
    at = tomorrow(time(10))
    async with stage(tmp_path, at.isoformat()) as scene:
        running = scene.running
        await scene.call("1")
        (view,) = scene.waiting()
        assert running.placing is not None
        engine = running.placing._book.dials._engine
        await DoNotCall(engine).add(CALLEE, "asked us to", datetime.now(UTC))
        await scene.turn_to(at)
        ended = await outcome(running, view["id"])
        assert (ended["outcome"], rung(running)) == ("refused", [])
        assert "do-not-call list" in ended["words"]
