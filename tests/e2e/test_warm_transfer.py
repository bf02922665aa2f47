"""A colleague is asked before a caller is put through: what both ends hear, and what is left."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import (
    CallEnded,
    ConsultAnswered,
    ConsultStarted,
    TransferFailed,
    TransferStarted,
)
from gateway.ops.consulting.waits import Waits
from gateway.sim.twilio import Callee, TwinCall
from gateway.sim.twilio.conference import Conference, Participant
from gateway.sim.twilio.faults import RestFault
from gateway.sim.twilio.options import Outcome
from tests.call.watching import until
from tests.e2e.harness import NUMBER, House, hears, house, told
from tests.e2e.scenes import agents_in, calls, line, live_call, on_key, scene, session_of
from tests.e2e.test_control import beep_share
from tests.sim.realtime.harness import tone

OFFICE = "+493012345678"
ROUTES = f"""
[directory.office]
number = "{OFFICE}"
description = "The office"
timeout_s = 5
accept_timeout_s = 3
caller_id = "{NUMBER}"
warm = true
"""
SUMMARY = "Anna wants to move her appointment. Her card is 4111 1111 1111 1111."
ASK = (
    on_key("1", f'say = "wait"\n{calls("transfer_call", destination="office", summary=SUMMARY)}')
    + '[[on_text]]\nmatch = "The transfer to .* failed"\nsay = "bye"\n'
    + '[otherwise]\nsay = "else"\n'
)
CALLER, HUMAN = tone(700, hz=500), tone(900, hz=620)


@asynccontextmanager
async def at_the_desk(
    folder: Path,
    outcome: Outcome = "answer",
    faults: Sequence[RestFault] = (),
    ring_ms: int = 200,
    **options: Any,
) -> AsyncIterator[tuple[House, TwinCall]]:
    """A caller who asks for the office; in the end nothing may be left of anybody.

    ``faults`` are what the carrier's REST interface shows.
    """
    agents = agents_in(folder, a_toml='tools = ["transfer_call"]', routes_toml=ROUTES)
    callees = (Callee(OFFICE, outcome, ring_ms=ring_ms),)
    more = {"callees": callees, "agents_dir": agents, "agent": "a", **options}
    async with house(scene(folder, ASK), **more) as running:
        running.twin.faults.extend(faults)
        call = await live_call(running)
        call.press("1#")
        yield running, call
        call.hang_up()
        async with asyncio.timeout(30):
            for each in list(running.twin.calls.values()):
                await each.until_over()
        await running.ended(call)


@asynccontextmanager
async def asking(*given: Any, **options: Any) -> AsyncIterator[tuple[House, TwinCall]]:
    """A caller who waits while the office is rung; see `at_the_desk`."""
    async with at_the_desk(*given, **options) as (running, call):
        await running.until(lambda: bool(running.of(ConsultStarted, call.sid)))
        yield running, call


async def leg_of(running: House) -> TwinCall:
    """The call to the colleague, as soon as there is one; there is never a second one."""

    def legs() -> list[TwinCall]:
        return [c for c in running.twin.calls.values() if c.identity.direction == "outbound-api"]

    await until(lambda: bool(legs()), 20)
    (leg,) = legs()
    return leg


def said_to(leg: TwinCall) -> list[str]:
    """What the carrier's voice said to the colleague."""
    return [entry.detail for entry in leg.timeline if entry.kind == "say"]


def kinds(call: TwinCall) -> list[str]:
    """What happened on a line, in order."""
    return [entry.kind for entry in call.timeline]


async def back(running: House, call: TwinCall, streams: int = 1) -> str:
    """The caller is with the agent again, and hears it; why nobody took them."""
    await running.until(lambda: bool(running.of(TransferFailed, call.sid)))
    await until(lambda: len(call.streams) == streams and hears(call, line("bye")), 20)
    (failed,) = running.of(TransferFailed, call.sid)
    status: str = failed.status
    assert f"failed: {status}" in str(
        told(session_of(running, call), "C", "conversation.item.create")
    )
    return status


