"""kill -9, at any moment, over and over, while people talk: the records must survive it."""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.sim.twilio import TwinCall
from gateway.store.database import open_database
from gateway.store.hooks.deliveries import LEASE_S
from gateway.store.tables import deliveries
from tests.chaos.clerks import clerks_die
from tests.chaos.gatewayprocess import Life, nursery
from tests.chaos.invariants import (
    Findings,
    Rows,
    Seen,
    Truth,
    is_terminal,
    journaled,
    judge_recording,
    left_over,
    not_applied,
    rows_of,
    told_twice,
    wrong_with,
)
from tests.chaos.lab import Crowd, Lab, lab, said_ms
from tests.store.postgres import postgres

LOOK_S = 0.4
TERMINAL_S = 30.0
"""How long after a start calls of the dead may stay open."""
SLOW_S = 5.0
"""Whoever takes longer than this shows its log."""
PHASES = ("start", "reconciling", "early", "late")
SETTLE_EVERY = 10
"""After so many kills one life is left alone until every call before it is accounted for."""


class Watch:
    """Looks at the database all the time, and judges calls when they are over."""

    def __init__(self, lab: Lab, crowd: Crowd) -> None:
        self.findings = Findings()
        self.terminal_s: list[float] = []
        """From each start to the moment all calls of the dead had ended."""
        self.undurable: set[str] = set()
        """Calls that were taken although the disk had not answered in time, as the log says."""
        self.rowless: set[str] = set()
        """Those of them whose gateway died before it could write down anything."""
        self.named: set[str] = set()
        """Recordings that calls know of."""
        self.phases = Counter[str]()
        self.clerks: list[int] = []
        """Processes that wrote for a gateway and were killed."""
        self._lab = lab
        self._recordings = lab.settings.data_dir / "recordings"
        self._crowd = crowd
        self._engine: AsyncEngine = open_database(lab.settings, pooled=False)
        self._seen = Seen()
        self._journaled: dict[str, set[int]] = {}
        self._stranded: set[str] = set()
        self._life: Life | None = None

    def died(self, life: Life) -> None:
        """A gateway is gone: whatever is in its journal has to arrive; its calls are stranded."""
        if life.fell:
            self.findings.wrong.append(f"life {life.number} ended by itself: {life.lines[-3:]}")
        for sid, seqs in journaled(self._lab.settings.data_dir / "journal").items():
            self._journaled.setdefault(sid, set()).update(seqs)
        self.undurable |= {
            line["call_sid"] for line in life.named("records.not_durable") if "call_sid" in line
        }
        self._stranded |= {call.sid for call in self._crowd.calls}

    async def looking(self) -> None:
        """Looks, until it is cancelled; only while a gateway lives."""
        while True:
            await asyncio.sleep(LOOK_S)
            life = self._lab.gateway.life
            if life.ready_s is not None and life.killed_s is None:
                with contextlib.suppress(SQLAlchemyError, OSError):
                    await self._look(life)

    async def _look(self, life: Life) -> None:
        sids = [call.sid for call in self._crowd.calls]
        found = await rows_of(self._engine, sids)
        self._seen.look(found)
        if self._life is life or not self._stranded:
            return
        stranded = self._stranded & found.keys()
        # One that was never answered may have no row.
        if all(is_terminal(found[sid]) or not found[sid]["calls"] for sid in stranded):
            self._life = life
            took_s = time.monotonic() - life.spawned_s
            self.terminal_s.append(took_s)
            if took_s > SLOW_S:
                _say(f"life {life.number} took {took_s:.1f} s", *map(str, life.lines))
            self._stranded -= stranded

    def next_phase(self, rng: random.Random) -> str:
        """When the next life is to be killed."""
        phase = rng.choice(PHASES)
        self.phases[phase] += 1
        return phase

    def told(self, kills: int) -> str:
        """How it went so far."""
        found = self.findings
        return (
            f"kills {kills} {dict(self.phases)} and {len(self.clerks)} of clerks, "
            f"calls {found.calls}, rows {found.rows}, "
            f"violations {len(found.wrong)}, "
            f"worst recording loss {max(found.lost_ms, default=0):.0f} ms of {len(found.lost_ms)}, "
            f"slowest to terminal {max(self.terminal_s, default=0):.1f} s, "
            f"taken before the disk answered {len(self.undurable)}, "
            f"of them without a row {len(self.rowless)}"
        )

    async def settle(self) -> None:
        """Waits until calls that are over are so in the records, and judges them."""
        over = [call for call in self._crowd.calls if call.is_over]
        sids = [call.sid for call in over]
        until = time.monotonic() + TERMINAL_S
        found = await rows_of(self._engine, sids)
        while time.monotonic() < until and not all(map(is_terminal, found.values())):
            await asyncio.sleep(LOOK_S)
            found = await rows_of(self._engine, sids)
        for call in over:
            self._judge(call, found[call.sid])
            self._crowd.calls.remove(call)
            del self._lab.twin.calls[call.sid]

    def _judge(self, call: TwinCall, rows: Rows) -> None:
        truth = Truth(call.sid, said_ms(call, self._killed_s(call)))
        if call.sid in self.undurable and not rows["calls"]:
            self.rowless.add(call.sid)
            return
        wrong = wrong_with(truth, rows)
        wrong += self._seen.gone(call.sid, rows)
        wrong += not_applied(call.sid, self._journaled.pop(call.sid, set()), rows)
        for row in rows["calls"]:
            faults, lost_ms = judge_recording(truth, row, self._recordings)
            wrong += faults
            if lost_ms is not None:
                self.findings.lost_ms.append(lost_ms)
                self.named.add(row["recording"])
        if wrong:
            wrong.append(f"    {rows['calls']}")
        self.findings.wrong += wrong
        self.findings.calls += 1
        self.findings.rows += sum(len(each) for each in rows.values())

    def _killed_s(self, call: TwinCall) -> float:
        """When the gateway that had the call was killed; never, for those that ended before."""
        assert call.answered_s is not None
        for life in self._lab.gateway.lives:
            if life.killed_s is not None and life.killed_s > call.answered_s:
                return life.killed_s
        return float("inf")


