"""``gateway webhook set`` and ``restore``: shows what changes, asks, changes it, and undoes it."""

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import typer

from gateway.cli.calls_counts import tell
from gateway.cli.calls_text import take_everything
from gateway.cli.webhook_show import change_lines
from gateway.errors import ConfigError
from gateway.ops.pointing import (
    Plan,
    as_written,
    change_json,
    changes_of,
    find,
    planned,
    point,
    restore,
    undoing,
)
from gateway.ops.rest import TwilioRest
from gateway.ops.tunnel import open_tunnel, origin
from gateway.settings import Settings, load_settings

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person wants of `set`."""

    number: str
    yes: bool
    fallback: str
    clear_overrides: bool
    as_json: bool


def run_set(asked: Asked, *, tunnel: bool) -> int:
    """Points a number here, through a tunnel until it is interrupted if one is wanted.

    Raises GatewayError when it is refused, typer.Abort when the answer was no.
    """
    settings = load_settings()
    take_everything()
    if tunnel:
        return _through_tunnel(settings, asked)
    plan = _agreed(settings, asked)
    if plan.changes:
        asyncio.run(_pointed(settings, plan))
    _tell_set(plan, asked)
    return 0


def run_restore(number: str, *, force: bool, as_json: bool) -> int:
    """Puts back what a number had before it was last set. Raises GatewayError when refused."""
    take_everything()
    plan = asyncio.run(_restored(load_settings(), as_written(number), force=force))
    _tell_restored(plan, as_json=as_json)
    return 0


def _through_tunnel(settings: Settings, asked: Asked) -> int:
    end, broken = threading.Event(), threading.Event()

    def lost(reason: str) -> None:
        tell(f"the tunnel ended: {reason}")
        broken.set()
        end.set()

    with open_tunnel(origin(settings), lost) as tunnel:
        settings = settings.model_copy(update={"public_url": tunnel.url})
        tell(f"{tunnel.tool} leads to {origin(settings)}; start the gateway there with")
        typer.echo(f"GATEWAY_PUBLIC_URL={tunnel.url}", err=asked.as_json)
        plan = _agreed(settings, asked)
        # From here on a signal ends the waiting, never the undoing.
        with _ended_by_signals(end):
            if plan.changes:
                asyncio.run(_pointed(settings, plan))
            _tell_set(plan, asked)
            tell("this goes on until Ctrl-C; then the number gets back what it had")
            end.wait()
            if plan.changes:
                undone = asyncio.run(_restored(settings, plan.number.e164, force=False))
                _tell_restored(undone, as_json=asked.as_json)
    return 1 if broken.is_set() else 0


def _agreed(settings: Settings, asked: Asked) -> Plan:
    """What is to be changed, when the person wants it."""
    plan = asyncio.run(_planned(settings, asked))
    if not plan.changes:
        return plan
    typer.echo(f"{plan.number.e164}  {plan.number.sid}", err=asked.as_json)
    for line in change_lines(plan):
        typer.echo(line, err=asked.as_json)
    if asked.yes:
        return plan
    if not sys.stdin.isatty():
        raise ConfigError("--yes: there is no terminal to ask on, so it has to be said beforehand")
    # Not by typer.confirm: it leaves a blank on stdout, where JSON may be awaited.
    typer.echo("Change it? [y/N]: ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise typer.Abort
    return plan


async def _planned(settings: Settings, asked: Asked) -> Plan:
    rest = TwilioRest(settings)
    try:
        number = await find(rest, as_written(asked.number))
    finally:
        await rest.close()
    return planned(number, settings, fallback=asked.fallback, clear_overrides=asked.clear_overrides)


async def _pointed(settings: Settings, plan: Plan) -> None:
    rest = TwilioRest(settings)
    try:
        async with changes_of(settings) as pointed:
            await point(rest, pointed, plan, datetime.now(UTC))
    finally:
        await rest.close()


async def _restored(settings: Settings, number: str, *, force: bool) -> Plan:
    rest = TwilioRest(settings)
    try:
        async with changes_of(settings) as pointed:
            plan, change = await undoing(rest, pointed, number, force=force)
            await restore(rest, pointed, plan, change, datetime.now(UTC))
    finally:
        await rest.close()
    return plan


def _tell_set(plan: Plan, asked: Asked) -> None:
    if asked.as_json:
        typer.echo(json.dumps(change_json(plan)))
    elif plan.changes:
        typer.echo("set, and read back")
    else:
        typer.echo(f"{plan.number.e164} points here already; nothing was changed")


def _tell_restored(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(change_json(plan)))
        return
    typer.echo(f"{plan.number.e164}  {plan.number.sid}")
    for line in change_lines(plan):
        typer.echo(line)
    typer.echo("restored, and read back" if plan.changes else "it had been put back already")


@contextmanager
def _ended_by_signals(end: threading.Event) -> Iterator[None]:
    """Signals that end programs set the event; a second one is no different.

    One that is ignored stays so: `nohup` means it.
    """

    def ended(_number: int, _frame: FrameType | None) -> Any:
        end.set()

    heard = [number for number in _ENDINGS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, ended) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
