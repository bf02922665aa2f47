"""Tools that go wrong in every way, in whole calls: the line is never silent for it."""

import asyncio
import importlib
import json
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.call.tools import FAILED, MAX_ARGUMENT_CHARS, MAX_RESULT_CHARS
from gateway.core.events import ModelErrorReported, ModelLost, ToolStarted, TurnDone
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import HangUp, TwinCall, WaitForAgent, WaitForSilence
from tests.call.watching import until
from tests.e2e.harness import House, heard_whole, hears, house, told
from tests.e2e.scenes import agents_in, calls, line, live_call, on_key, outputs, scene, session_of

TOOLS = '''"""Tools that go wrong in every way."""

import asyncio
import time

from agents import function_tool

ran = []
together = asyncio.Event()


@function_tool
async def block() -> str:
    """Block the thread, as no async function may."""
    time.sleep(5)
    return "awake"


@function_tool
async def fails() -> str:
    """Raise, with words that are nobody's business."""
    raise ValueError("a password")


@function_tool(failure_error_function=None)
def fails_hard() -> str:
    """Raise through the SDK."""
    raise SystemError("a password")


@function_tool(timeout=0.3)
async def hangs() -> str:
    """Never come back."""
    await asyncio.Event().wait()
    return ""


@function_tool
async def floods() -> str:
    """Return ten megabytes."""
    return "x" * 10_000_000


@function_tool
async def takes(text: str) -> str:
    """Take a text."""
    ran.append(text)
    return "taken"


@function_tool
async def first() -> str:
    """Come back when the second one runs too."""
    await together.wait()
    return "first"


@function_tool
async def second() -> str:
    """Let the first one go."""
    together.set()
    return "second"
'''
NAMES = ("block", "fails", "fails_hard", "hangs", "floods", "takes", "first", "second")
AGENT = f"tools = {json.dumps([f'tools.{name}' for name in NAMES])}"
MOST_GAP_MS = 2500
"""What a busy machine may make of a wait; the tool that blocks would make it five seconds."""

# A tool that blocks

LONG_MS = 7000


@pytest.mark.asyncio
async def test_a_tool_that_blocks_its_thread_is_heard_in_no_call(tmp_path: Path) -> None:
    """Five seconds in one of eleven calls: every agent speaks on, every model hears on."""
    script = '[greeting]\nsay = "long"\n' + on_key("1", calls("block"))
    agents = agents_in(tmp_path, a_toml=f'greeting = "Talk."\n{AGENT}', tools_py=TOOLS)
    options = scene(tmp_path, script + '[otherwise]\nsay = "else"', {"long": LONG_MS})
    async with house(options, agents_dir=agents, agent="a") as running:
        steps = (WaitForAgent(heard_ms=LONG_MS - 500), HangUp())
        others = [running.place(*steps) for _ in range(10)]
        blocked = await live_call(running)
        await answered(running, 11)
        with capture_logs() as logs:
            blocked.press("1#")
            ended = await asyncio.gather(*(running.ended(call) for call in others))
        assert {each.reason for each in ended} == {"caller_hung_up"}
        warnings = [log["tool"] for log in logs if log["event"] == "tool.blocking"]
        assert warnings == ["block"]
        assert max(map(longest_silence_ms, others)) <= MOST_GAP_MS
        waits = map(longest_wait_ms, running.model.sessions)
        assert max(waits) <= MOST_GAP_MS
        blocked.hang_up()
        await running.ended(blocked)


def longest_silence_ms(call: TwinCall) -> float:
    """Between two pieces of the agent's one long answer, as the caller heard them."""
    (stream,) = call.streams
    heard = [(each.heard_from or 0, each.heard) for each in stream.playout.messages if each.heard]
    assert sum(size for _, size in heard) >= 8 * (LONG_MS - 600)
    return max(begin - (last + size) for (last, size), (begin, _) in pairwise(heard)) / 8


def longest_wait_ms(session: Session) -> float:
    """Between two pieces of the caller's audio, as the model received them."""
    rows = [row for row in session.trace if row["dir"] == "C" and "event" in row]
    at = [row["t_ms"] for row in rows if row["event"]["type"] == "input_audio_buffer.append"]
    assert len(at) > 200
    return float(max(later - sooner for sooner, later in pairwise(at)))


