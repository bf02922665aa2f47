"""Agents of one call: made anew, with nothing of their own code left on the call loop."""

import json
import threading
from typing import Any

import pytest
from agents import FunctionTool, Handoff, OutputGuardrail, RunContextWrapper, function_tool
from agents.realtime import RealtimeAgent
from agents.tool import invoke_function_tool
from agents.tool_context import ToolContext

from gateway.agents import Catalogue
from gateway.agents.assembly import moved_away
from gateway.call.context import CallContext
from gateway.call.control import CALL_CONTROL
from gateway.call.tools import ToolRunner
from gateway.errors import ConfigError
from tests.agents.conftest import Load
from tests.agents.folders import offer
from tests.call.contexts import context

HANDS = """
tools = ["tools.look_up", "end_call", "transfer_call"]
handoffs = ["b", { agent = "c", tool_name = "to_c", description = "Changes seats." }]
output_guardrails = ["hooks.calm"]
"""
ROUTES = '[directory]\noffice = { number = "+15550002000", description = "The office" }'
HOOKS = '''
import asyncio
import threading

from agents import Agent, GuardrailFunctionOutput, Handoff, function_tool, output_guardrail
from agents.realtime import RealtimeAgent, realtime_handoff

from gateway.call.control import CALL_CONTROL


@output_guardrail
def calm(context, agent, output):
    return GuardrailFunctionOutput(threading.get_ident(), tripwire_triggered=False)


@function_tool
def thread() -> str:
    """Where it runs."""
    return str(threading.get_ident())


def words(context, agent):
    return str(threading.get_ident())


behind = RealtimeAgent(name="behind", tools=[thread])
shared = RealtimeAgent(
    name="shared",
    instructions=words,
    tools=[thread, CALL_CONTROL["end_call"]],
    output_guardrails=[calm],
    handoffs=[realtime_handoff(behind, is_enabled=lambda context, agent: True)],
)
shared.handoffs.append(shared)


def build(call):
    return shared


async def build_later(call):
    await asyncio.sleep(0)
    return RealtimeAgent(name=call.called, instructions="Made for this call.")


def build_nothing(call):
    return Agent(name="no realtime agent")
'''


async def built(catalogue: Catalogue, name: str = "a") -> RealtimeAgent[CallContext]:
    """The agent of a call."""
    return await catalogue.plan_for(name, offer()).build(context())


async def invoked(tool: Any) -> str:
    """What a tool without arguments says."""
    arguments = json.dumps({})
    made = ToolContext(
        context=context(), tool_name=tool.name, tool_call_id="c", tool_arguments=arguments
    )
    return str(await invoke_function_tool(function_tool=tool, context=made, arguments=arguments))


def is_elsewhere(ident: object) -> bool:
    """True for a thread that is not this one."""
    return int(str(ident)) != threading.get_ident()


@pytest.mark.asyncio
async def test_an_agent_is_what_its_files_say(loaded: Load) -> None:
    """Texts, tools in their order, guardrails, and handoffs there and back."""
    catalogue = loaded(
        a_toml=HANDS,
        b_toml='handoffs = ["a"]\nhandoff_description = "Knows about orders."',
        c_toml="",
        c_md="",
        hooks_py=HOOKS,
        routes_toml=ROUTES,
    )
    agent = await built(catalogue)
    assert (agent.name, agent.instructions) == ("a", "Be brief.")
    assert [tool.name for tool in agent.tools] == ["look_up", "end_call", "transfer_call"]
    assert [guardrail.get_name() for guardrail in agent.output_guardrails] == ["calm"]
    to_b, to_c = agent.handoffs
    assert isinstance(to_b, Handoff)
    assert isinstance(to_c, Handoff)
    assert (to_b.tool_name, to_c.tool_name) == ("transfer_to_b", "to_c")
    assert to_c.tool_description == "Changes seats."
    assert "Knows about orders." in to_b.tool_description
    other = await to_b.on_invoke_handoff(RunContextWrapper(context()), "")
    assert (other.name, other.instructions) == ("b", "Be kind.")
    (back,) = other.handoffs
    assert isinstance(back, Handoff)
    assert await back.on_invoke_handoff(RunContextWrapper(context()), "") is agent


@pytest.mark.asyncio
async def test_two_calls_share_no_agent(loaded: Load) -> None:
    """What the SDK or a tool does to one is not the other's."""
    catalogue = loaded(a_toml='tools = ["tools.look_up"]')
    first, second = await built(catalogue), await built(catalogue)
    assert first is not second
    first.tools.clear()
    assert len(second.tools) == 1


