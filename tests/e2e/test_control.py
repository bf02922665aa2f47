"""What agents do with their calls, as the other side hears it: goodbyes, keys, holds, transfers."""

from itertools import groupby
from pathlib import Path

import pytest

from gateway.call.control import HOLD_BROKEN
from gateway.core.events import BargeIn, CallLive, TransferFailed, TransferStarted
from gateway.sim.twilio import Callee, HangUp, Network, Play, TwinCall, WaitForAgent, WaitForSilence
from tests.call.watching import until
from tests.e2e.harness import NUMBER, PHRASES, House, heard_whole, house, told
from tests.e2e.scenes import (
    agents_in,
    calls,
    goertzel,
    line,
    live_call,
    on_campaign,
    on_key,
    outputs,
    samples,
    scene,
    session_of,
)
from tests.sim.realtime.harness import tone

SAY_ELSE = '[otherwise]\nsay = "else"\n'
LISTEN_ON = (WaitForAgent(heard_ms=100), WaitForSilence(ms=700), HangUp())

# Hanging up


@pytest.mark.asyncio
@pytest.mark.parametrize("network", [Network(), Network(delay_ms=150, jitter_ms=40)])
async def test_a_goodbye_is_heard_to_its_last_byte(tmp_path: Path, network: Network) -> None:
    """However far the caller is, the agent hangs up behind its last word, not before."""
    script = on_key("1", f'say = "bye"\n{calls("end_call")}') + SAY_ELSE
    agents = agents_in(tmp_path, a_toml='tools = ["end_call"]')
    async with house(scene(tmp_path, script), agents_dir=agents, agent="a") as running:
        call = await live_call(running, network=network)
        call.press("1#")
        assert (await running.ended(call)).reason == "agent_hung_up"
        (said,) = heard_whole(call, line("bye"))
        before, after = call.heard[: said.begin], call.heard[said.end :]
        assert before.strip(b"\xff") == after.strip(b"\xff") == b""
        assert len(after) < 8 * 3000
        assert len(told(session_of(running, call), "C", "response.create")) == 1


# Keys

DIGITS = "4711#*0"
PRESS = on_key("1", f'say = "wait"\n{calls("send_dtmf", digits=DIGITS)}') + SAY_ELSE


@pytest.mark.asyncio
async def test_the_other_side_hears_the_keys_and_then_nothing(tmp_path: Path) -> None:
    """Behind the agent's words, and the agent waits for what the other side says to them."""
    agents = agents_in(tmp_path, a_toml='tools = ["send_dtmf"]')
    async with house(scene(tmp_path, PRESS), agents_dir=agents, agent="a") as running:
        call = await live_call(running, *LISTEN_ON)
        call.press("1#")
        await running.ended(call)
        assert pressed(call.heard) == list(DIGITS)
        (words,), last = heard_whole(call, line("wait")), call.heard.rstrip(b"\xff")
        assert len(last) - words.end <= 8 * 200 * len(DIGITS)
        assert outputs(session_of(running, call)) == ["The keys were pressed."]
        assert len(told(session_of(running, call), "C", "response.create")) == 1


@pytest.mark.asyncio
async def test_a_menu_that_talks_on_does_not_cut_the_keys(tmp_path: Path) -> None:
    """Half a key is another one: they sound to the end, and the agent's answer comes behind."""
    agents = agents_in(tmp_path, a_toml='tools = ["send_dtmf"]')
    menu = (
        WaitForAgent(heard_ms=600),
        Play(payload=tone(300)),
        WaitForSilence(ms=900),
        HangUp(),
    )
    async with house(scene(tmp_path, PRESS), agents_dir=agents, agent="a") as running:
        call = await live_call(running, *menu)
        call.press("1#")
        await running.ended(call)
        assert pressed(call.heard) == list(DIGITS)
        assert (call.clears, running.of(BargeIn, call.sid)) == ([], [])
        (words,) = heard_whole(call, line("else"))
        assert pressed(call.heard[words.begin :]) == []


LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
PAD = ("123A", "456B", "789C", "*0#D")


