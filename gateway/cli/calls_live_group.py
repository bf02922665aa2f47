"""The commands on calls that are on the line: their options."""

from typing import Annotated

import typer

CallId = Annotated[
    str, typer.Argument(help="A CallSid of `gateway calls live`, or its beginning.", metavar="ID")
]
Gateway = Annotated[
    str | None, typer.Option(metavar="URL", help="Where the gateway is, if not on this machine.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_commands(app: typer.Typer) -> None:
    """Adds the commands to their group."""
    app.command("live")(live)
    app.command("whisper")(whisper)
    app.command("take-over")(take_over)
    app.command("hang-up")(hang_up)


def live(gateway: Gateway = None, as_json: Json = False) -> None:
    """The calls of this moment."""
    from gateway.cli.calls_live import run_live

    raise typer.Exit(run_live(gateway, as_json=as_json))


def whisper(
    call_id: CallId,
    text: Annotated[str, typer.Argument(help="An instruction; the caller does not hear it.")],
    answer: Annotated[
        bool, typer.Option("--answer", help="The agent speaks because of it, as soon as it can.")
    ] = False,
    gateway: Gateway = None,
    as_json: Json = False,
) -> None:
    """Tells the agent of a live call something."""
    from gateway.cli.calls_live import run_wish

    body = {"text": text, "answer": answer}
    raise typer.Exit(run_wish(gateway, call_id, "whisper", body, as_json=as_json))


def take_over(
    call_id: CallId,
    number: Annotated[
        str | None, typer.Option(metavar="+E164", help="The phone that takes the call.")
    ] = None,
    destination: Annotated[
        str | None, typer.Option("--to", metavar="KEY", help="Or a key of the route's directory.")
    ] = None,
    summary: Annotated[str, typer.Option(help="What is said to whoever picks up.")] = "",
    gateway: Gateway = None,
    as_json: Json = False,
) -> None:
    """Puts the caller on hold, and rings a phone that takes the call from the agent."""
    from gateway.cli.calls_live import run_wish

    if bool(number) == bool(destination):
        raise typer.BadParameter("give one of them", param_hint="--number, --to")
    where = {"number": number} if number else {"destination": destination}
    body = {**where, "summary": summary}
    raise typer.Exit(run_wish(gateway, call_id, "take-over", body, as_json=as_json))


def hang_up(call_id: CallId, gateway: Gateway = None, as_json: Json = False) -> None:
    """Ends a live call now, whatever is being said."""
    from gateway.cli.calls_live import run_wish

    raise typer.Exit(run_wish(gateway, call_id, "hang-up", {}, as_json=as_json))
