"""What purging and erasing have in common for a person: opening the records, counts in words."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import typer
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.privacy.existing import existing_records
from gateway.store.trouble import cause

_WORDS = {
    "audit": ("line of the audit trail", "lines of the audit trail"),
    "deliveries": ("webhook", "webhooks"),
    "dials": ("placed call", "placed calls"),
    "entries": ("waiting entry", "waiting entries"),
    "guardrails": ("tripped guardrail", "tripped guardrails"),
    "tools": ("tool call", "tool calls"),
    "usage": ("count of usage", "counts of usage"),
}


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[AsyncEngine | None]:
    """The records; None while nothing was ever recorded. Raises GatewayError for all trouble."""
    try:
        async with existing_records(settings) as engine:
            yield engine
    except (SQLAlchemyError, OSError) as error:
        if isinstance(error, OSError) and error.filename:
            raise GatewayError(f"{error.filename}: {error.strerror}") from None
        raise GatewayError(f"the database of the records: {cause(error)}") from None


def in_words(counts: Mapping[str, int]) -> str:
    """Counts as ``1 call, 12 turns``; ``nothing`` when there are none."""
    return ", ".join(_counted(name, count) for name, count in counts.items()) or "nothing"


def tell(line: str) -> None:
    """A line for the person, out of the way of what a script reads."""
    typer.echo(f"gateway: {line}", err=True)


def _counted(name: str, count: int) -> str:
    one, many = _WORDS.get(name, (name.removesuffix("s"), name))
    return f"{count} {one if count == 1 else many}"
