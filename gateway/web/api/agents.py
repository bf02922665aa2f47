"""``/api/agents``: which agents answer, what is wrong with their files, and reading them again."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.agents import AgentFolder
from gateway.agents.catalogue import Catalogue
from gateway.agents.model import model_settings
from gateway.agents.problems import Problem
from gateway.store.audit import AuditLog
from gateway.web.api.answers import answered
from gateway.web.api.endpoint import Endpoint, who_asks
from gateway.web.api.queries import Query

_PATH = "/api/agents"
_NO_AGENTS = "this gateway has no folder of agents"


class Fault(msgspec.Struct):
    """One problem of a file."""

    severity: str
    """``error`` or ``warning``."""
    file: str
    line: int
    """0 = the file as a whole."""
    text: str


class AgentRow(msgspec.Struct):
    """One agent."""

    name: str
    model: str
    voice: str
    numbers: list[str]
    problems: list[Fault]
    state: str
    """``ready``, or ``broken``: its files have errors, and calls get what they were before."""
    reloaded_at: datetime | None


class AgentHandlers:
    """The agents new calls get."""

    def __init__(self, agents: AgentFolder | None, audit: AuditLog | None) -> None:
        """None = there are no agents to be asked about."""
        self._agents = agents
        self._audit = audit

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        rows = list[AgentRow]
        return [
            Endpoint("GET", _PATH, "viewer", self.list, "The agents new calls get", answer=rows),
            Endpoint(
                "POST",
                f"{_PATH}/reload",
                "admin",
                self.reload,
                "Reads the agents' files again, saved or not",
                answer=rows,
            ),
        ]

    async def list(self, request: Request) -> Any:
        """Every agent, by name."""
        Query(request, {})
        return _rows(self._there())

    async def reload(self, request: Request) -> Response:
        """The agents as they are now; 422 when there are mistakes, and the old ones stay."""
        agents = self._there()
        await agents.reload()
        if self._audit is not None:
            outcome = "" if agents.error is None else "refused: there are mistakes"
            self._audit.note(who_asks(request), "agents.reload", detail=outcome)
        if agents.error is None:
            return answered(_rows(agents))
        problems = msgspec.to_builtins([_fault(each) for each in agents.faults])
        first, _, more = agents.error.partition("\n")
        text = first + (f" (and {len(more.splitlines())} more)" if more else "")
        return answered({"error": text, "problems": problems}, 422)

    def _there(self) -> AgentFolder:
        if self._agents is None:
            raise HTTPException(503, _NO_AGENTS)
        return self._agents


def _rows(agents: AgentFolder) -> Any:
    catalogue = agents.catalogue
    problems = [*agents.faults, *catalogue.problems]
    known = {name: _row(agents, catalogue, name, problems) for name in catalogue.names()}
    # An agent whose file was never right is in no catalogue.
    for name in sorted({Path(each.file).stem for each in agents.faults if _is_agent(each)}):
        if name not in known:
            faults = _of(name, problems)
            known[name] = AgentRow(name, "", "", [], faults, "broken", None)
    return msgspec.to_builtins([known[name] for name in sorted(known)])


def _row(
    agents: AgentFolder, catalogue: Catalogue, name: str, problems: Iterable[Problem]
) -> AgentRow:
    model = model_settings(catalogue.agent(name).table.model, language="")
    voice = model["voice"]
    found = _of(name, problems)
    broken = any(each.severity == "error" for each in found)
    return AgentRow(
        name=name,
        model=model["model_name"],
        voice=voice if isinstance(voice, str) else voice["id"],
        numbers=catalogue.numbers(name),
        problems=found,
        state="broken" if broken else "ready",
        reloaded_at=agents.read_at,
    )


def _of(name: str, problems: Iterable[Problem]) -> list[Fault]:
    """The problems of an agent's own files, and those of files that belong to no agent alone."""
    return [_fault(each) for each in problems if not _is_own(each) or Path(each.file).stem == name]


def _is_own(problem: Problem) -> bool:
    return Path(problem.file).suffix == ".md" or _is_agent(problem)


def _is_agent(problem: Problem) -> bool:
    path = Path(problem.file)
    return path.suffix == ".toml" and path.name not in ("routes.toml", "mcp.toml")


def _fault(problem: Problem) -> Fault:
    text = ": ".join(part for part in (problem.key, problem.message) if part)
    return Fault(problem.severity, problem.file, problem.line, text)
