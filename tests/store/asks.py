"""Calls that somebody wants made; as a process of its own it asks for many at once:

    python -m tests.store.asks FOLDER URL COUNT PER_NUMBER PER_MINUTE PER_DAY AT_ONCE

prints how many were let in, and every rule that refused one, by how often.
"""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.core.callee import Refusal
from gateway.core.policy import Rules
from gateway.store import dials as dials_module
from gateway.store.database import open_database
from gateway.store.dials import Ask, Dials
from gateway.store.tables import dials
from tests.store.databases import settings_in

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MANY = 10**6
PATIENCE_S = 50.0
OPEN = Rules(
    countries=frozenset({"DE", "US", "GB"}),
    per_number=MANY,
    per_minute=MANY,
    per_day=MANY,
    at_once=MANY,
)
"""Everything is allowed that can be."""
BERLIN = "+493012345678"


def ask(to: str = BERLIN, **more: Any) -> Ask:
    """A call, asked for at noon; it may wait for two minutes."""
    asked = Ask(
        to=to,
        from_="+12025550100",
        agent="survey",
        campaign=None,
        data={"name": "Ada"},
        record=None,
        amd="off",
        max_minutes=None,
        ring_s=60,
        by="api",
        key=None,
        not_before=None,
        expires_at=NOON + timedelta(minutes=2),
    )
    return replace(asked, **more)


def somebody(number: int) -> str:
    """One of many numbers."""
    return f"+4930{20_000_000 + number}"


async def many(engines: list[AsyncEngine], count: int, rules: Rules, to: str = "") -> Counter[str]:
    """Asks for so many calls at once, by turns of the engines: how often what was answered.

    ``to`` is called by all of them; without it each calls somebody else.
    """
    begun = asyncio.gather(
        *(
            Dials(engines[number % len(engines)]).admit(
                ask(to or somebody(number)), rules, NOON + timedelta(milliseconds=number)
            )
            for number in range(count)
        )
    )
    answers = await begun
    return Counter(each.rule if isinstance(each, Refusal) else "in" for each in answers)


async def write_down(engine: AsyncEngine, dial_id: str, **values: Any) -> None:
    """A row as it may lie in the database: to Berlin, ended at noon."""
    row: dict[str, Any] = {
        "id": dial_id,
        "to_number": BERLIN,
        "from_number": "+12025550100",
        "state": "ended",
    }
    row |= {"created_at": NOON, "ended_at": NOON, "data": {"name": "Ada"}, "outcome": "busy"}
    async with engine.begin() as connection:
        await connection.execute(insert(dials).values(row | values))


async def ids(engine: AsyncEngine) -> list[str]:
    """Which rows there are."""
    async with engine.connect() as connection:
        return list((await connection.execute(select(dials.c.id).order_by(dials.c.id))).scalars())


async def _asked(folder: str, url: str, count: int, *caps: int) -> Counter[str]:
    settings = settings_in(Path(folder), **({"database_url": url} if url else {}))
    engine = open_database(settings)
    rules = Rules(OPEN.countries, (), None, *caps)
    dials_module.PATIENCE_S = PATIENCE_S
    try:
        return await many([engine], count, rules, BERLIN)
    finally:
        await engine.dispose()


if __name__ == "__main__":
    folder, url, *numbers = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(_asked(folder, url, *map(int, numbers)))))
