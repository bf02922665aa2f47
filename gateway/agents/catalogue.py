"""The agents of a folder, read once and right: what answers a call, and how.

A catalogue never changes. A call keeps the one it began with.
"""

import copy
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agents.realtime.config import RealtimeRunConfig

from gateway.agents.agent import Agent
from gateway.agents.assembly import Assembly, made_ready
from gateway.agents.checks import cross_problems, tool_problems
from gateway.agents.connection import connection, credentials
from gateway.agents.draft import Draft, read_folder
from gateway.agents.errands import check_directory, on_errand
from gateway.agents.mcp import McpServers
from gateway.agents.model import floor_rules, model_settings, run_config
from gateway.agents.problems import Faulty, Problem, in_order, nearest_or_all
from gateway.agents.schema import WIRE_FORMATS
from gateway.agents.servers import McpServer
from gateway.agents.templates import TemplateFault, Text
from gateway.agents.tracing import tracing
from gateway.agents.waiting import filler_rules, idle_rules, recorded_greeting
from gateway.call.audience import Audience
from gateway.call.call import Offer
from gateway.call.context import Route
from gateway.call.session import AgentPlan
from gateway.call.tools import ToolRunner
from gateway.errors import ConfigError
from gateway.settings import Settings

_ONE_AT_A_TIME = threading.Lock()
"""Modules are found by names that the whole process shares while a folder is being read."""


def check(folder: Path, settings: Settings) -> list[Problem]:
    """Every mistake in a folder: errors first, then warnings. No network, no server is started.

    The folder's Python modules are imported, as a call would need them.
    """
    with _ONE_AT_A_TIME:
        draft = read_folder(folder, settings)
        try:
            return in_order([*draft.problems, *cross_problems(draft, settings)])
        finally:
            draft.withdraw()


def load(folder: Path, settings: Settings, tools: ToolRunner, mcp: McpServers) -> "Catalogue":
    """Reads a folder. Raises ConfigError with every error in it, one a line.

    The servers of ``mcp_servers`` must be started before a plan that uses one is built.
    """
    with _ONE_AT_A_TIME:
        draft = read_folder(folder, settings)
        problems = in_order([*draft.problems, *cross_problems(draft, settings)])
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            draft.withdraw()
            raise Faulty(errors)
    return Catalogue(draft, problems, settings, tools, mcp)


