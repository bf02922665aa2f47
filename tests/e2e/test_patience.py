"""What a call does by itself because time passes, over whole calls, by the twin's truth."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gateway.call.call import Offer
from gateway.call.filler import FillerRules
from gateway.call.greeting import GREETING, RecordedGreeting
from gateway.call.idle import IdleRules
from gateway.call.session import AgentPlan
from gateway.core import tones
from gateway.core.events import BargeIn, CallerIdle, CallLive, ToolEnded, TurnDone
from gateway.core.floor import FloorRules
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import HangUp, Pause, Play, WaitForAgent, WaitForSilence
from tests.e2e.harness import (
    CALLS,
    PHRASES,
    SPEECH,
    House,
    heard_ms,
    heard_part,
    heard_whole,
    hears,
    house,
    told,
)

QUICK = RealtimeOptions(first_audio_ms=50, transcription_ms=(50, 80))
ASK = Play(path=CALLS / "order_question.ulaw")
INTERRUPT = Play(path=CALLS / "interruption.ulaw")
GREETS = (SPEECH / "greeting.ulaw").read_bytes()
SHIPPED = (SPEECH / "order_shipped.ulaw").read_bytes()
GOODBYE = (PHRASES / "goodbye.ulaw").read_bytes()
MOMENT = (SPEECH / "got_digits.ulaw").read_bytes()[:6400]
"""Stands for "one moment, please"."""
TEXT = "Hello and welcome, this is the order line, what can I do for you today?"

SLOW_TOOL = """
import asyncio
from agents import function_tool

@function_tool
async def lookup_order(order_id: str) -> str:
    "Takes its time."
    await asyncio.sleep({seconds})
    return "shipped"
"""
SCRIPT = """
name = "slow"
voice = "assistant"

[[turn]]
heard = "Where is my order?"
call = { name = "lookup_order", arguments = { order_id = "A-1042" } }

[after_tool.lookup_order]
say = "order_shipped"

[otherwise]
say = "anything_else"
"""


def planned(running: House, **more: Any) -> None:
    """The agent's file says this as well."""
    of_the_file = running.reception._plan_for

    def plan_for(offer: Offer) -> AgentPlan:
        return dataclasses.replace(of_the_file(offer), **more)

    running.reception._plan_for = plan_for


def slow_agent(folder: Path, seconds: float) -> tuple[RealtimeOptions, Path]:
    """A model that calls a tool without a word, and an agent whose tool takes so long."""
    (folder / "slow.toml").write_text(SCRIPT)
    (folder / "agents").mkdir()
    (folder / "agents" / "assistant.toml").write_text('tools = ["tools.lookup_order"]')
    (folder / "agents" / "assistant.md").write_text("Help.")
    (folder / "agents" / "tools.py").write_text(SLOW_TOOL.format(seconds=seconds))
    return dataclasses.replace(QUICK, script="slow", scripts_dir=folder), folder / "agents"


def corrections(session: Session) -> list[dict[str, Any]]:
    """What the gateway took back of the model's conversation."""
    kinds = ("conversation.item.truncate", "conversation.item.delete", "response.cancel")
    return [event for kind in kinds for event in told(session, "C", kind)]


@pytest.mark.asyncio
async def test_a_silent_caller_is_asked_after_what_they_heard_and_left() -> None:
    """The question is generated long before it is heard; the next silence begins with its last
    frame. It and the goodbye are heard to their ends.
    """
    async with house(QUICK) as running:  # a script says its greeting until the caller says a word
        planned(running, greeting=None, idle=IdleRules(after_s=0.5, asks=1))
        call = running.place()
        ended = await running.ended(call)
        assert ended.reason == "idle"
        assert [event.asked for event in running.of(CallerIdle, call.sid)] == [1]
        question, goodbye = heard_whole(call, GREETS)
        assert goodbye.begin - question.end >= 500 * 8
        assert running.of(BargeIn, call.sid) == []


@pytest.mark.asyncio
async def test_a_slow_tool_is_filled_and_the_model_never_knows(tmp_path: Path) -> None:
    """The phrase once, then the tone, then the answer; nothing of it in the conversation."""
    options, agents = slow_agent(tmp_path, seconds=2.5)
    async with house(options, agents_dir=agents) as running:
        planned(running, filler=FillerRules(after_s=0.3, audio=MOMENT))
        call = running.place(ASK, Pause(ms=2500), WaitForAgent(heard_ms=600), HangUp())
        await running.ended(call)
        session = running.model.sessions[0]
        parts = (MOMENT, tones.hold_tone(300), SHIPPED[:4000])
        order = [heard_whole(call, part)[0].begin for part in parts]
        assert order == sorted(order)
        assert len(heard_whole(call, MOMENT)) == 1
        assert corrections(session) == []
        assert running.of(BargeIn, call.sid) == []
        kinds = [(item.type, item.role) for item in session.conversation]
        assert kinds == [
            ("message", "user"),
            ("function_call", None),
            ("function_call_output", None),
            ("message", "assistant"),
        ]


@pytest.mark.asyncio
async def test_the_agents_first_word_replaces_the_filler(tmp_path: Path) -> None:
    """A phrase far longer than the tool: the answer's first frame is the next the caller hears."""
    options, agents = slow_agent(tmp_path, seconds=0.8)
    long = GREETS * 2
    async with house(options, agents_dir=agents) as running:
        planned(running, filler=FillerRules(after_s=0.3, audio=long))
        call = running.place(ASK, WaitForAgent(heard_ms=3000), HangUp())
        await running.ended(call)
        assert len(running.of(ToolEnded, call.sid)) == 1
        filled, (spoken,) = heard_part(call, long), heard_whole(call, SHIPPED[:8000])
        (clear,) = call.clears
        assert spoken.begin - filled.end <= 8 * 40
        assert clear.cleared_bytes > 0
        assert corrections(running.model.sessions[0]) == []
        assert running.of(BargeIn, call.sid) == []


