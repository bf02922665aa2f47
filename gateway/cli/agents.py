"""``gateway agents``: what is configured, and what is wrong with it."""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.settings import load_settings

if TYPE_CHECKING:
    from gateway.agents import Catalogue


def list_agents(*, as_json: bool) -> int:
    """Prints the agents of the folder. Raises ConfigError with every mistake in it."""
    from gateway.agents import McpServers, load
    from gateway.call.tools import ToolRunner

    settings = load_settings()
    runner = ToolRunner(threads=1, timeout_s=settings.tool_timeout_s)
    runner.start()
    try:
        catalogue = load(settings.agents_dir, settings, runner, McpServers(runner))
        rows = [_row(catalogue, name) for name in catalogue.names()]
    finally:
        runner.stop()
    if as_json:
        typer.echo(json.dumps(rows))
        return 0
    table = Table("agent", "numbers", "model", "voice", "tools", "handoffs", "greets")
    for row in rows:
        numbers, tools, handoffs = (", ".join(row[key]) for key in ("numbers", "tools", "handoffs"))
        greets = "yes" if row["greets"] else "no"
        table.add_row(row["name"], numbers, row["model"], row["voice"], tools, handoffs, greets)
    Console().print(table)
    return 0


def check_agents(*, as_json: bool) -> int:
    """Prints every problem, errors first, and how many there are; 1 when one is an error."""
    from gateway.agents import agent_files, check

    settings = load_settings()
    problems = check(settings.agents_dir, settings)
    errors = [problem for problem in problems if problem.severity == "error"]
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(problem) for problem in problems]))
        return 1 if errors else 0
    for problem in problems:
        typer.echo(f"{problem}{'' if problem in errors else ' (a warning)'}")
    agents, warnings = len(agent_files(settings.agents_dir)), len(problems) - len(errors)
    counts = [(agents, "agent"), (len(errors), "error"), (warnings, "warning")]
    typer.echo(", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts))
    return 1 if errors else 0


def _row(catalogue: "Catalogue", name: str) -> dict[str, Any]:
    """What can be said of an agent without its tool servers and its ``build`` function."""
    from gateway.agents.model import model_settings

    agent = catalogue.agent(name)
    model = model_settings(agent.table.model, language="")
    voice = model["voice"]
    return {
        "name": name,
        "numbers": catalogue.numbers(name),
        "model": model["model_name"],
        "voice": voice if isinstance(voice, str) else voice["id"],
        "tools": [tool for place, tool in agent.named_tools() if place[0] == "tools"],
        "mcp_servers": agent.table.mcp_servers,
        "handoffs": [handoff.agent for handoff in agent.handoffs()],
        "greets": agent.greeting is not None,
    }
