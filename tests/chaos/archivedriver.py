"""Calls that end within two seconds, in a process of their own, with nothing around the archive.

For faults of the disk: there is no socket, log or event loop of a gateway whose writes could be
meant, so every write of this process is one of the records. It tells what it gave to the archive,
and what it was promised, on its stderr, by ``send``:

    ready                  all is open; SIGUSR1 begins
    {"given": …}           everything was given; then the archive is stopped
    {"stopped": …}         it was

Told to ``mend``, it is the next gateway to start: gone as soon as all is in order.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import structlog

from gateway.call.tape import Closed
from gateway.core.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallLive,
    CallOffered,
    Noted,
    RecordingEnded,
    RecordingStarted,
)
from gateway.store.archive import Archive
from gateway.store.pricefile import read_prices
from gateway.store.recordings.tapefile import STEREO_BYTES_PER_MS
from gateway.store.recordings.tapes import Tape
from tests.store.databases import settings_in

CALLS = 4
ROUNDS = 26
PIECE_MS = 40
DURABLE_S = 0.3
IMPATIENT_S = 0.03
"""For who has waited in vain before."""
HOOK = {"hook_url": "http://127.0.0.1:9/nobody", "hook_secret": "a made-up secret of some length"}


def sid_of(number: int) -> str:
    """The CallSid of a call by its number, from 0."""
    return f"CA{number:032x}"


def piece_of(call: int, round_: int) -> bytes:
    """What is recorded of a call in a round: like no other."""
    pattern = bytes(((call * 31 + round_ * 7 + each) % 251) + 1 for each in range(97))
    size = PIECE_MS * STEREO_BYTES_PER_MS
    return (pattern * (size // len(pattern) + 1))[:size]


class _Call:
    """One call: what it told, and what it was promised."""

    def __init__(self, number: int, archive: Archive) -> None:
        self.sid = sid_of(number)
        self.told = 0
        self.durable = 0
        self.closed = Closed(0.0, "")
        self._in_vain = False
        self._number = number
        self._archive = archive
        self._tape: Tape = archive.tapes.open(self.sid, lambda fault: None)

    def begin(self) -> None:
        self._tell(CallOffered("+15550001000", "+15550100", "assistant", "inbound"))
        self._tell(CallAnswered("MZ1", 1.0))
        self._tell(CallLive(0.0))
        self._tell(RecordingStarted(self._tape.file, 0.0))

    async def go_on(self, round_: int) -> None:
        self._tape.write(piece_of(self._number, round_))
        self._tell(Noted(at_ms=40.0 * round_, text=f"note {round_}"))
        told = self.told
        if await self._archive.durable(IMPATIENT_S if self._in_vain else DURABLE_S):
            self.durable = told
        else:
            self._in_vain = True

    async def end(self) -> None:
        self.closed = await asyncio.wait_for(asyncio.wrap_future(self._tape.close()), 5)
        self._tell(RecordingEnded(self.closed.audio_ms, self.closed.incomplete, True, 1.0))
        self._tell(CallEnded("caller_hung_up", 1000.0, 500.0, 50, 0, 0))

    def given(self) -> dict[str, Any]:
        closed = {"audio_ms": self.closed.audio_ms, "incomplete": self.closed.incomplete}
        return {"told": self.told, "durable": self.durable, **closed}

    def _tell(self, event: CallEvent) -> None:
        self.told += 1
        self._archive.hear(self.sid, event)


async def _mend(data_dir: Path) -> None:
    """The next start: everything the dead left is brought in order."""
    settings = settings_in(data_dir, **HOOK)
    archive = Archive(settings, read_prices(settings))
    await archive.start(lambda day, spent: None)
    journal = data_dir / "journal"
    while not archive.status().database_ok or len(list(journal.iterdir())) > 1:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await asyncio.to_thread(archive.stop)


async def _drive(data_dir: Path, say: socket.socket) -> None:
    settings = settings_in(data_dir, **HOOK)
    archive = Archive(settings, read_prices(settings))
    await archive.start(lambda day, spent: None)
    while not archive.status().database_ok:  # noqa: ASYNC110 it is made on another thread
        await asyncio.sleep(0.01)
    say.sendall(b"ready\n")
    signal.sigwait({signal.SIGUSR1})
    calls = [_Call(number, archive) for number in range(CALLS)]
    for call in calls:
        call.begin()
    for round_ in range(ROUNDS):
        for call in calls:
            await call.go_on(round_)
        await asyncio.sleep(0.03)
    for call in calls:
        await call.end()
    given = {call.sid: call.given() for call in calls}
    say.sendall(json.dumps({"given": given}).encode() + b"\n")
    await asyncio.to_thread(archive.stop)
    status = archive.status()
    stopped = {"lost": status.lost, "refused": status.refused, "backlog": status.backlog}
    say.sendall(json.dumps({"stopped": stopped}).encode() + b"\n")


def main() -> None:
    """``python -m tests.chaos.archivedriver DATA_DIR [mend]``."""
    structlog.configure(processors=[_drop])
    data_dir = Path(sys.argv[1])
    if "mend" in sys.argv:
        asyncio.run(_mend(data_dir))
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # for all threads there will be
    with socket.socket(fileno=os.dup(2)) as say:
        asyncio.run(_drive(data_dir, say))


def _drop(_logger: Any, _method: str, _event: structlog.types.EventDict) -> str:
    raise structlog.DropEvent


if __name__ == "__main__":
    main()