@pytest.mark.asyncio
async def test_the_callers_word_ends_the_filler(tmp_path: Path) -> None:
    """A clear, and nothing else: no barge-in, no correction, and the answer still comes."""
    options, agents = slow_agent(tmp_path, seconds=3)
    async with house(options, agents_dir=agents) as running:
        planned(running, filler=FillerRules(after_s=0.3, audio=GREETS))
        call = running.place(
            ASK, WaitForAgent(heard_ms=400), INTERRUPT, WaitForAgent(heard_ms=400), HangUp()
        )
        await running.ended(call)
        assert heard_ms(call, GREETS) < len(GREETS) / 8
        assert len(call.clears) >= 1
        assert corrections(running.model.sessions[0]) == []
        assert running.of(BargeIn, call.sid) == []


@pytest.mark.asyncio
async def test_a_recorded_greeting_waits_for_no_model() -> None:
    """It is heard before the model is there, byte for byte, and the model knows of it."""
    slow = dataclasses.replace(QUICK, connect_delay_ms=1500)
    async with house(slow) as running:
        planned(running, recorded_greeting=RecordedGreeting(GREETS, TEXT))
        call = running.place(WaitForAgent(heard_ms=200), WaitForSilence(ms=400), ASK, Pause(ms=900))
        await running.until(lambda: bool(running.of(TurnDone)))
        call.hang_up()
        await running.ended(call)
        (live,) = running.of(CallLive, call.sid)
        assert heard_whole(call, GREETS)[0].begin / 8 < live.held_ms
        session = running.model.sessions[0]
        first, second = list(session.conversation)[:2]
        assert (first.role, first.text, first.id) == ("assistant", TEXT, GREETING)
        assert second.role == "user"
        assert [row["type"] for row in told(session, "S", "error")] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("decides", ["server", "gateway"])
async def test_a_recorded_greeting_is_interrupted_as_any_other(
    tmp_path: Path, decides: str
) -> None:
    """The model keeps what was heard before the caller's turn."""
    (tmp_path / "assistant.toml").write_text(f'interruption = "{decides}"')
    (tmp_path / "assistant.md").write_text("Help.")
    async with house(QUICK, agents_dir=tmp_path) as running:
        planned(running, recorded_greeting=RecordedGreeting(GREETS, TEXT))
        call = running.place(WaitForAgent(heard_ms=1200), INTERRUPT, WaitForAgent(heard_ms=300))
        await running.until(lambda: bool(running.of(TurnDone)))
        call.hang_up()
        await running.ended(call)
        (cut,) = running.of(BargeIn, call.sid)
        assert abs(cut.heard_ms - heard_ms(call, GREETS)) <= 40
        session = running.model.sessions[0]
        first, second = list(session.conversation)[:2]
        kept = first.text.partition(" [interrupted")[0]
        assert first.text != kept
        assert TEXT.startswith(kept)
        assert len(kept) <= len(TEXT) * cut.heard_ms * 8 / len(GREETS)
        assert (first.role, second.role) == ("assistant", "user")
        assert [row["type"] for row in told(session, "S", "error")] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("decides", ["server", "gateway"])
async def test_a_notice_is_heard_to_its_end_and_the_turn_answered_after_it(
    tmp_path: Path, decides: str
) -> None:
    """Whoever decides about interruptions."""
    (tmp_path / "assistant.toml").write_text(f'interruption = "{decides}"')
    (tmp_path / "assistant.md").write_text("Help.")
    async with house(QUICK, agents_dir=tmp_path) as running:
        notice = RecordedGreeting(GREETS, TEXT, interruptible=False)
        rules = FloorRules() if decides == "gateway" else None
        planned(running, recorded_greeting=notice, floor=rules)
        call = running.place(
            WaitForAgent(heard_ms=300), INTERRUPT, WaitForSilence(ms=700), HangUp()
        )
        await running.ended(call)
        assert len(heard_whole(call, GREETS)) == 1
        assert call.clears == []
        session = running.model.sessions[0]
        roles = [item.role for item in session.conversation]
        assert roles[:3] == ["assistant", "user", "assistant"]
        assert corrections(session) == []


@pytest.mark.asyncio
async def test_the_agent_says_that_the_call_ends_and_then_it_does() -> None:
    """The warning's answer and the goodbye are both heard to their ends."""
    async with house(QUICK) as running:
        of_the_file = running.reception._plan_for

        def plan_for(offer: Offer) -> AgentPlan:
            plan = of_the_file(offer)
            route = dataclasses.replace(plan.route, max_minutes=0.11, warn_minutes=0.1)
            return dataclasses.replace(plan, route=route, greeting=None)

        running.reception._plan_for = plan_for
        call = running.place()
        ended = await running.ended(call)
        assert ended.reason == "time_limit"
        (warning,) = [item for item in running.model.sessions[0].conversation if item.text]
        assert warning.role == "system"
        assert "has to end in 6 seconds" in warning.text
        (answer,) = running.of(TurnDone, call.sid)
        assert answer.turn.number == 1
        assert hears(call, GOODBYE)
        assert call.clears == []
