"""``gateway webhook``: where the calls of a number of the carrier go. Its commands and options."""

from typing import Annotated

import typer

webhook = typer.Typer(
    help="Where the calls of a number go: show it, point it here, put it back.",
    no_args_is_help=True,
)

Number = Annotated[str, typer.Argument(metavar="+E164", help="A number of the Twilio account.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@webhook.command("show")
def show(number: Number, as_json: Json = False) -> None:
    """What is configured for a number's calls, and whether they come here."""
    from gateway.cli.webhook_show import run_show

    raise typer.Exit(run_show(number, as_json=as_json))


@webhook.command("set")
def set_(
    number: Number,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    fallback: Annotated[
        str, typer.Option(metavar="URL", help="Asked when this gateway fails; on another host.")
    ] = "",
    clear_overrides: Annotated[
        bool,
        typer.Option("--clear-overrides", help="Take a TwiML application or trunk off the number."),
    ] = False,
    tunnel: Annotated[
        bool,
        typer.Option(
            "--tunnel",
            help="Through cloudflared or ngrok, until Ctrl-C; then the number is put back.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Point a number at this gateway (GATEWAY_PUBLIC_URL); what was there can be restored."""
    from gateway.cli.webhook_set import Asked, run_set

    asked = Asked(number, yes, fallback, clear_overrides, as_json)
    raise typer.Exit(run_set(asked, tunnel=tunnel))


@webhook.command("restore")
def restore(
    number: Number,
    force: Annotated[
        bool, typer.Option("--force", help="Even if somebody else changed the number since.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put back what a number had before it was last set."""
    from gateway.cli.webhook_set import run_restore

    raise typer.Exit(run_restore(number, force=force, as_json=as_json))