@pytest.mark.asyncio
async def test_a_colleague_who_accepts_is_joined_with_the_caller(tmp_path: Path) -> None:
    """They hear the summary, press the key, and then each hears what the other says."""
    async with asking(tmp_path, kept_in=tmp_path / "kept") as (running, call):
        leg = await leg_of(running)
        assert (leg.identity.to, leg.identity.from_) == (OFFICE, NUMBER)
        await leg.until("say", 10)
        assert said_to(leg) == ["Anna wants to move her appointment. Her card is [card number]."]
        assert len(running.of(ConsultAnswered, call.sid)) == 1
        leg.press("1")
        for each in (leg, call):
            await each.until("conference", 10)
        rooms = [e.detail for c in (leg, call) for e in c.timeline if e.kind == "conference"]
        assert len(set(rooms)) == 1
        call.say(CALLER)
        leg.say(HUMAN)
        await until(lambda: HUMAN in call.heard and CALLER in leg.heard, 20)
        assert (CALLER in call.said, HUMAN in leg.said) == (True, True)
        words, _, after = call.heard.partition(line("wait"))
        held, _, _ = after.partition(HUMAN)
        assert words.strip(b"\xff") == b""
        assert beep_share(held.strip(b"\xff")[: 8 * 300]) > 0.8
        await running.until(lambda: bool(running.of(CallEnded, call.sid)))
        assert not call.is_over  # they talk on without us
        leg.hang_up()
        await call.wait(10)
        assert OFFICE not in str(session_of(running, call).trace)
        record = await running.record(call)
        assert (record["call"]["outcome"], record["call"]["state"]) == ("transferred", "ended")
        names = [event["name"] for event in record["events"]]
        consulted = [name for name in names if name.startswith(("consult", "transfer"))]
        assert consulted == ["consult.started", "consult.answered", "transfer.started"]
        assert "4111 1111" not in str(record)


@pytest.mark.asyncio
async def test_a_caller_is_put_through_at_once_where_the_agent_wants_that(tmp_path: Path) -> None:
    """Cold, although the destination is asked first as a rule; both hear each other there too."""
    cold = on_key("1", f'say = "wait"\n{calls("transfer_call", destination="office", warm=False)}')
    agents = agents_in(tmp_path, a_toml='tools = ["transfer_call"]', routes_toml=ROUTES)
    options = scene(tmp_path, cold + '[otherwise]\nsay = "else"\n')
    callees = (Callee(OFFICE, ring_ms=50),)
    async with house(options, callees=callees, agents_dir=agents, agent="a") as running:
        call = await live_call(running)
        call.press("1#")
        await call.until("bridged", 10)
        (leg,) = (each for each in running.twin.calls.values() if each is not call)
        assert leg.identity.direction == "outbound-dial"
        call.say(CALLER)
        leg.say(HUMAN)
        await until(lambda: HUMAN in call.heard and CALLER in leg.heard, 20)
        leg.hang_up()
        assert (await running.ended(call)).reason == "transferred"
        assert [event.warm for event in running.of(TransferStarted)] == [False]
        assert running.of(ConsultStarted) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("hangs_up", ["caller", "human"])
async def test_whoever_of_them_hangs_up_ends_it_for_both(tmp_path: Path, hangs_up: str) -> None:
    """After they have talked, nobody goes back to an agent."""
    async with asking(tmp_path) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        leg.press("1")
        await running.until(lambda: bool(running.of(CallEnded, call.sid)))
        (call if hangs_up == "caller" else leg).hang_up()
        await call.wait(10)
        await leg.wait(10)
        assert running.of(CallEnded, call.sid)[0].reason == "transferred"
        assert len(call.streams) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
async def test_a_caller_whom_nobody_answers_for_is_back_at_once(
    tmp_path: Path, outcome: Outcome
) -> None:
    """On the stream that was never closed; the agent knows why."""
    async with asking(tmp_path, outcome) as (running, call):
        assert await back(running, call) == outcome
        assert (await leg_of(running)).status == outcome
        assert running.of(TransferStarted, call.sid) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("key", "reason"), [("2", "declined"), ("#", "declined"), ("*", "declined"), ("", "no-key")]
)
async def test_a_caller_who_is_declined_is_back_at_once(
    tmp_path: Path, key: str, reason: str
) -> None:
    """Whoever pressed another key, or none, hears a goodbye; their call ends by it."""
    async with asking(tmp_path) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        leg.press(key)
        assert await back(running, call) == reason
        await leg.wait(10)
        assert said_to(leg)[-1] == "The caller is no longer waiting for you. Goodbye."
        assert leg.end_reason == "hangup"


