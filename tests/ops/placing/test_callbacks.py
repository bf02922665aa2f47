"""Calls back: what the agent is told, what is written down, and that they are placed at their time.

The clock is the test's: nobody waits for anything.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from gateway.call.callbacks import CallbackWish
from gateway.call.context import Errand
from gateway.call.meter import Tariff
from gateway.call.reception import Reception
from gateway.call.registry import Registry
from gateway.ops.placing.callbacks import MOST, CallbackDesk, told
from gateway.ops.placing.placing import Placing
from gateway.ops.placing.tally import Tallies
from gateway.store.dials import Dial
from gateway.store.donotcall import DoNotCall
from gateway.store.switch import Switch
from tests.ops.placing.room import CALLEE, OURS, WAITS, Room, room
from tests.ops.placing.test_placing import OPEN, plan
from tests.store.databases import settings_in

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""Seven in the morning in New York, where the callee's area code is."""
TWO = "2026-11-20T14:00"
"""Local time: 19:00 UTC."""
AT_TWO = datetime(2026, 11, 20, 19, tzinfo=UTC)
MANY_ZONES = "+18002345678"


class Stage:
    """A desk in a room, and its clock."""

    def __init__(self, here: Room, **settings: Any) -> None:
        self.here = here
        self.time = NOON
        made = settings_in(Path(), **{**OPEN, "twilio_phone_number": "+12025550199", **settings})
        registry = Registry(5)
        self.placing = Placing(
            made,
            here.dials,
            here.carrier.rest,
            cast(Reception, SimpleNamespace(registry=registry)),
            plan,
            Tariff(),
            Tallies(Tariff()),
            WAITS,
            lambda: self.time,
        )
        self.desk = CallbackDesk(self.placing, here.dials, made)

    async def ask(self, when: str = TWO, **changes: Any) -> str:
        """Somebody wants to be called back."""
        return await self.desk.ask(wish(when=when, **changes))

    async def waiting(self) -> list[Dial]:
        """What is to be placed."""
        return await self.here.dials.open()

    async def over(self) -> Dial:
        """The only call, once it is over."""
        (dial,) = await self.waiting()
        await self.here.until(lambda: self._now(dial).state == "ended")
        return self._now(dial)

    def _now(self, dial: Dial) -> Dial:
        return self.placing._book.get(dial.id) or dial

    def turn(self, at: datetime) -> None:
        """It is then."""
        self.time = at
        self.placing._line.look()


def wish(**changes: Any) -> CallbackWish:
    """Of somebody in New York, who is called by the agent they talk to."""
    given = {
        "call_sid": "CA1",
        "number": CALLEE,
        "ours": OURS,
        "when": TWO,
        "timezone": "UTC",
        "agent": "assistant",
        "campaign": "",
    }
    return CallbackWish(**{**given, **changes})


@asynccontextmanager
async def stage(folder: Path, **settings: Any) -> AsyncIterator[Stage]:
    """A desk; nothing is placed before it is started."""
    async with room(folder) as here:
        made = Stage(here, **settings)
        try:
            yield made
        finally:
            await made.placing.stop()


@pytest.mark.asyncio
async def test_it_is_written_down_and_said(tmp_path: Path) -> None:
    """To the number of the call, from the number of the call, by its agent, at that time."""
    async with stage(tmp_path) as here:
        said = await here.ask(
            campaign="spring",
            errand=Errand("D0", data={"name": "Ada"}, record=False, max_minutes=3, amd="hangup"),
        )
        assert said == (
            "The caller will be called back on Friday, 20 November 2026, 14:00 "
            "(America/New_York). Tell them so."
        )
        (dial,) = await here.waiting()
        assert (dial.to, dial.from_, dial.agent, dial.campaign) == (
            CALLEE,
            OURS,
            "assistant",
            "spring",
        )
        assert (dial.by, dial.not_before, dial.state) == ("callback", AT_TWO, "waiting")
        assert (dial.record, dial.max_minutes, dial.amd) == (False, 3, "hangup")
        assert dial.data == {
            "name": "Ada",
            "callback": "yes",
            "callback_of": "CA1",
            "callback_notes": "",
        }
        assert dial.expires_at == AT_TWO + timedelta(seconds=120)


@pytest.mark.asyncio
async def test_it_is_placed_at_its_time(tmp_path: Path) -> None:
    """Not a second before; by another process when this one is gone."""
    async with stage(tmp_path) as here:
        await here.ask()
        here.placing.start()
        here.turn(AT_TWO - timedelta(seconds=1))
        other = await here.placing.ask(
            here.desk._ask(wish(number="+12025550147"), here.time, "another")
        )
        assert isinstance(other, Dial)
        await here.here.until(lambda: len(here.here.carrier.orders) == 1)
        assert here.here.carrier.orders[0].to != CALLEE
        await here.placing.stop()
        later = Stage(here.here)
        later.placing.start()
        later.turn(AT_TWO)
        await here.here.until(lambda: len(here.here.carrier.orders) == 2)
        assert here.here.carrier.orders[1].to == CALLEE
        await later.placing.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "settings", "words"),
    [
        ({"when": "2026-11-20T21:30"}, {"outbound_quiet": "21:00-08:00"}, "from 21:00 to 08:00"),
        ({"when": "2026-11-20T06:59"}, {}, "it is Friday, 20 November 2026, 07:00 (America/New_Y"),
        ({"when": "2026-12-20T15:00"}, {}, "more than 30 days"),
        ({"when": "at two"}, {}, "ISO 8601"),
        ({"number": MANY_ZONES}, {}, "several time zones"),
        ({"number": "anonymous"}, {}, "cannot be called back"),
        ({"number": "+19005550123"}, {}, "cannot be called back"),
        ({"number": "+442079460123"}, {}, "caller's country"),
        ({}, {"outbound_prefixes": ("+1303",)}, "numbers like the caller's"),
        ({"ours": "sip:x", "agent": "a"}, {"twilio_phone_number": ""}, "not the caller's"),
    ],
)
async def test_what_cannot_be_is_said_in_words(
    tmp_path: Path, changes: dict[str, Any], settings: dict[str, Any], words: str
) -> None:
    """Which an agent can pass on; nothing is written down, and no setting is named."""
    async with stage(tmp_path, **settings) as here:
        said = await here.ask(**changes)
        assert said.startswith("Not done: ")
        assert words in said
        assert "GATEWAY_" not in said
        assert await here.waiting() == []


