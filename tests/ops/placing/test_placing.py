"""The face of placing: asking, watching, hanging up, and what the carrier comes to ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.call.call import Call, Offer
from gateway.call.context import Route
from gateway.call.meter import Tariff
from gateway.call.reception import Reception
from gateway.call.registry import Registry
from gateway.call.session import AgentPlan
from gateway.core.callee import Refusal
from gateway.core.dialstate import News
from gateway.core.events import CallAnswered, CallOffered
from gateway.errors import Rejected
from gateway.ops.placing.placing import Placing
from gateway.ops.placing.tally import Tallies
from gateway.ops.rest import CarrierUnknown
from gateway.store.dials import Dial
from tests.ops.placing.room import ANYBODY, CALLEE, OTHER, WAITS, Room, asked, room
from tests.ops.placing.test_tally import ended
from tests.store.databases import settings_in

SID = "CA" + "9" * 32
OPEN: dict[str, Any] = {
    "outbound_countries": ("US",),
    "outbound_quiet": "off",
    "outbound_per_number": 100,
    "calls_per_second": 100,
    "public_url": "https://voice.example.com",
}


class Desk:
    """A service that runs in a room."""

    def __init__(self, here: Room) -> None:
        self.here = here
        self.registry = Registry(5)
        self.tallies = Tallies(Tariff())
        reception = cast(Reception, SimpleNamespace(registry=self.registry))
        self.placing = Placing(
            settings_in(Path(), **OPEN),
            here.dials,
            here.carrier.rest,
            reception,
            plan,
            Tariff(),
            self.tallies,
            WAITS,
        )
        self.book = self.placing._book

    async def ask(self, to: str = CALLEE, **changes: Any) -> Dial:
        """A call that is let in."""
        dial = await self.placing.ask(asked(to, **changes))
        assert isinstance(dial, Dial), dial
        return dial

    def now(self, dial: Dial) -> Dial:
        """The dial as it is."""
        found = self.book.get(dial.id)
        assert found is not None
        return found

    async def until(self, dial: Dial, *states: str) -> Dial:
        """The dial as soon as it is in one of these states."""
        await self.here.until(lambda: self.now(dial).state in states)
        return self.now(dial)

    async def tell(self, dial: Dial, status: str, sequence: int = 1) -> None:
        """The carrier tells."""
        now = self.now(dial)
        news = News(
            at=datetime.now(UTC), status=status, sequence=sequence, call_sid=now.call_sid or ""
        )
        await self.placing.hear(dial.id, news)

    def on_line(self, sid: str, *, streams: bool = True) -> list[str]:
        """That call is on a line here; why it is told to end."""
        told: list[str] = []
        call = SimpleNamespace(
            offer=SimpleNamespace(call_sid=sid, errand=None, campaign="", direction="inbound"),
            downstream=SimpleNamespace(is_open=streams),
            plan=SimpleNamespace(name="assistant"),
            state="live",
            end=told.append,
        )
        call.offer.caller, call.offer.called = "+1", "+2"
        self.registry.add(cast(Call, call))
        return told


def plan(_offer: Offer) -> AgentPlan:
    """An agent for everybody."""
    return cast(AgentPlan, SimpleNamespace(route=Route(max_minutes=2)))


@asynccontextmanager
async def desk(folder: Path, *, runs: bool = True) -> AsyncIterator[Desk]:
    """A service that is stopped at the end."""
    async with room(folder) as here:
        made = Desk(here)
        if runs:
            made.placing.start()
        try:
            yield made
        finally:
            await made.placing.stop()


@pytest.mark.asyncio
async def test_a_call_is_asked_for_and_placed(tmp_path: Path) -> None:
    """With a seat for it; its order has the limit of its route."""
    async with desk(tmp_path) as here:
        dial = await here.ask()
        await here.until(dial, "queued")
        assert here.registry.is_reserved(dial.id)
        (order,) = here.here.carrier.orders
        assert order.time_limit_s == 120 + 90
        await here.tell(dial, "busy")
        assert (here.now(dial).outcome, here.registry.is_reserved(dial.id)) == ("busy", False)
        view = await here.placing.view(dial.id)
        assert view is not None
        assert view["outcome"] == "busy"
        assert here.placing.views() == []


@pytest.mark.asyncio
async def test_who_asks_again_gets_the_same(tmp_path: Path) -> None:
    """And nobody is rung twice; what the rules refuse is no call."""
    async with desk(tmp_path) as here:
        first = await here.ask(key="k")
        await here.until(first, "queued")
        again = await here.ask(key="k")
        assert (again.id, again.again) == (first.id, True)
        refused = await here.placing.ask(asked("+442079460123"))
        assert isinstance(refused, Refusal)
        no_number = await here.placing.ask(asked(from_=""))
        assert isinstance(no_number, Refusal)
        await asyncio.sleep(0.02)
        assert len(here.here.carrier.orders) == 1


@pytest.mark.asyncio
async def test_what_is_open_in_the_database_goes_on(tmp_path: Path) -> None:
    """What waits is sent, what is lost is looked for, what rings has its seat."""
    async with desk(tmp_path, runs=False) as here:
        waits, lost = await here.here.waiting(), await here.here.sending(OTHER)
        rings = await here.here.sending("+12025550111")
        await here.here.book.placed(rings.id, SID)
        here.here.carrier.make(SID, "+12025550111", status="ringing")
        found = here.here.carrier.make("CA" + "8" * 32, OTHER, status="ringing")
        here.placing.start()
        await here.here.until(lambda: here.book.get(rings.id) is not None)
        assert (await here.until(waits, "queued")).call_sid
        assert (await here.until(lost, "ringing")).call_sid == found.sid
        await here.until(rings, "ringing")
        assert here.registry.is_reserved(rings.id)


@pytest.mark.asyncio
async def test_a_route_whose_money_is_spent_rings_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though there was some when the call was let in."""
    async with desk(tmp_path, runs=False) as here:
        dial = await here.ask()
        monkeypatch.setattr(Tariff, "forbids", lambda *_words: "route")
        here.placing.start()
        now = await here.until(dial, "ended")
        assert (now.outcome, here.here.carrier.orders) == ("refused", [])
        assert "GATEWAY_MAX_USD_PER_ROUTE" in (now.reason or "")


