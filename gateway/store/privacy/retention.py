"""How long things are kept: what is due, and taking it away.

Three limits: on everything of a call, on its recording, on what was said in it. A call that has not
ended is never touched. Beside calls there are those that were placed and never became one, and the
audit trail, both kept as long as calls; recordings no call knows of, because nobody could find them
to erase them, and entries no database took, in which there is what was said.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Column, ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.journal.journal import REFUSED
from gateway.store.privacy.busy import in_transaction
from gateway.store.privacy.evidence import Evidence, write
from gateway.store.privacy.leftovers import aged, settle_ahead, stem_of, stems_in, unlink
from gateway.store.privacy.removal import BATCH, RECORDINGS, ROWS, Removal, Step, has_texts, texts
from gateway.store.privacy.scrub import checkpoint
from gateway.store.tables import audit, calls, dials

STRAYS = "recordings no call knows of"
_DAY = timedelta(days=1)
_CENTURY = 36525.0
"""In days; before it there is no date for the databases, and there are no calls."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What goes of which calls."""

    name: str
    due: ColumnElement[bool]
    steps: tuple[Step, ...]

    def chosen(self) -> Select[str]:
        """Their CallSids."""
        return select(calls.c.call_sid).where(self.due)


@dataclass(frozen=True, slots=True)
class Purged:
    """What one rule removed, or would remove."""

    rule: str
    counts: dict[str, int]
    failed: dict[str, str] = field(default_factory=dict)
    """Recordings that could not be deleted, and why."""


def rules(settings: Settings, now: datetime) -> list[Rule]:
    """The rules that apply to calls; each is about what those before it leave."""

    def older_than(days: float) -> ColumnElement[bool]:
        over = func.coalesce(calls.c.ended_at, calls.c.answered_at, calls.c.offered_at)
        return over < _before(now, days)

    found: list[Rule] = []
    stay: ColumnElement[bool] = calls.c.state == "ended"
    if days := settings.keep_calls_days:
        found.append(Rule(_older("calls", days), stay & older_than(days), ROWS))
        stay &= ~older_than(days)
    if days := settings.keep_recordings_days:
        due = stay & older_than(days) & calls.c.recording.is_not(None)
        found.append(Rule(_older("recordings", days), due, RECORDINGS))
    if days := settings.keep_text_days:
        found.append(Rule(_older("text", days), stay & older_than(days) & has_texts(), texts(now)))
    return found


def _before(now: datetime, days: float) -> datetime:
    return now - min(days, _CENTURY) * _DAY


def _older(what: str, days: float) -> str:
    return f"{what} older than {days:g} day{'' if days == 1 else 's'}"


async def due(engine: AsyncEngine, settings: Settings, now: datetime) -> list[Purged]:
    """What a purge would remove now, rule by rule."""
    found = []
    async with engine.connect() as connection:
        for rule in rules(settings, now):
            counts: Counter[str] = Counter()
            for step in rule.steps:
                counted = await connection.execute(step.count(rule.chosen()))
                counts[step.counted_as] += counted.scalar_one()
            found.append(Purged(rule.name, dict(+counts)))
        if settings.keep_calls_days:
            old = select(func.count()).where(_old_dials(settings, now))
            count = (await connection.execute(old)).scalar_one()
            found.append(Purged(_dials_rule(settings), {dials.name: count} if count else {}))
            lines = select(func.count()).where(_old_lines(settings, now))
            count = (await connection.execute(lines)).scalar_one()
            found.append(Purged(_audit_rule(settings), {audit.name: count} if count else {}))
    strays = await _strays(engine, settings, now)
    found.append(Purged(STRAYS, {"recordings": len(strays)} if strays else {}))
    if settings.keep_text_days:
        refused = await asyncio.to_thread(_refused, settings, now)
        found.append(Purged(_refused_rule(settings), {"entries": refused} if refused else {}))
    return found


async def purge(
    engine: AsyncEngine,
    settings: Settings,
    now: datetime,
    told: Callable[[Purged], None] = lambda _: None,
) -> list[Purged]:
    """Removes what is due. ``told`` hears after each batch what the rule has removed by then."""
    found = []
    folder = settings.data_dir / "recordings"
    for rule in rules(settings, now):
        removal = Removal(engine, folder, now, "purge", rule.name, rule.steps)
        purged = Purged(rule.name, {})
        async for batch in _batches(engine, calls.c.call_sid, rule.due):
            await removal.take(batch)
            purged = Purged(rule.name, dict(+removal.counts), removal.failed)
            told(purged)
        found.append(purged)
    if settings.keep_calls_days:
        removal = Removal(engine, folder, now, "purge", _dials_rule(settings), ())
        async for batch in _batches(engine, dials.c.id, _old_dials(settings, now)):
            await removal.take_dials(batch)
            told(Purged(removal.rule, dict(+removal.counts)))
        found.append(Purged(removal.rule, dict(+removal.counts)))
        removal = Removal(engine, folder, now, "purge", _audit_rule(settings), ())
        async for batch in _batches(engine, audit.c.id, _old_lines(settings, now)):
            await removal.take_lines(batch)
            told(Purged(removal.rule, dict(+removal.counts)))
        found.append(Purged(removal.rule, dict(+removal.counts)))
    found.append(await _purge_strays(engine, settings, now))
    if settings.keep_text_days:
        found.append(await _purge_refused(engine, settings, now))
    if any(purged.counts for purged in found):
        await checkpoint(engine)
    return found