def pressed(heard: bytes) -> list[str]:
    """The keys in what was heard: both tones and nothing beside them, for 40 ms (ITU-T Q.24)."""
    linear = samples(heard)
    windows = (linear[start : start + 160] for start in range(0, len(linear) - 160, 80))
    runs = [(key, len(list(run))) for key, run in groupby(map(key_of, windows))]
    return [key for key, length in runs if key and length >= 3]


def key_of(window: list[int]) -> str:
    """The key whose two tones are all there is in these 20 ms, else nothing."""
    energy = sum(sample * sample for sample in window)
    if energy < len(window) * 300**2:
        return ""
    low = [goertzel(window, hz) / energy for hz in LOW]
    high = [goertzel(window, hz) / energy for hz in HIGH]
    if min(max(low), max(high)) < 0.2 or max(low) + max(high) < 0.8:
        return ""
    return PAD[low.index(max(low))][high.index(max(high))]


# Holding


def holding(seconds: int) -> str:
    """A script whose agent puts the caller on hold."""
    return on_key("1", f'say = "wait"\n{calls("hold", seconds=seconds)}') + SAY_ELSE


@pytest.mark.asyncio
async def test_a_hold_lasts_its_time_and_then_the_agent_is_back(tmp_path: Path) -> None:
    """A soft beep, nothing else for a second, then the agent's words."""
    agents = agents_in(tmp_path, a_toml='tools = ["hold"]')
    steps = (WaitForAgent(heard_ms=100), WaitForSilence(ms=1200), HangUp())
    async with house(scene(tmp_path, holding(1)), agents_dir=agents, agent="a") as running:
        call = await live_call(running, *steps)
        call.press("1#")
        await running.ended(call)
        (before,), (after,) = heard_whole(call, line("wait")), heard_whole(call, line("else"))
        hold = call.heard[before.end : after.begin]
        assert 8 * 1000 <= len(hold) <= 8 * 1800
        beep = hold.strip(b"\xff")
        assert beep_share(beep) > 0.8
        assert 8 * 200 < len(beep) <= 8 * 300
        assert outputs(session_of(running, call)) == [
            "The hold is over; thank the caller for waiting."
        ]


@pytest.mark.asyncio
async def test_who_speaks_up_is_held_no_longer(tmp_path: Path) -> None:
    """The tone stops at the first word, the model learns why, and answers once."""
    agents = agents_in(tmp_path, a_toml='tools = ["hold"]')
    speaking_up = (WaitForAgent(heard_ms=550), Play(payload=tone(300)), *LISTEN_ON)
    async with house(scene(tmp_path, holding(60)), agents_dir=agents, agent="a") as running:
        call = await live_call(running, *speaking_up)
        call.press("1#")
        await running.ended(call)
        (barge_in,) = running.of(BargeIn, call.sid)
        assert (barge_in.cause, barge_in.item_id) == ("caller", "gateway:hold")
        assert barge_in.heard_ms < 1500
        assert len(call.clears) == 1
        assert outputs(session_of(running, call)) == [HOLD_BROKEN]
        assert len(heard_whole(call, line("else"))) == 1


def beep_share(beep: bytes) -> float:
    """How much of a sound is the 425 Hz of a hold."""
    linear = samples(beep)
    return goertzel(linear, 425) / sum(sample * sample for sample in linear)


# What a route lays down


@pytest.mark.asyncio
async def test_a_call_is_over_after_the_minutes_of_its_route(tmp_path: Path) -> None:
    """The agent is heard to the end of its sentence, and then the caller hears a goodbye."""
    agents = agents_in(
        tmp_path, a_toml='greeting = "Talk."', routes_toml="[default]\nmax_minutes = 0.01"
    )
    script = '[greeting]\nsay = "story"\n' + SAY_ELSE
    async with house(scene(tmp_path, script), agents_dir=agents, agent="a") as running:
        call = running.place()
        assert (await running.ended(call)).reason == "time_limit"
        (goodbye,) = heard_whole(call, (PHRASES / "goodbye.ulaw").read_bytes())
        (words,) = heard_whole(call, line("story"))
        assert call.heard[words.end : goodbye.begin].strip(b"\xff") == b""