@pytest.mark.asyncio
async def test_tools_run_elsewhere_with_a_limit(loaded: Load) -> None:
    """A tool has its own time-out or the deployment's; call control stays as it is."""
    text = 'tools = ["tools.look_up", "tools.slow", "tools.plain", "end_call"]'
    tools = (await built(loaded(a_toml=text))).tools
    limits = {tool.name: getattr(tool, "timeout_seconds", None) for tool in tools[:3]}
    assert limits == {"look_up": 7, "slow": 3, "plain": 7}
    assert tools[3] is CALL_CONTROL["end_call"]


@pytest.mark.asyncio
async def test_a_transfer_knows_the_routes_directory(loaded: Load) -> None:
    """The destinations of this call's route, by key."""
    catalogue = loaded(
        a_toml='tools = ["transfer_call"]',
        routes_toml=f'{ROUTES}\n[[route]]\nnumber = "+12025550100"\n'
        'directory = { desk = "+15550003000" }',
    )
    for called, keys in (("+12025550100", ["desk", "office"]), ("+12025550101", ["office"])):
        agent = await catalogue.plan(offer(called)).build(context())
        (tool,) = agent.tools
        assert isinstance(tool, FunctionTool)
        assert sorted(tool.params_json_schema["properties"]["destination"]["enum"]) == keys


@pytest.mark.asyncio
async def test_what_build_returns_is_moved_away(loaded: Load) -> None:
    """Tools, guardrails, instructions that are a function, and all of it behind handoffs."""
    made = await built(loaded(a_toml='build = "hooks.build"', hooks_py=HOOKS))
    assert made.name == "shared"
    tool, end_call = made.tools
    assert end_call is CALL_CONTROL["end_call"]
    assert is_elsewhere(await invoked(tool))
    assert is_elsewhere(await made.get_system_prompt(RunContextWrapper(context())))
    judged = await made.output_guardrails[0].run(RunContextWrapper(context()), made, "")  # type: ignore[arg-type]
    assert is_elsewhere(judged.output.output_info)
    handoff, itself = made.handoffs
    assert itself is made
    assert isinstance(handoff, Handoff)
    assert callable(handoff.is_enabled)
    assert await handoff.is_enabled(RunContextWrapper(context()), made)  # type: ignore[misc]
    behind = await handoff.on_invoke_handoff(RunContextWrapper(context()), "")
    assert is_elsewhere(await invoked(behind.tools[0]))


@pytest.mark.asyncio
async def test_what_build_returns_is_left_as_it_is(loaded: Load, tool_runner: ToolRunner) -> None:
    """A function may return the same agent to every call: each gets a moved one of its own."""
    catalogue = loaded(a_toml='build = "hooks.build"', hooks_py=HOOKS)
    first, second = await built(catalogue), await built(catalogue)
    assert first is not second

    @function_tool
    def word() -> str:
        """A word."""
        return "word"

    original = RealtimeAgent[CallContext](name="x", tools=[word])
    moved = moved_away(original, tool_runner)
    assert original.tools == [word]
    assert moved.tools[0] is not word


@pytest.mark.asyncio
async def test_build_is_asked_for_each_call(loaded: Load) -> None:
    """It knows its call, and may be async; others can hand off to what it makes."""
    catalogue = loaded(
        a_toml='handoffs = ["b"]', b_toml='build = "hooks.build_later"', hooks_py=HOOKS
    )
    assert (await built(catalogue, "b")).name == context().called
    (handoff,) = (await built(catalogue)).handoffs
    assert isinstance(handoff, Handoff)
    other = await handoff.on_invoke_handoff(RunContextWrapper(context()), "")
    assert other.instructions == "Made for this call."


@pytest.mark.asyncio
async def test_build_must_make_a_realtime_agent(loaded: Load, folder: Any) -> None:
    """Anything else is told by file, line and key."""
    catalogue = loaded(a_toml='build = "hooks.build_nothing"', hooks_py=HOOKS)
    with pytest.raises(ConfigError) as wrong:
        await built(catalogue)
    assert str(wrong.value) == (
        f"{folder / 'a.toml'}:1: build: 'hooks.build_nothing' returned Agent "
        "instead of a RealtimeAgent"
    )


def test_a_guardrail_stays_a_guardrail(loaded: Load) -> None:
    """The SDK asks what it is."""
    catalogue = loaded(a_toml='output_guardrails = ["hooks.calm"]', hooks_py=HOOKS)
    assert isinstance(catalogue.agent("a").guardrails[0], OutputGuardrail)
