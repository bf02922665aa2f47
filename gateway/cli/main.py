"""The command tree. ``gateway --help`` answers at once: nothing heavy is imported up here."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway import __version__
from gateway.cli import audit_group, calls_live_group, outbound_group, users_group
from gateway.cli.call_command import call
from gateway.cli.calls_privacy import add_commands
from gateway.cli.loadtest_command import loadtest
from gateway.cli.log_level_command import log_level
from gateway.cli.talk_command import talk
from gateway.cli.webhook import webhook
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
hooks = typer.Typer(help="What was told of calls by webhook.", no_args_is_help=True)
db = typer.Typer(help="The database of the records.", no_args_is_help=True)
app.add_typer(sim, name="sim")
app.add_typer(agents, name="agents")
app.add_typer(hooks, name="hooks")
app.add_typer(db, name="db")
outbound = typer.Typer(help="Whom the gateway may call.", no_args_is_help=True)
outbound_group.add_commands(outbound)
app.add_typer(outbound, name="outbound")
users = typer.Typer(help="Who may sign in.", no_args_is_help=True)
users_group.add_commands(users)
app.add_typer(users, name="users")
audit = typer.Typer(help="Who did what.", no_args_is_help=True)
audit_group.add_commands(audit)
app.add_typer(audit, name="audit")
calls = typer.Typer(help="Records of past calls, and of those on the line.", no_args_is_help=True)
app.add_typer(calls, name="calls")
app.command()(call)
app.command()(talk)
app.command()(loadtest)
app.command("log-level")(log_level)
app.add_typer(webhook, name="webhook")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CallId = Annotated[
    str, typer.Argument(metavar="ID", help="A CallSid, or at least 6 characters it begins with.")
]
Until = Annotated[str | None, typer.Option(help="Calls before, in the same forms.")]


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
    tunnel: Annotated[
        bool,
        typer.Option(
            "--tunnel", help="Be reached through cloudflared or ngrok, whichever is there."
        ),
    ] = False,
) -> None:
    """The gateway."""
    from gateway.cli.serve import run_serve

    raise typer.Exit(run_serve(host=host, port=port, offline=offline, tunnel=tunnel))


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


@sim.command("record")
def sim_record(
    file: Annotated[Path, typer.Argument(metavar="FILE.wav", help="Of any rate; .alaw as well.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="A .ulaw file, or .json: a timeline [default: FILE.ulaw]."
        ),
    ] = None,
) -> None:
    """A recording becomes a caller, for `loadtest` and `sim twilio`."""
    from gateway.cli.sim_record import run_record

    raise typer.Exit(run_record(file, out))


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


@calls.command("list")
def calls_list(
    agent: Annotated[str | None, typer.Option(help="The agent that answered.")] = None,
    outcome: Annotated[
        Literal["completed", "transferred", "missed", "failed"] | None,
        typer.Option(help="What became of it."),
    ] = None,
    state: Annotated[
        Literal["offered", "answered", "live", "consulting", "away", "ending", "ended"] | None,
        typer.Option(help="Where it is in its life."),
    ] = None,
    number: Annotated[str | None, typer.Option(help="The caller's or the called number.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Calls from then on: 2026-11-01, 2026-11-01T14:30Z, 7d, 2h.")
    ] = None,
    until: Until = None,
    worst_than: Annotated[
        float | None, typer.Option(metavar="MS", help="An answer took longer than this.")
    ] = None,
    sort: Annotated[Literal["newest", "worst", "cost"], typer.Option(help="What is first.")] = (
        "newest"
    ),
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Calls, the newest first."""
    from gateway.cli.calls_list import run_list
    from gateway.cli.calls_since import moment
    from gateway.store.records.reader import CallFilter

    wanted = CallFilter(
        agent=agent,
        outcome=outcome,
        state=state,
        number=number,
        since=moment(since, "--since"),
        until=moment(until, "--until"),
        worse_than_ms=worst_than,
        sort=sort,
        limit=limit,
    )
    raise typer.Exit(run_list(wanted, as_json=as_json))


@calls.command("show")
def calls_show(
    call_id: CallId,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Where the page goes, if not to the folder of exports."
        ),
    ] = None,
    as_json: Json = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write a page with its sound, and print where.")
    ] = False,
) -> None:
    """One call: what was said and done when, how long answers took, what it cost."""
    from gateway.cli.calls_show import run_show

    raise typer.Exit(run_show(call_id, as_json=as_json, as_page=html, out=file))


