"""One ring, never two: whatever becomes of the request, and whoever asks how often."""

import asyncio
from pathlib import Path

import pytest

from gateway.sim.twilio import Callee, HangUp, Pause
from gateway.sim.twilio.faults import RestFault
from tests.e2e.phones import CALLEE, Post, calling_house, outcome, request, ring, rung, until_state

SHORT = (Pause(ms=300), HangUp())
CREATE = {"method": "POST", "path": "/Calls.json"}
AFTER = {
    "500": RestFault(status=500, after=True, **CREATE),  # type: ignore[arg-type]
    "cut": RestFault(cut=True, after=True, **CREATE),  # type: ignore[arg-type]
    "silence": RestFault(delay_s=4.0, after=True, **CREATE),  # type: ignore[arg-type]
}
"""Requests that were carried out, and whose answers are lost."""
BEFORE = {
    "500": RestFault(status=500, **CREATE),  # type: ignore[arg-type]
    "cut": RestFault(cut=True, **CREATE),  # type: ignore[arg-type]
}


@pytest.mark.asyncio
@pytest.mark.parametrize("told", [True, False], ids=["callbacks", "no callbacks"])
@pytest.mark.parametrize("fault", AFTER)
async def test_a_request_without_an_answer_rings_once(
    tmp_path: Path, fault: str, told: bool
) -> None:
    """The call that came of it is found, by its callbacks or by looking it up, and is served."""
    async with calling_house(tmp_path, Callee(CALLEE, ring_ms=200, script=SHORT)) as running:
        if not told:
            Post(running)
        running.twin.faults.append(AFTER[fault])
        asked = await ring(running, ring_s=5)
        view = await outcome(running, asked["id"])
        (call,) = rung(running)
        assert (view["outcome"], view["call_sid"]) == ("completed", call.sid)
        assert call.streams


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", BEFORE)
async def test_a_request_that_did_nothing_is_not_repeated(tmp_path: Path, fault: str) -> None:
    """Nobody knows that it did nothing: it ends as unknown, says so, and rings nobody."""
    async with calling_house(tmp_path, Callee(CALLEE)) as running:
        running.twin.faults.append(BEFORE[fault])
        asked = await ring(running)
        view = await outcome(running, asked["id"])
        assert (view["outcome"], view["call_sid"], view["well"]) == ("unknown", None, False)
        assert "not known" in view["words"]
        assert rung(running) == []
        posts = [each for each in running.twin.rest_requests if each.method == "POST"]
        assert len(posts) == 1


@pytest.mark.asyncio
async def test_a_busy_carrier_is_asked_again(tmp_path: Path) -> None:
    """429: surely nothing was done. It rings once in the end."""
    busy = RestFault(status=429, code=20429, **CREATE)  # type: ignore[arg-type]
    async with calling_house(tmp_path, Callee(CALLEE, ring_ms=50, script=SHORT)) as running:
        running.twin.faults.extend([busy] * 3)
        asked = await ring(running)
        view = await outcome(running, asked["id"])
        assert (view["outcome"], len(rung(running))) == ("completed", 1)


@pytest.mark.asyncio
async def test_a_carrier_that_is_busy_for_too_long_is_given_up(tmp_path: Path) -> None:
    """Whoever would be rung later than is wished is not rung."""
    busy = RestFault(status=429, code=20429, **CREATE)  # type: ignore[arg-type]
    async with calling_house(tmp_path, Callee(CALLEE), outbound_max_age_s=1.0) as running:
        running.twin.faults.extend([busy] * 50)
        asked = await ring(running)
        view = await outcome(running, asked["id"])
        assert (view["outcome"], rung(running)) == ("expired", [])


@pytest.mark.asyncio
async def test_what_the_carrier_refuses_is_over(tmp_path: Path) -> None:
    """A number to call from that is not ours: its words are the reason."""
    async with calling_house(tmp_path, Callee(CALLEE)) as running:
        asked = await ring(running, **{"from": "+12025550111"})
        view = await outcome(running, asked["id"])
        assert (view["outcome"], rung(running)) == ("refused", [])
        assert "21210" in view["words"]


@pytest.mark.asyncio
async def test_a_key_that_is_used_by_many_at_once_rings_once(tmp_path: Path) -> None:
    """One 201, the rest 200, all with the same call; another question under it is 409."""
    async with calling_house(tmp_path, Callee(CALLEE, ring_ms=50, script=SHORT)) as running:
        body, headers = {"to": CALLEE}, {"Idempotency-Key": "once"}

        async def ask() -> tuple[int, str]:
            answer = await request(running, "POST", "/api/calls", json=body, headers=headers)
            return answer.status_code, answer.json()["id"]

        answers = await asyncio.gather(*(ask() for _ in range(10)))
        assert sorted(status for status, _ in answers) == [200] * 9 + [201]
        assert len({dial for _, dial in answers}) == 1
        other = {"to": CALLEE, "agent": "survey"}
        clash = await request(running, "POST", "/api/calls", json=other, headers=headers)
        assert clash.status_code == 409
        view = await outcome(running, answers[0][1])
        assert (view["outcome"], len(rung(running))) == ("completed", 1)
        late = await request(running, "POST", "/api/calls", json=body, headers=headers)
        assert (late.status_code, late.json()["state"]) == (200, "ended")


@pytest.mark.asyncio
async def test_who_is_not_wanted_any_more_while_the_carrier_is_asked(tmp_path: Path) -> None:
    """Hung up before it is known which call came of it: it is ended as soon as it is."""
    slow = RestFault(delay_s=1.0, **CREATE)  # type: ignore[arg-type]
    async with calling_house(tmp_path, Callee(CALLEE, ring_ms=20_000)) as running:
        Post(running)  # nothing but the answer says which call it is
        running.twin.faults.append(slow)
        asked = await ring(running)
        await until_state(running, asked["id"], "sending")
        hung_up = await request(running, "DELETE", f"/api/calls/{asked['id']}")
        assert hung_up.status_code == 200
        view = await outcome(running, asked["id"])
        (call,) = rung(running)
        await call.wait(5)
        assert (view["outcome"], call.answered_at) == ("canceled", None)


@pytest.mark.asyncio
async def test_an_answer_without_a_call_in_it_is_no_answer(tmp_path: Path) -> None:
    """201, and nothing that says which call: it is looked for."""
    empty = RestFault(status=201, after=True, **CREATE)  # type: ignore[arg-type]
    async with calling_house(tmp_path, Callee(CALLEE, ring_ms=50, script=SHORT)) as running:
        Post(running)
        running.twin.faults.append(empty)
        asked = await ring(running, ring_s=5)
        view = await outcome(running, asked["id"])
        (call,) = rung(running)
        assert (view["outcome"], view["call_sid"]) == ("completed", call.sid)
