"""The carrier's call to one colleague: made at most once, known by its CallSid, surely ended.

Owns what is done about every answer the carrier may give, or not give. Whether anybody is wanted is
not decided here.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from gateway.core import twiml
from gateway.ops.consulting.waits import Waits
from gateway.ops.rest import (
    CARRIER_FAULTS,
    LIVE,
    SKEW,
    CarrierAway,
    CarrierBusy,
    CarrierRefused,
    CarrierUnknown,
    Order,
    TwilioRest,
    made_from,
)

_log = structlog.get_logger()


class Leg:
    """One call to one colleague. Lives in the loop of the calls."""

    def __init__(
        self, rest: TwilioRest, order: Order, others: Callable[[str], bool], waits: Waits
    ) -> None:
        """``others``: whether a CallSid is somebody else's."""
        self.sid = ""
        """Empty until it is known which call came of the request."""
        self.answered = False
        self.status = ""
        """How it ended, as the carrier names it; empty while it lasts."""
        self._rest = rest
        self._order = order
        self._others = others
        self._waits = waits
        self._claimed = asyncio.Event()
        self._over = asyncio.Event()

    # What the carrier tells

    def claim(self, sid: str) -> bool:
        """True when it is this call: by its CallSid, or the first that anybody tells of."""
        if not self.sid and sid:
            self.sid = sid
            self._claimed.set()
        return bool(sid) and sid == self.sid

    def ended(self, status: str) -> None:
        """The carrier says that it is over."""
        self.status = self.status or status
        self._over.set()

    # What the carrier is asked

    async def ring(self, wanted: Callable[[], bool]) -> str:
        """Rings, once. Why nobody rings; empty when somebody does, or nobody is ``wanted``."""
        wait_s, give_up_at = self._waits.again_s, time.monotonic() + self._waits.create_s
        while wanted():
            asked_at = datetime.now(UTC)
            try:
                self.claim((await self._rest.create(self._order)).sid)
                return ""
            except (CarrierBusy, CarrierAway) as error:
                self._fault("consult.put_off", error)
                if time.monotonic() + wait_s > give_up_at:
                    return "carrier-busy" if isinstance(error, CarrierBusy) else "carrier-away"
            except CarrierRefused as error:
                _log.warning("consult.refused", status=error.status, code=error.code)
                return "refused"
            except CarrierUnknown as error:
                self._fault("consult.unknown", error)
                return await self._found(asked_at)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, self._waits.again_most_s)
        return ""

    async def lasts(self) -> bool:
        """Whether it goes on; as far as is known, when the carrier does not say."""
        try:
            call = await self._rest.call(self.sid)
        except CARRIER_FAULTS as error:
            self._fault("consult.not_looked_up", error)
        else:
            if call is None or call.status not in LIVE:
                self.ended("completed" if call is None else call.status)
        return not self.status

    async def end(self, goodbye: str = "", *, leaves: bool = False) -> None:
        """Ends it, as often as that takes, with a last word for whoever is there (TwiML).

        ``leaves``: the carrier was told already how it ends.
        """
        if leaves:
            await self._over_within(self._waits.farewell_s)
        wait_s, give_up_at = self._waits.end_again_s, time.monotonic() + self._waits.end_s
        while self.sid and not self._over.is_set():
            try:
                await self._end(goodbye if self.answered and not leaves else "")
                return
            except CARRIER_FAULTS as error:
                self._fault("consult.not_ended", error)
            if time.monotonic() + wait_s > give_up_at:
                _log.error("consult.left_alone", call_sid=self.sid)
                return
            await self._over_within(wait_s)
            wait_s = min(wait_s * 2, self._waits.end_again_most_s)

    async def _end(self, goodbye: str) -> None:
        if goodbye:
            if not await self._rest.redirect(self.sid, goodbye):
                return
            await self._over_within(self._waits.farewell_s)
            if self._over.is_set():
                return
        await self._rest.end(self.sid, answered=self.answered)

    async def fetch_back(self, caller_sid: str, url: str) -> None:
        """Has the carrier ask an address what comes next for the caller, who is alone."""
        wait_s, give_up_at = self._waits.end_again_s, time.monotonic() + self._waits.fetch_s
        while True:
            try:
                await self._rest.redirect(caller_sid, twiml.redirect(url))
                return
            except CarrierUnknown as error:  # twice would tear the caller from the agent again
                self._fault("consult.not_fetched_back", error)
                return
            except CARRIER_FAULTS as error:
                self._fault("consult.not_fetched_back", error)
            if time.monotonic() + wait_s > give_up_at:
                return
            await asyncio.sleep(wait_s)

    async def hang_up(self, caller_sid: str) -> None:
        """Ends the caller's own call, whom nobody could fetch back."""
        try:
            await self._rest.end(caller_sid)
        except CARRIER_FAULTS as error:
            self._fault("consult.caller_left_alone", error)

    # Inside

    async def _found(self, asked_at: datetime) -> str:
        """The call of a request that was not answered: told by a callback, or looked for, once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._waits.found_s):
                await self._claimed.wait()
        try:
            calls = [] if self.sid else await self._rest.calls_to(self._order.to, asked_at - SKEW)
        except CARRIER_FAULTS as error:
            self._fault("consult.not_looked_up", error)
            calls = []
        ours = made_from(calls, self._order.from_, self._others)
        # Of two nobody could tell which is ours, and the other one may be somebody's conversation.
        if not self.sid and len(ours) == 1:
            _log.info("consult.found", call_sid=ours[0].sid, status=ours[0].status)
            self.claim(ours[0].sid)
            if ours[0].status not in LIVE:
                self.ended(ours[0].status)
        return "" if self.sid else "unknown"

    async def _over_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    def _fault(self, event: str, error: Exception) -> None:
        _log.warning(event, call_sid=self.sid, error=type(error).__name__)
