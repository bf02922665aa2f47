"""``gateway calls live`` and what is done with a live call: asked of the running gateway."""

import json
import re
from collections.abc import Mapping
from typing import Any

import typer
from rich.text import Text

from gateway.cli.calls_list import aligned
from gateway.cli.calls_text import console, inert, local, ms, or_none, usd
from gateway.cli.gatewayapi import GatewayApi
from gateway.errors import GatewayError
from gateway.settings import load_settings

SHORTEST_PREFIX = 4
_WHOLE = re.compile(r"CA[0-9a-fA-F]{32}")
_HEADINGS = (
    "since",
    "call",
    "from → to",
    "agent",
    "state",
    "speaks",
    "turns",
    "wait ms",
    "cost",
    "listeners",
)
_DONE = {
    "none": "The agent was told.",
    "now": "The agent was told, and speaks.",
    "later": "The agent was told, and speaks when what is being said is over.",
}


def run_live(gateway: str | None, *, as_json: bool) -> int:
    """Prints the live calls. Raises GatewayError."""
    with GatewayApi(load_settings(), gateway) as api:
        found = api.listed("/api/live/calls")
    if as_json:
        typer.echo(json.dumps(found))
    elif not found:
        typer.echo("Nobody is on the line.")
    else:
        lines = aligned([_HEADINGS, *map(_row, found)])
        out = console()
        out.print(Text(lines[0], "bold"), soft_wrap=True)
        for line in lines[1:]:
            out.print(Text(line), soft_wrap=True)
    return 0


def run_wish(
    gateway: str | None, given: str, what: str, body: Mapping[str, Any], *, as_json: bool
) -> int:
    """Does something with one live call. Raises GatewayError with why it cannot be done."""
    with GatewayApi(load_settings(), gateway) as api:
        call_sid = _meant(api, given)
        said = api.ask("POST", f"/api/live/calls/{call_sid}/{what}", json=body)
    typer.echo(json.dumps(said) if as_json else _words(what, said))
    return 0


def _meant(api: GatewayApi, given: str) -> str:
    """The call with this ID, or the only live one that begins like it."""
    if _WHOLE.fullmatch(given):
        return given
    if len(given) < SHORTEST_PREFIX:
        raise GatewayError(f"the beginning of an ID has at least {SHORTEST_PREFIX} characters")
    live = [str(each["call_sid"]) for each in api.listed("/api/live/calls")]
    found = [call_sid for call_sid in live if call_sid.startswith(given)]
    if len(found) != 1:
        fits = f"{inert(given)} fits {len(found)} live calls"
        raise GatewayError(f"{fits}: {', '.join(map(inert, found))}" if found else fits)
    return found[0]


def _words(what: str, said: Mapping[str, Any]) -> str:
    if what == "whisper":
        return _DONE.get(str(said.get("answer")), _DONE["none"])
    if what == "take-over":
        where = inert(str(said.get("destination")))
        return f"The caller waits, and {where} is rung: press 1 there to take the call."
    return "The call is over."


def _row(call: Mapping[str, Any]) -> tuple[str, ...]:
    wait = call.get("response_ms")
    return (
        local(call.get("offered_at"), "seconds"),
        inert(str(call["call_sid"])),
        f"{or_none(call.get('caller'))} → {or_none(call.get('called'))}",
        or_none(call.get("agent")),
        or_none(call.get("state")),
        or_none(call.get("speaking") or None),
        str(call.get("turns") or 0),
        or_none(None) if wait is None else ms(wait),
        usd(call.get("cost_usd")),
        str(call.get("listeners") or 0),
    )
