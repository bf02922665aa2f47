"""What must be true of the records of a call, whatever happened to the gateway that had it.

Each check returns what is wrong in words; nothing wrong, no words.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.errors import GatewayError
from gateway.store.entry import decode
from gateway.store.recordings.audio import read_stereo, recording_path
from gateway.store.recordings.tapefile import STEREO_BYTES_PER_MS
from gateway.store.tables import OF_CALLS

MOST_LOST_MS = 1000.0
"""Of the audio up to a kill, at most so much may be missing from the recording."""

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""All that the database has of one call, by table."""

_KEYS = {table.name: [key.name for key in table.primary_key][1:] for table in OF_CALLS}
_MAY_BE_TAKEN_BACK = {"deliveries", "recording", "recording_from_ms"}
"""Tables and columns in which what was there may be gone: a retry has no error any more, and a
recording that was begun and never got a frame is none."""


@dataclass(frozen=True)
class Truth:
    """What the far ends know of a call."""

    call_sid: str
    said_ms: float
    """Audio the caller sent until the call was over or its gateway was killed."""


@dataclass
class Findings:
    """What was found in many calls."""

    calls: int = 0
    rows: int = 0
    wrong: list[str] = field(default_factory=list)
    lost_ms: list[float] = field(default_factory=list)
    """Of each call with a recording, how much of its audio is missing at the end."""


async def rows_of(engine: AsyncEngine, sids: Sequence[str]) -> dict[str, dict[str, list[Row]]]:
    """All rows of these calls, as they are at one moment."""
    found: dict[str, dict[str, list[Row]]] = {
        sid: {table.name: [] for table in OF_CALLS} for sid in sids
    }
    async with engine.connect() as connection:
        for table in OF_CALLS:
            query = select(table).where(table.c.call_sid.in_(sids))
            for row in (await connection.execute(query.order_by(*table.primary_key))).mappings():
                found[row["call_sid"]][table.name].append(dict(row))
    return found


def is_terminal(rows: Rows) -> bool:
    """True when the records say that the call is over."""
    return [row["state"] for row in rows["calls"]] == ["ended"]


# One call


def wrong_with(truth: Truth, rows: Rows) -> list[str]:
    """Everything that must be true of a call that is over, but for its recording."""
    checks: tuple[Callable[[Rows], Iterable[str]], ...] = (
        _once,
        _times,
        _turns,
        _events,
        _deliveries,
    )
    return [f"{truth.call_sid}: {each}" for check in checks for each in check(rows)]


def _once(rows: Rows) -> Iterable[str]:
    states = [row["state"] for row in rows["calls"]]
    if states != ["ended"]:
        yield f"rows of the call: {states or 'none'}"


def _times(rows: Rows) -> Iterable[str]:
    for call in rows["calls"]:
        moments = [call[name] for name in ("offered_at", "answered_at", "ended_at")]
        if moments[0] is None or moments[2] is None:
            yield f"offered at {moments[0]}, ended at {moments[2]}"
        known = [moment for moment in moments if moment is not None]
        if known != sorted(known):
            yield f"offered, answered, ended in another order: {known}"


def _turns(rows: Rows) -> Iterable[str]:
    yield from _gapless("turns", [row["number"] for row in rows["turns"]])


def _events(rows: Rows) -> Iterable[str]:
    seqs = [row["seq"] for row in rows["events"]]
    yield from _gapless("events", seqs)
    for call in rows["calls"]:
        if call["seq"] != len(seqs):
            yield f"{len(seqs)} events, and the call's newest entry is {call['seq']}"
    ends = [row["name"] for row in rows["events"]].count("call.ended")
    if ends != 1:
        yield f"{ends} events call.ended"


def _gapless(table: str, numbers: list[int]) -> Iterable[str]:
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{table} are numbered {numbers}"


def _deliveries(rows: Rows) -> Iterable[str]:
    told = [row["event"] for row in rows["deliveries"]].count("call.ended")
    if told != 1:
        yield f"{told} deliveries of call.ended"


# Its recording


