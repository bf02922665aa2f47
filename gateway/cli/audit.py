"""``gateway audit list``: who did what, read from the database of the settings."""

import asyncio
import json
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.calls_counts import opened
from gateway.settings import load_settings


def run_list(*, since: datetime | None, who: str | None, limit: int, as_json: bool) -> int:
    """Prints lines of the audit trail, the newest first. Raises GatewayError."""
    rows = asyncio.run(_lines(since, who, limit))
    if as_json:
        typer.echo(json.dumps(rows))
        return 0
    if not rows:
        typer.echo("nobody did anything yet" if since is None and not who else "nothing of that")
        return 0
    table = Table("when", "who", "role", "action", "call", "detail")
    for row in rows:
        when = datetime.fromisoformat(row["at"]).astimezone().replace(tzinfo=None)
        cells = [row[name] or "" for name in ("who", "role", "action", "call_sid", "detail")]
        table.add_row(when.isoformat(" ", "seconds"), *cells)
    Console(markup=False, highlight=False, emoji=False).print(table)
    return 0


async def _lines(since: datetime | None, who: str | None, limit: int) -> list[dict[str, Any]]:
    from gateway.store.audit import lines

    async with opened(load_settings()) as engine:
        if engine is None:
            return []
        return await lines(engine, limit=limit, since=since, who=who or "")
