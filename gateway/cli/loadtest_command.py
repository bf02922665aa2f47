"""What can be typed after ``gateway loadtest``. Nothing heavy is imported up here."""

from pathlib import Path
from typing import Annotated

import typer

_NETWORK = "The callers' network"
_RESULT = "The result"


def loadtest(
    calls: Annotated[
        int, typer.Option(min=1, max=10_000, help="Callers at a time; the most to try in a search.")
    ],
    fixtures: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH[=WEIGHT]",
            help="A recording, a timeline or a folder of them; often [default: the package's].",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A running gateway [default: one is started]."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="offline|URL", help="The Realtime server of the started gateway [offline]."
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            min=1,
            help="So long everybody calls again and again [default: each once]; of a search: "
            "how long each count is held [20].",
        ),
    ] = None,
    ramp: Annotated[
        float | None,
        typer.Option(metavar="S", min=0, help="In so long the callers begin [10 a second]."),
    ] = None,
    arrivals: Annotated[
        str | None,
        typer.Option(metavar="poisson:0.5/s", help="Callers come by chance, at this rate."),
    ] = None,
    hold: Annotated[
        float | None,
        typer.Option(metavar="S", min=1, help="Callers stay so long, and speak again and again."),
    ] = None,
    delay: Annotated[
        str, typer.Option(metavar="MS", help="One way, each way.", rich_help_panel=_NETWORK)
    ] = "0ms",
    jitter: Annotated[
        str, typer.Option(metavar="MS", help="On top, at most.", rich_help_panel=_NETWORK)
    ] = "0ms",
    loss: Annotated[
        str,
        typer.Option(
            metavar="%", help="Of the callers' frames never arrive.", rich_help_panel=_NETWORK
        ),
    ] = "0%",
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes [one per 150 callers].")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything left to chance.")] = 1,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="turn_p95>800ms; often.", rich_help_panel=_RESULT),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="OUT.html", help="A page with plots.", rich_help_panel=_RESULT),
    ] = None,
    json_out: Annotated[
        Path | None,
        typer.Option("--json", metavar="OUT.json", help="- is stdout.", rich_help_panel=_RESULT),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="OUT.xml", help="For CI.", rich_help_panel=_RESULT)
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="OLD.json", help="What to compare with.", rich_help_panel=_RESULT),
    ] = None,
    find_capacity: Annotated[
        bool,
        typer.Option(
            "--find-capacity",
            help="More and more callers, up to --calls, until something gives out.",
            rich_help_panel=_RESULT,
        ),
    ] = False,
) -> None:
    """Many callers at a time on a gateway: how long they wait, and whether that is enough."""
    from gateway.cli.loadtest import Wishes, run_loadtest

    wishes = Wishes(
        calls=calls,
        fixtures=tuple(fixtures or ()),
        target=target,
        model=model,
        duration_s=duration,
        ramp_s=ramp,
        arrivals=arrivals,
        hold_s=hold,
        delay=delay,
        jitter=jitter,
        loss=loss,
        workers=workers,
        seed=seed,
        fail_if=tuple(fail_if or ()),
        report=report,
        json_out=json_out,
        junit=junit,
        baseline=baseline,
        find_capacity=find_capacity,
    )
    raise typer.Exit(run_loadtest(wishes))
