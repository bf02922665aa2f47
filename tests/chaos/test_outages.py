"""A database that is away while people call: nobody on the line notices, and no row is lost."""

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.sim.twilio import TwinCall
from gateway.store.database import open_database
from gateway.store.tables import calls
from tests.chaos.invariants import Rows, Truth, rows_of, wrong_with
from tests.chaos.lab import HEARD, STORY, Lab, lab
from tests.chaos.outages import ALL, SQLITE, Outage, Place, place_of
from tests.store.databases import settings_in

BEFORE_S = 5.0
LIMIT_S = 60.0
REPLAYED_S = 60.0
MORE_GAPS = 0.01
"""Calls with a gap more than without an outage, of all: on shared cores some are never the same."""
FEW_GAPS = 0.03
"""Of all lines, without a comparison: an answer begins with 40 ms in hand, and a process that waits
for its core for longer than that makes a gap whatever the database does. One that is held up by the
database makes them in most calls.
"""
FEW_NOT_DURABLE = 0.2
"""Of all calls: a disk that others keep busy takes longer than a webhook waits for it, now and
then. A journal that waits for the database would make one of each call's webhooks late.
"""
ANSWERED_MS = 500.0
"""A webhook is answered in this time, 99 of 100."""

# What servers and clients that are torn apart leave to the collector is not our concern here.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@dataclass
class Told:
    """What became of calls before, in and after an outage."""

    name: str
    calls: int = 0
    answered_ms: list[float] = field(default_factory=list)
    """From ringing to the answer of the webhook, of each call."""
    lead_ms: list[float] = field(default_factory=list)
    """How long before it was heard each piece of the agent's speech arrived."""
    gaps: list[str] = field(default_factory=list)
    """Lines of the agent's that were not heard whole."""
    replayed_s: float = 0.0
    """From the return of the database until it had everything."""
    wrong: list[str] = field(default_factory=list)
    complaints: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return (
            f"{self.name}: calls {self.calls}, webhook p50 {_rank(self.answered_ms, 50):.0f} "
            f"p99 {_rank(self.answered_ms, 99):.0f} worst {max(self.answered_ms):.0f} ms, "
            f"least lead {min(self.lead_ms):.0f} p1 {_rank(self.lead_ms, 1):.0f} ms, "
            f"lines with gaps {len(self.gaps)} of {self.calls * len(HEARD)}, "
            f"replayed in {self.replayed_s:.1f} s, wrong {len(self.wrong)}, "
            f"{dict(self.complaints)}"
        )