def _dials_rule(settings: Settings) -> str:
    return _older("placed calls", settings.keep_calls_days)


def _old_dials(settings: Settings, now: datetime) -> ColumnElement[bool]:
    over = func.coalesce(dials.c.ended_at, dials.c.created_at)
    return (dials.c.state == "ended") & (over < _before(now, settings.keep_calls_days))


def _audit_rule(settings: Settings) -> str:
    return _older("audit trail", settings.keep_calls_days)


def _old_lines(settings: Settings, now: datetime) -> ColumnElement[bool]:
    return audit.c.at < _before(now, settings.keep_calls_days)


async def _batches(
    engine: AsyncEngine, key: Column[str], due: ColumnElement[bool]
) -> AsyncIterator[Sequence[str]]:
    """The rows that are due, each once: one whose recording cannot be deleted holds up no other."""
    last = ""
    while True:
        further = select(key).where(due, key > last).order_by(key)
        async with engine.connect() as connection:
            batch = (await connection.execute(further.limit(BATCH))).scalars().all()
        if not batch:
            return
        yield batch
        last = batch[-1]


async def _strays(engine: AsyncEngine, settings: Settings, now: datetime) -> list[str]:
    """Recordings no call knows of, a day old at least.

    In a database that is younger than the files, they are kept as long as any recording: it may be
    the wrong database.
    """
    folder = settings.data_dir / "recordings"
    files = await asyncio.to_thread(aged, folder, (now - _DAY).timestamp())
    if not files:
        return []
    # Before the database is asked: what waits in a journal moves there, never back.
    waiting = await asyncio.to_thread(stems_in, settings.data_dir / "journal")
    async with engine.connect() as connection:
        names = await connection.execute(
            select(calls.c.recording).where(calls.c.recording.is_not(None))
        )
        known = waiting | {stem_of(name) for name in names.scalars()}
        first = (await connection.execute(select(func.min(calls.c.offered_at)))).scalar_one()
    limits = [days for days in (settings.keep_recordings_days, settings.keep_calls_days) if days]
    over = _before(now, min(limits)).timestamp() if limits else 0.0
    since = first.timestamp() if first else float("inf")
    return sorted(
        stem
        for stem, written in files.items()
        if stem not in known and (written > since or written < over)
    )


async def _purge_strays(engine: AsyncEngine, settings: Settings, now: datetime) -> Purged:
    folder = settings.data_dir / "recordings"
    # A gateway that was killed and never starts again would leave seconds of speech for ever.
    await asyncio.to_thread(settle_ahead, folder)
    names = await _strays(engine, settings, now)
    gone = await asyncio.to_thread(unlink, folder, names)
    count = len(names) - len(gone.missing) - len(gone.failed)
    purged = Purged(STRAYS, {"recordings": count} if count else {}, gone.failed)
    await _tell(engine, purged, now)
    return purged


def _refused_rule(settings: Settings) -> str:
    return _older("refused entries", settings.keep_text_days)


def _refused_file(settings: Settings) -> Path:
    return settings.data_dir / "journal" / REFUSED


def _refused(settings: Settings, now: datetime) -> int:
    """How many entries there are, if the last one is old."""
    path, before = _refused_file(settings), _before(now, settings.keep_text_days)
    if not path.exists() or path.stat().st_mtime > before.timestamp():
        return 0
    return sum(1 for line in path.read_bytes().split(b"\n") if line)


async def _purge_refused(engine: AsyncEngine, settings: Settings, now: datetime) -> Purged:
    count = await asyncio.to_thread(_refused, settings, now)
    purged = Purged(_refused_rule(settings), {"entries": count} if count else {})
    if count:
        await asyncio.to_thread(_refused_file(settings).unlink, missing_ok=True)
    await _tell(engine, purged, now)
    return purged


async def _tell(engine: AsyncEngine, purged: Purged, now: datetime) -> None:
    """There was no row to mark: a crash between file and evidence costs the line of evidence."""
    if purged.counts:
        told = Evidence(now, "purge", purged.rule, purged.counts)
        await in_transaction(engine, lambda connection: write(connection, told, None))
