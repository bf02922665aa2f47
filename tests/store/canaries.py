"""Calls full of words that must be gone, or must still be there: canaries, told apart by call."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, String, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.tables import OF_CALLS, calls, deliveries, metadata

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINISHED = b"RIFF canary of "


def sid(number: int) -> str:
    """A CallSid."""
    return f"CA{number:032x}"


@dataclass(frozen=True, slots=True)
class Canary:
    """One call, and what it leaves behind."""

    number: int
    caller: str = "+4930100200"
    called: str = "+18005550100"
    age_days: float = 0.0
    state: str = "ended"
    delivery: str = "delivered"
    recorded: bool = True

    @property
    def call_sid(self) -> str:
        """Its CallSid."""
        return sid(self.number)

    @property
    def word(self) -> str:
        """What all texts of it have in them."""
        return f"tweet{self.number:04d}tweet"

    @property
    def recording(self) -> str | None:
        """Its recording in the folder of recordings."""
        return f"2026-02/{self.number:032x}.wav" if self.recorded else None

    def row(self, name: str, columns: list[Column[Any]]) -> dict[str, Any]:
        """A row of a table, every text of it a canary."""
        found: dict[str, Any] = {}
        for column in columns:
            if isinstance(column.type, JSON):
                found[column.name] = {"word": self.word}
            elif isinstance(column.type, String):
                found[column.name] = f"{self.word} {column.name}"[: column.type.length or 256]
        if name == "calls":
            found |= {"caller": self.caller, "called": self.called, "state": self.state}
            found |= {"offered_at": NOW - timedelta(days=self.age_days, minutes=5)}
            ended_at = NOW - timedelta(days=self.age_days) if self.state == "ended" else None
            found |= {"recording": self.recording, "ended_at": ended_at}
        if name == "deliveries":
            found["state"] = self.delivery
        return found | {"call_sid": self.call_sid}


async def fill(engine: AsyncEngine, folder: Path, *canaries: Canary) -> None:
    """Puts calls into the database, two rows in each table but `calls`, and their recordings."""
    async with engine.begin() as connection:
        for table in OF_CALLS:
            numbers = [column.name for column in table.primary_key if column.name != "call_sid"]
            for key in (1, 2) if numbers else (0,):
                rows = [
                    each.row(table.name, list(table.columns)) | dict.fromkeys(numbers, key)
                    for each in canaries
                ]
                await connection.execute(insert(table), rows)
    for each in canaries:
        if each.recording is not None:
            path = folder / "recordings" / each.recording
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(FINISHED + each.word.encode())


async def counted(engine: AsyncEngine, call_sid: str) -> dict[str, int]:
    """How many rows there are of a call in each table that has any."""
    found = {}
    async with engine.connect() as connection:
        for table in OF_CALLS:
            query = select(func.count()).where(table.c.call_sid == call_sid)
            found[table.name] = (await connection.execute(query)).scalar_one()
    return {name: count for name, count in found.items() if count}


async def column(engine: AsyncEngine, name: str, of: Canary) -> list[Any]:
    """The values of a column `table.column` in the rows of a call."""
    table, _, key = name.partition(".")
    query = select(metadata.tables[table].c[key])
    async with engine.connect() as connection:
        rows = await connection.execute(query.filter_by(call_sid=of.call_sid))
        return list(rows.scalars())


def files(folder: Path) -> set[str]:
    """The recordings there are."""
    root = folder / "recordings"
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


WHOLE = {table.name: 1 if table is calls else 2 for table in OF_CALLS}
"""Rows of a call that nothing was taken from."""
assert deliveries.name in WHOLE