def _rank(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed."""
    return sorted(values)[max(0, math.ceil(percent * len(values) / 100) - 1)]


class Callers:
    """One more call every so often."""

    def __init__(self, running: Lab, every_s: float) -> None:
        self.calls: list[TwinCall] = []
        self._running = running
        self._every_s = every_s
        self._task = asyncio.create_task(self._call())

    async def leave(self) -> list[str]:
        """Nobody calls any more; returns when all have hung up: what was told by those whose story
        had come apart, so that they never would have.
        """
        self._task.cancel()
        await asyncio.wait({self._task})
        stuck = []
        until_s = time.monotonic() + LIMIT_S
        for call in self.calls:
            try:
                await call.wait(max(0.0, until_s - time.monotonic()))
            except TimeoutError:
                stuck.append(f"{call.sid} did not end by itself: {call.timeline}")
                call.hang_up()
                await call.wait(LIMIT_S)
        return stuck

    async def _call(self) -> None:
        while True:
            self.calls.append(self._running.place(STORY))
            await asyncio.sleep(self._every_s)


async def lived_through(
    running: Lab, engine: AsyncEngine, place: Place, outage: Outage, told: Told, seconds: float
) -> None:
    """Calls before, in and after an outage; what became of them."""
    every_s = 3.0 if seconds > 60 else 1.5
    callers = Callers(running, every_s)
    await asyncio.sleep(BEFORE_S)
    async with outage(place):
        await asyncio.sleep(seconds)
    back_s = time.monotonic()
    await _ended(engine, [call.sid for call in callers.calls if call.is_over])
    told.replayed_s = time.monotonic() - back_s
    told.gaps += await callers.leave()
    sids = [call.sid for call in callers.calls]
    await _ended(engine, sids)
    found = await rows_of(engine, sids)
    for call in callers.calls:
        _take(told, running, call, found[call.sid], back_s)
    told.wrong += await _not_told(running, found)
    told.complaints = _complaints(running)


async def _ended(engine: AsyncEngine, sids: Sequence[str]) -> None:
    """Returns when the records say that all these calls are over, or never will. Asks for little:
    the carrier's twin lives in this process, and its clock is the caller's ear.
    """
    ended = select(func.count()).where(calls.c.call_sid.in_(sids), calls.c.state == "ended")
    until_s = time.monotonic() + LIMIT_S
    while time.monotonic() < until_s:
        with suppress(SQLAlchemyError, OSError):
            async with engine.connect() as connection:
                if await connection.scalar(ended) == len(sids):
                    return
        await asyncio.sleep(0.1)


def _take(told: Told, running: Lab, call: TwinCall, rows: Rows, back_s: float) -> None:
    """``back_s``: when the database was back, on the clock of the calls."""
    told.calls += 1
    told.wrong += wrong_with(Truth(call.sid, 0.0), rows)
    assert call.answered_s is not None
    at_s = call.answered_s - back_s
    told.gaps += [f"{call.sid} at {at_s:+.1f} s: {line}" for line in running.not_heard(call)]
    told.answered_ms.append((call.answered_s - call.created_s) * 1000)
    for stream in call.streams:
        start_s, messages = stream.playout.start_s, stream.playout.messages
        told.lead_ms += [
            (start_s + message.heard_from / 8000 - message.arrived_s) * 1000
            for before, message in pairwise(messages)
            if message.heard_from is not None
            and before.heard_from is not None
            and before.heard_from + before.heard == message.heard_from
        ]


async def _not_told(running: Lab, found: Mapping[str, Rows]) -> list[str]:
    """Calls of whose end nobody was told, once everything had the time to arrive."""
    missing = set(found)
    for _ in range(int(LIMIT_S)):
        bodies = [json.loads(each.body) for each in running.receiver.told]
        ends = {body["call"]["call_sid"] for body in bodies if body["event"] == "call.ended"}
        if not (missing := set(found) - ends):
            break
        await asyncio.sleep(1.0)
    return [f"{sid}: nobody was told of its end" for sid in sorted(missing)]


def _complaints(running: Lab) -> Counter[str]:
    bad = ("warning", "error", "critical")
    lines = running.gateway.life.lines
    return Counter(line["event"] for line in lines if line.get("level", "error") in bad)


async def an_outage(tmp_path: Path, kind: str, name: str, outage: Outage, seconds: float) -> Told:
    """A gateway, and an outage of its database."""
    told = Told(f"{kind} {name} {seconds:g} s")
    data = tmp_path / "data"
    async with (
        place_of(data, kind) as place,
        lab(tmp_path, None, database_url=place.url) as running,
    ):
        engine = open_database(settings_in(data, database_url=place.direct_url), pooled=False)
        await running.gateway.started()
        await _ended(engine, [])
        await lived_through(running, engine, place, outage, told, seconds)
        assert not running.gateway.life.over.is_set()
        await engine.dispose()
    print(told, *told.wrong, *told.gaps, sep="\n", flush=True)  # noqa: T201
    return told


def kind_of(name: str) -> str:
    """The database that can be away in this way."""
    return "sqlite" if name in SQLITE else "postgresql"


@pytest.mark.system
@pytest.mark.timeout(240)
@pytest.mark.asyncio
@pytest.mark.parametrize("name", ALL)
async def test_a_short_outage(tmp_path: Path, name: str) -> None:
    """Twenty seconds: no row is lost or doubled, callers hear the agent without gaps, the log says
    once that the database is away and once that it is back.
    """
    told = await an_outage(tmp_path, kind_of(name), name, ALL[name], 20.0)
    assert told.calls > 10
    assert told.wrong == []
    assert len(told.gaps) <= FEW_GAPS * told.calls * len(HEARD)
    assert told.complaints["records.database_away"] == 1
    assert told.complaints["records.database_back"] == 1
    assert told.complaints["records.not_durable"] <= FEW_NOT_DURABLE * told.calls


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.asyncio
@pytest.mark.parametrize("name", ALL)
async def test_ten_minutes_without_a_database(tmp_path: Path, name: str) -> None:
    """Under twenty calls a minute: webhooks are answered in time, everything is replayed within
    a minute, and callers hear as much as those of a gateway without an outage.
    """
    kind = kind_of(name)
    (tmp_path / "quiet").mkdir()
    # At the same time: whatever else the machine does, both feel it alike.
    quiet, told = await asyncio.gather(
        an_outage(tmp_path / "quiet", kind, "quiet", Place.none, 600.0),
        an_outage(tmp_path, kind, name, ALL[name], 600.0),
    )
    assert told.calls > 200
    assert told.wrong == []
    assert _rank(told.answered_ms, 99) <= ANSWERED_MS
    assert told.replayed_s <= REPLAYED_S
    assert len(told.gaps) <= len(quiet.gaps) + MORE_GAPS * told.calls
