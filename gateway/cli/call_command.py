"""What can be typed after ``gateway call``. Nothing heavy is imported up here."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer

T = TypeVar("T")

_LIST = "With --list"


def call(
    number: Annotated[
        str | None, typer.Argument(metavar="+E164", help="The phone that is to ring.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Who talks [default: the route's].")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Our number [default: TWILIO_PHONE_NUMBER].")
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(help="Its name, which may have a route [default: that of the list's file]."),
    ] = None,
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
    numbers: Annotated[
        Path | None,
        typer.Option("--list", metavar="FILE.csv", help="Ring every number of a list instead."),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(help="So many calls a second, minute or hour [1/s].", rich_help_panel=_LIST),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option("--max", help="Calls at a time [5].", min=1, rich_help_panel=_LIST),
    ] = None,
    retry: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OUTCOME=TIMES:AFTER",
            help="Who is rung again: busy=2:10m; often.",
            rich_help_panel=_LIST,
        ),
    ] = None,
    faults: Annotated[
        int | None,
        typer.Option(
            "--stop-after",
            metavar="N",
            help="Failures in a row, not the callees', that stop it [5].",
            min=1,
            rich_help_panel=_LIST,
        ),
    ] = None,
    result: Annotated[
        Path | None,
        typer.Option(help="Where it is written what became of each.", rich_help_panel=_LIST),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only check the list.", rich_help_panel=_LIST)
    ] = False,
    skip_invalid: Annotated[
        bool,
        typer.Option("--skip-invalid", help="Leave wrong lines out.", rich_help_panel=_LIST),
    ] = False,
    gateway: Annotated[
        str | None, typer.Option(metavar="URL", help="The gateway [default: of the settings].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rings a phone, or every number of a list, and connects the agent; the gateway must run."""
    from gateway.cli.call import Wish, run_call, settings_of

    shared = settings_of(data or [])
    body = {
        "agent": agent,
        "from": from_,
        "record": record,
        "amd": amd,
        "max_minutes": max_minutes,
        "ring_s": ring,
    }
    given = {
        "--rate": rate,
        "--max": most,
        "--retry": retry,
        "--stop-after": faults,
        "--result": result,
        "--check": check or None,
        "--skip-invalid": skip_invalid or None,
    }
    _fit(number, numbers, wait=wait, of_list=given)
    if number is not None:
        single = body | {"campaign": campaign, "data": shared}
        raise typer.Exit(run_call(Wish(number, single, wait, as_json, gateway)))

    from gateway.cli.campaign import CampaignWish, run_campaign
    from gateway.cli.campaign_calls import Asked
    from gateway.core.pace import Pace
    from gateway.core.retries import retries_of

    assert numbers is not None
    wish = CampaignWish(
        path=numbers,
        asked=Asked((campaign or numbers.stem)[:128], body),
        data=shared,
        pace=_read("--rate", Pace.of, rate or "1/s"),
        most=most or 5,
        retries=_read("--retry", retries_of, retry or []),
        faults=faults or 5,
        result=result,
        check=check,
        skip_invalid=skip_invalid,
        as_json=as_json,
        gateway=gateway,
    )
    raise typer.Exit(run_campaign(wish))


def _fit(number: str | None, numbers: Path | None, *, wait: bool, of_list: dict[str, Any]) -> None:
    """Refuses what does not go together."""
    if (number is None) == (numbers is None):
        raise typer.BadParameter("say whom to ring: a number, or --list FILE.csv")
    if numbers is not None and not wait:
        raise typer.BadParameter("a list is watched to its end", param_hint="--no-wait")
    for name, value in of_list.items():
        if numbers is None and value is not None and value != []:
            raise typer.BadParameter("only with --list", param_hint=name)


def _read(option: str, read: Callable[[Any], T], value: Any) -> T:
    """What was typed as a value; a mistake names the option."""
    try:
        return read(value)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
