"""Answering machines: hung up on, or left one message, once, behind the beep; humans are humans."""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import CalleeIdentified, MessageStarted
from gateway.core.g711 import BYTES_PER_MS
from gateway.sim.twilio import Callee, HangUp, Pause, Play, TwinCall, WaitForAgent, WaitForSilence
from tests.e2e.harness import CALLS
from tests.e2e.phones import CALLEE, calling_house, outcome, ring, rung
from tests.e2e.scenes import agents_in, line, scene
from tests.sim.realtime.harness import tone

GREETING = (CALLS / "slow_speaker.ulaw").read_bytes()
BEEP = tone(500, hz=1000)
MACHINE = (Play(payload=GREETING), Pause(ms=200), Play(payload=BEEP))
GREETING_MS = len(GREETING) // BYTES_PER_MS
BEEP_AT_MS = GREETING_MS + 200 + 500
SCRIPT = """
[greeting]
say = "hello"

[[on_text]]
match = "answering machine"
say = "story"

[otherwise]
say = "else"
"""
MESSAGE = line("story")


async def left(
    folder: Path, callee: Callee, amd: str = "leave-message", **settings: Any
) -> tuple[dict[str, Any], TwinCall, list[Any]]:
    """One call to this callee: the view of it, the call, and the events about who answered."""
    agents = agents_in(folder, a_toml='greeting = "Greet."')
    options = scene(folder, SCRIPT)
    async with calling_house(
        folder / "kept", callee, options=options, agents_dir=agents, agent="a", **settings
    ) as running:
        asked = await ring(running, amd=amd)
        view = await outcome(running, asked["id"])
        (call,) = rung(running)
        await call.wait(20)
        events = [*running.of(CalleeIdentified), *running.of(MessageStarted)]
        return view, call, events


def beep_end(call: TwinCall) -> int:
    """Where in the call the beep ends (bytes)."""
    return call.said.rindex(BEEP[-800:]) + 800


def sounds(audio: bytes) -> bytes:
    """What is heard of it, without the silence in it: a machine that is slow may tear it apart."""
    return audio.replace(b"\xff", b"")


def check_message(view: dict[str, Any], call: TwinCall) -> None:
    """The whole message, once, behind the beep, and nothing else after that."""
    beep = beep_end(call)
    assert sounds(call.heard[beep:]) == sounds(MESSAGE)
    assert MESSAGE[:800] not in call.heard[:beep]
    assert (view["outcome"], view["call_reason"], view["well"]) == (
        "message_left",
        "message_left",
        True,
    )


@pytest.mark.asyncio
async def test_a_message_is_left_when_the_carrier_hears_the_beep(tmp_path: Path) -> None:
    """The carrier says so with the end of the beep: sooner than our own ears are sure."""
    callee = Callee(
        CALLEE,
        ring_ms=50,
        script=MACHINE,
        answered_by="machine_end_beep",
        detection_ms=BEEP_AT_MS + 250,
    )
    view, call, events = await left(tmp_path, callee)
    check_message(view, call)
    assert [event.who for event in events if isinstance(event, CalleeIdentified)] == ["machine"]
    assert len(events) == 2


@pytest.mark.asyncio
async def test_a_message_is_left_when_only_we_hear_the_beep(tmp_path: Path) -> None:
    """The carrier's answer never comes."""
    callee = Callee(
        CALLEE, ring_ms=50, script=MACHINE, answered_by="machine_end_beep", detection_ms=120_000
    )
    view, call, events = await left(tmp_path, callee)
    check_message(view, call)
    assert [(event.who, event.by) for event in events if isinstance(event, CalleeIdentified)] == [
        ("machine", "tone")
    ]
    assert [event.cause for event in events if isinstance(event, MessageStarted)] == ["beep"]


@pytest.mark.asyncio
async def test_who_is_known_to_be_a_machine_is_not_talked_to_before_the_beep(
    tmp_path: Path,
) -> None:
    """The carrier knows it early: from then on the agent is silent until our ears hear the beep."""
    callee = Callee(
        CALLEE, ring_ms=50, script=MACHINE, answered_by="machine_start", detection_ms=700
    )
    view, call, _events = await left(tmp_path, callee)
    check_message(view, call)
    known = 900 * BYTES_PER_MS
    assert call.heard[known : beep_end(call)].strip(b"\xff") == b""


@pytest.mark.asyncio
async def test_a_machine_without_a_beep_records_when_it_is_silent(tmp_path: Path) -> None:
    """The carrier heard the end of the greeting; a beep is waited for, and none comes."""
    callee = Callee(
        CALLEE,
        ring_ms=50,
        script=(Play(payload=GREETING),),
        answered_by="machine_end_silence",
        detection_ms=GREETING_MS + 500,
    )
    view, call, events = await left(tmp_path, callee)
    # Until the carrier says what it is, the agent may answer the greeting. A slow machine may tear
    # the message apart anywhere, and a tone looks alike a period later.
    heard, message = sounds(call.heard[len(GREETING) :]), sounds(MESSAGE)
    assert heard.endswith(message)
    assert message[:800] not in heard[: -len(message)]
    assert view["outcome"] == "message_left"
    assert [event.cause for event in events if isinstance(event, MessageStarted)] == ["carrier"]


@pytest.mark.asyncio
@pytest.mark.parametrize("who", ["machine_start", "fax"])
async def test_a_machine_is_hung_up_on(tmp_path: Path, who: str) -> None:
    """At once, and it is known that it was one."""
    callee = Callee(CALLEE, ring_ms=50, script=MACHINE, answered_by=who, detection_ms=800)
    view, call, _events = await left(tmp_path, callee, amd="hangup")
    assert (view["outcome"], view["answered_by"], view["well"]) == ("machine", who, False)
    assert call.duration_s <= 3
    assert MESSAGE[:800] not in call.heard


@pytest.mark.asyncio
@pytest.mark.parametrize("amd", ["hangup", "leave-message"])
async def test_a_human_is_talked_to(tmp_path: Path, amd: str) -> None:
    """A beep on a human's line, after the carrier said who it is, changes nothing."""
    script = (
        WaitForAgent(heard_ms=300),
        WaitForSilence(ms=700),
        Play(path=CALLS / "hello.ulaw"),
        Pause(ms=300),
        Play(payload=BEEP),
        WaitForAgent(heard_ms=100),
        WaitForSilence(ms=600),
        HangUp(),
    )
    callee = Callee(CALLEE, ring_ms=50, script=script, answered_by="human", detection_ms=500)
    view, call, events = await left(tmp_path, callee, amd=amd)
    assert (view["outcome"], view["answered_by"]) == ("completed", "human")
    assert view["turns"] >= 2
    assert MESSAGE[:800] not in call.heard
    assert [type(event).__name__ for event in events] == ["CalleeIdentified"]
