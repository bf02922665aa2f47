"""The line of dials that wait for their turn at the carrier, and for a seat in the house.

Owns whose turn it is. Between a dial's turn and its fate nobody else with the same two numbers has
one: a call the carrier never answered for could not be told from theirs.
"""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import structlog

from gateway.call.registry import Registry
from gateway.core.callee import Refusal
from gateway.core.policy import Rules
from gateway.ops.placing.book import DATABASE_FAULTS, Book
from gateway.ops.placing.search import is_lost
from gateway.ops.placing.sending import Sending
from gateway.ops.placing.turns import Turns
from gateway.ops.placing.waits import Waits
from gateway.settings import Settings
from gateway.store.dials import Dial, NotToBeSent

TOO_LATE = "it waited for too long"
_LOOK_S = 1.0

_log = structlog.get_logger()


class WaitingLine:
    """Those that wait, oldest first."""

    def __init__(
        self,
        book: Book,
        registry: Registry,
        sending: Sending,
        rules: Rules,
        settings: Settings,
        waits: Waits,
    ) -> None:
        self._book = book
        self._registry = registry
        self._sending = sending
        self._rules = rules
        self._turns = Turns(settings.calls_per_second)
        self._waits = waits
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._sent: set[str] = set()
        """Dials this process has claimed, those that are over until the next one is."""
        self._later: dict[str, float] = {}
        """Dials that were put off, until when (monotonic)."""
        self._why: dict[str, str] = {}
        """What did not let them go."""
        self._news = asyncio.Event()

    def look(self) -> None:
        """Something changed: somebody may have come, or may go."""
        self._news.set()

    def is_leaving(self, dial_id: str) -> bool:
        """True from a dial's turn until its request has a fate."""
        return dial_id in self._leaving

    def sent(self) -> list[Dial]:
        """The open ones that this process, and no other, has asked the carrier for."""
        return [row for row in self._book.open() if row.id in self._sent]

    async def run(self) -> None:
        """Sends those whose turn it is until cancelled."""
        while True:
            self._news.clear()
            dial = self._first()
            if dial is None:
                await self._wait()
            elif dial.expires_at <= self._book.now():
                self._leave(dial, self._too_late(dial))
            elif not self._registry.reserve(dial.id):
                await asyncio.sleep(self._waits.seat_s)
            else:
                await self._turns.next()
                self._leave(dial, self._send(dial))

    async def stop(self, limit_s: float) -> None:
        """Waits for the requests that are under way, so long."""
        tasks = list(self._leaving.values())
        if tasks:
            await asyncio.wait(tasks, timeout=limit_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Inside

    def _first(self) -> Dial | None:
        now, at = self._book.now(), time.monotonic()
        rows = self._book.open()
        under_way = {(row.to, row.from_) for row in rows if is_lost(row) or self.is_leaving(row.id)}
        for row in rows:
            due = row.not_before is None or row.not_before <= now
            if (
                row.state == "waiting"
                and due
                and not self.is_leaving(row.id)
                and self._later.get(row.id, 0.0) <= at
                and (row.to, row.from_) not in under_way
            ):
                return row
        return None

    async def _wait(self) -> None:
        """For news; when somebody waits, for their time as well."""
        someone = any(row.state == "waiting" for row in self._book.open())
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S if someone else None):
                await self._news.wait()

    def _leave(self, dial: Dial, work: Coroutine[Any, Any, None]) -> None:
        self._leaving[dial.id] = task = asyncio.get_running_loop().create_task(work)

        def left(_task: asyncio.Task[None]) -> None:
            self._leaving.pop(dial.id, None)
            self.look()

        task.add_done_callback(left)

    async def _send(self, dial: Dial) -> None:
        try:
            claimed = await self._book.sending(dial.id, self._rules)
        except NotToBeSent as error:
            self._registry.release(dial.id)
            await self._put_off(dial, error.refusal)
        except DATABASE_FAULTS as error:
            # It may say `sending` now: then it is looked up, as after a crash.
            _log.warning("dial.not_claimed", dial=dial.id, error=type(error).__name__)
            self._registry.release(dial.id)
            self._try_later(dial)
        else:
            self._later.pop(dial.id, None)
            self._why.pop(dial.id, None)
            self._sent = {each.id for each in self.sent()} | {dial.id}
            await self._sending.run(claimed)

    async def _put_off(self, dial: Dial, refusal: Refusal) -> None:
        """It may not be sent: not now, not by us, or not at all."""
        _log.info("dial.not_sent", dial=dial.id, rule=refusal.rule)
        if refusal.rule == "gone":
            self._book.forget(dial.id)
        elif refusal.rule == "expired":
            await self._too_late(dial)
        elif refusal.passes or refusal.rule == "taken":
            if refusal.passes:
                self._why[dial.id] = refusal.text
            self._try_later(dial)
        else:
            await self._book.dropped(dial.id, "refused", refusal.text)

    async def _too_late(self, dial: Dial) -> None:
        self._later.pop(dial.id, None)
        why = self._why.pop(dial.id, "")
        await self._book.dropped(dial.id, "expired", f"{TOO_LATE}: {why}" if why else TOO_LATE)

    def _try_later(self, dial: Dial) -> None:
        now = time.monotonic()
        self._later = {each: at for each, at in self._later.items() if at > now}
        self._later[dial.id] = now + self._waits.later_s
