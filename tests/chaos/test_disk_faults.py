"""A disk that is full, or broken, at any write: calls go on, and what was promised is kept."""

import asyncio
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import GatewayError
from gateway.sim.twilio import TwinCall
from gateway.store.database import open_database
from gateway.store.recordings.audio import read_stereo, recording_path
from tests.chaos.archivedriver import CALLS, HOOK, ROUNDS, piece_of, sid_of
from tests.chaos.gatewayprocess import Nursery, nursery
from tests.chaos.invariants import Row, Rows, Truth, is_terminal, left_over, rows_of, wrong_with
from tests.chaos.lab import ROOT, STORY, Lab, lab
from tests.chaos.tracing import WRITES as WRITING
from tests.chaos.tracing import failing
from tests.store.databases import settings_in

WRITES = 100
AT_ONCE = 3
LIMIT_S = 60.0

pytestmark = pytest.mark.system


@dataclass
class Faults:
    """What became of many processes whose disk failed."""

    runs: int = 0
    met: int = 0
    """Processes that met a fault at all: not every kind of call is made so often."""
    injected: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        injected = ", ".join(f"{count} {name}" for name, count in sorted(self.injected.items()))
        return f"runs {self.runs}, with a fault {self.met} ({injected}), wrong {len(self.wrong)}"


@dataclass(frozen=True)
class Fault:
    """One way in which the disk fails a process, and how the process ends."""

    error: str
    when: str
    """As strace counts: ``5`` = the fifth call of each kind and thread, ``5+`` = all from then."""
    killed: bool

    @property
    def passes(self) -> bool:
        """The disk recovers at once."""
        return not self.when.endswith("+")

    def __str__(self) -> str:
        return f"{self.error} at {self.when}{', killed' if self.killed else ''}"


