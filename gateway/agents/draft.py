"""A folder of agents as it was read: everything in it that makes sense, and every problem.

Reads files and imports the folder's modules. Touches no network and starts nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.agents import schema
from gateway.agents.agent import Agent, read_agent
from gateway.agents.announcements import read_announcements
from gateway.agents.modules import Modules
from gateway.agents.problems import Problem
from gateway.agents.routes import Routes, RoutesTable
from gateway.agents.serverfile import ServersTable, servers_of
from gateway.agents.servers import McpServer
from gateway.agents.tomlfile import T, TomlFile, read_toml
from gateway.call.context import Route
from gateway.settings import Settings

ROUTES, SERVERS = "routes.toml", "mcp.toml"
"""The files of a folder that are no agents."""


@dataclass(frozen=True)
class Draft:
    """What stands in a folder, right or wrong."""

    folder: Path
    names: tuple[str, ...]
    """Every agent that has a file, readable or not."""
    agents: Mapping[str, Agent]
    routes: Routes
    routes_file: TomlFile[RoutesTable] | None
    servers: Mapping[str, McpServer]
    servers_file: TomlFile[ServersTable] | None
    problems: list[Problem] = field(default_factory=list)
    withdraw: Callable[[], None] = lambda: None
    """Takes the folder's modules out of what can be imported; the ones before are back."""

    def reach(self, start: str) -> list[Agent]:
        """An agent and every one a call with it may be handed to."""
        found = [start]
        for name in found:
            agent = self.agents.get(name)
            handoffs = agent.handoffs() if agent is not None else []
            found += [each.agent for each in handoffs if each.agent not in found]
        return [self.agents[name] for name in found if name in self.agents]

    def routes_to(self) -> dict[str, list[Route]]:
        """The routes that lead to each agent, directly or by handoffs.

        An agent no route leads to can still be called by name, and then the default one holds.
        """
        found: dict[str, list[Route]] = {name: [] for name in self.agents}
        for route in self.routes.all():
            for agent in self.reach(route.agent):
                found[agent.name].append(route)
        return {name: routes or [self.routes.default] for name, routes in found.items()}


def agent_files(folder: Path) -> list[Path]:
    """The files that are agents, by name."""
    return sorted(path for path in folder.glob("*.toml") if path.name not in (ROUTES, SERVERS))


def read_folder(folder: Path, settings: Settings) -> Draft:
    """Reads everything. The folder's modules stay importable until ``withdraw``."""
    problems: list[Problem] = []
    if not folder.is_dir():
        problems.append(Problem("", 0, "GATEWAY_AGENTS_DIR", f"no folder {folder}"))
    modules = Modules(folder)
    withdraw = modules.activate()
    paths = agent_files(folder)
    agents: dict[str, Agent] = {}
    for path in paths:
        file = read_toml(path, schema.Agent, problems)
        if file is not None:
            agents[path.stem] = read_agent(file, modules, problems)
    routes_file = _optional(folder / ROUTES, RoutesTable, problems)
    servers_file = _optional(folder / SERVERS, ServersTable, problems)
    table = routes_file.table if routes_file else RoutesTable()
    announcements = read_announcements(routes_file, problems) if routes_file else {}
    return Draft(
        folder=folder,
        names=tuple(path.stem for path in paths),
        agents=agents,
        routes=Routes(table, settings.agent, announcements, recordings=settings.recordings),
        routes_file=routes_file,
        servers=servers_of(servers_file.table) if servers_file else {},
        servers_file=servers_file,
        problems=problems,
        withdraw=withdraw,
    )


def _optional(path: Path, model: type[T], problems: list[Problem]) -> TomlFile[T] | None:
    return read_toml(path, model, problems) if path.exists() else None
