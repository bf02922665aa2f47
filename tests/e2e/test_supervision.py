"""An operator beside a live call: whispers to its agent, takes it over by phone, hangs it up."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.core.events import (
    AgentStopped,
    BargeIn,
    CallEnded,
    ConsultAnswered,
    ConsultStarted,
    TransferFailed,
    TransferStarted,
    Whispered,
)
from gateway.sim.twilio import Callee, TwinCall
from gateway.sim.twilio.options import Outcome
from tests.call.watching import until
from tests.e2e.harness import API_TOKEN, NUMBER, House, hears, house, told
from tests.e2e.listening import listening
from tests.e2e.scenes import agents_in, calls, line, live_call, on_key, scene, session_of
from tests.e2e.test_control import beep_share
from tests.e2e.test_warm_transfer import leg_of, said_to
from tests.sim.realtime.harness import tone

OFFICE, OPERATOR, STRANGER = "+493012345678", "+493012345679", "+14155550123"
ROUTES = f"""
[directory.office]
number = "{OFFICE}"
timeout_s = 5
accept_timeout_s = 3
caller_id = "{NUMBER}"
"""
SCRIPT = (
    on_key("1", 'say = "story"')
    + on_key(
        "3",
        f'say = "wait"\n{calls("transfer_call", destination="office", warm=True, summary="Anna.")}',
    )
    + '[[on_text]]\nmatch = "offer a discount"\nsay = "hello"\n'
    + '[[on_text]]\nmatch = "wanted to take over"\nsay = "bye"\n'
    + '[otherwise]\nsay = "else"\n'
)
CALLER, HUMAN = tone(700, hz=500), tone(900, hz=620)
ADVICE = "Please offer a discount now."


@asynccontextmanager
async def supervised(
    folder: Path, outcome: Outcome = "answer", model: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[House, TwinCall]]:
    """A caller with an agent; somebody at the office or the operator's phone may be rung."""
    agents = agents_in(folder, a_toml='tools = ["transfer_call"]', routes_toml=ROUTES)
    more = {
        "callees": tuple(Callee(each, outcome, ring_ms=1000) for each in (OFFICE, OPERATOR)),
        "agents_dir": agents,
        "agent": "a",
        "twilio_phone_number": NUMBER,
        "outbound_countries": ("DE",),
        "outbound_quiet": "off",
        **options,
    }
    async with house(
        dataclasses.replace(scene(folder, SCRIPT), **(model or {})), **more
    ) as running:
        call = await live_call(running)
        yield running, call
        call.hang_up()
        async with asyncio.timeout(30):
            for each in list(running.twin.calls.values()):
                await each.until_over()
        await running.ended(call)


async def ask(running: House, call_sid: str, what: str, **body: Any) -> tuple[int, dict[str, Any]]:
    """What the API says to an operator's wish."""
    path = f"{running.base}/api/live/calls/{call_sid}/{what}"
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as client:
        answer = await client.post(path, json=body)
    return answer.status_code, answer.json()


def instructions(running: House, call: TwinCall) -> list[tuple[str, str]]:
    """What the model was told in writing: the role and the words of each item."""
    created = told(session_of(running, call), "C", "conversation.item.create")
    items = [event["item"] for event in created]
    return [(each["role"], each["content"][0]["text"]) for each in items if "role" in each]


def beeps(heard: bytes) -> bool:
    """True when the tone of a hold is in it."""
    windows = [heard[at : at + 8 * 100] for at in range(0, len(heard), 8 * 50)]
    return any(beep_share(each) > 0.8 for each in windows if each.strip(b"\xff"))


async def speaking(running: House, call: TwinCall) -> None:
    """The agent is in the middle of a long answer."""
    call.press("1#")
    await until(lambda: hears(call, line("story")[:4000]), 20)


@pytest.mark.asyncio
async def test_a_whisper_is_told_to_the_agent_and_not_to_the_caller(tmp_path: Path) -> None:
    """A system message; the agent speaks because of it only when that is asked for."""
    async with supervised(tmp_path, kept_in=tmp_path / "kept") as (running, call):
        asked = len(told(session_of(running, call), "C", "response.create"))
        status, said = await ask(running, call.sid, "whisper", text="  The caller is a VIP.  ")
        assert (status, said) == (200, {"call_sid": call.sid, "answer": "none"})
        status, said = await ask(running, call.sid, "whisper", text=ADVICE, answer=True)
        assert (status, said["answer"]) == (200, "now")
        await until(lambda: hears(call, line("hello")), 20)
        (first, vip), (second, advice) = instructions(running, call)
        assert (first, second) == ("system", "system")
        assert vip.endswith(": The caller is a VIP.")
        assert advice.endswith(f": {ADVICE}")
        assert len(told(session_of(running, call), "C", "response.create")) == asked + 1
        call.hang_up()
        await running.ended(call)
        record = await running.record(call)
        whispers = [each for each in record["events"] if each["name"] == "whispered"]
        assert [each["fields"] for each in whispers] == [{"by": "token"}] * 2
        assert "discount" not in str(record)
        assert [event.by for event in running.of(Whispered, call.sid)] == ["token"] * 2


