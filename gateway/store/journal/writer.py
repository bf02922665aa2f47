"""Takes what is to be written of all calls, and writes it: to the journal, then to the database.

One thread with an event loop of its own. Whoever puts something in waits for nothing: not for the
disk, not for the database, not for this thread.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from gateway.settings import Settings
from gateway.store.entry import Entry
from gateway.store.journal.applier import Applier
from gateway.store.journal.clerk import Clerk
from gateway.store.journal.clerkprocess import ClerkProcess
from gateway.store.journal.journal import MEMORY_ENTRIES, Journal
from gateway.store.journal.reconcile import OnClosed

GATHER_S = 0.2
"""What happens within this time goes to the disk together."""
_PORTION = 12
"""So many are taken down without a pause: a third of a millisecond."""
_PAUSE_S = 0.004
"""After each such portion: for longer the calls' loop would be behind with everything, as it has to
wait for the interpreter after each of its own waits.
"""
_AGAIN_S = 1.0
"""How often a journal that takes nothing is tried."""
_LEAVE_S = 5.0
"""For what cannot be hurried when stopping: a line being written, the connections."""

T = TypeVar("T")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WriterStatus:
    """How the writer is doing."""

    backlog: int
    """Entries that are not in the database."""
    journal_ok: bool
    database_ok: bool
    """It took what it was last given; False until it first did."""
    lost: int
    """Entries that are nowhere."""
    refused: int
    """Entries that no database takes; they are in a file beside the journals."""
    caught_up: bool = False
    """The database has what was left by processes that were dead at the start."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Somebody waits until everything up to an entry is durable."""

    answer: "Future[bool]"
    upto: int
    lost: int


class Writer:
    """The writer of one gateway process."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        clerk: Clerk | ClerkProcess,
        *,
        entry_of: Callable[[Any], Entry | None] = lambda entry: entry,
        on_closed: OnClosed | None = None,
    ) -> None:
        """``entry_of`` makes entries of what is put, in order, on the writer's thread; None = there
        is nothing to be written of it.
        """
        self._journal = journal
        self._entry_of = entry_of
        self._applier = Applier(
            settings, journal, clerk, on_applied=self._answer, on_closed=on_closed
        )
        self._incoming: deque[Any] = deque()
        self._overrun = 0
        self._asking: deque[Future[bool]] = deque()
        self._asked: list[_Asked] = []
        self._woken = True  # until there is a thread to be woken
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stopping = False
        self._limit_s = 0.0
        self._thread = threading.Thread(target=self._turning, name="writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def stop(self, limit_s: float) -> None:
        """Writes what it can in this time, and leaves the rest in the journal.

        Blocks up to that long, and some seconds more when the disk or the database hangs.
        """
        self._limit_s = limit_s
        self._stopping = True
        if self._loop is not None:
            self._tell(self._hurry_up)
            self._thread.join(limit_s + 2 * _LEAVE_S)

    def put(self, told: Any) -> None:
        """Takes what becomes one entry, from any thread; never waits and never raises."""
        if self._stopping or len(self._incoming) >= MEMORY_ENTRIES:
            self._overrun += 1
            return
        self._incoming.append(told)
        if not self._woken:
            self._woken = True
            self._tell(self._wake.set)

    async def durable(self, timeout_s: float) -> bool:
        """True as soon as everything put so far is on the disk or in the database.

        False when it is not in this time, or when some of it is lost.
        """
        answer: Future[bool] = Future()
        self._asking.append(answer)
        self._tell(self._hurry_up)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            return False

    def status(self) -> WriterStatus:
        """How it is doing, from any thread."""
        return WriterStatus(
            backlog=len(self._incoming) + self._journal.backlog,
            journal_ok=self._journal.ok,
            database_ok=self._applier.ok,
            lost=self._journal.lost + self._overrun,
            refused=self._journal.refused,
            caught_up=self._applier.caught_up,
        )

    def _tell(self, what: Callable[[], object]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the thread has ended
                self._loop.call_soon_threadsafe(what)

    # On the writer's thread

    def _turning(self) -> None:
        assert self._loop is not None
        try:
            self._loop.run_until_complete(self._live())
        finally:
            self._loop.close()

    async def _live(self) -> None:
        self._journal.open()
        applying = asyncio.ensure_future(_lasting(self._applier.run))
        await _lasting(self._journaling)
        self._applier.hurry()
        await _within(self._applier.idle, self._limit_s)
        self._applier.stop()
        await asyncio.wait({applying}, timeout=_LEAVE_S)
        if not applying.done():
            applying.cancel()
            await asyncio.wait({applying}, timeout=_LEAVE_S)
        await self._applier.close()
        await self._take()
        self._journal.close()
        for asked in self._asked:
            _give(asked.answer, False)

    async def _journaling(self) -> None:
        while not self._stopping:
            await self._take()
            await _within(self._wake, None if self._journal.ok else _AGAIN_S)
            await _within(self._hurry, GATHER_S)
        await self._take()

    async def _take(self) -> None:
        """Brings everything that was put to the journal, with pauses unless somebody waits."""
        self._woken = False
        self._wake.clear()
        self._hurry.clear()
        # First those who ask: what they wait for was put before.
        asking = list(_drained(self._asking, len(self._asking)))
        lost = self._journal.lost
        entries: list[Entry] = []
        for left in range(len(self._incoming), 0, -_PORTION):
            entries += self._entries(min(left, _PORTION))
            if left > _PORTION and not self._stopping:
                await _within(self._hurry, _PAUSE_S)
        upto = self._journal.added + len(entries)
        self._asked += [_Asked(answer, upto, lost) for answer in asking]
        if self._overrun:
            self._journal.lose(self._overrun, "overrun")
            self._overrun = 0
        self._journal.add(entries)
        self._answer()
        self._applier.wake()

    def _entries(self, most: int) -> Iterator[Entry]:
        for told in _drained(self._incoming, most):
            try:
                entry = self._entry_of(told)
            except Exception as error:  # noqa: BLE001  one event must not cost those behind it
                self._journal.lose(1, type(error).__name__)
            else:
                if entry is not None:
                    yield entry

    def _answer(self) -> None:
        """Tells those whose entries are durable by now."""
        if not self._asked:
            return
        safe, lost = self._journal.safe, self._journal.lost
        for asked in self._asked:
            if asked.upto <= safe:
                _give(asked.answer, asked.lost == lost)
        self._asked = [asked for asked in self._asked if not asked.answer.done()]

    def _hurry_up(self) -> None:
        self._hurry.set()
        self._wake.set()


async def _lasting(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Does the work to its end, from the beginning should it fail: nobody else would."""
    while True:
        task = asyncio.ensure_future(work())
        try:
            await asyncio.wait({task})
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_LEAVE_S)
        error = task.exception()
        if error is None:
            return
        _log.error("records.writer_failed", error=type(error).__name__)
        await asyncio.sleep(_AGAIN_S)


async def _within(event: asyncio.Event, limit_s: float | None) -> None:
    """Waits for something, but no longer than this."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await event.wait()


def _drained(queue: deque[T], most: int) -> Iterator[T]:
    """The first of it, at most so many."""
    return (queue.popleft() for _ in range(min(most, len(queue))))


def _give(answer: "Future[bool]", durable: bool) -> None:
    """Answers, unless whoever asked has gone."""
    if not answer.done() and answer.set_running_or_notify_cancel():
        answer.set_result(durable)
