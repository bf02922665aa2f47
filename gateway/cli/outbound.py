"""``gateway outbound``: whom the gateway may call, how much of it is used up, who never is."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.cli.calls_counts import opened
from gateway.core.callee import Callee, Refusal, parse
from gateway.core.policy import Counted, Rules, verdict
from gateway.errors import GatewayError
from gateway.settings import Settings, load_settings
from gateway.store.database import open_database
from gateway.store.dialcounts import overview
from gateway.store.dials import Dials
from gateway.store.donotcall import Blocked, DoNotCall
from gateway.store.switch import Position, Switch
from gateway.store.trouble import cause
from gateway.store.upgrade import upgrade

T = TypeVar("T")


def run_show(*, as_json: bool) -> int:
    """Prints the rules and how much of them is used up."""
    settings = load_settings()
    told = asyncio.run(_standing(settings))
    if as_json:
        typer.echo(json.dumps(told))
        return 0
    table = Table(box=None, show_header=False)
    for name, value in _lines(settings, told):
        table.add_row(name, value)
    Console(markup=False, highlight=False, emoji=False).print(table)
    return 0


def run_check(number: str, *, as_json: bool) -> int:
    """Says whether a number would be called now, and why not; 1 when it would not."""
    callee = parse(number)
    refusal = callee if isinstance(callee, Refusal) else asyncio.run(_judged(callee))
    if as_json:
        known = {} if isinstance(callee, Refusal) else asdict(callee)
        why = None if refusal is None else asdict(refusal)
        typer.echo(json.dumps({"called": refusal is None, "refusal": why, **known}))
    elif refusal is None:
        typer.echo("it would be called now")
    else:
        typer.echo(f"not called ({refusal.rule}): {refusal.text}")
    return 0 if refusal is None else 1


def run_close(reason: str | None) -> int:
    """Closes the switch."""
    _write(lambda engine: Switch(engine).close(reason, datetime.now(UTC)))
    typer.echo("nobody is called any more; `gateway outbound open` switches it on again")
    return 0


def run_open() -> int:
    """Opens the switch."""
    _write(lambda engine: Switch(engine).open(datetime.now(UTC)))
    typer.echo("whom the other rules allow is called")
    return 0


def run_block(number: str, reason: str | None) -> int:
    """Puts a number on the list. Raises GatewayError when it is none that could be called."""
    callee = parse(number)
    if isinstance(callee, Refusal):
        raise GatewayError(f"that number is never called: {callee.text}")
    e164 = callee.number
    new = _write(lambda engine: DoNotCall(engine).add(e164, reason, datetime.now(UTC)))
    typer.echo("it is not called any more" if new else "it was on the list already")
    return 0


def run_unblock(number: str) -> int:
    """Takes a number off the list. Raises GatewayError when it is not on it."""
    callee = parse(number)
    listed = number if isinstance(callee, Refusal) else callee.number
    if not _write(lambda engine: DoNotCall(engine).remove(listed)):
        raise GatewayError("that number is not on the do-not-call list")
    typer.echo("it may be called again, as far as the other rules allow")
    return 0


def run_blocked(*, as_json: bool) -> int:
    """Prints the do-not-call list, the newest last."""
    found = asyncio.run(_blocked(load_settings()))
    if as_json:
        typer.echo(json.dumps([asdict(each) | {"at": each.at.isoformat()} for each in found]))
        return 0
    if not found:
        typer.echo("nobody is on the do-not-call list")
        return 0
    table = Table("number", "since", "reason")
    for each in found:
        table.add_row(each.number, _local(each.at), each.reason or "")
    Console(markup=False, highlight=False, emoji=False).print(table)
    return 0


async def _judged(callee: Callee) -> Refusal | None:
    settings = load_settings()
    rules, now = Rules.of(settings), datetime.now(UTC)
    async with opened(settings) as engine:
        if engine is None:
            return verdict(callee, rules, Counted(), now)
        return await Dials(engine).judge(callee, rules, now)


async def _standing(settings: Settings) -> dict[str, Any]:
    counted, switch, blocked = Counted(), Position(), 0
    async with opened(settings) as engine:
        if engine is not None:
            async with engine.connect() as connection:
                counted = await overview(connection, datetime.now(UTC))
            switch = await Switch(engine).position()
            blocked = await DoNotCall(engine).count()
    return {
        "switch": asdict(switch) | {"at": switch.at and switch.at.isoformat()},
        "countries": list(settings.outbound_countries),
        "prefixes": list(settings.outbound_prefixes),
        "quiet": settings.outbound_quiet,
        "per_number": settings.outbound_per_number,
        "per_minute": settings.outbound_per_minute,
        "per_day": settings.outbound_per_day,
        "at_once": settings.outbound_at_once,
        "max_age_s": settings.outbound_max_age_s,
        "max_usd_per_number": settings.max_usd_per_number,
        "max_usd_per_day": settings.max_usd_per_day,
        "now": {
            "minute": counted.minute,
            "day": counted.day,
            "at_once": counted.at_once,
            "usd": counted.day_usd,
        },
        "blocked": blocked,
    }


def _lines(settings: Settings, told: dict[str, Any]) -> list[tuple[str, str]]:
    now, switch = told["now"], told["switch"]
    position = "on"
    if switch["closed"]:
        since = _local(datetime.fromisoformat(switch["at"]))
        position = f"off since {since}" + (f": {switch['reason']}" if switch["reason"] else "")
    most_usd = settings.max_usd_per_day
    return [
        ("calling out", position),
        ("countries", ", ".join(settings.outbound_countries) or "none: nobody is called"),
        ("prefixes", ", ".join(settings.outbound_prefixes) or "all of these countries"),
        ("quiet hours", f"{settings.outbound_quiet} (where the callee is)"),
        ("to one number", f"{settings.outbound_per_number} in 24 hours"),
        ("in a minute", f"{now['minute']} of {settings.outbound_per_minute}"),
        ("in 24 hours", f"{now['day']} of {settings.outbound_per_day}"),
        ("at once", f"{now['at_once']} of {settings.outbound_at_once}"),
        ("spent today", f"{now['usd']:.2f} USD" + (f" of {most_usd:g}" if most_usd else "")),
        ("do not call", f"{told['blocked']} number{'' if told['blocked'] == 1 else 's'}"),
    ]


async def _blocked(settings: Settings) -> list[Blocked]:
    async with opened(settings) as engine:
        return [] if engine is None else await DoNotCall(engine).all()


def _write(work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    return asyncio.run(_written(work))


async def _written(work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    async with _made(load_settings()) as engine:
        return await work(engine)


@asynccontextmanager
async def _made(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The database, made when there is none: the list and the switch may come before any call."""
    try:
        await upgrade(settings)
        engine = open_database(settings, pooled=False)
        try:
            yield engine
        finally:
            await engine.dispose()
    except (SQLAlchemyError, OSError) as error:
        raise GatewayError(f"the database of the records: {cause(error)}") from None


def _local(at: datetime) -> str:
    return at.astimezone().replace(tzinfo=None).isoformat(" ", "minutes")
