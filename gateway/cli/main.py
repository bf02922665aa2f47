"""The command tree. ``gateway --help`` answers at once: nothing heavy is imported up here."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway import __version__
from gateway.errors import ConfigError, GatewayError

app = typer.Typer(
    name="gateway",
    help="Call a phone number and talk to an OpenAI realtime agent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
sim = typer.Typer(help="Either far end as a standalone server.", no_args_is_help=True)
agents = typer.Typer(help="What is configured.", no_args_is_help=True)
db = typer.Typer(help="The database of the records.", no_args_is_help=True)
app.add_typer(sim, name="sim")
app.add_typer(agents, name="agents")
app.add_typer(db, name="db")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def demo(
    out: Annotated[
        Path | None, typer.Option(help="Where the recording goes [default: the data dir].")
    ] = None,
    as_json: Json = False,
) -> None:
    """A recorded call through the real gateway, all offline, no keys."""
    from gateway.cli.demo import run_demo

    raise typer.Exit(run_demo(out, as_json=as_json))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Start the offline model beside it; needs no keys.")
    ] = False,
) -> None:
    """The gateway."""
    from gateway.cli.serve import run_serve

    raise typer.Exit(run_serve(host=host, port=port, offline=offline))


@sim.command("twilio")
def sim_twilio(
    port: Annotated[int, typer.Option(help="Port of the REST API.")] = 8091,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    gateway: Annotated[
        str, typer.Option(help="Base URL of the gateway that answers the twin's number.")
    ] = "http://127.0.0.1:8000",
    number: Annotated[str, typer.Option(help="The twin's phone number.")] = "+15550001000",
    call: Annotated[
        Path | None, typer.Option(help="Place one call that plays this .ulaw file, then end.")
    ] = None,
) -> None:
    """Twilio: REST API, signed webhooks, media streams."""
    from gateway.cli.sim import run_twilio

    raise typer.Exit(run_twilio(host, port, gateway, number, call))


@sim.command("realtime")
def sim_realtime(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8090,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    script: Annotated[
        str, typer.Option(help="What the model says: a script's name.")
    ] = "assistant",
) -> None:
    """The OpenAI Realtime server, offline, speaking from a script."""
    from gateway.cli.sim import run_realtime

    raise typer.Exit(run_realtime(host, port, script))


@agents.command("list")
def agents_list(as_json: Json = False) -> None:
    """The configured agents, with their tools and handoffs."""
    from gateway.cli.agents import list_agents

    raise typer.Exit(list_agents(as_json=as_json))


@agents.command("check")
def agents_check(as_json: Json = False) -> None:
    """Every mistake in the agents' files, with file and line."""
    from gateway.cli.agents import check_agents

    raise typer.Exit(check_agents(as_json=as_json))


@db.command("upgrade")
def db_upgrade(as_json: Json = False) -> None:
    """Brings the database to this version; `gateway serve` does so by itself."""
    from gateway.cli.db import upgrade_database

    raise typer.Exit(upgrade_database(as_json=as_json))


@app.command()
def version(as_json: Json = False) -> None:
    """The version of the gateway."""
    text = json.dumps({"version": __version__}) if as_json else f"gateway {__version__}"
    typer.echo(text)


def main() -> None:
    """Runs the command; a mistake in the settings is one line and exit code 2."""
    try:
        app()
    except ConfigError as error:
        typer.echo(f"gateway: {error}", err=True)
        sys.exit(2)
    except GatewayError as error:
        typer.echo(f"gateway: {error}", err=True)
        sys.exit(1)