@pytest.mark.asyncio
@pytest.mark.parametrize("stage", ["ringing", "answered", "say"])
async def test_a_colleague_who_hangs_up_has_not_taken_the_call(tmp_path: Path, stage: str) -> None:
    """Before or while the summary is spoken."""
    async with asking(tmp_path) as (running, call):
        leg = await leg_of(running)
        await leg.until(stage, 10)
        leg.hang_up()
        assert await back(running, call) in ("hung-up", "no-answer")
        assert len(running.of(TransferStarted, call.sid)) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("stage", ["ringing", "answered", "say", "conference"])
async def test_a_caller_who_hangs_up_takes_the_colleague_along(tmp_path: Path, stage: str) -> None:
    """Ringing stops; who has answered hears that nobody waits any more."""
    ring_ms = 4000 if stage == "ringing" else 200
    async with asking(tmp_path, ring_ms=ring_ms) as (running, call):
        leg = await leg_of(running)
        if stage == "conference":
            await leg.until("say", 10)
            leg.press("1")
        await leg.until(stage, 10)
        call.hang_up()
        await leg.wait(15)
        ended = await running.ended(call)
        assert ended.reason in ("caller_hung_up", "carrier_completed", "transferred")
        if stage == "ringing":
            assert leg.status == "canceled"
        elif stage != "conference":
            assert said_to(leg)[-1] == "The caller is no longer waiting for you. Goodbye."


@pytest.mark.asyncio
async def test_a_colleague_who_leaves_before_the_caller_came_is_not_waited_for(
    tmp_path: Path,
) -> None:
    """The caller is on the way; they come back to the same agent on another stream."""
    async with asking(tmp_path) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        leg.press("1")
        await running.until(lambda: bool(running.of(TransferStarted, call.sid)))
        leg.hang_up()
        assert await back(running, call, streams=2) == "hung-up"
        assert len(running.model.sessions) == 1


@pytest.mark.asyncio
async def test_a_colleague_who_leaves_as_the_caller_comes_did_not_take_the_call(
    tmp_path: Path,
) -> None:
    """They were in one room for a moment; the caller comes back."""
    async with asking(tmp_path) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        leg.press("1")
        await call.until("conference", 10)
        leg.hang_up()
        assert await back(running, call, streams=2) == "hung-up"


def alone(monkeypatch: pytest.MonkeyPatch, running: Callable[[], House]) -> None:
    """Whoever waited in the room leaves in the moment before the caller comes."""
    attend = Conference.attend

    async def late(room: Conference, person: Participant) -> None:
        if person.call.identity.direction == "inbound":
            leg = await leg_of(running())
            leg.hang_up()
            await leg.wait(10)
            room = Conference("CF0", room.friendly_name, lambda *_: None)
        await attend(room, person)

    monkeypatch.setattr(Conference, "attend", late)


@pytest.mark.asyncio
async def test_a_caller_alone_in_a_room_is_fetched_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The colleague left between the carrier's question and the caller's arrival: nobody would
    ever come, and no webhook says so. The carrier is told to ask again.
    """
    alone(monkeypatch, lambda: running)
    async with asking(tmp_path, consult_waits=Waits(return_s=0.3)) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        leg.press("1")
        assert await back(running, call, streams=2) == "hung-up"
        assert "redirected" in kinds(call)


@pytest.mark.asyncio
async def test_a_call_that_ends_by_itself_lets_the_colleague_go(tmp_path: Path) -> None:
    """The longest call of a route is over: the caller hears a goodbye, and nobody waits on."""
    async with asking(tmp_path) as (running, call):
        leg = await leg_of(running)
        await leg.until("say", 10)
        live = running.reception.registry.get(call.sid)
        assert live is not None
        live.say_and_end("goodbye", "time_limit")
        await leg.wait(15)
        assert (await running.ended(call)).reason == "time_limit"
