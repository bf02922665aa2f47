"""The carrier's call to a colleague, against the twin: made once, found again, ended."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.core import twiml
from gateway.ops.consulting.leg import Leg
from gateway.ops.consulting.waits import Waits
from gateway.ops.rest import Order, TwilioRest
from gateway.settings import load_settings
from gateway.sim.twilio import Callee, PhoneNumber, TwilioOptions, TwilioTwin, TwinCall
from gateway.sim.twilio.faults import RestFault, too_many_requests
from tests.call.watching import soon
from tests.ops.test_rest import waiting_line

ACCOUNT, TOKEN = "AC" + "0" * 32, "made-up"
OURS, OFFICE = "+15550001000", "+15550002000"
NOWHERE = "http://127.0.0.1:9"
ORDER = Order(OFFICE, OURS, f"{NOWHERE}/asked", f"{NOWHERE}/status", ring_s=30)
WAITS = Waits(
    request_s=1.0, create_s=0.5, again_s=0.02, found_s=0.1, farewell_s=0.1, end_again_s=0.02
)
GOODBYE = twiml.say_and_hangup("Goodbye.")


@dataclass
class Desk:
    """A carrier, and what rings with it."""

    twin: TwilioTwin
    rest: TwilioRest

    def leg(
        self,
        others: Callable[[str], bool] = lambda _sid: False,
        order: Order = ORDER,
        **waits: float,
    ) -> Leg:
        return Leg(self.rest, order, others, replace(WAITS, **waits))

    @property
    def rung(self) -> list[TwinCall]:
        return list(self.twin.calls.values())

    def asked(self, path: str) -> int:
        """How often the carrier was asked to do something there."""
        requests = [(each.method, each.path) for each in self.twin.rest_requests]
        return sum(method == "POST" and path in where for method, where in requests)


@asynccontextmanager
async def desk(*faults: RestFault, **callee: Any) -> AsyncIterator[Desk]:
    """A carrier with a colleague who rings on until somebody ends it."""
    rings = {"ring_ms": 60_000, **callee}
    options = TwilioOptions(
        ACCOUNT, TOKEN, (PhoneNumber(OURS),), other_callees=Callee(**rings), webhook_timeout_s=1
    )
    twin = TwilioTwin(options)
    await twin.start()
    settings = load_settings(
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_api_url=twin.url,
        public_url="https://voice.example.com",
    )
    rest = TwilioRest(settings, limit_s=WAITS.request_s)
    twin.faults.extend(faults)
    try:
        yield Desk(twin, rest)
    finally:
        await rest.close()
        await twin.stop()


def creating(**fault: Any) -> RestFault:
    """What the answer to a request for a call suffers."""
    return RestFault(method="POST", path="/Calls.json", **fault)


@pytest.mark.asyncio
async def test_a_call_is_known_by_what_the_carrier_answers() -> None:
    """Only that one is claimed from then on."""
    async with desk() as found:
        leg = found.leg()
        assert await leg.ring(lambda: True) == ""
        (call,) = found.rung
        assert (leg.sid, call.identity.to, call.identity.from_) == (call.sid, OFFICE, OURS)
        assert (leg.claim(call.sid), leg.claim("CA0"), leg.claim("")) == (True, False, False)


@pytest.mark.asyncio
async def test_a_busy_carrier_is_asked_again() -> None:
    """Nothing was done; until it takes too long."""
    async with desk(too_many_requests(), too_many_requests()) as found:
        assert await found.leg().ring(lambda: True) == ""
        assert (len(found.rung), found.asked("/Calls.json")) == (1, 3)
        found.twin.faults.extend(too_many_requests() for _ in range(50))
        assert await found.leg(create_s=0.2).ring(lambda: True) == "carrier-busy"
        assert len(found.rung) == 1


@pytest.mark.asyncio
async def test_a_carrier_that_is_away_is_given_up() -> None:
    """There is no connection at all."""
    async with desk() as found:
        await found.twin.stop()
        assert await found.leg(create_s=0.1).ring(lambda: True) == "carrier-away"


@pytest.mark.asyncio
async def test_nobody_is_rung_who_is_not_wanted_any_more() -> None:
    """The caller hung up while the carrier was busy."""
    async with desk(too_many_requests()) as found:
        assert await found.leg().ring(lambda: found.asked("/Calls.json") == 0) == ""
        assert found.rung == []


@pytest.mark.asyncio
async def test_what_the_carrier_refuses_is_not_asked_again() -> None:
    """A number it does not call."""
    async with desk(creating(status=400, code=21211)) as found:
        assert await found.leg().ring(lambda: True) == "refused"
        assert found.asked("/Calls.json") == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "fault", [creating(status=500, after=True), creating(cut=True, after=True)]
)
async def test_a_call_the_carrier_never_told_of_is_looked_for(fault: RestFault) -> None:
    """By its numbers; one request, one call."""
    async with desk(fault) as found:
        leg = found.leg()
        assert await leg.ring(lambda: True) == ""
        assert [call.sid for call in found.rung] == [leg.sid]
        assert found.asked("/Calls.json") == 1


@pytest.mark.asyncio
async def test_a_call_that_is_over_when_it_is_found_is_over() -> None:
    """It was refused at once."""
    async with desk(creating(status=500, after=True), outcome="failed") as found:
        leg = found.leg()
        assert await leg.ring(lambda: True) == ""
        assert leg.status == "failed"


@pytest.mark.asyncio
async def test_a_callback_tells_of_a_call_sooner() -> None:
    """Then nobody looks for it."""
    async with desk(creating(status=500)) as found:
        leg = found.leg()
        leg.claim("CA1")
        assert await leg.ring(lambda: True) == ""
        assert [request.method for request in found.twin.rest_requests] == ["POST"]


@pytest.mark.asyncio
async def test_of_two_calls_none_is_ours_and_of_others_neither() -> None:
    """What cannot be told apart is left alone; it may be somebody's conversation."""
    async with desk() as found:
        first, second = found.leg(), found.leg()
        for leg in (first, second):
            assert await leg.ring(lambda: True) == ""
        found.twin.faults.append(creating(status=500))
        assert await found.leg().ring(lambda: True) == "unknown"
        found.twin.faults.append(creating(status=500))
        sids = (first.sid, second.sid)
        assert await found.leg(lambda sid: sid in sids).ring(lambda: True) == "unknown"
        found.twin.faults.append(creating(status=500))
        third = found.leg(lambda sid: sid == first.sid)
        assert await third.ring(lambda: True) == ""
        assert third.sid == second.sid


