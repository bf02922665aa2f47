"""Listening to a call: the same as its recording, while it lasts, and never in the call's way."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.call.call import Call
from gateway.call.wiretap import MOST
from gateway.core.events import BargeIn, RecordingStarted
from gateway.sim.twilio import Callee, TwinCall
from tests.call.watching import until
from tests.e2e.harness import House, house
from tests.e2e.listening import Heard, connecting, listening
from tests.e2e.scenes import agents_in, calls, line, live_call, on_key, scene
from tests.sim.realtime.harness import tone

SCRIPT = (
    on_key("1", 'say = "story"')
    + on_key("2", 'say = "wait"')
    + on_key("9", f'say = "bye"\n{calls("end_call")}')
    + '[otherwise]\nsay = "else"\n'
)
CALLER = tone(700, hz=500)


def recorded(folder: Path, routes: str = '[default]\nrecording = "on"\n') -> dict[str, Any]:
    """Options of a house whose calls are recorded."""
    agents = agents_in(folder, a_toml='tools = ["end_call"]', routes_toml=routes)
    return {"agents_dir": agents, "agent": "a", "kept_in": folder / "kept"}


def live(running: House, call: TwinCall) -> Call:
    """The gateway's side of a call."""
    found = running.reception.registry.get(call.sid)
    assert found is not None
    return found


def utterances(channel: bytes) -> list[tuple[int, bytes]]:
    """What is said in a channel, and where: between silences of 50 ms."""
    said = re.finditer(rb"[^\xff](?:\xff{0,399}[^\xff])*", channel)
    return [(each.start(), each.group()) for each in said]


@pytest.mark.asyncio
async def test_two_listeners_and_the_recording_hear_the_same(tmp_path: Path) -> None:
    """Every byte, an interruption included; whoever comes later hears the rest.

    Where the agent was heard is an estimate that grows better: the recording asks half a second
    later, so the two may be some milliseconds apart there, and never a frame.
    """
    async with house(scene(tmp_path, SCRIPT), **recorded(tmp_path)) as running:
        call = await live_call(running)
        async with listening(running, call.sid) as first:
            assert live(running, call).listeners == 1
            call.press("1#")
            await first.until(lambda it: line("story")[:4000] in it.agent)
            async with listening(running, call.sid) as second:
                call.say(CALLER)
                await running.until(lambda: bool(running.of(BargeIn, call.sid)))
                await first.until(lambda it: line("else") in it.agent)
                call.press("9#")
                await running.ended(call)
                for each in (first, second):
                    await each.until(lambda it: it.kinds[-1] == "ended")
        caller, agent = running.recording(await running.record(call))
    (barge_in,) = running.of(BargeIn, call.sid)
    assert CALLER in first.caller
    assert line("story") not in first.agent
    assert barge_in.heard_ms < 4000
    assert len(first.audio) > len(second.audio) > 0
    assert first.audio.endswith(second.audio)
    assert caller.endswith(first.caller)
    before = len(caller) - len(first.caller)
    kept, heard = utterances(agent[before:]), utterances(first.agent)
    assert [said for _, said in kept] == [said for _, said in heard]
    assert max(abs(here - there) for (here, _), (there, _) in zip(kept, heard, strict=True)) <= 160
    assert [each.told[-1] for each in (first, second)] == [
        {"type": "ended", "reason": "agent_hung_up"}
    ] * 2
    assert (first.close_code, second.close_code) == (1000, 1000)