async def doomed(lab: Lab, phase: str, rng: random.Random) -> None:
    """A life up to the moment in its phase at which it is to be killed."""
    gateway, journal = lab.gateway, lab.settings.data_dir / "journal"
    known = set(journal.iterdir()) if journal.is_dir() else set()
    if phase == "start":
        await gateway.start()
        await asyncio.sleep(rng.uniform(0.0, 1.2))
    elif phase == "reconciling":
        life = await gateway.start()
        # Its own journal is made just before it turns to those of the dead.
        while not life.over.is_set() and not set(_folders(journal)) - known:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        await asyncio.sleep(rng.uniform(0.0, 0.5))
    else:
        await gateway.started(cold=rng.random() < 0.02)
        await asyncio.sleep(rng.uniform(0.0, 2.0) if phase == "early" else rng.uniform(2.0, 5.0))


def _folders(journal: Path) -> Iterator[Path]:
    return journal.iterdir() if journal.is_dir() else iter(())


async def killed_over_and_over(
    lab: Lab, kills: int, at_once: int, seed: int, settle_every: int = SETTLE_EVERY
) -> Watch:
    """That many kills under that many calls at a time. What was found on the way.

    The processes that write for the gateways are killed as well, whenever.
    """
    rng = random.Random(seed)
    crowd = Crowd(lab, at_once, random.Random(rng.random()))
    watch = Watch(lab, crowd)
    await lab.gateway.started()
    looking = asyncio.create_task(watch.looking())
    clerks = clerks_die(lambda: lab.gateway.life.pid, random.Random(seed), watch.clerks)
    dying = asyncio.create_task(clerks)
    for kill in range(1, kills + 1):
        watch.died(await lab.gateway.kill())
        if kill % settle_every == 0 or kill == kills:
            await lab.gateway.started()
            await watch.settle()
            _say(watch.told(kill))
        else:
            await doomed(lab, watch.next_phase(rng), rng)
    await crowd.leave()
    dying.cancel()
    await watch.settle()
    looking.cancel()
    watch.findings.wrong += left_over(lab.settings.data_dir, watch.named)
    watch.findings.wrong += told_twice(lab.receiver.ids, _ends(lab))
    _say(watch.told(kills), *watch.findings.wrong)
    return watch


async def all_delivered(lab: Lab) -> list[str]:
    """What is not delivered although the leases of the dead are over."""
    engine = open_database(lab.settings, pooled=False)
    left: list[str] = []
    for _ in range(int(2 * LEASE_S)):
        async with engine.connect() as connection:
            query = select(deliveries.c.call_sid).where(deliveries.c.state != "delivered")
            left = list((await connection.execute(query)).scalars())
        if not left:
            return []
        await asyncio.sleep(1.0)
    return [f"{sid}: not delivered" for sid in left]


def _ends(lab: Lab) -> set[str]:
    return {told.id for told in lab.receiver.told if json.loads(told.body)["event"] == "call.ended"}


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)  # noqa: T201


@pytest.mark.system
@pytest.mark.timeout(240)
@pytest.mark.asyncio
async def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    """Six kills under four calls at a time: every call that was taken is accounted for."""
    async with nursery() as place, lab(tmp_path, place) as running:
        watch = await killed_over_and_over(running, kills=6, at_once=4, seed=1, settle_every=3)
    assert watch.findings.calls >= 6
    assert watch.clerks
    assert watch.findings.wrong == []


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.asyncio
@pytest.mark.parametrize(("database", "kills"), [("sqlite", 300), ("postgresql", 60)])
async def test_many_kills_lose_nothing(tmp_path: Path, database: str, kills: int) -> None:
    """At random moments of all phases, under ten calls at a time; webhooks arrive in the end."""
    async with (
        nursery() as place,
        database_of(database) as url,
        lab(tmp_path, place, database_url=url) as running,
    ):
        watch = await killed_over_and_over(running, kills=kills, at_once=10, seed=2)
        left = await all_delivered(running)
    assert watch.findings.calls >= kills
    assert watch.findings.wrong + left == []


@asynccontextmanager
async def database_of(kind: str) -> AsyncIterator[str | None]:
    """The address of an empty database; None = the gateway's own SQLite."""
    if kind == "sqlite":
        yield None
        return
    with postgres() as server:
        yield server.empty()
