"""What the policy, the agents and the house itself say before a phone rings."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import Callee, HangUp, Pause
from tests.e2e.harness import NUMBER
from tests.e2e.phones import (
    CALLEE,
    OTHER,
    calling_house,
    outcome,
    request,
    ring,
    rung,
    until_state,
)
from tests.e2e.scenes import agents_in

FAST = RealtimeOptions(first_audio_ms=50, transcription_ms=(50, 80))
SHORT = (Pause(ms=300), HangUp())

REFUSED: list[tuple[dict[str, Any], dict[str, Any], int, str]] = [
    ({"to": "+442079460123"}, {}, 422, "country"),
    ({"to": "911"}, {}, 422, "short_code"),
    ({"to": CALLEE}, {"outbound_countries": ()}, 422, "country"),
    ({"to": CALLEE}, {"twilio_phone_number": ""}, 422, "from"),
    ({"to": CALLEE, "from": "12025550111"}, {}, 422, "from"),
    ({"to": CALLEE, "agent": "nobody"}, {}, 422, "agent"),
    ({"to": CALLEE, "amd": "perhaps"}, {}, 400, ""),
    ({"to": CALLEE, "data": {"two words": "x"}}, {}, 400, ""),
    ({"to": CALLEE, "hurry": True}, {}, 400, ""),
    ({}, {}, 400, ""),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("body", "settings", "status", "rule"), REFUSED)
async def test_a_refusal_says_which_rule(
    tmp_path: Path, body: dict[str, Any], settings: dict[str, Any], status: int, rule: str
) -> None:
    """Nobody is rung, and whoever asked knows what would allow it."""
    async with calling_house(tmp_path, **settings) as running:
        answer = await request(running, "POST", "/api/calls", json=body)
        assert (answer.status_code, answer.json().get("rule", "")) == (status, rule)
        assert answer.json()["error"]
        await asyncio.sleep(0)
        assert running.twin.calls == {}


@pytest.mark.asyncio
async def test_a_cap_may_pass(tmp_path: Path) -> None:
    """One call at a time: the second is told to come later, and may when the first is over."""
    callees = (Callee(CALLEE, ring_ms=30_000), Callee(OTHER, ring_ms=50, script=SHORT))
    async with calling_house(tmp_path, *callees, outbound_at_once=1) as running:
        first = await ring(running)
        refused = await request(running, "POST", "/api/calls", json={"to": OTHER})
        assert (refused.status_code, refused.json()["rule"]) == (429, "at_once")
        assert refused.json()["setting"] == "GATEWAY_OUTBOUND_AT_ONCE"
        await until_state(running, first["id"], "ringing")
        await request(running, "DELETE", f"/api/calls/{first['id']}")
        await outcome(running, first["id"])
        second = await ring(running, OTHER)
        assert (await outcome(running, second["id"]))["outcome"] == "completed"


@pytest.mark.asyncio
async def test_the_errand_reaches_the_agent(tmp_path: Path) -> None:
    """Who talks, what it knows besides, for how long; and a route's own data stay beneath it."""
    agents = agents_in(
        tmp_path,
        b_toml='greeting = "Say {{ data.word }} and {{ data.other }}."',
        routes_toml='[default]\ndata = { word = "none", other = "own" }\nmax_minutes = 5',
    )
    async with calling_house(
        tmp_path / "kept", Callee(CALLEE, ring_ms=50, script=SHORT), agents_dir=agents, agent="a"
    ) as running:
        asked = await ring(
            running, agent="b", data={"word": "hello"}, max_minutes=2, campaign="spring"
        )
        await running.until(lambda: bool(len(running.reception.registry)))
        (call,) = running.reception.registry
        assert (call.plan.name, call.plan.greeting) == ("b", "Say hello and own.")
        assert (call.plan.route.max_minutes, call.offer.campaign) == (2, "spring")
        assert (call.offer.caller, call.offer.called) == (NUMBER, CALLEE)
        await outcome(running, asked["id"])
        (create,) = [each for each in running.twin.rest_requests if each.method == "POST"]
        form = dict(create.form)
        assert (form["TimeLimit"], form["Timeout"], form["To"]) == ("210", "60", CALLEE)
        assert "MachineDetection" not in form
        events = [value for name, value in create.form if name == "StatusCallbackEvent"]
        assert events == ["initiated", "ringing", "answered", "completed"]
        assert form["Url"] == f"{running.base}/twilio/voice?dial={asked['id']}"


@pytest.mark.asyncio
async def test_a_call_that_waits_for_a_seat_rings_when_there_is_one(tmp_path: Path) -> None:
    """A full house rings nobody, for whoever answers would hear that it is full."""
    callees = (Callee(CALLEE, ring_ms=50), Callee(OTHER, ring_ms=50, script=SHORT))
    async with calling_house(tmp_path, *callees, max_calls=1, options=FAST) as running:
        first = await ring(running)
        await until_state(running, first["id"], "answered")
        second = await ring(running, OTHER)
        assert second["state"] == "waiting"
        assert rung(running, OTHER) == []
        await request(running, "DELETE", f"/api/calls/{first['id']}")
        assert (await outcome(running, second["id"]))["outcome"] == "completed"


@pytest.mark.asyncio
async def test_calls_leave_one_after_the_other(tmp_path: Path) -> None:
    """So many a second as the carrier allows, whatever was asked at once.

    Measured from before they were asked: a slow claim may bring two requests close to each
    other on the wire, but brings none before its turn.
    """
    numbers = [f"+1202555012{n}" for n in range(4)]
    callees = [Callee(each, ring_ms=50, script=SHORT) for each in numbers]
    async with calling_house(tmp_path, *callees, calls_per_second=5) as running:
        from_s = time.monotonic()
        asked = await asyncio.gather(*(ring(running, each) for each in numbers))
        await asyncio.gather(*(outcome(running, each["id"]) for each in asked))
        posts = [each for each in running.twin.rest_requests if each.method == "POST"]
        assert len(posts) == 4
        for turn, post in enumerate(sorted(posts, key=lambda each: each.at_s)):
            assert post.at_s - from_s >= turn / 5


@pytest.mark.asyncio
async def test_what_is_under_way_is_listed(tmp_path: Path) -> None:
    """The calls we place and those that came in, once each; none when all is over."""
    async with calling_house(tmp_path, Callee(CALLEE, ring_ms=50), options=FAST) as running:
        asked = await ring(running)
        await until_state(running, asked["id"], "answered")
        inbound = running.place()
        await running.until(lambda: len(running.reception.registry) == 2)
        listed = (await request(running, "GET", "/api/calls")).json()
        assert {each["direction"] for each in listed} == {"outbound-api", "inbound"}
        assert {each["call_sid"] for each in listed} == set(running.twin.calls)
        shown = (await request(running, "GET", f"/api/calls/{inbound.sid}")).json()
        assert (shown["id"], shown["state"] in ("offered", "answered", "live")) == (None, True)
        for sid in (inbound.sid, asked["id"]):
            await request(running, "DELETE", f"/api/calls/{sid}")
        await outcome(running, asked["id"])
        await inbound.wait(10)
