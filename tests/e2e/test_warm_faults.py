"""A carrier that is busy, failing, silent or lying while a colleague is asked: one ring, never two,
and a caller who is with somebody in the end.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import CallEnded, TransferFailed
from gateway.ops.consulting.consults import Consults
from gateway.ops.consulting.waits import Waits
from gateway.sim.twilio.faults import RestFault, too_many_requests
from gateway.sim.twilio.options import Outcome
from tests.call.watching import until
from tests.e2e.harness import House, hears
from tests.e2e.scenes import line, outputs, session_of
from tests.e2e.test_warm_transfer import (
    CALLER,
    HUMAN,
    OFFICE,
    alone,
    asking,
    at_the_desk,
    back,
    kinds,
    leg_of,
)

QUICK = Waits(request_s=1.5, again_s=0.05, found_s=0.5, create_s=1.0)


def creating(**fault: Any) -> RestFault:
    """What the carrier's answer to the next request for a call suffers."""
    return RestFault(method="POST", path="/Calls.json", **fault)


def creates(running: House) -> int:
    """How often the carrier was asked to ring somebody."""
    return sum(
        (request.method, request.path.endswith("/Calls.json")) == ("POST", True)
        for request in running.twin.rest_requests
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "fault",
    [
        creating(status=500, after=True),
        creating(cut=True, after=True),
        creating(delay_s=2.5, after=True),
        creating(delay_s=1.0),
        None,
    ],
    ids=["500", "cut", "silence", "slow", "429"],
)
async def test_a_colleague_is_rung_once_whatever_the_carrier_answers(
    tmp_path: Path, fault: RestFault | None
) -> None:
    """The call was made: it is known by its callbacks, and goes on as if nothing had happened."""
    faults = [too_many_requests(), too_many_requests()] if fault is None else [fault]
    async with asking(tmp_path, faults=faults, consult_waits=QUICK) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        leg.press("1")
        await call.until("conference", 10)
        call.say(CALLER)
        leg.say(HUMAN)
        await until(lambda: HUMAN in call.heard and CALLER in leg.heard, 20)
        await running.until(lambda: bool(running.of(CallEnded, call.sid)))
        assert await leg_of(running) is leg
        assert creates(running) == (3 if fault is None else 1)


@pytest.mark.asyncio
async def test_fifteen_seconds_of_silence_are_one_ring(tmp_path: Path) -> None:
    """With the limits as they are: the carrier made the call and never said so."""
    fault = creating(delay_s=17, after=True)
    async with asking(tmp_path, faults=[fault]) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        begun = time.monotonic()
        leg.press("1")
        await running.until(lambda: bool(running.of(CallEnded, call.sid)))
        assert running.of(CallEnded, call.sid)[0].reason == "transferred"
        assert time.monotonic() - begun < 15  # nobody waited for that answer
        assert (await leg_of(running), creates(running)) == (leg, 1)


# No callback ever comes


