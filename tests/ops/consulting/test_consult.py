"""The stages of a consult: who tells what, in whatever order, and how each ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from gateway.call.colleagues import Request
from gateway.call.context import Destination
from gateway.ops.consulting.consult import Consult
from gateway.ops.consulting.leg import Leg
from gateway.ops.consulting.waits import Waits
from tests.call.watching import soon, turns, until

CALLER, THEIRS = "CA1", "CA2"
OFFICE = Destination("+442079460000", timeout_s=0, accept_timeout_s=0, prompt="")
QUICK = Waits(ring_grace_s=5, key_grace_s=5, arrive_s=5, meet_s=0, return_s=0.01, fetch_s=0.01)
RETURN = "https://voice.example.com/twilio/dial-ended"


class HandLeg:
    """A carrier's call that does as the test says."""

    def __init__(self, why_not: str = "") -> None:
        self.sid, self.status, self.answered, self.there = "", "", False, True
        self.done: list[Any] = []
        self.why_not = why_not
        self.asked = asyncio.Event()
        """Set when the carrier's answer to the request is to come."""

    def claim(self, sid: str) -> bool:
        self.sid = self.sid or sid
        return self.sid == sid

    def ended(self, status: str) -> None:
        self.status = self.status or status

    async def ring(self, wanted: Callable[[], bool]) -> str:
        await self.asked.wait()
        if not self.why_not:
            self.claim(THEIRS)
        return self.why_not

    async def lasts(self) -> bool:
        if not self.there:
            self.ended("completed")
        return self.there

    async def end(self, goodbye: str = "", *, leaves: bool = False) -> None:
        self.done.append("leaves" if leaves else "ended")

    async def fetch_back(self, caller_sid: str, url: str) -> None:
        self.done.append(("fetched back", caller_sid, url))

    async def hang_up(self, caller_sid: str) -> None:
        self.done.append(("hung up", caller_sid))


