"""The commands of ``gateway audit``: their options."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_commands(app: typer.Typer) -> None:
    """Adds the command to its group."""
    app.command("list")(show)


def show(
    since: Annotated[
        str | None, typer.Option(help="From then on: 2026-11-01, 2026-11-01T14:30Z, 7d, 2h.")
    ] = None,
    who: Annotated[str | None, typer.Option(metavar="NAME", help="Only what they did.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    as_json: Json = False,
) -> None:
    """Who did what, the newest first."""
    from gateway.cli.audit import run_list
    from gateway.cli.calls_since import moment

    since_at = moment(since, "--since")
    raise typer.Exit(run_list(since=since_at, who=who, limit=limit, as_json=as_json))