@pytest.mark.asyncio
async def test_a_call_that_cannot_be_looked_for_is_not_known() -> None:
    """The carrier is silent altogether."""
    silent = [RestFault(status=500, method="GET") for _ in range(9)]
    async with desk(creating(status=500, after=True), *silent) as found:
        assert await found.leg().ring(lambda: True) == "unknown"


@pytest.mark.asyncio
async def test_whether_a_call_lasts_is_the_carriers_to_say() -> None:
    """One it does not know is over; when it does not answer, nothing has changed."""
    async with desk() as found:
        leg = found.leg()
        await leg.ring(lambda: True)
        assert await leg.lasts()
        found.twin.faults.extend(RestFault(status=500, method="GET") for _ in range(9))
        assert await leg.lasts()
        found.twin.faults.clear()
        (call,) = found.rung
        call.hang_up()
        await call.wait(5)
        assert not await leg.lasts()
        assert leg.status == "no-answer"
        stranger = found.leg()
        stranger.claim("CA" + "1" * 32)
        assert not await stranger.lasts()


@pytest.mark.asyncio
async def test_what_rings_stops_ringing() -> None:
    """Nobody had answered."""
    async with desk() as found:
        leg = found.leg()
        await leg.ring(lambda: True)
        await leg.end(GOODBYE)
        (call,) = found.rung
        await call.wait(5)
        assert (call.status, call.end_reason) == ("canceled", "api")


@pytest.mark.asyncio
async def test_who_has_answered_hears_a_goodbye() -> None:
    """And is hung up on by it, or by us when that takes too long."""
    async with desk(ring_ms=0) as found, waiting_line() as (url, answered):
        leg = found.leg(order=replace(ORDER, url=url))
        await leg.ring(lambda: True)
        await soon(asyncio.ensure_future(answered.wait()))
        leg.answered = True
        await leg.end(twiml.say_and_hangup("Goodbye. " * 20))
        (call,) = found.rung
        await call.wait(5)
        assert "say" in [entry.kind for entry in call.timeline]
        assert call.end_reason == "api"


@pytest.mark.asyncio
async def test_what_ends_by_itself_is_waited_for_first() -> None:
    """A goodbye is being spoken; only what does not end is ended."""
    async with desk() as found:
        leg = found.leg()
        await leg.ring(lambda: True)
        leg.ended("completed")
        await leg.end(GOODBYE, leaves=True)
        assert found.asked("/Calls/") == 0
        stuck = found.leg()
        await stuck.ring(lambda: True)
        await stuck.end(GOODBYE, leaves=True)
        assert found.asked("/Calls/") == 1
        await found.leg().end(GOODBYE)  # nobody was ever rung


@pytest.mark.asyncio
async def test_a_carrier_that_fails_is_asked_until_it_ends_the_call() -> None:
    """And not for ever."""
    faults = [RestFault(status=503, method="POST", path="/Calls/") for _ in range(3)]
    async with desk() as found:
        leg = found.leg()
        await leg.ring(lambda: True)
        found.twin.faults.extend(faults)
        await leg.end(GOODBYE)
        (call,) = found.rung
        await call.wait(5)
        found.twin.faults.extend(
            RestFault(status=503, method="POST", path="/Calls/") for _ in range(99)
        )
        stuck = found.leg(end_s=0.1)
        await stuck.ring(lambda: True)
        await stuck.end(GOODBYE)
        assert not found.rung[1].is_over


@pytest.mark.asyncio
async def test_a_caller_is_fetched_back_or_hung_up_on() -> None:
    """By their own call; twice would tear them from the agent again."""
    async with desk() as found:
        caller = found.twin.place_call(OURS, voice_url=f"{NOWHERE}/voice")
        await caller.wait(5)
        leg = found.leg(fetch_s=0.1)
        await leg.fetch_back(caller.sid, f"{NOWHERE}/back")  # over: nothing to do
        assert found.asked(f"/Calls/{caller.sid}") == 1
        found.twin.faults.append(RestFault(status=500, method="POST", path=caller.sid))
        await leg.fetch_back(caller.sid, f"{NOWHERE}/back")
        assert found.asked(f"/Calls/{caller.sid}") == 2
        found.twin.faults.extend(
            RestFault(status=400, method="POST", path=caller.sid) for _ in range(99)
        )
        await leg.fetch_back(caller.sid, f"{NOWHERE}/back")
        assert 2 < found.asked(f"/Calls/{caller.sid}") < 99
        await leg.hang_up(caller.sid)