@pytest.fixture
def no_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The carrier keeps to itself how its calls go."""
    monkeypatch.setattr(Consults, "told", lambda *_: None)


SHORT = replace(QUICK, ring_grace_s=0.5, key_grace_s=0.0, meet_s=0.5, return_s=0.3, farewell_s=6.0)


@pytest.mark.asyncio
@pytest.mark.usefixtures("no_callbacks")
async def test_a_call_that_no_callback_tells_of_is_looked_up_once(tmp_path: Path) -> None:
    """By both numbers; it is rung no second time, and taken for what it is."""
    fault = creating(status=500, after=True)
    async with asking(tmp_path, faults=[fault], ring_ms=1500, consult_waits=SHORT) as (
        running,
        call,
    ):
        leg = await leg_of(running)
        await leg.until("say", 10)
        leg.press("1")
        await running.until(lambda: bool(running.of(CallEnded, call.sid)))
        assert running.of(CallEnded, call.sid)[0].reason == "transferred"
        asked = [(r.method, r.query) for r in running.twin.rest_requests if r.query]
        assert [method for method, query in asked if ("To", OFFICE) in query] == ["GET"]
        assert creates(running) == 1


@pytest.mark.asyncio
@pytest.mark.usefixtures("no_callbacks")
@pytest.mark.parametrize(("outcome", "ring_ms"), [("busy", 50), ("no-answer", 50)])
async def test_time_tells_what_no_callback_does(
    tmp_path: Path, outcome: Outcome, ring_ms: int
) -> None:
    """Nobody answered in time, whatever the carrier knows."""
    async with asking(tmp_path, outcome, ring_ms=ring_ms, consult_waits=SHORT) as (running, call):
        assert await back(running, call) == "no-answer"


@pytest.mark.asyncio
@pytest.mark.usefixtures("no_callbacks")
async def test_who_hung_up_unnoticed_presses_no_key(tmp_path: Path) -> None:
    """The time for the key is over at last."""
    async with asking(tmp_path, consult_waits=SHORT) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        leg.hang_up()
        assert await back(running, call) == "no-key"


@pytest.mark.asyncio
@pytest.mark.usefixtures("no_callbacks")
async def test_who_left_the_room_unnoticed_is_asked_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The carrier is asked whether they are still there, and the caller is fetched back."""
    alone(monkeypatch, lambda: running)
    async with asking(tmp_path, consult_waits=SHORT) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        leg.press("1")
        assert await back(running, call, streams=2) == "hung-up"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (creating(status=400, code=21211, message="no such number"), "refused"),
        (creating(status=500), "unknown"),
        (creating(cut=True), "unknown"),
    ],
)
async def test_a_colleague_who_cannot_be_rung_is_not_rung(
    tmp_path: Path, fault: RestFault, reason: str
) -> None:
    """The agent is told why; nobody is rung by a second attempt."""
    async with asking(tmp_path, faults=[fault], consult_waits=QUICK) as (running, call):
        assert await back(running, call) == reason
        assert creates(running) == 1
        assert len(running.twin.calls) == 1


@pytest.mark.asyncio
async def test_a_carrier_that_stays_busy_is_given_up(tmp_path: Path) -> None:
    """The caller does not wait for ever."""
    faults = [too_many_requests() for _ in range(100)]
    async with asking(tmp_path, faults=faults, consult_waits=QUICK) as (running, call):
        assert await back(running, call) == "carrier-busy"
        running.twin.faults.clear()
        assert len(running.twin.calls) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("told_of", [True, False])
async def test_a_call_that_appears_when_it_was_given_up_is_ended(
    tmp_path: Path, told_of: bool
) -> None:
    """The carrier does at last what it had been silent about: told of by a callback, it stops
    ringing; picked up before that, they hear a goodbye.
    """
    fault = creating(delay_s=4)
    ring_ms = 60_000 if told_of else 0
    async with asking(tmp_path, faults=[fault], ring_ms=ring_ms, consult_waits=QUICK) as (
        running,
        call,
    ):
        assert await back(running, call) == "unknown"
        leg = await leg_of(running)
        await leg.wait(15)
        assert leg.status == ("canceled" if told_of else "completed")
        assert running.of(CallEnded, call.sid) == []
        assert len(running.of(TransferFailed, call.sid)) == 1
        assert "conference" not in kinds(leg)


@pytest.mark.asyncio
@pytest.mark.parametrize("answered", [True, False])
async def test_a_call_is_ended_however_often_the_carrier_must_be_asked(
    tmp_path: Path, answered: bool
) -> None:
    """The caller has hung up; the carrier fails twice before it ends the colleague's call."""
    faults = [RestFault(status=503, method="POST", path="/Calls/") for _ in range(2)]
    waits = Waits(end_again_s=0.1)
    ring_ms = 200 if answered else 60_000
    async with asking(tmp_path, faults=faults, ring_ms=ring_ms, consult_waits=waits) as (
        running,
        call,
    ):
        leg = await leg_of(running)
        await leg.until("say" if answered else "ringing", 10)
        call.hang_up()
        await leg.wait(20)
        assert running.twin.faults == []


@pytest.mark.asyncio
async def test_an_agent_that_cannot_ask_anybody_goes_on_with_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told why, and speaks although it has just announced the transfer."""
    monkeypatch.setattr(Consults, "why_not", lambda *_: "TWILIO_PHONE_NUMBER is not set")
    async with at_the_desk(tmp_path) as (running, call):
        await until(lambda: hears(call, line("else")))
        (output,) = outputs(session_of(running, call))
        assert output.startswith("Not done: nobody can be asked first (TWILIO_PHONE_NUMBER")
        assert len(running.twin.calls) == 1
