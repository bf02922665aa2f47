"""``gateway hooks``: what was told by webhook, what was not, and telling it again."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table

from gateway.errors import GatewayError
from gateway.settings import load_settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

_MOMENTS = ("created_at", "next_at", "done_at")


def list_hooks(*, state: str | None, call_sid: str | None, as_json: bool) -> int:
    """Prints the deliveries, the newest first, without what they say."""
    from gateway.store.hooks.deliveries import listed

    found = _ask(lambda engine: listed(engine, state, call_sid)) or []
    rows = [_shown(row) for row in found]
    if as_json:
        typer.echo(json.dumps(rows))
        return 0
    identity = Column("id", no_wrap=True)  # whole, to be given to `gateway hooks retry`
    table = Table(identity, "event", "state", "attempts", "next or done", "error")
    for row in rows:
        when = row["next_at"] if row["state"] == "pending" else row["done_at"]
        cells = (row["id"], row["event"], row["state"], str(row["attempts"]), when, row["error"])
        table.add_row(*(cell or "" for cell in cells))
    Console().print(table)
    return 0


def retry_hooks(delivery_id: str | None, *, dead: bool) -> int:
    """Makes one delivery, or every dead one, due at once; a running gateway sends it."""
    from gateway.store.hooks.deliveries import renew, renew_dead

    now = datetime.now(UTC)
    if dead == (delivery_id is not None):
        raise typer.BadParameter("say which: an ID of 'gateway hooks list', or --dead")
    if delivery_id is None:
        count = int(_ask(lambda engine: renew_dead(engine, now)) or 0)
    elif not (count := int(_ask(lambda engine: renew(engine, delivery_id, now)) or 0)):
        raise GatewayError(f"there is no delivery {delivery_id!r}")
    typer.echo(f"{count:d} {'delivery is' if count == 1 else 'deliveries are'} due again")
    return 0


def _ask(question: "Callable[[AsyncEngine], Awaitable[T]]") -> T | None:
    """The answer of the database of the settings, its faults as one line; None while there is
    none.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return asyncio.run(_asked(question))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).partition("\n")[0]
        raise GatewayError(f"the records cannot be read: {reason}") from None


async def _asked(question: "Callable[[AsyncEngine], Awaitable[T]]") -> T | None:
    from gateway.store.privacy.existing import existing_records

    async with existing_records(load_settings()) as engine:
        return None if engine is None else await question(engine)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    moments = {name: row[name] and row[name].isoformat() for name in _MOMENTS}
    return {"id": f"{row['call_sid']}:{row['seq']}", **row, **moments}
