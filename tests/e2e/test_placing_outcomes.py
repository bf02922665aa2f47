"""What becomes of a phone that is rung: busy, nobody there, no such number, a line of callbacks."""

import asyncio
import itertools
from pathlib import Path

import pytest

from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import Callee, HangUp, Pause
from tests.call.watching import until
from tests.e2e.phones import (
    CALLEE,
    OTHER,
    Post,
    calling_house,
    outcome,
    request,
    ring,
    rung,
    until_state,
)

FAST = RealtimeOptions(first_audio_ms=50, transcription_ms=(50, 80))
SHORT = (Pause(ms=300), HangUp())


@pytest.mark.asyncio
async def test_who_does_not_answer_is_told_apart(tmp_path: Path) -> None:
    """Busy, no answer within the ring time, no such number: an outcome and words for each."""
    callees = (
        Callee(CALLEE, outcome="busy", ring_ms=100),
        Callee(OTHER, outcome="failed"),
        Callee("+12025550199", outcome="no-answer"),
    )
    async with calling_house(tmp_path, *callees, options=FAST) as running:
        asked = [await ring(running, each.e164, ring_s=5) for each in callees]
        busy, failed, nobody = [await outcome(running, each["id"]) for each in asked]
    assert (busy["outcome"], busy["sip_code"], busy["well"]) == ("busy", 486, False)
    assert "busy" in busy["words"]
    assert (failed["outcome"], failed["sip_code"]) == ("failed", 404)
    assert "no such number" in failed["words"]
    assert (nobody["outcome"], nobody["answered_at"]) == ("no_answer", None)
    assert "nobody answered" in nobody["words"]


@pytest.mark.asyncio
@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[5::6])
async def test_callbacks_may_come_twice_late_and_in_any_order(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    """What stands at the end is what would stand had each come once, and in time."""
    async with calling_house(tmp_path, Callee(CALLEE, ring_ms=50, script=SHORT)) as running:
        post = Post(running)
        asked = await ring(running)
        await until(lambda: len(post.letters) == 4)
        for place in (*order, *order):
            await post.deliver(post.letters[place])
        view = await outcome(running, asked["id"])
        again = await until_state(running, asked["id"], "ended")
    assert (view["outcome"], view["sip_code"], view["call_sid"]) == (
        "completed",
        200,
        post.letters[0][0],
    )
    assert again == view


@pytest.mark.asyncio
async def test_callbacks_that_never_come_are_asked_for(tmp_path: Path) -> None:
    """Neither the ringing nor the end is told, and both are known."""
    callees = (Callee(CALLEE, ring_ms=50, script=SHORT), Callee(OTHER, outcome="busy", ring_ms=50))
    async with calling_house(tmp_path, *callees) as running:
        Post(running)
        asked = [await ring(running, each.e164, ring_s=5) for each in callees]
        answered, busy = [await outcome(running, each["id"]) for each in asked]
        assert [len(rung(running, callee.e164)) for callee in callees] == [1, 1]
    assert (answered["outcome"], busy["outcome"]) == ("completed", "busy")


@pytest.mark.asyncio
async def test_a_call_is_hung_up_wherever_it_is(tmp_path: Path) -> None:
    """While it rings, while they talk, and when it is over already; each is a success."""
    callees = (Callee(CALLEE, ring_ms=30_000), Callee(OTHER, ring_ms=50))
    async with calling_house(tmp_path, *callees, options=FAST) as running:
        rings, talks = [await ring(running, each.e164) for each in callees]
        await until_state(running, rings["id"], "ringing")
        await until_state(running, talks["id"], "answered")
        await asyncio.sleep(0)
        for each in (rings, talks):
            answer = await request(running, "DELETE", f"/api/calls/{each['id']}")
            assert answer.status_code == 200
        canceled, completed = [await outcome(running, each["id"]) for each in (rings, talks)]
        assert (canceled["outcome"], completed["outcome"]) == ("canceled", "completed")
        again = await request(running, "DELETE", f"/api/calls/{completed['call_sid']}")
        assert (again.status_code, again.json()["state"]) == (200, "ended")
        nobody = await request(running, "DELETE", "/api/calls/nothing")
        assert nobody.status_code == 404
        for callee in callees:
            (call,) = rung(running, callee.e164)
            await call.wait(5)