@calls.command("export")
def calls_export(
    call_id: CallId,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR|FILE", help="Where to, if not stdout or the folder of exports."),
    ] = None,
    form: Annotated[
        Literal["json", "text", "vtt"] | None,
        typer.Option("--format", help="What is written, if not JSON."),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="The transcript as text.")] = False,
    vtt: Annotated[bool, typer.Option("--vtt", help="The transcript as WebVTT captions.")] = False,
    audio: Annotated[
        bool, typer.Option("--audio", help="The recording as WAV: caller left, agent right.")
    ] = False,
    as_fixture: Annotated[
        bool, typer.Option("--as-fixture", help="The caller's side, for simulated calls.")
    ] = False,
) -> None:
    """A call as JSON, transcript, WAV or test material."""
    from gateway.cli.calls_export import forms, run_export

    wanted = forms(form, text=text, vtt=vtt, audio=audio, fixture=as_fixture)
    raise typer.Exit(run_export(call_id, wanted, out))


@calls.command("play")
def calls_play(
    call_id: CallId,
    from_s: Annotated[
        float, typer.Option("--from", metavar="S", min=0, help="Begin at this second of the call.")
    ] = 0.0,
    left: Annotated[bool, typer.Option("--left", help="Only the caller.")] = False,
    right: Annotated[bool, typer.Option("--right", help="Only the agent.")] = False,
) -> None:
    """The recording, on the loudspeakers of this machine."""
    from gateway.cli.calls_play import run_play

    if left and right:
        raise typer.BadParameter("without both, both are played", param_hint="--left, --right")
    only: Literal["left", "right"] | None = "left" if left else "right" if right else None
    raise typer.Exit(run_play(call_id, from_s=from_s, only=only))


@calls.command("stats")
def calls_stats(
    since: Annotated[str, typer.Option(help="Calls from then on, as for `calls list`.")] = "30d",
    until: Until = None,
    by: Annotated[str, typer.Option(help="day, agent, or both with a comma.")] = "day,agent",
    as_json: Json = False,
) -> None:
    """What calls add up to, per day (UTC) and agent."""
    from gateway.cli.calls_since import moment
    from gateway.cli.calls_stats import groups, run_stats

    since_at, until_at = moment(since, "--since"), moment(until, "--until")
    raise typer.Exit(run_stats(since_at, until_at, groups(by), as_json=as_json))


add_commands(calls)
calls_live_group.add_commands(calls)


@hooks.command("list")
def hooks_list(
    state: Annotated[
        Literal["pending", "delivered", "dead"] | None, typer.Option(help="Only those.")
    ] = None,
    call: Annotated[str | None, typer.Option(help="Only those of a call (CA…).")] = None,
    as_json: Json = False,
) -> None:
    """The deliveries, the newest first."""
    from gateway.cli.hooks import list_hooks

    raise typer.Exit(list_hooks(state=state, call_sid=call, as_json=as_json))


@hooks.command("retry")
def hooks_retry(
    delivery: Annotated[
        str | None, typer.Argument(help="An ID of `gateway hooks list`.", metavar="ID")
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up.")] = False,
) -> None:
    """Deliveries are made pending again, and due at once."""
    from gateway.cli.hooks import retry_hooks

    raise typer.Exit(retry_hooks(delivery, dead=dead))


@db.command("upgrade")
def db_upgrade(as_json: Json = False) -> None:
    """Brings the database to this version; `gateway serve` does so by itself."""
    from gateway.cli.db import upgrade_database

    raise typer.Exit(upgrade_database(as_json=as_json))


@app.command()
def doctor(
    call: Annotated[
        bool, typer.Option("--call/--no-call", help="Call the gateway as the carrier would.")
    ] = True,
    greeting_within: Annotated[
        float, typer.Option(metavar="S", min=1, max=60, help="A greeting must be heard by then.")
    ] = 10.0,
    as_json: Json = False,
) -> None:
    """What is missing or wrong, in one line each, and what to do about it."""
    from gateway.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(as_json=as_json, places_call=call, greeting_s=greeting_within))


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
