"""The commands by which things of calls go, and by which that is proved: their options."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]


def add_commands(app: typer.Typer) -> None:
    """Adds the commands to their group."""
    app.command("purge")(purge)
    app.command("erase")(erase)
    app.command("evidence")(evidence)
    app.command("rekey")(rekey)


def purge(dry_run: DryRun = False, as_json: Json = False) -> None:
    """Delete what is older than it may be kept; a running gateway does so every hour."""
    from gateway.cli.calls_purge import run_purge

    raise typer.Exit(run_purge(dry_run=dry_run, as_json=as_json))


def erase(
    number: Annotated[
        str | None, typer.Option(metavar="+E164", help="All calls from or to this number.")
    ] = None,
    call: Annotated[str | None, typer.Option(metavar="CA…", help="The call with this ID.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Delete everything of somebody's calls, for good."""
    from gateway.cli.calls_erase import run_erase

    if bool(number) == bool(call):
        raise typer.BadParameter("give one of them", param_hint="--number, --call")
    code = run_erase(number or "", call or "", yes=yes, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(code)


def evidence(as_json: Json = False) -> None:
    """What was purged and erased, and when."""
    from gateway.cli.calls_purge import run_evidence

    raise typer.Exit(run_evidence(as_json=as_json))


def rekey(as_json: Json = False) -> None:
    """Encrypt recordings of older keys with the first key of GATEWAY_RECORDING_KEYS."""
    from gateway.cli.calls_rekey import run_rekey

    raise typer.Exit(run_rekey(as_json=as_json))
