"""The agents of one call, put together anew: texts as they are for this call, tools run away.

Nothing an agent's own code does runs on the call loop: neither a tool, nor a guardrail, nor an
instruction that is a function, nor what a handoff of its own does.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from agents import FunctionTool, Handoff, OutputGuardrail, Tool
from agents.realtime import RealtimeAgent, realtime_handoff

from gateway.agents.agent import Agent, handoff_tool
from gateway.agents.mcp import McpServers
from gateway.call.context import CallContext, Destination
from gateway.call.control import CALL_CONTROL
from gateway.call.tools import ToolRunner
from gateway.call.transfertool import transfer_call
from gateway.errors import ConfigError

PhoneAgent = RealtimeAgent[CallContext]


@dataclass(frozen=True)
class Ready:
    """An agent's tools and guardrails as calls use them; the same for every call."""

    agent: Agent
    tools: tuple[FunctionTool | str, ...]
    """``transfer_call`` by name: it is made for each route."""
    guardrails: tuple[OutputGuardrail[Any], ...]


def made_ready(agent: Agent, runner: ToolRunner) -> Ready:
    """Moves an agent's own code away from the call loop."""

    def moved(tool: FunctionTool | str) -> FunctionTool | str:
        if isinstance(tool, str):
            return CALL_CONTROL.get(tool, tool)
        return runner.away(tool)

    return Ready(
        agent,
        tuple(moved(tool) for tool in agent.tools.values()),
        tuple(runner.guard(each) for each in agent.guardrails),
    )


class Assembly:
    """What one call's agents are made of: the first is the one that answers."""

    def __init__(
        self,
        agents: Mapping[str, Ready],
        instructions: Mapping[str, str | None],
        directory: Mapping[str, Destination],
        runner: ToolRunner,
        servers: McpServers,
    ) -> None:
        self._agents = agents
        self._instructions = instructions
        self._directory = directory
        self._runner = runner
        self._servers = servers

    async def build(self, context: CallContext) -> PhoneAgent:
        """The agent that answers, with all it may hand off to.

        Raises whatever a ``build`` function of the agents raises, and ConfigError when what one
        returns is no agent.
        """
        built = {name: await self._one(ready, context) for name, ready in self._agents.items()}
        for name, ready in self._agents.items():
            built[name].handoffs.extend(
                realtime_handoff(
                    built[each.agent],
                    tool_name_override=handoff_tool(each),
                    tool_description_override=each.description,
                )
                for each in ready.agent.handoffs()
            )
        return next(iter(built.values()))

    async def _one(self, ready: Ready, context: CallContext) -> PhoneAgent:
        agent, table = ready.agent, ready.agent.table
        if agent.build is not None:
            made = await self._runner.run(agent.build, context)
            if not isinstance(made, RealtimeAgent):
                name = type(made).__name__
                words = f"{table.build!r} returned {name} instead of a RealtimeAgent"
                raise ConfigError(str(agent.file.problem(("build",), words)))
            return moved_away(made, self._runner)
        tools = [self._tool(each) for each in ready.tools]
        taken = {tool.name for tool in tools}
        for server in table.mcp_servers:
            # A server that was restarted may have changed: the agent's own tools stay first.
            tools += [tool for tool in self._servers.tools(server) if tool.name not in taken]
            taken |= {tool.name for tool in tools}
        return PhoneAgent(
            name=agent.name,
            instructions=self._instructions[agent.name],
            tools=cast(list[Tool], tools),
            handoff_description=table.handoff_description,
            output_guardrails=list(ready.guardrails),
        )

    def _tool(self, tool: FunctionTool | str) -> FunctionTool:
        return transfer_call(self._directory) if isinstance(tool, str) else tool


def moved_away(
    agent: PhoneAgent, runner: ToolRunner, seen: dict[int, PhoneAgent] | None = None
) -> PhoneAgent:
    """The same agent, and those it hands off to, with all their own code run away.

    The agent itself is left as it is: a function may return the same one to every call.
    """
    seen = {} if seen is None else seen
    if id(agent) in seen:
        return seen[id(agent)]
    seen[id(agent)] = moved = replace(
        agent,
        instructions=_elsewhere(agent.instructions, runner),
        tools=[_moved_tool(tool, runner) for tool in agent.tools],
        output_guardrails=[runner.guard(each) for each in agent.output_guardrails],
        handoffs=[],
    )
    for each in agent.handoffs:
        if isinstance(each, Handoff):
            moved.handoffs.append(_moved_handoff(each, runner, seen))
        else:
            moved.handoffs.append(moved_away(each, runner, seen))
    return moved


def _moved_tool(tool: Tool, runner: ToolRunner) -> Tool:
    if not isinstance(tool, FunctionTool) or any(tool is each for each in CALL_CONTROL.values()):
        return tool
    return runner.away(tool)


def _moved_handoff(
    handoff: Handoff[Any, Any], runner: ToolRunner, seen: dict[int, PhoneAgent]
) -> Handoff[Any, Any]:
    """A handoff names its agent only when it happens."""
    original = handoff.on_invoke_handoff

    async def invoke(context: Any, arguments: str) -> Any:
        return moved_away(await runner.run(original, context, arguments), runner, seen)

    moved = copy.copy(handoff)
    moved.on_invoke_handoff = invoke
    moved.is_enabled = _elsewhere(handoff.is_enabled, runner)
    return moved


def _elsewhere(value: Any, runner: ToolRunner) -> Any:
    """A function that runs away; what is no function stays."""
    if not callable(value):
        return value
    function: Callable[..., Any] = value

    async def run(*arguments: Any) -> Any:
        return await runner.run(function, *arguments)

    return run
