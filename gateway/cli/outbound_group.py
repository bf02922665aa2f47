"""The commands of ``gateway outbound``: their options."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str | None, typer.Option(help="Why, for whoever looks later.")]
Number = Annotated[str, typer.Argument(metavar="+E164", help="With its country code.")]


def add_commands(app: typer.Typer) -> None:
    """Adds the commands to their group."""
    app.command("show")(show)
    app.command("check")(check)
    app.command("close")(close)
    app.command("open")(open_again)
    app.command("block")(block)
    app.command("unblock")(unblock)
    app.command("blocked")(blocked)


def show(as_json: Json = False) -> None:
    """The rules, how much of them is used up, the switch."""
    from gateway.cli.outbound import run_show

    raise typer.Exit(run_show(as_json=as_json))


def check(number: Number, as_json: Json = False) -> None:
    """Would this number be called now? If not: which rule forbids it, which setting allows it."""
    from gateway.cli.outbound import run_check

    raise typer.Exit(run_check(number, as_json=as_json))


def close(reason: Reason = None) -> None:
    """Nobody is called from now on; calls on the line go on."""
    from gateway.cli.outbound import run_close

    raise typer.Exit(run_close(reason))


def open_again() -> None:
    """Whom the other rules allow is called again."""
    from gateway.cli.outbound import run_open

    raise typer.Exit(run_open())


def block(number: Number, reason: Reason = None) -> None:
    """Put a number on the do-not-call list."""
    from gateway.cli.outbound import run_block

    raise typer.Exit(run_block(number, reason))


def unblock(number: Number) -> None:
    """Take a number off the do-not-call list."""
    from gateway.cli.outbound import run_unblock

    raise typer.Exit(run_unblock(number))


def blocked(as_json: Json = False) -> None:
    """The do-not-call list."""
    from gateway.cli.outbound import run_blocked

    raise typer.Exit(run_blocked(as_json=as_json))
