"""What can be typed after ``gateway talk``. Nothing heavy is imported up here."""

from pathlib import Path
from typing import Annotated

import typer

_SOUND = "Sound"


def talk(
    agent: Annotated[str | None, typer.Option(help="Who talks [default: the route's].")] = None,
    called: Annotated[
        str | None,
        typer.Option(metavar="+E164", help="As if this number of ours were called: its route."),
    ] = None,
    gateway: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the gateway is [default: here].")
    ] = None,
    heard_from: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="What the caller says (.wav, .ulaw, .alaw); hangs up when it is over.",
            rich_help_panel=_SOUND,
        ),
    ] = None,
    kept_in: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE.wav",
            help="Where what the agent says goes, instead of the loudspeaker.",
            rich_help_panel=_SOUND,
        ),
    ] = None,
    microphone: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A device of --list-devices.", rich_help_panel=_SOUND),
    ] = None,
    speaker: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A device of --list-devices.", rich_help_panel=_SOUND),
    ] = None,
    list_devices: Annotated[
        bool,
        typer.Option("--list-devices", help="Only say which there are.", rich_help_panel=_SOUND),
    ] = False,
) -> None:
    """Talk to an agent of a running gateway, without a phone; keys are keys, Ctrl-C hangs up."""
    from gateway.cli.talk import Wanted, run_talk, show_devices

    if list_devices:
        raise typer.Exit(show_devices())
    wanted = Wanted(agent, called, heard_from, kept_in, microphone, speaker)
    raise typer.Exit(run_talk(gateway, wanted))