@pytest.mark.asyncio
async def test_a_zone_that_is_said_is_enough(tmp_path: Path) -> None:
    """However many the number may be in; the route's decides when it is one of them."""
    async with stage(tmp_path) as here:
        assert "19:00 (UTC" in await here.ask("2026-11-20T19:00Z", number=MANY_ZONES)
        said = await here.ask(TWO, number=MANY_ZONES, timezone="America/Chicago", call_sid="CA2")
        assert "14:00 (America/Chicago)" in said


@pytest.mark.asyncio
async def test_lists_and_switches_hold_for_calls_back(tmp_path: Path) -> None:
    """And caps do."""
    async with stage(tmp_path, outbound_per_number=1) as here:
        blocked = DoNotCall(here.here.engine)
        await blocked.add(CALLEE, None, NOON)
        assert "list of those that are not called" in await here.ask()
        await blocked.remove(CALLEE)
        switch = Switch(here.here.engine)
        await switch.close(None, NOON)
        assert "switched off" in await here.ask()
        await switch.open(NOON)
        await here.ask()
        assert "that often" in await here.ask(call_sid="CA2")


@pytest.mark.asyncio
async def test_the_last_time_of_a_call_stands(tmp_path: Path) -> None:
    """The same one again is the same call; too many changes are refused, and the last stands."""
    async with stage(tmp_path) as here:
        first = await here.ask("2026-11-20T14:00")
        assert await here.ask("2026-11-20T14:00") == first
        hours = range(15, 15 + MOST - 1)
        for hour in hours:
            await here.ask(f"2026-11-20T{hour}:00")
        (dial,) = await here.waiting()
        assert dial.not_before == datetime(2026, 11, 20, hours[-1] + 5, tzinfo=UTC)
        assert "changed too often" in await here.ask("2026-11-20T10:00")
        assert await here.waiting() == [dial]
        await here.ask(call_sid="CA2")
        assert len(await here.waiting()) == 2


@pytest.mark.asyncio
async def test_a_time_that_is_refused_leaves_the_one_before(tmp_path: Path) -> None:
    """Whoever was promised a call gets it."""
    async with stage(tmp_path, outbound_quiet="21:00-08:00") as here:
        await here.ask()
        assert "Not done" in await here.ask("2026-11-20T22:00")
        (dial,) = await here.waiting()
        assert dial.not_before == AT_TWO


@pytest.mark.asyncio
async def test_it_is_judged_again_at_its_time(tmp_path: Path) -> None:
    """By the rules there are then. What passes by itself is waited for, as long as a call may
    wait; what forbade it is written down.
    """
    async with stage(tmp_path) as here:
        await here.ask()
        strict = Stage(here.here, outbound_quiet="13:00-15:00")
        strict.placing.start()
        strict.turn(AT_TWO)
        (dial,) = await strict.waiting()
        await here.here.until(lambda: dial.id in strict.placing._line._why)
        strict.turn(AT_TWO + timedelta(seconds=120))
        over = await strict.over()
        await strict.placing.stop()
        assert (over.outcome, here.here.carrier.orders) == ("expired", [])
        assert over.reason is not None
        assert "it is 14:00 in America/New_York" in over.reason


@pytest.mark.asyncio
async def test_what_forbids_it_for_good_ends_it(tmp_path: Path) -> None:
    """The switch, at its time."""
    async with stage(tmp_path) as here:
        await here.ask()
        await Switch(here.here.engine).close(None, NOON)
        here.placing.start()
        here.turn(AT_TWO)
        over = await here.over()
        assert (over.outcome, here.here.carrier.orders) == ("refused", [])
        assert "switched off" in (over.reason or "")


@pytest.mark.asyncio
async def test_what_was_not_taken_back_is_taken_back_when_it_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The phone rings once, whichever time stands."""
    async with stage(tmp_path) as here:
        await here.ask()

        async def away(_dial_id: str) -> None:
            raise OperationalError("", {}, OSError())

        with monkeypatch.context() as patch:
            patch.setattr(here.placing, "take_back", away)
            assert "could not be written down" in await here.ask("2026-11-20T15:00")
        assert len(await here.waiting()) == 2
        await here.ask("2026-11-20T15:00")
        (dial,) = await here.waiting()
        assert dial.not_before == AT_TWO + timedelta(hours=1)


@pytest.mark.asyncio
async def test_without_a_database_nothing_is_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told, and may call again."""
    async with stage(tmp_path) as here:

        async def away(_keys: Any) -> list[Dial]:
            raise OperationalError("", {}, OSError())

        monkeypatch.setattr(here.here.dials, "under", away)
        assert "could not be written down" in await here.ask()


def test_moments_are_told_as_somebody_would_say_them() -> None:
    """Day, date, time, zone."""
    assert told(NOON) == "Friday, 20 November 2026, 12:00 (UTC)"