# Hanging up


@pytest.mark.asyncio
async def test_what_waits_is_canceled(tmp_path: Path) -> None:
    """Nobody is rung for it."""
    async with desk(tmp_path) as here:
        here.registry.draining = True  # nothing leaves
        dial = await here.ask()
        view = await here.placing.hang_up(dial.id)
        assert view is not None
        assert (view["state"], view["outcome"]) == ("ended", "canceled")
        assert here.here.carrier.orders == []


@pytest.mark.asyncio
async def test_what_is_being_asked_for_is_ended_when_it_is_known(tmp_path: Path) -> None:
    """The request cannot be taken back, the call can."""
    async with desk(tmp_path) as here:
        here.here.carrier.gate.clear()
        dial = await here.ask()
        await here.until(dial, "sending")
        view = await here.placing.hang_up(dial.id)
        assert view is not None
        assert view["state"] == "sending"
        with pytest.raises(Rejected, match="dial_over"):
            await here.placing.errand(dial.id, SID)
        here.here.carrier.gate.set()
        now = await here.until(dial, "ended")
        assert (now.outcome, here.here.carrier.ended) == ("canceled", [now.call_sid])


@pytest.mark.asyncio
async def test_what_rings_is_ended_by_the_carrier(tmp_path: Path) -> None:
    """Its own word for it is the outcome; again, and it is over already."""
    async with desk(tmp_path) as here:
        dial = await here.ask()
        now = await here.until(dial, "queued")
        await here.tell(dial, "ringing")
        await here.placing.hang_up(now.call_sid or "")
        assert here.here.carrier.ended == [now.call_sid]
        now = await here.until(dial, "ended")
        assert now.outcome == "canceled"
        view = await here.placing.hang_up(dial.id)
        assert view is not None
        assert (view["state"], len(here.here.carrier.ended)) == ("ended", 1)


@pytest.mark.asyncio
async def test_who_is_on_the_line_is_hung_up_on_by_the_stream(tmp_path: Path) -> None:
    """The carrier need not be asked; where there is no stream it is."""
    async with desk(tmp_path) as here:
        one, two = await here.ask(), await here.ask(OTHER)
        for dial in (one, two):
            await here.until(dial, "queued")
            await here.tell(dial, "in-progress")
        first = here.on_line(here.now(one).call_sid or "")
        second = here.on_line(here.now(two).call_sid or "", streams=False)
        await here.placing.hang_up(one.id)
        assert (first, here.here.carrier.ended) == (["hung_up"], [])
        await here.placing.hang_up(two.id)
        assert second == ["hung_up"]
        assert here.here.carrier.ended == [here.now(two).call_sid]


@pytest.mark.asyncio
async def test_calls_that_came_in_are_hung_up_too(tmp_path: Path) -> None:
    """By their CallSid; and there are none that nobody knows."""
    async with desk(tmp_path) as here:
        told = here.on_line(SID)
        view = await here.placing.hang_up(SID)
        assert view is not None
        assert (view["call_sid"], told) == (SID, ["hung_up"])
        assert [each["call_sid"] for each in here.placing.views()] == [SID]
        assert await here.placing.hang_up("CA" + "7" * 32) is None
        assert await here.placing.view("nothing") is None


@pytest.mark.asyncio
async def test_a_carrier_that_fails_is_told_of(tmp_path: Path) -> None:
    """Whoever wanted it to end knows that it may go on."""
    async with desk(tmp_path) as here:
        dial = await here.ask()
        await here.until(dial, "queued")
        here.here.carrier.looks = [CarrierUnknown("cut off")] * 5
        with pytest.raises(CarrierUnknown):
            await here.placing.hang_up(dial.id)


# The carrier


