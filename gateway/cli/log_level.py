"""``gateway log-level``: what the running gateway logs, and more or less of it for a while."""

import json
from datetime import datetime
from typing import Any

import typer

from gateway.cli.gatewayapi import GatewayApi
from gateway.settings import load_settings

_PATH = "/api/log-level"


def run_log_level(
    level: str | None, minutes: float | None, url: str | None, *, as_json: bool
) -> int:
    """Shows the level, or sets it first. Raises GatewayError."""
    with GatewayApi(load_settings(), url) as api:
        if level is None:
            said = api.ask("GET", _PATH)
        else:
            limit = {} if minutes is None else {"minutes": minutes}
            said = api.ask("PUT", _PATH, json={"level": level, **limit})
    typer.echo(json.dumps(said) if as_json else in_words(said))
    return 0


def in_words(said: dict[str, Any]) -> str:
    """The answer of the API as a line."""
    if said["until"] is None:
        return str(said["level"])
    until = datetime.fromisoformat(said["until"]).astimezone()
    return f"{said['level']} until {until:%H:%M:%S}, then {said['usual']} again"