# Tools that fail

CALLS = {
    "1": calls("fails"),
    "2": calls("fails_hard"),
    "3": calls("hangs"),
    "4": calls("floods"),
    "5": calls("takes", text="x" * 20_000),
}
SAY_ELSE = '[otherwise]\nsay = "else"'
ASK = "".join(on_key(key, answer) for key, answer in CALLS.items())
TOLD = [
    "An error occurred while running the tool. Please try again.",
    FAILED,
    "Tool 'hangs' timed out after 0.3 seconds.",
    "x" * MAX_RESULT_CHARS + " … (cut: the result was too long)",
    f"Not done: the arguments have over {MAX_ARGUMENT_CHARS} characters.",
]


@pytest.mark.asyncio
async def test_a_tool_that_fails_costs_one_answer_and_no_call(tmp_path: Path) -> None:
    """Raising, hanging, flooding, flooded: the model gets few and neutral words, and speaks on."""
    agents = agents_in(tmp_path, a_toml=AGENT, tools_py=TOOLS)
    options = scene(tmp_path, ASK + SAY_ELSE)
    async with house(options, agents_dir=agents, agent="a") as running:
        call = await live_call(running)
        for turn, key in enumerate(CALLS, start=1):
            call.press(f"{key}#")
            await answered(running, turn)
        await until(lambda: line("else") in call.streams[0].playout.track)
        (session,) = running.model.sessions
        assert outputs(session) == TOLD
        assert "password" not in json.dumps(session.trace)
        call.hang_up()
        assert (await running.ended(call)).reason == "caller_hung_up"
        assert importlib.import_module("agents_config.tools").ran == []
        assert running.of(ModelLost) == []


async def answered(running: House, times: int) -> None:
    """The agent has begun to speak so often."""
    await running.until(lambda: len(running.of(TurnDone)) >= times)


@pytest.mark.asyncio
async def test_a_call_of_the_model_that_comes_twice_runs_its_tool_once(tmp_path: Path) -> None:
    """What counts is its call_id: a server may repeat itself, an order is placed once."""
    script = on_key("1", calls("takes", text="A-1")) + SAY_ELSE
    agents = agents_in(tmp_path, a_toml=AGENT, tools_py=TOOLS)
    steps = (WaitForAgent(heard_ms=100), WaitForSilence(ms=600), HangUp())
    async with house(scene(tmp_path, script), agents_dir=agents, agent="a") as running:
        call = await live_call(running, *steps)
        call.press("1#")
        session = session_of(running, call)
        await session.seen("response.output_item.done")
        say_again(session)  # while the tool runs, or just after
        await until(lambda: outputs(session) != [])
        say_again(session)
        await running.ended(call)
        assert importlib.import_module("agents_config.tools").ran == ["A-1"]
        assert outputs(session) == ["taken"]
        assert len(heard_whole(call, line("else"))) == 1


def say_again(session: Session) -> None:
    """The server repeats its call of a tool, word for word."""
    for kind in ("response.function_call_arguments.done", "response.output_item.done"):
        event = told(session, "S", kind)[0]
        session.emit(kind, **{k: v for k, v in event.items() if k not in ("type", "event_id")})


@pytest.mark.asyncio
async def test_tools_called_together_run_together(tmp_path: Path) -> None:
    """The first one waits for the second; both answers reach the model, and it speaks once."""
    script = on_key("1", 'call = [{ name = "first" }, { name = "second" }]') + SAY_ELSE
    agents = agents_in(tmp_path, a_toml=AGENT, tools_py=TOOLS)
    steps = (WaitForAgent(heard_ms=100), WaitForSilence(ms=600), HangUp())
    async with house(scene(tmp_path, script), agents_dir=agents, agent="a") as running:
        call = await live_call(running, *steps)
        call.press("1#")
        await running.ended(call)
        assert sorted(outputs(session_of(running, call))) == ["first", "second"]
        assert [event.tool for event in running.of(ToolStarted)] == ["first", "second"]
        assert running.of(ModelErrorReported) == []
        assert hears(call, line("else"))