@pytest.mark.asyncio
async def test_an_errand_is_for_its_call_alone(tmp_path: Path) -> None:
    """A call that says it came of a dial is asked which; that it did is news."""
    async with desk(tmp_path) as here:
        dial = await here.ask(data={"name": "Ada"})
        now = await here.until(dial, "queued")
        with pytest.raises(Rejected, match="dial_unknown"):
            await here.placing.errand("nothing", SID)
        with pytest.raises(Rejected, match="dial_other_call"):
            await here.placing.errand(dial.id, SID)
        errand = await here.placing.errand(dial.id, now.call_sid or "")
        assert (errand.dial, errand.data) == (dial.id, {"name": "Ada"})
        await here.until(dial, "answered")


@pytest.mark.asyncio
async def test_a_dial_that_is_over_has_no_errand(tmp_path: Path) -> None:
    """But whoever was rung after all, when nobody knew, is talked to."""
    async with desk(tmp_path) as here:
        one, two = await here.ask(), await here.ask(OTHER)
        for dial in (one, two):
            await here.until(dial, "queued")
        await here.book.ended(one.id, "canceled")
        await here.book.ended(two.id, "unknown")
        with pytest.raises(Rejected, match="dial_over"):
            await here.placing.errand(one.id, here.now(one).call_sid or "")
        errand = await here.placing.errand(two.id, here.now(two).call_sid or "")
        assert errand.dial == two.id


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", ["machine", "message_left"])
async def test_what_only_the_call_knows_is_the_outcome(tmp_path: Path, reason: str) -> None:
    """The carrier would call it completed, sooner or later."""
    async with desk(tmp_path) as here:
        dial = await here.ask(amd="leave-message")
        sid = (await here.until(dial, "queued")).call_sid or ""
        await here.tell(dial, "in-progress")
        here.tallies.hear(sid, CallOffered("+1", "+2", "a", "outbound-api"))
        here.tallies.hear(sid, CallAnswered("MZ", 1.0))
        here.tallies.hear(sid, ended(reason))
        now = await here.until(dial, "ended")
        await here.tell(dial, "completed", 3)
        assert (now.outcome, here.now(dial).outcome) == (reason, reason)


@pytest.mark.asyncio
async def test_a_machine_that_took_a_call_without_a_line_is_hung_up_on(tmp_path: Path) -> None:
    """By the carrier, if that is the wish, and only then."""
    async with desk(tmp_path) as here:
        wished, other = await here.ask(amd="hangup"), await here.ask(OTHER, amd="leave-message")
        for dial in (wished, other):
            sid = (await here.until(dial, "queued")).call_sid or ""
            news = News(at=datetime.now(UTC), call_sid=sid, answered_by="machine_start")
            await here.placing.answered_by(dial.id, news, here=False)
        assert here.here.carrier.ended == [here.now(wished).call_sid]
        assert here.now(other).answered_by == "machine_start"


@pytest.mark.asyncio
async def test_no_phone_rings_on_for_a_gateway_that_is_gone(tmp_path: Path) -> None:
    """At the end those that still ring are ended, and a request that is under way is waited for."""
    async with room(tmp_path) as here:
        made = Desk(here)
        made.placing.start()
        dial = await made.ask()
        await made.until(dial, "queued")
        here.carrier.gate.clear()
        second = await made.ask(OTHER)
        await made.until(second, "sending")
        stopping = asyncio.create_task(made.placing.stop())
        await asyncio.sleep(0.02)
        assert not stopping.done()
        here.carrier.gate.set()
        await stopping
        assert set(here.carrier.ended) == {made.now(dial).call_sid, made.now(second).call_sid}


@pytest.mark.asyncio
async def test_whom_another_gateway_rang_is_left_to_it(tmp_path: Path) -> None:
    """One that starts beside it and ends at once, as when its port is taken, hangs up on nobody."""
    async with room(tmp_path) as here:
        rings = await here.sending()
        await here.book.placed(rings.id, SID)
        here.carrier.make(SID, status="ringing")
        made = Desk(here)
        made.placing.start()
        await here.until(lambda: made.registry.is_reserved(rings.id))
        await made.placing.stop()
        assert here.carrier.ended == []


@pytest.mark.asyncio
async def test_only_who_waits_is_taken_back(tmp_path: Path) -> None:
    """Nobody is rung for it; whoever may be ringing goes on."""
    async with desk(tmp_path) as here:
        later = datetime.now(UTC) + timedelta(hours=1)
        waits = await here.ask(not_before=later, expires_at=later + timedelta(minutes=1))
        rings = await here.until(await here.ask(OTHER), "queued")
        for each in (waits, rings):
            assert await here.placing.take_back(each.id) is not None
        assert (here.now(waits).outcome, here.now(rings).state) == ("canceled", "queued")
        assert await here.placing.take_back("nobody") is None


@pytest.mark.asyncio
async def test_who_was_sent_elsewhere_is_not_taken_back(tmp_path: Path) -> None:
    """Though the row in memory says that it waits."""
    async with desk(tmp_path, runs=False) as here:
        dial = await here.ask()
        sent = await here.here.dials.sending(dial.id, ANYBODY, datetime.now(UTC))
        view = await here.placing.take_back(dial.id)
        assert view is not None
        assert view["state"] == "sending"
        assert await here.here.dials.get(dial.id) == sent
