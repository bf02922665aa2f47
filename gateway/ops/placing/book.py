"""The dials that are not over, as the database has them, and the way what happens gets there.

Owns that a change is written, however long the database is away. Changes of one dial are written
one after the other; each may be written twice, for nothing is counted up by them.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.core.dialstate import RANKS, News
from gateway.core.policy import Rules
from gateway.store.dials import Dial, Dials, NotToBeSent
from gateway.store.privacy.busy import Busy

LIMIT_S = 12.0
"""How long one question to the database may take: longer than a busy one is asked again."""
MOST_KEPT = 100
"""Dials that are over and still in memory, at most."""
MOST_REASON_CHARS = 128
_AGAIN_S = 0.5
_SELDOM_S = 10.0
DATABASE_FAULTS = (SQLAlchemyError, OSError, TimeoutError, Busy)
"""What a question to the database may end with when it is away, slow or locked."""

T = TypeVar("T")

_log = structlog.get_logger()


def utc_now() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


class Book:
    """The newest row of each dial of this process."""

    def __init__(self, dials: Dials, now: Callable[[], datetime] = utc_now) -> None:
        self.on_change: Callable[[Dial], None] = lambda dial: None
        """Told of every change of a dial that was known, whoever wrote it."""
        self.dials = dials
        self.outcomes: Counter[str] = Counter()
        """What the dials came to that ended while this process knew them."""
        self.now = now
        """What time it is, for everything that is due or late."""
        self._rows: dict[str, Dial] = {}
        self._over: dict[str, None] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def get(self, dial_id: str) -> Dial | None:
        """A dial in memory: every open one, and the newest of those that are over."""
        return self._rows.get(dial_id)

    def by_sid(self, call_sid: str) -> Dial | None:
        """The one of that call, in memory."""
        return next((row for row in self._rows.values() if row.call_sid == call_sid), None)

    def open(self) -> list[Dial]:
        """Those that are not over, oldest first."""
        return [row for row in list(self._rows.values()) if row.state != "ended"]

    def states(self) -> Counter[str]:
        """How far those are, and how many of them; from any thread."""
        return Counter(row.state for row in self.open())

    def keep(self, row: Dial) -> Dial:
        """Takes a row into memory, unless what is there is newer; the newer one."""
        known = self._rows.get(row.id)
        if known == row or (known is not None and RANKS[known.state] > RANKS[row.state]):
            return known
        self._rows[row.id] = row
        if row.state == "ended":
            self._over[row.id] = None
            if len(self._over) > MOST_KEPT:
                self.forget(next(iter(self._over)))
            if known is not None and known.state != "ended":
                self.outcomes[row.outcome or "unknown"] += 1
        if known is not None:
            self.on_change(row)
        return row

    def forget(self, dial_id: str) -> None:
        """There is no such dial any more: it was erased."""
        self._rows.pop(dial_id, None)
        self._over.pop(dial_id, None)
        self._turns.pop(dial_id, None)

    async def load(self) -> list[Dial]:
        """The open dials of the database, whoever asked for them; waits until it answers."""
        return [self.keep(row) for row in await self._kept(self.dials.open)]

    async def look(self) -> None:
        """Takes in what others have left: what they let in and did not live to send, and calls
        whose end may never be told to them. Raises one of DATABASE_FAULTS.
        """
        async with asyncio.timeout(LIMIT_S):
            rows = await self.dials.open()
        for row in rows:
            if row.state == "waiting" or row.call_sid is not None:
                self.keep(row)

    async def find(self, dial_id: str) -> Dial | None:
        """A dial in memory while it is open, else in the database: what was erased there is gone
        here. Raises one of DATABASE_FAULTS.
        """
        known = self.get(dial_id)
        if known is not None and known.state != "ended":
            return known
        async with asyncio.timeout(LIMIT_S):
            row = await self.dials.get(dial_id)
        if row is None:
            self.forget(dial_id)
            return None
        return self.keep(row)

    async def find_sid(self, call_sid: str) -> Dial | None:
        """The same of the one of that call."""
        known = self.by_sid(call_sid)
        if known is not None:
            return await self.find(known.id)
        async with asyncio.timeout(LIMIT_S):
            row = await self.dials.by_sid(call_sid)
        return None if row is None else self.keep(row)

    async def refresh(self, dial_id: str) -> None:
        """Takes in what the database has of it by now; waits until it answers."""
        row = await self._kept(lambda: self.dials.get(dial_id))
        if row is not None:
            self.keep(row)

    # What happens

    async def sending(self, dial_id: str, rules: Rules) -> Dial:
        """The carrier is going to be asked. Raises NotToBeSent, or one of DATABASE_FAULTS: then it
        must not be.
        """
        try:
            async with self._turns[dial_id], asyncio.timeout(LIMIT_S):
                row = await self.dials.sending(dial_id, rules, self.now())
        except NotToBeSent:
            await self.refresh(dial_id)
            raise
        return self.keep(row)

    async def placed(self, dial_id: str, call_sid: str) -> None:
        """The carrier has the call."""
        await self._write(dial_id, lambda: self.dials.placed(dial_id, call_sid, self.now()))

    async def unknown(self, dial_id: str) -> None:
        """What came of the request is not known."""
        await self._write(dial_id, lambda: self.dials.unknown(dial_id))

    async def heard(self, dial_id: str, news: News) -> None:
        """The carrier says how far it is."""
        await self._write(dial_id, lambda: self.dials.heard(dial_id, news))

    async def ended(self, dial_id: str, outcome: str, reason: str = "") -> None:
        """It is over, or given up."""
        now, why = self.now(), reason[:MOST_REASON_CHARS] or None
        await self._write(dial_id, lambda: self.dials.ended(dial_id, outcome, why, now))

    async def dropped(self, dial_id: str, outcome: str, reason: str) -> None:
        """It is not to be made, if it waits still: another process may have taken it, and then it
        goes on.
        """
        now, why = self.now(), reason[:MOST_REASON_CHARS]
        await self._write(dial_id, lambda: self.dials.dropped(dial_id, outcome, why, now))

    async def canceled(self, dial_id: str) -> None:
        """Nobody wants it any more, and nobody was asked for it; what does not wait any more goes
        on. Raises one of DATABASE_FAULTS.
        """
        async with self._turns[dial_id], asyncio.timeout(LIMIT_S):
            await self.dials.dropped(dial_id, "canceled", None, self.now())
        await self.refresh(dial_id)

    # Inside

    async def _write(self, dial_id: str, write: Callable[[], Awaitable[object]]) -> None:
        async with self._turns[dial_id]:
            await self._kept(write)
            await self.refresh(dial_id)

    async def _kept(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Asks until the database answers."""
        wait_s = _AGAIN_S
        while True:
            try:
                async with asyncio.timeout(LIMIT_S):
                    return await ask()
            except DATABASE_FAULTS as error:
                _log.warning("dial.not_written", error=type(error).__name__, again_in_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _SELDOM_S)