async def driver(place: Nursery, folder: Path, *words: str) -> tuple[int, asyncio.StreamReader]:
    """A process with an archive and nothing else."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return await place.born("tests.chaos.archivedriver", [*words], environment, folder)


async def suffered(place: Nursery, folder: Path, fault: Fault, faults: Faults) -> None:
    """One process that met a fault, and what it left."""
    data = folder / "data"
    pid, said = await driver(place, folder, str(data))
    async with asyncio.timeout(LIMIT_S):
        assert await said.readline() == b"ready\n"
        async with failing(pid, fault.error, fault.when, folder / "strace") as injected:
            os.kill(pid, signal.SIGUSR1)
            given = told(await said.readline(), "given")
            if fault.killed and given:
                os.kill(pid, signal.SIGKILL)
            stopped = told(await said.readline(), "stopped")
            rest = (await said.read()).decode()
    counts = injected.counts()
    faults.runs += 1
    faults.met += bool(counts)
    faults.injected += counts
    if given is None:
        faults.wrong.append(f"{fault} ({dict(counts)}): the process died: {rest}")
        return
    _, mended = await driver(place, folder, str(data), "mend")
    async with asyncio.timeout(LIMIT_S):
        await mended.read()
    wrong = await judged(data, given, fault)
    if fault.passes and not fault.killed and (stopped is None or stopped["lost"]):
        wrong.append(f"{stopped}")
    faults.wrong += [f"{fault} ({dict(counts)}): {each}" for each in wrong]


def told(line: bytes, what: str) -> Any:
    """What a process told in a line; None when it is not that, or no line at all."""
    try:
        return json.loads(line)[what]
    except (ValueError, KeyError):
        return None


async def judged(data: Path, given: dict[str, Any], fault: Fault) -> list[str]:
    """What is wrong with the records after the next start, on a disk that is well again."""
    settings = settings_in(data, **HOOK)
    engine = open_database(settings, pooled=False)
    found = await rows_of(engine, [sid_of(number) for number in range(CALLS)])
    await engine.dispose()
    wrong: list[str] = []
    for number, (sid, rows) in enumerate(found.items()):
        of_it, there = given[sid], len(rows["events"])
        least = of_it["told"] if fault.passes and not fault.killed else of_it["durable"]
        if there < least:
            wrong.append(f"{sid}: {there} of {least} entries are there")
        if least or there:
            wrong += wrong_with(Truth(sid, 0.0), rows)
        for call in rows["calls"]:
            wrong += sound(number, call, of_it, data / "recordings")
    if fault.passes and not fault.killed:
        wrong += left_over(data, names(found))
    return wrong


def sound(number: int, call: Row, told: dict[str, Any], folder: Path) -> list[str]:
    """What is wrong with a recording: it is what was given up to some moment, and says so."""
    whole = b"".join(piece_of(number, round_) for round_ in range(ROUNDS))
    if call["recording"] is None:
        return [] if call["recording_incomplete"] else ["no recording, and no reason why"]
    try:
        stereo = read_stereo(recording_path(folder, call["recording"]), None)
    except GatewayError as error:
        return [str(error)]
    wrong = []
    if not whole.startswith(stereo):
        wrong.append(f"{call['recording']} is not what was given")
    if stereo != whole and not call["recording_incomplete"]:
        wrong.append(f"{len(stereo)} of {len(whole)} bytes are there, and nothing says so")
    if told["incomplete"] == "" and told["audio_ms"] and stereo != whole:
        wrong.append("the call was told that all of it is there")
    return wrong


def names(found: Mapping[str, Rows]) -> set[str]:
    """The recordings that calls know of."""
    return {call["recording"] for rows in found.values() for call in rows["calls"]}


async def all_suffered(place: Nursery, folder: Path, them: list[Fault]) -> Faults:
    """Many processes, a few at a time."""
    faults, free = Faults(), asyncio.Semaphore(AT_ONCE)

    async def one(number: int, fault: Fault) -> None:
        async with free:
            await suffered(place, own_folder(folder, number), fault, faults)

    await asyncio.gather(*(one(number, fault) for number, fault in enumerate(them)))
    print(faults, flush=True)  # noqa: T201
    return faults


def own_folder(folder: Path, number: int) -> Path:
    """An empty one."""
    own = folder / f"{number}"
    own.mkdir()
    return own


# The whole gateway


async def settled(running: Lab, calls: list[TwinCall]) -> dict[str, dict[str, list[Row]]]:
    """All rows of these calls, as soon as the records say that they are over."""
    engine = open_database(running.settings, pooled=False)
    found: dict[str, dict[str, list[Row]]] = {}
    async with asyncio.timeout(LIMIT_S):
        while not found or not all(map(is_terminal, found.values())):
            await asyncio.sleep(0.1)
            with suppress(SQLAlchemyError):  # even the tables may be late
                found = await rows_of(engine, [call.sid for call in calls])
    await engine.dispose()
    return found


def unlike_the_story(running: Lab, calls: list[TwinCall]) -> list[str]:
    """Calls that did not go as they were planned, for those on the line."""
    return [
        f"{call.sid}: {call.end_reason}, not heard {missing}"
        for call in calls
        if (missing := running.not_heard(call)) or call.end_reason != "hangup"
    ]


def complaints(running: Lab) -> Counter[str]:
    """How often the gateway said what, in warnings and errors."""
    bad = ("warning", "error", "critical")
    lines = running.gateway.life.lines
    return Counter(line["event"] for line in lines if line.get("level", "error") in bad)


@pytest.mark.timeout(120)
@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("what", "when", "error"),
    [
        ("journal", "1", "ENOSPC"),
        ("journal", "4", "EIO"),
        ("journal", "2+", "ENOSPC"),
        ("rest", "1", "EIO"),
        ("rest", "20", "ENOSPC"),
        ("rest", "3+", "EIO"),
    ],
)
async def test_calls_do_not_notice_a_disk_that_fails(
    tmp_path: Path, what: str, when: str, error: str
) -> None:
    """They go on to their planned end, the process lives, and no row is lost."""
    async with lab(tmp_path, None) as running:
        life = await running.gateway.started()
        (own,) = (running.settings.data_dir / "journal").iterdir()
        segments = [own / f"{number:08}.jsonl" for number in range(1, 60)]
        paths, kinds = (segments, WRITING) if what == "journal" else ([], WRITING[1:])
        async with failing(
            life.pid, error, when, tmp_path / "strace", calls=kinds, paths=paths
        ) as injected:
            calls = [running.place(STORY) for _ in range(3)]
            for call in calls:
                await call.wait(LIMIT_S)
        found = await settled(running, calls)
        assert unlike_the_story(running, calls) == []
        assert not life.over.is_set()
        print(injected.counts(), complaints(running))  # noqa: T201
    assert injected.counts()
    for call in calls:
        assert wrong_with(Truth(call.sid, 0.0), found[call.sid]) == []


@pytest.mark.timeout(120)
@pytest.mark.asyncio
async def test_a_disk_that_fills_up_in_the_middle_of_calls(tmp_path: Path) -> None:
    """Those on the line do not notice, the log says it once, a recording says what it lacks, and
    what waited is written as soon as there is room.
    """
    with small_disk(tmp_path / "small", size_kb=16_384) as data:
        async with lab(tmp_path, None, data_dir=data) as running:
            life = await running.gateway.started()
            calls = [running.place(STORY) for _ in range(3)]
            for call in calls:
                await call.until("agent-speaks", LIMIT_S)
            fill(data / "filler")
            calls.append(running.place(STORY))
            for call in calls:
                await call.wait(LIMIT_S)
            assert unlike_the_story(running, calls) == []
            assert not life.over.is_set()
            said = complaints(running)
            (data / "filler").unlink()
            found = await settled(running, calls)
        print(said)  # noqa: T201
        for call in calls:
            rows = found[call.sid]
            assert wrong_with(Truth(call.sid, 0.0), rows) == []
            assert rows["calls"][0]["recording_incomplete"] == "disk_full"
        assert said["records.journal_away"] == said["records.database_away"] == 1
        assert said["tape.fault"] == len(calls)
        assert left_over(data, names(found)) == []


@contextmanager
def small_disk(folder: Path, size_kb: int) -> Iterator[Path]:
    """A file system of its own, of that size."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k,mode=700", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """A file that takes all the room there is."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


# Nothing but the archive


@pytest.mark.timeout(900)
@pytest.mark.asyncio
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
async def test_no_single_write_loses_anything(tmp_path: Path, error: str) -> None:
    """Each of the first hundred writes fails once: all entries arrive all the same, and recordings
    are whole or say that they are not.
    """
    them = [Fault(error, f"{n}", killed=False) for n in range(1, WRITES + 1)]
    async with nursery() as place:
        faults = await all_suffered(place, tmp_path, them)
    assert faults.runs == WRITES
    assert faults.met == WRITES
    assert faults.wrong == []


@pytest.mark.timeout(600)
@pytest.mark.asyncio
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
async def test_what_was_durable_survives_a_disk_that_stays_away(tmp_path: Path, error: str) -> None:
    """From some write on nothing is taken any more, then the process is stopped, or killed: what it
    was told to be on the disk is there, and recordings are the beginning of what was given.
    """
    them = [
        Fault(error, f"{first}+", killed=killed)
        for first in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
        for killed in (False, True)
    ]
    async with nursery() as place:
        faults = await all_suffered(place, tmp_path, them)
    assert faults.met == faults.runs == len(them)
    assert faults.wrong == []


@pytest.mark.timeout(600)
@pytest.mark.asyncio
async def test_what_was_durable_survives_a_fault_and_a_kill(tmp_path: Path) -> None:
    """A write fails, the disk is well again, and a second later the process is killed."""
    them = [Fault("EIO", f"{first}", killed=True) for first in range(1, 60, 4)]
    async with nursery() as place:
        faults = await all_suffered(place, tmp_path, them)
    assert faults.met == faults.runs == len(them)
    assert faults.wrong == []
