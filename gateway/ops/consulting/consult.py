"""One colleague who is rung, asked and joined with the caller, or not.

Owns the stages of that, what each waits for and how long, and that both calls end whatever happens:
the colleague's, and the caller's when it stands alone in the room. The carrier's webhooks and
callbacks come in any order, twice, or never.
"""

import asyncio
import secrets
import time
from contextlib import suppress
from typing import Literal

import structlog

from gateway.call.colleagues import Asker, Request
from gateway.call.transfer import LEFT
from gateway.core import twiml
from gateway.ops.consulting.leg import Leg
from gateway.ops.consulting.waits import Waits
from gateway.ops.rest import LIVE

KEY = "1"
"""Who presses it takes the call."""
SECONDS_PER_CHARACTER = 0.1
"""A carrier's voice is quicker than that."""

Stage = Literal["ringing", "asked", "accepted", "meeting", "together", "over"]

_log = structlog.get_logger()


class Consult:
    """One colleague; the call on whose behalf is the asker."""

    def __init__(self, request: Request, asker: Asker, return_url: str, waits: Waits) -> None:
        """``return_url``: what the carrier is to ask for a caller whom nobody waits for."""
        self.id = secrets.token_hex(16)
        """Names it in the addresses that the carrier comes back to."""
        self.room = secrets.token_hex(16)
        self.stage: Stage = "ringing"
        self.request = request
        self.leg: Leg
        self._asker = asker
        self._return_url = return_url
        self._waits = waits
        self._news = asyncio.Event()
        self._released = asyncio.Event()
        self._leaves = False

    # What the carrier tells

    def picked_up(self, sid: str) -> bool:
        """Somebody is there. False when nobody is wanted (any more), or it is another call."""
        if not self.leg.claim(sid):
            return False
        self.leg.answered = True
        if self.stage == "ringing":
            self._enter("asked")
            self._asker.answered()
        self._leaves = self.stage != "asked"
        return not self._leaves

    def decided(self, sid: str, key: str) -> bool:
        """They pressed a key, or none. True when they take the call, and are to go to the room."""
        if not self.leg.claim(sid):
            return False
        if self.stage == "asked":
            if key != KEY:
                self._decline("declined" if key else "no-key")
            elif self._asker.accepted():
                self._enter("accepted")
        self._leaves = self.stage not in ("accepted", "meeting")
        return not self._leaves

    def told(self, sid: str, status: str) -> None:
        """The carrier tells how far the call is."""
        if not self.leg.claim(sid):
            return
        if status not in (*LIVE, "initiated"):
            self.leg.ended(status)
        self._news.set()

    # What the call wants

    def caller_came(self) -> None:
        """The carrier was told to bring the caller into the room."""
        if self.stage == "accepted":
            self._enter("meeting")

    def release(self) -> None:
        """Nobody is needed (any more)."""
        self._released.set()
        if self.stage != "together":
            self._enter("over")

    # Its life

    async def run(self) -> None:
        """From the first ring until nothing of it is left."""
        ringing = asyncio.create_task(self.leg.ring(lambda: self.stage == "ringing"))
        ringing.add_done_callback(lambda _task: self._news.set())
        try:
            await self._course(ringing)
            if self.stage != "together":
                await self._fetch_back()
                await ringing  # whether there is somebody to hang up on
                await self.end()
        finally:
            self._decline("failed")  # whatever went wrong: nobody waits for ever
            ringing.cancel()
            await asyncio.gather(ringing, return_exceptions=True)

    async def end(self) -> None:
        """Ends the colleague's call, unless they talk to the caller."""
        if self.stage != "together":
            destination = self.request.destination
            goodbye = twiml.say_and_hangup(destination.goodbye, destination.language)
            await self.leg.end(goodbye, leaves=self._leaves)

    # Inside

    async def _course(self, ringing: asyncio.Task[str]) -> None:
        """All stages, as far as it comes."""
        await self._ring(ringing)
        destination = self.request.destination
        spoken_s = SECONDS_PER_CHARACTER * (len(self.request.summary) + len(destination.prompt))
        decide_s = spoken_s + destination.accept_timeout_s + self._waits.key_grace_s
        await self._during("asked", decide_s, "no-key")
        await self._during("accepted", self._waits.arrive_s, "caller-lost")
        await self._during("meeting", self._waits.meet_s, "")
        if self.stage == "meeting":
            if await self.leg.lasts():
                if self.stage == "meeting":
                    self._enter("together")
                    self._asker.together()
            else:
                self._decline(LEFT)

    async def _ring(self, ringing: asyncio.Task[str]) -> None:
        while self.stage == "ringing" and not self.leg.sid:
            if ringing.done():
                self._decline(ringing.result() or "unknown")
            await self._next()
        ring_s = self.request.destination.timeout_s + self._waits.ring_grace_s
        await self._during("ringing", ring_s, "no-answer")

    async def _during(self, stage: Stage, limit_s: float, too_late: str) -> None:
        """Until the stage is over: by news, by the end of the colleague's call, or by time."""
        end_at = time.monotonic() + limit_s
        while self.stage == stage:
            if self.leg.status:
                failed = stage == "ringing" and self.leg.status != "completed"
                self._decline(self.leg.status if failed else LEFT)
            elif time.monotonic() >= end_at:
                if too_late:
                    self._decline(too_late)
                return
            else:
                await self._next(end_at - time.monotonic())

    async def _fetch_back(self) -> None:
        """The colleague has left: a caller who is in the room, or was sent there, is alone."""
        if not self.leg.status or await self._released_within(self._waits.return_s):
            return
        await self.leg.fetch_back(self.request.call_sid, self._return_url)
        if not await self._released_within(self._waits.fetch_s):
            await self.leg.hang_up(self.request.call_sid)

    async def _released_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._released.wait()
        return self._released.is_set()

    async def _next(self, limit_s: float | None = None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._news.wait()
        self._news.clear()

    def _decline(self, reason: str) -> None:
        if self.stage not in ("together", "over"):
            _log.info("consult.declined", call_sid=self.request.call_sid, reason=reason)
            self._enter("over")
            self._asker.declined(reason)

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self._news.set()
