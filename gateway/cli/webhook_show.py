"""``gateway webhook show``, and how numbers and changes look in all of ``gateway webhook``."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import typer

from gateway.cli.calls_text import inert, or_none, take_everything
from gateway.errors import ConfigError
from gateway.ops.pointing import (
    OVERRIDES,
    Plan,
    as_written,
    differences,
    find,
    overridden,
    points_here,
    target,
)
from gateway.ops.rest import Number, TwilioRest
from gateway.settings import Settings, load_settings

_LABELS = {
    "voice_url": "voice URL",
    "voice_method": "voice method",
    "voice_fallback_url": "fallback",
    "voice_fallback_method": "fallback method",
    "status_callback": "status callback",
    "status_callback_method": "status method",
    "voice_application_sid": "application",
    "trunk_sid": "trunk",
}


def run_show(number: str, *, as_json: bool) -> int:
    """Prints what is configured. Raises GatewayError when it is not exactly one number."""
    settings = load_settings()
    found = asyncio.run(_found(settings, as_written(number)))
    take_everything()
    if as_json:
        typer.echo(json.dumps(_shown(found, settings)))
        return 0
    typer.echo(f"{found.e164}  {found.sid}  {inert(found.friendly_name)}")
    for name, label in _LABELS.items():
        if not name.endswith("_method"):
            typer.echo(f"  {label:<16} {_value(name, found.settings)}")
    for line in remarks(found, settings):
        typer.secho(f"  {line}", bold=True)
    return 0


def remarks(number: Number, settings: Settings) -> list[str]:
    """What has to be known of a number's settings, the most important first."""
    said = [
        f"OVERRIDDEN: the {OVERRIDES[name]} {inert(sid)} gets the calls, "
        f"whatever the voice URL is (`gateway webhook set --clear-overrides`)"
        for name, sid in overridden(number.settings).items()
    ]
    try:
        wrong = differences(number.settings, target(settings))
    except ConfigError as error:
        return [*said, f"not compared: {error}"]
    if not said and "voice_url" in wrong:
        said = [f"calls do not come to this gateway ({settings.public_url})"]
    elif not said:
        named = ", ".join(_LABELS[name] for name in wrong)
        said = ["calls come to this gateway" + (f", with another {named}" if wrong else "")]
    return said


def change_lines(plan: Plan) -> list[str]:
    """What changes, old → new, one line each."""
    return [
        f"  {_LABELS[name]:<16} {or_none(old)} → {or_none(new)}"
        for name, (old, new) in plan.changes.items()
    ]


async def _found(settings: Settings, number: str) -> Number:
    rest = TwilioRest(settings)
    try:
        return await find(rest, number)
    finally:
        await rest.close()


def _shown(number: Number, settings: Settings) -> dict[str, Any]:
    try:
        here: bool | None = points_here(number, settings)
    except ConfigError:
        here = None
    return {
        "number": number.e164,
        "sid": number.sid,
        "friendly_name": number.friendly_name,
        "settings": dict(number.settings),
        "overridden_by": overridden(number.settings),
        "points_here": here,
    }


def _value(name: str, settings: Mapping[str, str]) -> str:
    method = settings.get({"voice_url": "voice_method"}.get(name, f"{_stem(name)}_method"), "")
    value = or_none(settings[name])
    return f"{value} ({inert(method)})" if settings[name] and method else value


def _stem(name: str) -> str:
    return name.removesuffix("_url")
