"""Which calls are meant when somebody is to be erased: in the database, and in journals."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.settings import Settings
from gateway.store.entry import Entry
from gateway.store.journal.waiting import Waiting, calls_in, is_dead
from gateway.store.privacy.leftovers import exports_of
from gateway.store.privacy.removal import BATCH, REMOVABLE, ROWS
from gateway.store.tables import calls, dials, erased

_COLUMNS = ("call_sid", "state", "owner", "caller", "called")
_OWNER = re.compile(r"[0-9a-f]+")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """Calls that somebody wants erased."""

    ended: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    """Their gateway still writes: these cannot be erased now."""
    entries: int = 0
    """What waits of the ended ones in journals."""
    recordings: tuple[str, ...] = ()
    """Of the ended ones, as journals name them."""
    dials: tuple[str, ...] = ()
    """Calls that were placed, or wait for it, by their own IDs; those that ended as calls are
    found as such, too.
    """
    again: bool = False
    """It was erased before."""

    def batches(self) -> Iterator[Sequence[str]]:
        """The ended ones, so many as one transaction takes."""
        return batches(self.ended)


async def find_number(engine: AsyncEngine, settings: Settings, number: str) -> Found:
    """The calls from or to a number."""

    def meant(values: Values) -> bool:
        return any(is_number(values.get(name), number) for name in ("caller", "called"))

    digits = number.removeprefix("+")
    found = await _find(
        engine,
        settings,
        or_(*(calls.c[name].contains(digits, autoescape=True) for name in ("caller", "called"))),
        meant,
        lambda entry: any(each.table == "calls" and meant(each.values) for each in entry.changes),
    )
    placed = or_(dials.c.to_number == number, dials.c.from_number == number)
    return await _with_dials(engine, found, placed)


async def find_call(engine: AsyncEngine, settings: Settings, call_sid: str) -> Found:
    """The call with this CallSid, even if it was erased before: not all need have been gone."""
    found = await _find(
        engine,
        settings,
        calls.c.call_sid == call_sid,
        lambda _: True,
        lambda entry: entry.call_sid == call_sid,
    )
    found = await _with_dials(engine, found, dials.c.call_sid == call_sid)
    async with engine.connect() as connection:
        tombs = await connection.execute(select(erased).where(erased.c.call_sid == call_sid))
        again = tombs.first() is not None
    return replace(found, ended=(call_sid,), live=(), again=True) if again else found


def is_number(address: str | None, number: str) -> bool:
    """True when an address is the number, or contains it as ``sip:`` and ``client:`` ones may."""
    if not address or address == number:
        return address == number
    digits = number.removeprefix("+")
    if ":" not in address or not digits.isdecimal():
        return False
    return re.search(rf"(?<!\d){digits}(?!\d)", address) is not None


async def size_of(engine: AsyncEngine, settings: Settings, found: Found) -> dict[str, int]:
    """What there is of the ended calls: rows by table, recordings, exports, entries."""
    counts: Counter[str] = Counter()
    async with engine.connect() as connection:
        for batch in found.batches():
            for step in ROWS:
                counted = await connection.execute(step.count(batch))
                counts[step.counted_as] += counted.scalar_one()
        counts[dials.name] += await _further_dials(connection, found)
    exports = settings.data_dir / "exports"
    counts["exports"] = len(await asyncio.to_thread(exports_of, exports, found.ended))
    counts["entries"] = found.entries
    return dict(+counts)


async def _with_dials(engine: AsyncEngine, found: Found, placed: ColumnElement[bool]) -> Found:
    """What was placed besides; who is being called just then is on the line, call or not."""
    query = select(dials.c.id, dials.c.state, dials.c.call_sid).where(placed).order_by(dials.c.id)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    over = tuple(row.id for row in rows if row.state in REMOVABLE)
    live = {row.call_sid or row.id for row in rows if row.state not in REMOVABLE}
    live -= set(found.ended)
    return replace(found, live=tuple(sorted({*found.live, *live})), dials=over)


async def _further_dials(connection: AsyncConnection, found: Found) -> int:
    """How many of the dials are not counted with their calls."""
    ended, count = set(found.ended), 0
    for batch in batches(found.dials):
        query = select(dials.c.call_sid).where(dials.c.id.in_(batch))
        sids = (await connection.execute(query)).scalars()
        count += sum(1 for call_sid in sids if call_sid not in ended)
    return count


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """So many as one transaction takes, at a time."""
    left = iter(ids)
    while batch := list(islice(left, BATCH)):
        yield batch


async def _find(
    engine: AsyncEngine,
    settings: Settings,
    likely: ColumnElement[bool],
    meant: Callable[[Values], bool],
    told: Callable[[Entry], bool],
) -> Found:
    """``likely`` rows that are ``meant``, and what journals were ``told``.

    Journals first: what waits there moves to the database, never back.
    """
    folder = settings.data_dir / "journal"
    waiting = await asyncio.to_thread(calls_in, folder, told)
    query = select(*(calls.c[name] for name in _COLUMNS)).where(likely)
    async with engine.connect() as connection:
        rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    known = {row["call_sid"]: row for row in rows if meant(row)}
    sids = {*known, *waiting}
    # Of calls the database told of, journals know more.
    waiting |= await asyncio.to_thread(calls_in, folder, lambda entry: entry.call_sid in sids)
    return await asyncio.to_thread(_judge, folder, known, waiting)


def _judge(folder: Path, known: Mapping[str, Values], waiting: Mapping[str, Waiting]) -> Found:
    over = {sid: _is_over(folder, known.get(sid), waiting.get(sid)) for sid in {*known, *waiting}}
    ended = tuple(sorted(sid for sid, is_over in over.items() if is_over))
    live = tuple(sorted(over.keys() - set(ended)))
    left = [waiting[sid] for sid in ended if sid in waiting]
    recordings = {name for call in left for name in call.recordings}
    return Found(ended, live, sum(call.entries for call in left), tuple(sorted(recordings)))


def _is_over(folder: Path, row: Values | None, call: Waiting | None) -> bool:
    """True when no gateway has the call any more: it ended, or its gateway is gone."""
    if (row and row["state"] == "ended") or (call and call.ended):
        return True
    owner = row["owner"] if row else None
    if owner and _OWNER.fullmatch(owner):
        return is_dead(folder / owner)
    return call is not None and all(each == folder or is_dead(each) for each in call.folders)