class HandAsker:
    """A call that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.there = True

    def answered(self) -> None:
        self.told.append("answered")

    def accepted(self) -> bool:
        self.told.append("accepted")
        return self.there

    def declined(self, reason: str) -> None:
        self.told.append(reason)

    def together(self) -> None:
        self.told.append("together")


@asynccontextmanager
async def consult(
    leg: HandLeg | None = None, **waits: float
) -> AsyncIterator[tuple[Consult, HandLeg, HandAsker]]:
    """A consult under way, and over in the end."""
    leg, asker = leg or HandLeg(), HandAsker()
    made = Consult(Request(CALLER, OFFICE, "", "Anna."), asker, RETURN, replace(QUICK, **waits))
    made.leg = cast(Leg, leg)
    running = asyncio.ensure_future(made.run())
    await turns()
    yield made, leg, asker
    leg.asked.set()
    await soon(running)
    assert made.stage in ("over", "together")


@pytest.mark.asyncio
async def test_a_colleague_who_accepts_meets_the_caller() -> None:
    """Then nothing of either call is touched any more."""
    async with consult() as (made, leg, asker):
        leg.asked.set()
        made.told(THEIRS, "ringing")
        assert made.picked_up(THEIRS)
        assert leg.answered
        assert made.decided(THEIRS, "1")
        made.caller_came()
        await until(lambda: made.stage == "together")
        assert asker.told == ["answered", "accepted", "together"]
    assert leg.done == []
    made.release()
    assert made.stage == "together"


@pytest.mark.asyncio
async def test_webhooks_that_come_twice_change_nothing() -> None:
    """Each is answered as the first time."""
    async with consult(meet_s=5) as (made, _, asker):
        assert made.picked_up(THEIRS)
        assert made.picked_up(THEIRS)
        assert made.decided(THEIRS, "1")
        assert made.decided(THEIRS, "1")
        made.caller_came()
        made.caller_came()
        assert made.decided(THEIRS, "1")
        assert asker.told == ["answered", "accepted"]
        made.release()


@pytest.mark.asyncio
async def test_only_the_colleagues_own_call_counts() -> None:
    """The first that anybody tells of, or the one the carrier answered with."""
    async with consult() as (made, leg, asker):
        made.told(THEIRS, "initiated")
        assert not made.picked_up("CA3")
        assert not made.decided("CA3", "1")
        made.told("CA3", "completed")
        await turns()
        assert (asker.told, leg.status) == ([], "")
        assert not made.decided(THEIRS, "1")  # nobody has picked up
        made.release()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "reason"),
    [("busy", "busy"), ("no-answer", "no-answer"), ("failed", "failed"), ("completed", "hung-up")],
)
async def test_who_does_not_answer_is_told_of_by_the_carrier(status: str, reason: str) -> None:
    """Whatever else it tells, late or never."""
    async with consult() as (made, _, asker):
        made.told(THEIRS, status)
        made.told(THEIRS, "ringing")
        await until(lambda: bool(asker.told))
        assert asker.told == [reason]
        assert not made.picked_up(THEIRS)


@pytest.mark.asyncio
@pytest.mark.parametrize("why_not", ["refused", "unknown", "carrier-busy"])
async def test_who_cannot_be_rung_is_not_waited_for(why_not: str) -> None:
    """The asker learns why."""
    leg = HandLeg(why_not)
    leg.asked.set()
    async with consult(leg) as (_, _, asker):
        await until(lambda: bool(asker.told))
        assert asker.told == [why_not]


@pytest.mark.asyncio
@pytest.mark.parametrize(("key", "reason"), [("2", "declined"), ("#", "declined"), ("", "no-key")])
async def test_who_declines_leaves_by_the_carriers_goodbye(key: str, reason: str) -> None:
    """Which is waited for; nobody is told twice."""
    async with consult() as (made, leg, asker):
        made.picked_up(THEIRS)
        assert not made.decided(THEIRS, key)
        assert not made.decided(THEIRS, "1")
        assert asker.told == ["answered", reason]
    assert leg.done == ["leaves"]


@pytest.mark.asyncio
async def test_who_accepts_when_nobody_is_there_leaves_too() -> None:
    """The caller has just hung up; the end of their call is on its way."""
    async with consult() as (made, leg, asker):
        made.picked_up(THEIRS)
        asker.there = False
        assert not made.decided(THEIRS, "1")
        made.release()
    assert leg.done == ["leaves"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("stage", "wait", "reason"),
    [
        ("ringing", "ring_grace_s", "no-answer"),
        ("asked", "key_grace_s", "no-key"),
        ("accepted", "arrive_s", "caller-lost"),
    ],
)
async def test_no_stage_lasts_for_ever(stage: str, wait: str, reason: str) -> None:
    """Nothing is heard of the carrier any more: it is over, and their call is ended."""
    limits = {wait: 0.05 if stage != "asked" else -0.4}
    async with consult(None, **limits) as (made, leg, asker):
        leg.asked.set()
        if stage != "ringing":
            made.picked_up(THEIRS)
        if stage == "accepted":
            made.decided(THEIRS, "1")
        await until(lambda: made.stage == "over")
        assert asker.told[-1] == reason
    assert leg.done == ["ended"]


@pytest.mark.asyncio
@pytest.mark.parametrize("stage", ["ringing", "asked", "accepted", "meeting"])
async def test_nobody_is_left_when_the_caller_is_gone(stage: str) -> None:
    """Their call is ended as soon as it is known which it is."""
    async with consult(meet_s=5) as (made, leg, asker):
        if stage != "ringing":
            made.picked_up(THEIRS)
        if stage in ("accepted", "meeting"):
            made.decided(THEIRS, "1")
        if stage == "meeting":
            made.caller_came()
        made.release()
        await turns()
        assert leg.done == []  # the carrier has not answered yet
        assert not made.picked_up(THEIRS)
    assert asker.told == {"ringing": [], "asked": ["answered"]}.get(stage, ["answered", "accepted"])
    assert len(leg.done) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_caller_whose_colleague_has_left_is_fetched_back(comes_back: bool) -> None:
    """Unless the carrier brings them back by itself; who cannot be fetched is hung up on."""
    async with consult() as (made, leg, asker):
        made.picked_up(THEIRS)
        made.decided(THEIRS, "1")
        made.told(THEIRS, "completed")
        await until(lambda: asker.told[-1] == "hung-up")
        if comes_back:
            made.release()
    fetched = [("fetched back", CALLER, RETURN), ("hung up", CALLER)]
    assert leg.done == [*([] if comes_back else fetched), "ended"]


@pytest.mark.asyncio
async def test_whether_both_have_met_is_asked_when_nobody_says_so() -> None:
    """The colleague had left, and no callback told of it."""
    async with consult() as (made, leg, asker):
        made.picked_up(THEIRS)
        made.decided(THEIRS, "1")
        leg.there = False
        made.caller_came()
        await until(lambda: asker.told[-1] == "hung-up")
    assert leg.done[0] == ("fetched back", CALLER, RETURN)


@pytest.mark.asyncio
async def test_a_mistake_of_ours_lets_the_caller_go_back() -> None:
    """Nobody waits for a consult that has broken."""

    class Broken(HandLeg):
        async def ring(self, wanted: Callable[[], bool]) -> str:
            raise RuntimeError("a mistake")

    asker = HandAsker()
    made = Consult(Request(CALLER, OFFICE, "", "Anna."), asker, RETURN, QUICK)
    made.leg = cast(Leg, Broken())
    with pytest.raises(RuntimeError):
        await soon(asyncio.ensure_future(made.run()))
    assert asker.told == ["failed"]
