"""``gateway calls erase``: asks, erases, and says what is left if anything is."""

import asyncio
import json
import re
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.cli.calls_counts import in_words, opened, tell
from gateway.errors import GatewayError
from gateway.settings import Settings, load_settings
from gateway.store.privacy.erasable import Found, find_call, find_number, size_of
from gateway.store.privacy.erasure import Erased, Erasure

_WRITTEN = re.compile(r"[ ()./-]")
"""What people put between the digits of a number, and carriers do not."""
_ELSEWHERE = "where it is, a purge finds it as one no call knows of"
_LATER = "erase again when they have ended"
_WAITING = "something waits in it and will not be written"
_AHEAD = "what was recorded last may still be in it"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the person wants."""

    number: str
    call: str
    yes: bool
    dry_run: bool
    as_json: bool


def run_erase(number: str, call: str, *, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Erases the calls of a number, or one call; 1 when any of it is left.

    Raises GatewayError when there is nothing of the kind, typer.Abort when the answer was no.
    """
    if number.startswith("+"):
        number = _WRITTEN.sub("", number)
    asked = _Asked(number, call, yes, dry_run, as_json)
    return asyncio.run(_erase(load_settings(), asked))


async def _erase(settings: Settings, asked: _Asked) -> int:
    async with opened(settings) as engine:
        found = Found()
        if engine is not None and asked.number:
            found = await find_number(engine, settings, asked.number)
        elif engine is not None:
            found = await find_call(engine, settings, asked.call)
        if engine is None or not (found.ended or found.dials or found.live):
            raise GatewayError(f"no call {'with that number' if asked.number else 'with that ID'}")
        counts = await size_of(engine, settings, found)
        if asked.dry_run or not (found.ended or found.dials):
            return _left_alone(found, counts, asked)
        if not asked.yes:
            _confirm(found, counts)
        done = await _erased(engine, settings, found, asked)
    return _told(found, done, asked)


def _confirm(found: Found, counts: dict[str, int]) -> None:
    if found.again:
        tell("it was erased before; this goes over what may be left of it")
    tell(f"these go for good: {in_words(counts)}")
    # Not by typer.confirm: it leaves a blank on stdout, where JSON may be awaited.
    typer.echo("Erase them? [y/N]: ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise typer.Abort


async def _erased(engine: AsyncEngine, settings: Settings, found: Found, asked: _Asked) -> Erased:
    rule = "by number" if asked.number else "by call"
    with Console(stderr=True).status("erasing") as status:
        erasure = Erasure(engine, settings, datetime.now(UTC), rule, status.update)
        return await erasure.erase(found)


def _left_alone(found: Found, counts: dict[str, int], asked: _Asked) -> int:
    if asked.as_json:
        _print_json(found, Erased(counts if asked.dry_run else {}), dry_run=asked.dry_run)
    elif asked.dry_run:
        typer.echo(f"these would go: {in_words(counts)}")
    return _tell_live(found)


def _told(found: Found, done: Erased, asked: _Asked) -> int:
    if asked.as_json:
        _print_json(found, done, dry_run=False)
    else:
        typer.echo(f"erased: {in_words(done.counts)}")
    for name, why in done.failed.items():
        tell(f"{name}: {why}; its call was left as it is: make it deletable and erase again")
    if done.missing:
        tell(f"{in_words({'recordings': done.missing})} not on this disk; {_ELSEWHERE}")
    again = f"`gateway calls erase --call {found.ended[0]}`" if found.ended else "any later erasure"
    for journal in done.waiting:
        tell(f"journal/{journal}: {_WAITING}; when its database is back: {again}")
    for file in done.ahead:
        tell(f"recordings/{file}: {_AHEAD}; when its gateway's disk works: {again}")
    if done.unscrubbed:
        tell(f"old bytes may be left in the database ({done.unscrubbed}); go over it with {again}")
    return max(_tell_live(found), 0 if done.complete else 1)


def _tell_live(found: Found) -> int:
    if not found.live:
        return 0
    tell(f"still on the line, not erased: {', '.join(found.live)}; {_LATER}")
    return 1


def _print_json(found: Found, done: Erased, *, dry_run: bool) -> None:
    complete = done.complete and not (found.live or dry_run)
    told = {"dry_run": dry_run, "live": found.live, "complete": complete}
    typer.echo(json.dumps(asdict(done) | told))