def judge_recording(truth: Truth, call: Row, folder: Path) -> tuple[list[str], float | None]:
    """What is wrong with a recording, and how much is missing at its end (ms), if there is one."""
    name, begins_ms = call["recording"], call["recording_from_ms"] or 0.0
    if name is None:
        lost_ms, wrong = truth.said_ms, []
    else:
        wrong = list(_unplayable(call, folder))
        lost_ms = truth.said_ms - begins_ms - (call["recording_ms"] or 0.0)
    if lost_ms > MOST_LOST_MS:
        wrong.append(f"{lost_ms:.0f} of {truth.said_ms:.0f} ms are missing from {name}")
    return [f"{truth.call_sid}: {each}" for each in wrong], None if name is None else lost_ms


def _unplayable(call: Row, folder: Path) -> Iterable[str]:
    try:
        stereo = read_stereo(recording_path(folder, call["recording"]), None)
    except GatewayError as error:
        yield str(error)
        return
    if (folder / call["recording"]).with_suffix(".part").exists():
        yield f"{call['recording']} has a .part beside it"
    audio_ms = len(stereo) / STEREO_BYTES_PER_MS
    if audio_ms != call["recording_ms"]:
        yield f"{call['recording']} has {audio_ms} ms, the row says {call['recording_ms']}"


# What was there before


class Seen:
    """What was in the database at some moment must be there ever after."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[Any, ...], set[str]]] = {}

    def look(self, found: Mapping[str, Rows]) -> None:
        """These rows are there: from now on they, and all they say, must stay."""
        for sid, rows in found.items():
            for key, columns in _known(rows):
                self._rows.setdefault(sid, {}).setdefault(key, set()).update(columns)

    def gone(self, sid: str, rows: Rows) -> list[str]:
        """What was there and is not any more. The call is forgotten: it was looked at last."""
        there = dict(_known(rows))
        wrong = []
        for key, columns in self._rows.pop(sid, {}).items():
            if key not in there:
                wrong.append(f"{sid}: row {key} was there and is gone")
            elif lost := columns - there[key] - _MAY_BE_TAKEN_BACK:
                wrong.append(f"{sid}: row {key} had {sorted(lost)}")
        return wrong


def _known(rows: Rows) -> Iterable[tuple[tuple[Any, ...], set[str]]]:
    for table, keys in _KEYS.items():
        for row in rows[table]:
            known = {name for name, value in row.items() if value is not None}
            if table in _MAY_BE_TAKEN_BACK:
                known = set()
            yield (table, *(row[key] for key in keys)), known


def journaled(folder: Path) -> dict[str, set[int]]:
    """The entries of each call that are in the journals of all processes, applied or not."""
    found: dict[str, set[int]] = {}
    for path in sorted(folder.glob("*/*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            try:
                entry = decode(line)
            except msgspec.DecodeError:
                continue
            found.setdefault(entry.call_sid, set()).add(entry.seq)
    return found


def not_applied(sid: str, seqs: set[int], rows: Rows) -> list[str]:
    """Entries that were in a journal and never came to the database."""
    lost = sorted(seqs - {row["seq"] for row in rows["events"]})
    return [f"{sid}: entries {lost} of the journal never arrived"] if lost else []


# What lies about


def left_over(data_dir: Path, named: set[str]) -> list[str]:
    """What should not be in the files of a gateway that lives and has no call.

    ``named`` are the recordings that calls know of.
    """
    wrong = [
        f"{path.relative_to(data_dir)} was left"
        for path in sorted((data_dir / "recordings").glob("*/*"))
        if path.suffix != ".wav"
    ]
    files = {
        path.relative_to(data_dir / "recordings").as_posix()
        for path in (data_dir / "recordings").glob("*/*.wav")
    }
    wrong += [f"{name}: no call knows of it" for name in sorted(files - named)]
    journals = [path.name for path in sorted((data_dir / "journal").iterdir())]
    if [name for name in journals if not re.fullmatch(r"[0-9a-f]{32}", name)] or len(journals) != 1:
        wrong.append(f"journals: {journals}")
    return wrong


def told_twice(ids: Sequence[str], ended: set[str]) -> list[str]:
    """Calls whose end somebody was told of under more than one id.

    ``ids`` are those of all webhooks that came, ``ended`` those that tell of an end.
    """
    ends = Counter(each.partition(":")[0] for each in set(ids) & ended)
    return [f"{sid}: {times} different ends were told" for sid, times in ends.items() if times > 1]