@pytest.mark.asyncio
async def test_a_route_that_is_full_is_busy_until_somebody_leaves(tmp_path: Path) -> None:
    """One call at a time there: the second caller hears busy, others are none of its business."""
    routes = '[[route]]\ncampaign = "one"\nmax_calls = 1'
    agents = agents_in(tmp_path, routes_toml=routes)
    async with house(scene(tmp_path, SAY_ELSE), agents_dir=agents, agent="a") as running:
        first = on_campaign(running, "one")
        await running.until(lambda: bool(running.of(CallLive, first.sid)))
        second = on_campaign(running, "one")
        await second.wait(10)
        assert (second.status, running.reception.rejections) == ("busy", {"route_capacity": 1})
        other = await live_call(running, HangUp())
        assert (await running.ended(other)).reason == "caller_hung_up"
        first.hang_up()
        await running.ended(first)
        third = on_campaign(running, "one")
        await running.until(lambda: bool(running.of(CallLive, third.sid)))
        assert len(running.model.sessions) == 3


# Transfers

OFFICE = "+493012345678"
ROUTES = f"""
[directory]
desk = "+493012345679"

[directory.office]
number = "{OFFICE}"
description = "The office"
timeout_s = 5
caller_id = "{NUMBER}"
"""
CONNECT = (
    on_key("1", f'say = "wait"\n{calls("transfer_call", destination="office")}')
    + '[[on_text]]\nmatch = "failed: (busy|no-answer)"\nsay = "bye"\n'
    + SAY_ELSE
)


def leg_of(running: House, call: TwinCall) -> TwinCall:
    """The call that rings the destination."""
    (leg,) = (each for each in running.twin.calls.values() if each.identity.parent_sid == call.sid)
    return leg


@pytest.mark.asyncio
async def test_a_caller_is_connected_behind_the_last_word(tmp_path: Path) -> None:
    """To the number behind the key, which the model never learns, shown as one of ours."""
    agents = agents_in(tmp_path, a_toml='tools = ["transfer_call"]', routes_toml=ROUTES)
    callees = (Callee(OFFICE, ring_ms=50, script=(HangUp(),)),)
    options = scene(tmp_path, CONNECT)
    async with house(options, callees=callees, agents_dir=agents, agent="a") as running:
        call = await live_call(running)
        call.press("1#")
        assert (await running.ended(call)).reason == "transferred"
        (words,) = heard_whole(call, line("wait"))
        assert call.heard[words.end :].strip(b"\xff") == b""
        leg = leg_of(running, call)
        assert (leg.identity.to, leg.identity.from_) == (OFFICE, NUMBER)
        assert [event.destination for event in running.of(TransferStarted)] == ["office"]
        assert OFFICE not in str(session_of(running, call).trace)
        assert len(told(session_of(running, call), "C", "response.create")) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("outcome", ["busy", "no-answer"])
async def test_a_caller_nobody_takes_is_back_with_the_same_agent(
    tmp_path: Path, outcome: str
) -> None:
    """At once when it is busy, after the destination's own time when nobody answers."""
    agents = agents_in(tmp_path, a_toml='tools = ["transfer_call"]', routes_toml=ROUTES)
    callees = (Callee(OFFICE, "busy" if outcome == "busy" else "no-answer", ring_ms=50),)
    options = scene(tmp_path, CONNECT)
    async with house(options, callees=callees, agents_dir=agents, agent="a") as running:
        call = await live_call(running)
        call.press("1#")
        await running.until(lambda: bool(running.of(TransferFailed, call.sid)))
        await until(lambda: len(call.streams) == 2 and line("bye") in call.streams[1].playout.track)
        call.hang_up()
        assert (await running.ended(call)).reason == "caller_hung_up"
        assert [event.status for event in running.of(TransferFailed)] == [outcome]
        assert len(running.model.sessions) == 1
        assert leg_of(running, call).status == outcome
