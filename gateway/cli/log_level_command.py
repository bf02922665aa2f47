"""What can be typed after ``gateway log-level``."""

from typing import Annotated, Literal

import typer

MOST_MINUTES = 1440


def log_level(
    level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        typer.Argument(metavar="LEVEL", help="debug, info, warning or error; without one: show."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            min=0.1,
            max=MOST_MINUTES,
            help="Then it goes back by itself; usually 10.",
        ),
    ] = None,
    gateway: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the gateway is, if not here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How much the running gateway logs, and another level for a while."""
    from gateway.cli.log_level import run_log_level

    if level is None and minutes is not None:
        raise typer.BadParameter("is for a LEVEL that is set", param_hint="--minutes")
    raise typer.Exit(run_log_level(level, minutes, gateway, as_json=as_json))