@pytest.mark.asyncio
async def test_two_whispers_in_one_moment_are_both_answered(tmp_path: Path) -> None:
    """The second comes before the answer to the first has begun; the server refuses none."""
    async with supervised(tmp_path, model={"create_delay_ms": 300}) as (running, call):
        asked = len(told(session_of(running, call), "C", "response.create"))
        for later in ("now", "later"):
            status, said = await ask(running, call.sid, "whisper", text=ADVICE, answer=True)
            assert (status, said["answer"]) == (200, later)
        await until(lambda: call.heard.count(line("hello")[:4000]) == 2, 20)
        session = session_of(running, call)
        assert len(told(session, "C", "response.create")) == asked + 2
        assert told(session, "S", "error") == []


@pytest.mark.asyncio
async def test_a_whisper_into_an_answer_is_answered_behind_it(tmp_path: Path) -> None:
    """What is being said is heard to its end first."""
    async with supervised(tmp_path) as (running, call):
        await speaking(running, call)
        status, said = await ask(running, call.sid, "whisper", text=ADVICE, answer=True)
        assert (status, said["answer"]) == (200, "later")
        await until(lambda: hears(call, line("hello")), 20)
        assert [each.cut for each in running.of(AgentStopped, call.sid)][:1] == [False]
        assert running.of(BargeIn, call.sid) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"text": " \n "}, 422, "1 to 2000"),
        ({"text": "x" * 2001}, 422, "1 to 2000"),
        ({}, 400, "text"),
        ({"text": "Go on.", "to": "all"}, 400, "to"),
    ],
)
async def test_a_whisper_without_words_or_sense_is_refused(
    tmp_path: Path, body: dict[str, Any], status: int, named: str
) -> None:
    """The key at fault is named, and the agent is told nothing."""
    async with supervised(tmp_path) as (running, call):
        refused, said = await ask(running, call.sid, "whisper", **body)
        assert (refused, named in said["error"]) == (status, True)
        assert instructions(running, call) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("wish", [{"number": OPERATOR}, {"destination": "office"}])
async def test_an_operator_takes_over_by_phone(tmp_path: Path, wish: dict[str, str]) -> None:
    """The agent is cut off, the caller waits; the operator presses the key, and both talk."""
    async with supervised(tmp_path, kept_in=tmp_path / "kept") as (running, call):
        await speaking(running, call)
        status, said = await ask(running, call.sid, "take-over", **wish, summary="Anna is angry.")
        key = wish.get("destination", "operator")
        assert (status, said["destination"], said["state"]) == (200, key, "consulting")
        (cut,) = running.of(BargeIn, call.sid)
        assert (cut.cause, cut.heard_ms < 4000) == ("operator", True)
        leg = await leg_of(running)
        assert leg.identity.to == wish.get("number", OFFICE)
        await leg.until("say", 10)
        assert said_to(leg)[0] == "Anna is angry."
        again, refused = await ask(running, call.sid, "take-over", **wish)
        assert (again, "under way" in refused["error"]) == (409, True)
        leg.press("1")
        for each in (leg, call):
            await each.until("conference", 10)
        rooms = [e.detail for c in (leg, call) for e in c.timeline if e.kind == "conference"]
        assert len(set(rooms)) == 1
        call.say(CALLER)
        leg.say(HUMAN)
        await until(lambda: HUMAN in call.heard and CALLER in leg.heard, 20)
        assert beeps(call.heard.partition(HUMAN)[0])
        assert line("story") not in call.heard
        await running.until(lambda: bool(running.of(CallEnded, call.sid)))
        assert not call.is_over  # they talk on without the agent
        leg.hang_up()
        await call.wait(10)
        record = await running.record(call)
        assert record["call"]["outcome"] == "transferred"
        destinations = {each.destination for each in running.of(ConsultStarted, call.sid)}
        assert destinations == {key}
        assert OPERATOR not in str(record)


