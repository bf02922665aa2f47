"""Everybody who is being asked to take a call: whom the webhooks mean, and what is left at the end.

Owns the addresses the carrier comes back to. One process: a consult is known to the one that rings.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from gateway.call.colleagues import Asker, Request
from gateway.call.context import Destination
from gateway.ops.consulting.consult import Consult
from gateway.ops.consulting.leg import Leg
from gateway.ops.consulting.waits import Waits
from gateway.ops.rest import LIVE, Order, TwilioRest, has_carrier
from gateway.settings import Settings
from gateway.store.patterns import redactor

KEEP_S = 600.0
"""A call whose fate nobody knew may be told of that late; none rings longer."""
STOP_S = 10.0
"""How long the end of the gateway waits for calls that are being ended."""
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NO_NUMBER = "TWILIO_PHONE_NUMBER is not set"


class Consults:
    """All consults of this process, by the ID in their addresses. Lives in the calls' loop."""

    def __init__(
        self,
        settings: Settings,
        rest: TwilioRest,
        redact: Callable[[str], str],
        waits: Waits,
    ) -> None:
        """``redact`` takes out of a summary what nobody may hear. ``rest`` is closed at the end."""
        self.is_elsewhere: Callable[[str], bool] = lambda call_sid: False
        """Whether a call that was made by REST is known to have been made for something else."""
        self._settings = settings
        self._rest = rest
        self._redact = redact
        self._waits = waits
        self._consults: dict[str, Consult] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()

    # What a call wants

    def why_not(self, destination: Destination, ours: str) -> str:
        """Why nobody can be rung there; empty when somebody can. Safe from any thread."""
        return "" if self._from(destination, ours) else _NO_NUMBER

    def ring(self, request: Request, asker: Asker) -> Consult:
        """Rings somebody, once."""
        request = replace(request, summary=self._redact(request.summary))
        consult = Consult(request, asker, self._address("dial-ended"), self._waits)
        order = Order(
            to=request.destination.number,
            from_=self._from(request.destination, request.ours),
            url=self._address("consult", consult.id),
            status_url=self._address("consult-status", consult.id),
            ring_s=request.destination.timeout_s,
        )
        consult.leg = Leg(self._rest, order, self._is_taken, self._waits)
        self._consults[consult.id] = consult
        self._spawn(consult.run()).add_done_callback(lambda _task: self._forget_later(consult.id))
        return consult

    # What the carrier tells

    def has(self, call_sid: str) -> bool:
        """True for the call to a colleague."""
        return any(each.leg.sid == call_sid for each in self._consults.values())

    def get(self, consult_id: str) -> Consult | None:
        """The consult of that ID, while it is known."""
        return self._consults.get(consult_id)

    def told(self, consult_id: str, sid: str, status: str) -> None:
        """A callback: how far the call to a colleague is. One that nobody waits for is ended."""
        consult = self.get(consult_id)
        if consult is not None:
            unknown = not consult.leg.sid
            consult.told(sid, status)
            if unknown and consult.stage == "over" and status in (*LIVE, "initiated"):
                self._spawn(consult.end())

    # The end

    async def close(self) -> None:
        """Everybody is let go; what is left of it after a while is given up."""
        for consult in self._consults.values():
            consult.release()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for timer in self._timers:
            timer.cancel()
        await self._rest.close()

    # Inside

    def _from(self, destination: Destination, ours: str) -> str:
        """The number that is shown: it must be one of the account's, or verified there."""
        known = (destination.caller_id, self._settings.twilio_phone_number, ours)
        return next((each for each in known if _E164.fullmatch(each)), "")

    def _address(self, place: str, consult_id: str = "") -> str:
        query = f"?{urlencode({'consult': consult_id})}" if consult_id else ""
        return f"{self._settings.public_url}/twilio/{place}{query}"

    def _is_taken(self, sid: str) -> bool:
        return self.has(sid) or self.is_elsewhere(sid)

    def _forget_later(self, consult_id: str) -> None:
        def forget() -> None:
            self._timers.discard(timer)
            self._consults.pop(consult_id, None)

        timer = asyncio.get_running_loop().call_later(KEEP_S, forget)
        self._timers.add(timer)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def open_consults(settings: Settings, waits: Waits | None = None) -> Consults | None:
    """What rings colleagues, to be closed at the end. None without a carrier: one that could not
    reach this gateway is none. Raises ConfigError for credentials or patterns that are missing.
    """
    if not has_carrier(settings):
        return None
    waits = waits or Waits()
    rest = TwilioRest(settings, limit_s=waits.request_s)
    return Consults(settings, rest, redactor(settings).text, waits)