class Catalogue:
    """What a folder says, without a mistake in it."""

    def __init__(
        self,
        draft: Draft,
        problems: list[Problem],
        settings: Settings,
        tools: ToolRunner,
        mcp: McpServers,
    ) -> None:
        self._draft = draft
        self._settings = settings
        self._runner = tools
        self._mcp = mcp
        self._ready = {name: made_ready(each, tools) for name, each in draft.agents.items()}
        self.problems: tuple[Problem, ...] = tuple(problems)
        """The warnings that remain."""
        used = {name for each in draft.agents.values() for name in each.table.mcp_servers}
        self.mcp_servers: Mapping[str, McpServer] = MappingProxyType(
            {name: server for name, server in draft.servers.items() if name in used}
        )
        """The servers its agents use."""

    def names(self) -> list[str]:
        """Names of the agents, sorted."""
        return sorted(self._draft.agents)

    def agent(self, name: str) -> Agent:
        """The agent of that name. Raises ConfigError with the names there are."""
        agent = self._draft.agents.get(name)
        if agent is None:
            hint = nearest_or_all(name, self.names())
            raise ConfigError(f"no agent {name!r} in {self._draft.folder}{hint}")
        return agent

    def numbers(self, name: str) -> list[str]:
        """Our numbers that ring at an agent by a route of their own."""
        return self._draft.routes.numbers(name)

    def route(self, offer: Offer) -> Route:
        """The route of a call, with what its errand, or whoever asked for it, changes of it."""
        route = self._draft.routes.find(offer)
        if offer.errand is not None:
            route = on_errand(route, offer.errand, self._settings.recordings)
        return replace(route, agent=offer.agent) if offer.agent else route

    def plan(self, offer: Offer) -> AgentPlan:
        """What answers a call. Raises ConfigError when a text cannot be rendered for it."""
        return self.plan_for(self.route(offer).agent, offer)

    def plan_for(self, name: str, offer: Offer) -> AgentPlan:
        """The same with another agent than the route's. Raises ConfigError for an unknown one."""
        agent, route = self.agent(name), _with_own_data(self.route(offer))
        reached = self._draft.reach(name)
        check_directory(reached, route)
        model = agent.table.model
        config = connection(agent, self._settings)
        rules = floor_rules(agent.table)
        session = model_settings(model, route.language, gateway_decides=rules is not None)
        config["initial_model_settings"] = session
        if (traced := tracing(model.tracing, name, route.name, offer)) is not None:
            session["tracing"] = traced
        return AgentPlan(
            name=name,
            build=self._assembly(reached, offer, route).build,
            model_config=config,
            run_config=self._run_config(agent),
            greeting=_rendered(agent, agent.greeting, offer, route),
            guarded=any(map(_is_guarded, reached)),
            input_format=WIRE_FORMATS[model.input_audio_format],
            output_format=WIRE_FORMATS[model.output_audio_format],
            route=route,
            credentials=credentials(agent, self._runner),
            floor=rules,
            idle=idle_rules(agent.table),
            filler=filler_rules(agent.table, agent.filler_audio),
            recorded_greeting=recorded_greeting(agent.table, agent.greeting_audio),
            audience=self._audience(agent),
        )

    def clashes(self) -> list[Problem]:
        """What is wrong with the tools once those of the started servers are known."""
        agents = self._draft.agents.values()
        of_servers = {
            agent.name: [t.name for s in agent.table.mcp_servers for t in self._mcp.tools(s)]
            for agent in agents
        }
        return in_order(p for each in agents for p in tool_problems(self._draft, each, of_servers))

    def withdraw(self) -> None:
        """Takes its modules out of what can be imported; those before it are back."""
        self._draft.withdraw()

    # Inside

    def _assembly(self, agents: list[Agent], offer: Offer, route: Route) -> Assembly:
        return Assembly(
            {agent.name: self._ready[agent.name] for agent in agents},
            {agent.name: _rendered(agent, agent.instructions, offer, route) for agent in agents},
            route.directory,
            self._runner,
            self._mcp,
        )

    def _run_config(self, agent: Agent) -> RealtimeRunConfig:
        config, formatter = run_config(agent.table), agent.tool_error_formatter
        if formatter is not None:

            async def words(arguments: Any) -> Any:
                return await self._runner.run(formatter, arguments)

            config["tool_error_formatter"] = words
        return config

    def _audience(self, agent: Agent) -> Audience | None:
        if agent.on_event is None and agent.on_model_event is None:
            return None
        return Audience(self._runner, agent.on_event, agent.on_model_event)


def _rendered(agent: Agent, text: Text | None, offer: Offer, route: Route) -> str | None:
    if text is None:
        return None
    try:
        return text.render(offer, route)
    except TemplateFault as fault:
        # Only the safe words: Python's own may quote what the caller sent.
        words = f"cannot be rendered for this call: {fault.safe}"
        greets = text is agent.greeting
        path = agent.file.path if greets else agent.instructions_file
        line = agent.file.lines.of(("greeting",)) if greets else fault.line
        key = "greeting" if greets else ""
        raise ConfigError(str(Problem(str(path), line, key, words))) from None


def _is_guarded(agent: Agent) -> bool:
    """True when an output guardrail may judge the agent; what ``build`` makes may have any."""
    return bool(agent.guardrails) or agent.build is not None


def _with_own_data(route: Route) -> Route:
    """The route with data of its own: no tool changes another call's."""
    return replace(route, data=copy.deepcopy(route.data)) if route.data else route
