"""What can be typed after ``gateway call``. Nothing heavy is imported up here."""

from typing import Annotated, Literal

import typer


def call(
    number: Annotated[str, typer.Argument(metavar="+E164", help="The phone that is to ring.")],
    agent: Annotated[str | None, typer.Option(help="Who talks [default: the route's].")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Our number [default: TWILIO_PHONE_NUMBER].")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Its name, which may have a route.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="What the agent is told besides; often."),
    ] = None,
    record: Annotated[
        bool | None,
        typer.Option("--record/--no-record", help="Record it [default: as the route says]."),
    ] = None,
    amd: Annotated[
        Literal["off", "hangup", "leave-message"],
        typer.Option(help="What is done when an answering machine answers."),
    ] = "off",
    max_minutes: Annotated[
        float | None, typer.Option(help="The longest it may last.", min=0.05, max=1440)
    ] = None,
    ring: Annotated[int, typer.Option(metavar="S", help="How long it rings.", min=5, max=600)] = 60,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Watch it to its end; Ctrl-C hangs up.")
    ] = True,
    gateway: Annotated[
        str | None, typer.Option(metavar="URL", help="The gateway [default: of the settings].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rings a phone and connects the agent; the gateway must be running."""
    from gateway.cli.call import Wish, run_call, settings_of

    body = {
        "agent": agent,
        "from": from_,
        "campaign": campaign,
        "data": settings_of(data or []),
        "record": record,
        "amd": amd,
        "max_minutes": max_minutes,
        "ring_s": ring,
    }
    raise typer.Exit(run_call(Wish(number, body, wait, as_json, gateway)))
