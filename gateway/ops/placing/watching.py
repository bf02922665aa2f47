"""Calls under way of which nothing is heard, and legs at the carrier that nobody here knows.

Owns when the carrier is asked how far a call is, because its callbacks may never come, and the
sweep for orphans. Only a leg that is certainly ours is ended: its CallSid is a dial's that is over,
or a call's of this process that is over. What merely looks like ours (an outbound call of the same
account without a dial) is told in the log and left alone: another program may have made it, and
nothing the carrier tells of a call says to whose address it leads.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from gateway.call.registry import Registry
from gateway.ops.placing.book import DATABASE_FAULTS, Book
from gateway.ops.placing.search import is_lost, news_of
from gateway.ops.placing.waits import Waits
from gateway.ops.rest import CARRIER_FAULTS, CarrierCall, TwilioRest
from gateway.store.dials import Dial

SINCE = timedelta(hours=25)
"""How old a call may be that is still swept for: no call is longer than a day."""
UNKNOWN_THERE = "the carrier does not know the call"

_log = structlog.get_logger()


class Watching:
    """Looks after what is under way."""

    def __init__(
        self,
        book: Book,
        rest: TwilioRest,
        registry: Registry,
        lost: Callable[[Dial], None],
        is_elsewhere: Callable[[str], bool],
        waits: Waits,
    ) -> None:
        """``lost``: begins the search for the call of a dial, unless it is under way.
        ``is_elsewhere``: whether a call was made for something else than a dial.
        """
        self._book = book
        self._rest = rest
        self._registry = registry
        self._lost = lost
        self._is_elsewhere = is_elsewhere
        self._waits = waits
        self._news_at: dict[str, float] = {}
        self._told: set[str] = set()

    def heard_of(self, dial: Dial) -> None:
        """Something changed of it."""
        if dial.state == "ended":
            self._news_at.pop(dial.id, None)
        else:
            self._news_at[dial.id] = time.monotonic()

    def expect(self, dial: Dial) -> None:
        """News of it are due: the carrier is asked at the next look, unless it tells before."""
        self._news_at.pop(dial.id, None)

    async def ask(self, dial: Dial, call_sid: str) -> None:
        """Asks the carrier how far a call is. Raises one of CARRIER_FAULTS."""
        call = await self._rest.call(call_sid)
        self._news_at[dial.id] = time.monotonic()
        if call is None:
            await self._book.ended(dial.id, "unknown", UNKNOWN_THERE)
            return
        await self._book.heard(dial.id, news_of(call))
        if call.status == "in-progress" and self._left(call_sid):
            await self._end(call)

    async def run(self) -> None:
        """Looks again and again until cancelled."""
        sweep_at = 0.0
        while True:
            await self.look()
            if time.monotonic() >= sweep_at:
                sweep_at = time.monotonic() + self._waits.sweep_s
                await self.sweep()
            await asyncio.sleep(self._waits.watch_s)

    async def look(self) -> None:
        """Asks the carrier about every call whose news are overdue."""
        for dial in self._book.open():
            if is_lost(dial):
                self._lost(dial)
            elif dial.call_sid is not None and self._overdue(dial):
                await self._ask_quietly(dial, dial.call_sid)

    async def sweep(self) -> None:
        """Ends the legs that are certainly ours and that nobody needs; tells of the others."""
        try:
            await self._book.look()
            calls = await self._rest.live_calls(datetime.now(UTC) - SINCE)
            self._told &= {call.sid for call in calls}
            for call in calls:
                known = self._registry.get(call.sid) is not None or self._is_elsewhere(call.sid)
                if call.direction == "outbound-api" and not known:
                    await self._judge(call)
        except (*CARRIER_FAULTS, *DATABASE_FAULTS) as error:
            _log.warning("orphans.not_swept", error=type(error).__name__)

    # Inside

    def _overdue(self, dial: Dial) -> bool:
        heard_at = self._news_at.get(dial.id)
        if heard_at is None:  # expected, or from before this process
            return True
        if dial.state == "answered":
            there = self._registry.get(dial.call_sid or "") is not None
            return not there and time.monotonic() - heard_at > self._waits.overdue_s
        return time.monotonic() - heard_at > dial.ring_s + self._waits.overdue_s

    async def _ask_quietly(self, dial: Dial, call_sid: str) -> None:
        try:
            await self.ask(dial, call_sid)
        except CARRIER_FAULTS as error:
            _log.warning("dial.not_looked_up", dial=dial.id, error=type(error).__name__)

    def _left(self, call_sid: str) -> bool:
        """True when the call is over for us; who was transferred talks on without us."""
        reason = self._registry.ended_reason(call_sid, time.monotonic())
        return reason is not None and reason != "transferred"

    async def _judge(self, call: CarrierCall) -> None:
        dial = await self._book.find_sid(call.sid)
        if dial is None:
            self._tell(call)
        elif dial.outcome == "unknown":
            return  # given up by one process, and perhaps on the line of another
        elif dial.state == "ended" and _long_over(dial, self._waits.overdue_s):
            await self._end(call)

    def _tell(self, call: CarrierCall) -> None:
        """Once of each, and not of one that is just being made, or looked for."""
        lost = (each for each in self._book.open() if is_lost(each))
        expected = any((each.to, each.from_) == (call.to, call.from_) for each in lost)
        if not expected and call.sid not in self._told:
            self._told.add(call.sid)
            _log.warning("orphan.not_ours", call_sid=call.sid, status=call.status)

    async def _end(self, call: CarrierCall) -> None:
        _log.warning("orphan.ended", call_sid=call.sid, status=call.status)
        try:
            await self._rest.end(call.sid, answered=call.status == "in-progress")
        except CARRIER_FAULTS as error:
            _log.warning("orphan.not_ended", call_sid=call.sid, error=type(error).__name__)


def _long_over(dial: Dial, seconds: float) -> bool:
    ended_at = dial.ended_at or dial.created_at
    return datetime.now(UTC) - ended_at > timedelta(seconds=seconds)
