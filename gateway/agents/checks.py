"""What is wrong between the files of a folder: agents, routes, servers and texts taken together."""

import re
from collections.abc import Iterator, Mapping, Sequence

from gateway.agents.agent import CONSENT, TRANSFER, Agent
from gateway.agents.announcements import announcement_problems
from gateway.agents.draft import ROUTES, SERVERS, Draft
from gateway.agents.model import CHOICES, model_problems
from gateway.agents.problems import Problem, nearest, nearest_or_all
from gateway.agents.provider import provider_problems
from gateway.agents.routes import RoutesTable, circumstances, route_problems
from gateway.agents.serverfile import server_problems
from gateway.agents.templates import TemplateFault
from gateway.agents.waiting import waiting_problems
from gateway.call.call import Offer
from gateway.call.context import Route
from gateway.settings import Settings

_BESIDE_BUILD = (
    "instructions",
    "tools",
    "handoffs",
    "handoff_description",
    "output_guardrails",
    "mcp_servers",
)
_SAMPLE_CALLER, _SAMPLE_CALLED = "+12025550123", "+12025550199"


def cross_problems(draft: Draft, settings: Settings) -> Iterator[Problem]:
    """Everything that can be told without a call and without the network."""
    for agent in draft.agents.values():
        provider = agent.table.provider
        elsewhere = settings.realtime_url or (provider is not None and provider.url)
        yield from _name_problems(agent)
        yield from _build_problems(agent)
        yield from _handoff_problems(draft, agent)
        yield from _server_name_problems(draft, agent)
        yield from tool_problems(draft, agent, None)
        yield from model_problems(agent.file, ours=not elsewhere)
        yield from provider_problems(agent.file)
        yield from waiting_problems(agent.file)
    if draft.routes_file is not None:
        yield from route_problems(draft.routes_file)
        yield from announcement_problems(draft.routes_file)
    if draft.servers_file is not None:
        yield from server_problems(draft.servers_file)
    yield from _unused_servers(draft)
    yield from _destination_problems(draft, settings)
    yield from _transfer_problems(draft)
    yield from _unused_directories(draft)
    yield from _consent_problems(draft)
    yield from _text_problems(draft)


def tool_problems(
    draft: Draft, agent: Agent, of_servers: Mapping[str, Sequence[str]] | None
) -> Iterator[Problem]:
    """Tools the model could not tell apart, and a choice of tool that is not there.

    ``of_servers`` are the tools an agent has of MCP servers, by the agent's name; None = the
    servers are not started, and what they have is left open.
    """
    named = agent.named_tools()
    if of_servers is not None:
        named += [(("mcp_servers",), name) for name in of_servers[agent.name]]
    seen: set[str] = set()
    for path, name in named:
        if name in seen:
            yield agent.file.problem(path, f"there is a tool {name!r} already")
        seen.add(name)
    yield from _choice_problems(draft, agent, of_servers)


# Agents


def _name_problems(agent: Agent) -> Iterator[Problem]:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,50}", agent.name):
        words = "an agent's file is named with 1 to 50 letters, digits, '-' and '_'"
        yield Problem(str(agent.file.path), 0, "", words)


def _build_problems(agent: Agent) -> Iterator[Problem]:
    if agent.table.build is None:
        return
    for key in _BESIDE_BUILD:
        if key in agent.table.model_fields_set:
            yield agent.file.problem((key,), "has no effect beside build, which makes the agent")


def _handoff_problems(draft: Draft, agent: Agent) -> Iterator[Problem]:
    for position, handoff in enumerate(agent.handoffs()):
        path = ("handoffs", position)
        if handoff.agent == agent.name:
            yield agent.file.problem(path, "an agent cannot hand off to itself")
        elif handoff.agent not in draft.names:
            hint = nearest_or_all(handoff.agent, draft.names)
            yield agent.file.problem(path, f"no agent {handoff.agent!r}{hint}")


def _server_name_problems(draft: Draft, agent: Agent) -> Iterator[Problem]:
    for position, name in enumerate(agent.table.mcp_servers):
        path = ("mcp_servers", position)
        if name in agent.table.mcp_servers[:position]:
            yield agent.file.problem(path, f"{name!r} is listed twice")
        elif name not in draft.servers and not _is_unreadable(draft, SERVERS, name):
            hint = nearest_or_all(name, draft.servers)
            yield agent.file.problem(path, f"no server {name!r} in {SERVERS}{hint}")


def _choice_problems(
    draft: Draft, agent: Agent, of_servers: Mapping[str, Sequence[str]] | None
) -> Iterator[Problem]:
    """A choice of tool holds for the whole call, so every agent of it must have the tool."""
    choice = agent.table.model.tool_choice
    if choice is None or choice in CHOICES:
        return
    for each in draft.reach(agent.name):
        names = [name for _, name in each.named_tools()]
        names += of_servers[each.name] if of_servers is not None else []
        open_ended = of_servers is None and each.table.mcp_servers
        if choice in names or open_ended or each.table.build or each.file.is_spoiled("tools"):
            continue
        words = f"no tool {choice!r}{nearest(choice, [*CHOICES, *names])}"
        if each is not agent:
            words = f"agent {each.name!r}, to whom a call may be handed, has no tool {choice!r}"
        yield agent.file.problem(("model", "tool_choice"), words)


