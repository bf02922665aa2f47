"""``gateway calls purge`` and ``gateway calls evidence``."""

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.calls_counts import in_words, opened, tell
from gateway.settings import Settings, load_settings
from gateway.store.privacy.evidence import Evidence, read
from gateway.store.privacy.retention import Purged, due, purge


def run_purge(*, dry_run: bool, as_json: bool) -> int:
    """Removes what is due, or only says what is; 1 when a file could not be deleted.

    Raises GatewayError.
    """
    found = asyncio.run(_purge(load_settings(), dry_run=dry_run))
    if as_json:
        typer.echo(json.dumps([asdict(purged) for purged in found]))
    else:
        for purged in found:
            typer.echo(f"{purged.rule}: {in_words(purged.counts)}")
        if not found:
            typer.echo("nothing is recorded yet")
        elif dry_run:
            typer.echo("(a dry run: nothing was removed)")
    failed = {name: why for purged in found for name, why in purged.failed.items()}
    for name, why in failed.items():
        tell(f"recordings/{name}: {why}; tried again by the next purge")
    return 1 if failed else 0


def run_evidence(*, as_json: bool) -> int:
    """Prints what was removed when, the oldest first. Raises GatewayError."""
    found = asyncio.run(_evidence(load_settings()))
    if as_json:
        rows = [asdict(each) | {"at": each.at.isoformat()} for each in found]
        typer.echo(json.dumps(rows))
        return 0
    if not found:
        typer.echo("nothing was removed yet")
        return 0
    table = Table("when", "act", "rule", "removed")
    for each in found:
        when = each.at.astimezone().replace(tzinfo=None).isoformat(" ", "minutes")
        table.add_row(when, each.act, each.rule, in_words(each.counts))
    Console(markup=False, highlight=False, emoji=False).print(table)
    return 0


async def _purge(settings: Settings, *, dry_run: bool) -> list[Purged]:
    now = datetime.now(UTC)
    async with opened(settings) as engine:
        if engine is None:
            return []
        if dry_run:
            return await due(engine, settings, now)
        with Console(stderr=True).status("purging") as status:
            return await purge(engine, settings, now, lambda purged: status.update(_told(purged)))


def _told(purged: Purged) -> str:
    return f"{purged.rule}: {in_words(purged.counts)} so far"


async def _evidence(settings: Settings) -> list[Evidence]:
    async with opened(settings) as engine:
        return [] if engine is None else await read(engine)
