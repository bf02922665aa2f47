"""Taking things of calls away so that neither a file nor a row is left that nobody knows of.

Batch by batch, in this order:

1. *Mark*: ``recording_purged_at`` is committed while the row still names the file.
2. *Unlink* the files.
3. *Take* the rows, or what they said, and write the evidence, in one transaction.

Whatever is cut off in between, the row still names the file and is marked, so that nobody offers
the recording any more, and whoever comes next with the same rule goes on where it was left.
Evidence is written last, so it never tells of a file that is still there.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    Table,
    Update,
    delete,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.privacy.busy import in_transaction
from gateway.store.privacy.evidence import Evidence, write
from gateway.store.privacy.leftovers import unlink
from gateway.store.tables import OF_CALLS, audit, calls, deliveries, dials, notes, tools, turns

BATCH = 200
"""Calls per transaction. Where each has 150 events and 30 turns, it keeps SQLite's writers waiting
for a tenth of a second, PostgreSQL's for a third.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What goes of a call in one table: whole rows, or columns of them."""

    counted_as: str
    table: Table
    where: ColumnElement[bool]
    values: Mapping[str, Any] | None = None
    """What the columns become; None: the rows are deleted."""

    def count(self, call_sids: Any) -> Select[int]:
        """How many rows there are; ``call_sids`` is a list or a query of them."""
        mine = self.table.c.call_sid.in_(call_sids)
        return select(func.count()).select_from(self.table).where(mine, self.where)

    def take(self, call_sids: Sequence[str]) -> Update | Delete:
        """The statement that takes them."""
        mine = self.table.c.call_sid.in_(call_sids)
        if self.values is None:
            return delete(self.table).where(mine, self.where)
        return update(self.table).where(mine, self.where).values(self.values)


def _any_of(*columns: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(*(column.is_not(None) for column in columns))


RECORDINGS = (Step("recordings", calls, calls.c.recording.is_not(None), {"recording": None}),)
"""What a call knows of its recording; when it went was marked before."""

REMOVABLE = ("waiting", "ended")
"""Calls we place that may go: what waits is then not placed, what is on its way would be lost."""

ROWS = (*RECORDINGS, *(Step(table.name, table, true()) for table in (*OF_CALLS, dials)))
"""All there is of a call, and how it came about that it was placed."""

_SPOKEN = dict.fromkeys(("text", "heard_text", "unheard_text"))
_TOLD = dict.fromkeys(("arguments", "result"))
_DONE = deliveries.c.state.in_(("delivered", "dead")) & deliveries.c.body.is_not(None)


def texts(now: datetime) -> tuple[Step, ...]:
    """What was said, told and answered, and that it is gone since ``now``."""
    return (
        Step("calls", calls, calls.c.text_purged_at.is_(None), {"text_purged_at": now}),
        Step("turns", turns, or_(*(turns.c[name].is_not(None) for name in _SPOKEN)), _SPOKEN),
        Step("tools", tools, or_(*(tools.c[name].is_not(None) for name in _TOLD)), _TOLD),
        Step("notes", notes, notes.c.text.is_not(None), {"text": None}),
        Step("deliveries", deliveries, _DONE, {"body": None}),
    )


def has_texts() -> ColumnElement[bool]:
    """Calls with something left to be taken: a message may be delivered after the rest went."""
    late = select(deliveries.c.call_sid).where(_DONE)
    return calls.c.text_purged_at.is_(None) | calls.c.call_sid.in_(late)


@dataclass(slots=True)
class Removal:
    """One act by one rule: takes from the calls it is given, and counts what it took."""

    engine: AsyncEngine
    folder: Path
    """Of the recordings."""
    now: datetime
    act: str
    rule: str
    steps: tuple[Step, ...]
    counts: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    """Recordings that were not where they should be."""
    failed: dict[str, str] = field(default_factory=dict)
    """Recordings that could not be deleted, and why; nothing of their calls was taken."""
    _told: Counter[str] = field(default_factory=Counter)
    _line: int | None = None

    async def take(self, call_sids: Sequence[str]) -> None:
        """Takes from one batch of calls."""
        named = await self._mark(call_sids) if RECORDINGS[0] in self.steps else {}
        gone = await asyncio.to_thread(unlink, self.folder, list(named))
        self.failed |= gone.failed
        self.missing += len(gone.missing)
        stay = {named[name] for name in gone.failed}
        await self._take([call_sid for call_sid in call_sids if call_sid not in stay])

    async def _mark(self, call_sids: Sequence[str]) -> dict[str, str]:
        """The recordings of these calls by name, each marked as gone."""
        mine = calls.c.call_sid.in_(call_sids) & calls.c.recording.is_not(None)
        fresh = mine & calls.c.recording_purged_at.is_(None)

        async def mark(connection: AsyncConnection) -> dict[str, str]:
            marked = update(calls).where(fresh).values(recording_purged_at=self.now)
            await connection.execute(marked)
            rows = await connection.execute(select(calls.c.recording, calls.c.call_sid).where(mine))
            return dict(rows.all())

        return await in_transaction(self.engine, mark)

    async def take_dials(self, dial_ids: Sequence[str]) -> None:
        """Takes calls that were placed, or were to be, whatever became of them."""
        over = dials.c.id.in_(dial_ids) & dials.c.state.in_(REMOVABLE)
        await self._do([(dials.name, delete(dials).where(over))])

    async def take_lines(self, ids: Sequence[str]) -> None:
        """Takes lines of the audit trail."""
        await self._do([(audit.name, delete(audit).where(audit.c.id.in_(ids)))])

    async def _take(self, call_sids: Sequence[str]) -> None:
        await self._do([(step.counted_as, step.take(call_sids)) for step in self.steps])

    async def _do(self, statements: Sequence[tuple[str, Update | Delete]]) -> None:
        """One transaction: the statements, each with what it is counted as, and the evidence."""

        async def take(connection: AsyncConnection) -> tuple[Counter[str], int | None]:
            counts = self.counts.copy()
            for counted_as, statement in statements:
                done = await connection.execute(statement)
                counts[counted_as] += done.rowcount
            if counts == self._told:
                return counts, self._line
            told = Evidence(self.now, self.act, self.rule, +counts)
            return counts, await write(connection, told, self._line)

        self.counts, self._line = await in_transaction(self.engine, take)
        self._told = self.counts.copy()
