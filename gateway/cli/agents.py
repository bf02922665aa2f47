"""``gateway agents``: what is configured."""

import json

import typer
from rich.console import Console
from rich.table import Table

from gateway.settings import load_settings


def list_agents(*, as_json: bool) -> int:
    """Prints the agents of the folder; every one of them is loaded, so mistakes show."""
    from gateway.agents import AgentFiles
    from gateway.call.tools import ToolRunner

    settings = load_settings()
    runner = ToolRunner(threads=1, timeout_s=settings.tool_timeout_s)
    files = AgentFiles(settings.agents_dir, settings, runner)
    rows = []
    for name in files.names():
        plan = files.plan(name)
        model = plan.model_config.get("initial_model_settings", {})
        rows.append(
            {
                "name": name,
                "model": model.get("model_name"),
                "voice": model.get("voice"),
                "tools": [tool.name for tool in plan.agent.tools],
                "handoffs": [getattr(agent, "name", "") for agent in plan.agent.handoffs],
                "greets": plan.greeting is not None,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows))
        return 0
    table = Table("agent", "model", "voice", "tools", "handoffs", "greets")
    for row in rows:
        listed = [", ".join(row[key]) for key in ("tools", "handoffs")]  # type: ignore[arg-type]
        greets = "yes" if row["greets"] else "no"
        table.add_row(str(row["name"]), str(row["model"]), str(row["voice"]), *listed, greets)
    Console().print(table)
    return 0