# Routes and servers


def _destination_problems(draft: Draft, settings: Settings) -> Iterator[Problem]:
    """Every route must lead to an agent."""
    if not draft.names:
        if draft.folder.is_dir():
            yield Problem(str(draft.folder), 0, "", "no agent here: add one as <name>.toml")
        return
    file = draft.routes_file
    table = RoutesTable() if file is None else file.table
    agent = settings.agent if table.default.agent is None else table.default.agent
    words = f"no agent {agent!r} in {draft.folder}{nearest_or_all(agent, draft.names)}"
    if agent not in draft.names and not _is_unreadable(draft, ROUTES, "default"):
        if file is None or table.default.agent is None:
            yield Problem("", 0, "GATEWAY_AGENT", words)
        else:
            yield file.problem(("default", "agent"), words)
    for position, route in enumerate(table.route):
        if file is not None and route.agent is not None and route.agent not in draft.names:
            hint = nearest_or_all(route.agent, draft.names)
            yield file.problem(("route", position, "agent"), f"no agent {route.agent!r}{hint}")


def _transfer_problems(draft: Draft) -> Iterator[Problem]:
    if _is_unreadable(draft, ROUTES):
        return
    for name, routes in draft.routes_to().items():
        agent = draft.agents[name]
        places = [place for place, tool in agent.tools.items() if tool == TRANSFER]
        empty = [route.name for route in routes if not route.directory]
        if places and empty:
            words = f"{TRANSFER} needs a directory in {ROUTES}, none is on {_routes(empty)}"
            yield agent.file.problem(("tools", places[0]), words)


def _unused_directories(draft: Draft) -> Iterator[Problem]:
    file = draft.routes_file
    if file is None:
        return
    for (place, table), route in zip(circumstances(file.table), draft.routes.all(), strict=True):
        if table.directory and not any(map(_transfers, draft.reach(route.agent))):
            words = f"is not used: no agent of this route lists {TRANSFER}"
            yield file.problem((*place, "directory"), words, "warning")
    if file.table.directory and not any(map(_transfers, draft.agents.values())):
        words = f"is not used: no agent lists {TRANSFER}"
        yield file.problem(("directory",), words, "warning")


def _consent_problems(draft: Draft) -> Iterator[Problem]:
    """Somebody must be able to say that the caller agreed, or nothing is ever recorded."""
    file = draft.routes_file
    if file is None:
        return
    for (place, table), route in zip(circumstances(file.table), draft.routes.all(), strict=True):
        agents = draft.reach(route.agent)
        able = any(CONSENT in each.tools.values() or each.table.build for each in agents)
        if table.recording == "consent" and agents and not able:
            words = f'"consent" needs an agent that lists {CONSENT}; {route.agent!r} does not'
            yield file.problem((*place, "recording"), words)


def _transfers(agent: Agent) -> bool:
    """True when an agent may use the directory; what ``build`` makes may use anything."""
    return TRANSFER in agent.tools.values() or agent.table.build is not None


def _unused_servers(draft: Draft) -> Iterator[Problem]:
    used = {name for agent in draft.agents.values() for name in agent.table.mcp_servers}
    for name in draft.servers:
        if name not in used and draft.servers_file is not None:
            words = "is not started: no agent lists it in mcp_servers"
            yield draft.servers_file.problem((name,), words, "warning")


def _is_unreadable(draft: Draft, name: str, *key: str) -> bool:
    """True when a file, or a key in it, is there and wrong: then it is not missing as well."""
    file = draft.routes_file if name == ROUTES else draft.servers_file
    if file is None:
        return (draft.folder / name).exists()
    return bool(key) and file.is_spoiled(*key)


# Texts


def _text_problems(draft: Draft) -> Iterator[Problem]:
    """Renders every text for a made-up call on every route that leads to it."""
    for name, routes in draft.routes_to().items():
        agent = draft.agents[name]
        greeting_line = agent.file.lines.of(("greeting",))
        texts = [
            (agent.instructions, str(agent.instructions_file), 0, ""),
            (agent.greeting, str(agent.file.path), greeting_line, "greeting"),
        ]
        for text, path, line, key in texts:
            if text is None:
                continue
            faults: dict[tuple[int, str], list[str]] = {}
            for route in routes:
                try:
                    text.render(_sample(draft, route), route)
                except TemplateFault as fault:
                    faults.setdefault((fault.line, str(fault)), []).append(route.name)
            for (fault_line, words), names in faults.items():
                yield Problem(path, line or fault_line, key, f"{words} (on {_routes(names)})")


def _sample(draft: Draft, route: Route) -> Offer:
    called = draft.routes.number(route) or _SAMPLE_CALLED
    return Offer("CA" + "0" * 32, "AC" + "0" * 32, _SAMPLE_CALLER, called)


def _routes(names: Sequence[str]) -> str:
    return f"route{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"
