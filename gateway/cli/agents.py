"""``gateway agents``: what is configured."""

import json
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.settings import load_settings

if TYPE_CHECKING:
    from gateway.call.session import AgentPlan


def list_agents(*, as_json: bool) -> int:
    """Prints the agents of the folder; every one of them is loaded, so mistakes show."""
    from gateway.agents import AgentFiles
    from gateway.call.tools import ToolRunner

    settings = load_settings()
    runner = ToolRunner(threads=1, timeout_s=settings.tool_timeout_s)
    runner.start()
    try:
        files = AgentFiles(settings.agents_dir, settings, runner)
        rows = [_row(files.plan(name)) for name in files.names()]
    finally:
        runner.stop()
    if as_json:
        typer.echo(json.dumps(rows))
        return 0
    table = Table("agent", "model", "voice", "tools", "handoffs", "greets")
    for row in rows:
        listed = [", ".join(row[key]) for key in ("tools", "handoffs")]
        greets = "yes" if row["greets"] else "no"
        table.add_row(str(row["name"]), str(row["model"]), str(row["voice"]), *listed, greets)
    Console().print(table)
    return 0


def _row(plan: "AgentPlan") -> dict[str, Any]:
    model = plan.model_config.get("initial_model_settings", {})
    return {
        "name": plan.name,
        "model": model.get("model_name"),
        "voice": model.get("voice"),
        "tools": [tool.name for tool in plan.agent.tools],
        "handoffs": [getattr(agent, "name", "") for agent in plan.agent.handoffs],
        "greets": plan.greeting is not None,
    }