@pytest.mark.asyncio
@pytest.mark.parametrize("outcome", ["no-answer", "busy"])
async def test_a_caller_whom_no_operator_takes_is_the_agents_again(
    tmp_path: Path, outcome: Outcome
) -> None:
    """The agent knows that it was not its own doing, says so, and the listener heard the tone."""
    async with supervised(tmp_path, outcome) as (running, call):
        async with listening(running, call.sid) as heard:
            status, _ = await ask(running, call.sid, "take-over", destination="office")
            assert status == 200
            await running.until(lambda: bool(running.of(TransferFailed, call.sid)))
            await heard.until(lambda it: line("bye") in it.agent)
        assert beeps(heard.agent.partition(line("bye"))[0])
        (role, words) = instructions(running, call)[-1]
        assert role == "system"
        assert f"could not: {outcome}" in words
        assert running.of(TransferStarted, call.sid) == []
        assert len(call.streams) == 1
        again, _ = await ask(running, call.sid, "whisper", text=ADVICE, answer=True)
        assert again == 200


@pytest.mark.asyncio
async def test_numbers_that_are_not_called_are_not_called_for_an_operator(tmp_path: Path) -> None:
    """The rule and its setting are named; what is no wish at all is refused, too."""
    async with supervised(tmp_path, kept_in=tmp_path / "kept") as (running, call):
        refusals = [
            await ask(running, call.sid, "take-over", **wish)
            for wish in (
                {"number": STRANGER},
                {"number": "+49110"},
                {"destination": "cellar"},
                {},
                {"number": OPERATOR, "destination": "office"},
            )
        ]
        assert [status for status, _ in refusals] == [422] * 5
        assert refusals[0][1]["setting"] == "GATEWAY_OUTBOUND_COUNTRIES"
        assert "office" in refusals[2][1]["error"]
        assert not any(STRANGER in str(said) for _, said in refusals)
        assert running.of(ConsultStarted, call.sid) == []
        assert len(running.twin.calls) == 1


@pytest.mark.asyncio
async def test_a_transfer_that_is_under_way_is_not_taken_over(tmp_path: Path) -> None:
    """Nor is the agent made to speak to a caller who waits for somebody else."""
    async with supervised(tmp_path) as (running, call):
        call.press("3#")
        await running.until(lambda: bool(running.of(ConsultStarted, call.sid)))
        status, said = await ask(running, call.sid, "take-over", destination="office")
        assert (status, "under way" in said["error"]) == (409, True)
        status, _ = await ask(running, call.sid, "whisper", text=ADVICE, answer=True)
        assert status == 409
        status, _ = await ask(running, call.sid, "whisper", text=ADVICE)
        assert status == 200


@pytest.mark.asyncio
async def test_an_operator_hangs_up(tmp_path: Path) -> None:
    """The agent is cut off, the call is over, and the record says who ended it."""
    async with supervised(tmp_path, kept_in=tmp_path / "kept") as (running, call):
        await speaking(running, call)
        status, said = await ask(running, call.sid, "hang-up")
        assert (status, said["reason"]) == (200, "operator_hung_up")
        assert (await running.ended(call)).reason == "operator_hung_up"
        assert call.end_reason == "hangup"
        assert line("story") not in call.heard
        record = await running.record(call)
        assert record["call"]["outcome"] == "completed"
        for what in ("hang-up", "whisper", "take-over"):
            status, said = await ask(running, call.sid, what, text="x")
            assert (status, said["error"]) == (404, "there is no live call with this ID")


@pytest.mark.asyncio
async def test_an_operator_hangs_up_on_a_caller_who_was_sent_on(tmp_path: Path) -> None:
    """The carrier has the caller by then, and is told to end the call; nobody rings on."""
    cold = on_key("4", f'say = "wait"\n{calls("transfer_call", destination="office", warm=False)}')
    agents = agents_in(tmp_path, a_toml='tools = ["transfer_call"]', routes_toml=ROUTES)
    options: dict[str, Any] = {"agents_dir": agents, "agent": "a", "kept_in": tmp_path / "kept"}
    callees = (Callee(OFFICE, "no-answer", ring_ms=100),)
    async with house(scene(tmp_path, cold + SCRIPT), callees=callees, **options) as running:
        call = await live_call(running)
        call.press("4#")
        await running.until(lambda: bool(running.of(TransferStarted, call.sid)))
        status, _ = await ask(running, call.sid, "hang-up")
        assert status == 200
        await call.wait(10)
        assert (await running.ended(call)).reason == "operator_hung_up"


@pytest.mark.asyncio
async def test_without_a_carrier_nobody_is_rung(tmp_path: Path) -> None:
    """Neither a number nor a destination; the agent goes on as if nothing had been asked."""
    async with supervised(tmp_path) as (running, call):
        live = running.reception.registry.get(call.sid)
        assert live is not None
        live.transfer._colleagues = None
        for wish in ({"number": OPERATOR}, {"destination": "office"}):
            status, said = await ask(running, call.sid, "take-over", **wish)
            assert (status, "no carrier" in said["error"]) == (503, True)
        assert live.state == "live"
        assert running.of(ConsultAnswered, call.sid) == []
