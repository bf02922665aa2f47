"""Brings what the journals hold into the database, for as long as it takes.

First the database itself is brought up to date, then come the journals of dead processes, then our
own, over and over. A database that is away, slow, locked, full or read-only is tried again; nothing
is skipped but what no database would ever take. Never waits for the journal, nor the journal for
it: a transaction that hangs is given up.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from math import inf
from typing import Any, TypeVar

import structlog

from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.journal.clerk import Away, Clerk, Fault, Written, trouble
from gateway.store.journal.clerkprocess import ClerkProcess
from gateway.store.journal.fit import Unfit
from gateway.store.journal.journal import Journal, dead_journals
from gateway.store.journal.reconcile import OnClosed, close_calls
from gateway.store.transaction import writing
from gateway.store.trouble import cause
from gateway.store.upgrade import TURN_S, upgrade

TRANSACTION_S = 10.0
"""A transaction that takes longer is given up and tried again."""
EVERY_S = 2.0
"""From one round of transactions to the next: a transaction costs about the same however little it
brings, and what waits is on the disk."""
_CANCEL_S = 2.0
_HALVINGS = 5
_BACK_OFF_S = (0.2, 0.4, 0.8, 1.6, 3.2, 5.0)

T = TypeVar("T")
_log = structlog.get_logger()


class Applier:
    """One database and the journals that are applied to it."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        clerk: Clerk | ClerkProcess,
        *,
        on_applied: Callable[[], None],
        on_closed: OnClosed | None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._clerk = clerk
        self._on_applied = on_applied
        self._on_closed = on_closed
        self._dead: list[Journal] | None = None
        self._upgraded = False
        self._failures = 0
        self._work = asyncio.Event()
        self._work.set()
        self._stopping = asyncio.Event()
        self.ok = False
        """The database took what it was last given."""
        self.caught_up = False
        """It has what the processes left that were dead at the start."""
        self.idle = asyncio.Event()
        """Nothing waits."""
        self._hurried = asyncio.Event()

    def wake(self) -> None:
        """There is something in the journal."""
        self.idle.clear()
        self._work.set()

    def hurry(self) -> None:
        """From now on no round waits for its time: the end has come."""
        self._hurried.set()

    def stop(self) -> None:
        """No transaction is begun any more; :meth:`run` ends when the last one has."""
        self._stopping.set()
        self._hurried.set()
        self._work.set()

    async def run(self) -> None:
        """Applies until it is stopped."""
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            await self._work.wait()
            self._work.clear()
            next_at = loop.time() + EVERY_S
            try:
                await self._round()
            except (Away, OSError) as error:
                self._work.set()
                await self._away(cause(error))
                continue
            self._back()
            if not self._work.is_set():
                self.idle.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_at):
                    await self._hurried.wait()

    async def close(self) -> None:
        """Ends the connections, if they can be ended."""
        for dead in self._dead or ():
            dead.close()
        await self._clerk.close()

    # A round: everything that waits, oldest first

    async def _round(self) -> None:
        if not self._upgraded:
            await self._within(upgrade(self._settings), 2 * TURN_S)
            self._upgraded = True
            await self._clerk.ready()
        if self._dead is None:
            self._dead = dead_journals(self._journal.folder)
        while self._dead:
            await self._bury(self._dead[0])
            del self._dead[0]
        self.caught_up = True
        # What comes meanwhile has its own round, and is not worth a transaction of its own now.
        await self._drain(self._journal, self._journal.backlog)

    async def _drain(self, journal: Journal, entries: float = inf) -> None:
        """Applies at least so many entries, if there are as many."""
        while entries > 0 and (chunk := journal.read()) is not None:
            entries -= len(chunk.lines)
            # A database that is slow is given less at a time.
            step = max(1, len(chunk.lines) >> min(self._failures, _HALVINGS))
            for start in range(0, len(chunk.lines), step):
                await self._settle(journal, chunk.lines[start : start + step])
            journal.forget(chunk)
            self._back()
            self._on_applied()

    async def _bury(self, dead: Journal) -> None:
        """Applies what a dead process left, and ends its calls."""
        closed = 0
        try:
            await self._drain(dead)
            while sids := await self._within(self._close_calls(dead.owner), TRANSACTION_S):
                closed += len(sids)
            dead.remove()
        except (Unfit, Fault, OSError) as error:
            dead.close()  # left to the next start: it must not keep the living waiting
            _log.error("records.not_reconciled", owner=dead.owner, error=cause(error))
        else:
            _log.info("records.reconciled", owner=dead.owner, closed=closed)

    async def _settle(self, journal: Journal, lines: Sequence[bytes]) -> None:
        """Applies all of them but those that no database takes, which are found by halving."""
        try:
            work = self._clerk.write(journal.owner, lines)
            written = await self._within(work, TRANSACTION_S)
        except Unfit as error:
            if len(lines) == 1:
                self._journal.set_aside(lines[0], str(error))
                return
            half = len(lines) // 2
            await self._settle(journal, lines[:half])
            await self._settle(journal, lines[half:])
        else:
            _tell(journal, written)

    # Transactions

    async def _close_calls(self, owner: str) -> list[str]:
        engine = open_database(self._settings, pooled=False)
        async with writing(engine, journal=owner) as connection:
            return await close_calls(connection, owner, self._on_closed)

    async def _within(self, work: Coroutine[Any, Any, T], limit_s: float) -> T:
        """What the work returns in this time. Raises Unfit, or Away for all other trouble."""
        if self._stopping.is_set():
            work.close()
            raise Away("stopped")
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=limit_s)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_CANCEL_S)
        if not task.done() or task.cancelled():
            raise Away("Timeout")
        error = task.exception()
        if error is None:
            return task.result()
        raise trouble(error)

    # Trouble

    async def _away(self, why: str) -> None:
        if self._stopping.is_set():
            return
        if not self._failures:
            _log.error("records.database_away", error=why)
        self.ok = False
        pause_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._failures += 1
        await self._pause(pause_s)

    def _back(self) -> None:
        if self._failures:
            _log.warning("records.database_back", backlog=self._journal.backlog)
        self._failures = 0
        self.ok = True

    async def _pause(self, pause_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()


def _tell(journal: Journal, written: Written) -> None:
    """Says what was left out."""
    if written.damaged:
        _log.error("journal.damaged", owner=journal.owner, lines=written.damaged)
    if written.unknown:
        _log.error("records.unknown", names=written.unknown)
