"""Calls that somebody wants ended, wherever they are: waiting, being asked for, ringing, talking.

Owns which dials nobody wants any more although it is not known yet which call came of them.
"""

from collections.abc import Awaitable

import structlog

from gateway.call.call import Call
from gateway.call.registry import Registry
from gateway.core.direction import SOFTPHONE
from gateway.ops.placing.book import Book
from gateway.ops.placing.search import is_lost
from gateway.ops.placing.watching import Watching
from gateway.ops.rest import CARRIER_FAULTS, TwilioRest
from gateway.store.dials import Dial

_log = structlog.get_logger()


class Endings:
    """Ends calls."""

    def __init__(self, book: Book, rest: TwilioRest, registry: Registry) -> None:
        self._book = book
        self._rest = rest
        self._registry = registry
        self._unwanted: set[str] = set()

    def is_unwanted(self, dial: Dial) -> bool:
        """True when the call of a dial is to be ended as soon as there is one."""
        return dial.id in self._unwanted

    def forget(self, dial: Dial) -> None:
        """It is over, or is being ended."""
        self._unwanted.discard(dial.id)

    async def end(self, dial: Dial, watching: Watching, *, leaving: bool) -> None:
        """Ends the call of a dial; ``leaving`` = the carrier may be being asked for it just now.

        Raises one of DATABASE_FAULTS or CARRIER_FAULTS: then it may go on.
        """
        if is_lost(dial) or (leaving and dial.call_sid is None):
            self._unwanted.add(dial.id)
        elif dial.state == "waiting":
            await self._book.canceled(dial.id)
            now = self._book.get(dial.id)
            if now is not None and now.state not in ("waiting", "ended"):  # somebody was quicker
                await self.end(now, watching, leaving=leaving)
        elif dial.state != "ended":
            await self.leg(dial, watching)

    async def leg(self, dial: Dial, watching: Watching) -> None:
        """Ends what the carrier has of a dial. Raises one of CARRIER_FAULTS."""
        assert dial.call_sid is not None
        call = self._registry.get(dial.call_sid)
        if await self.call(dial.call_sid, call, answered=dial.state == "answered"):
            watching.expect(dial)
        else:  # its end was never told
            await watching.ask(dial, dial.call_sid)

    async def call(self, call_sid: str, call: Call | None, *, answered: bool = True) -> bool:
        """By the stream where there is one, or where the carrier knows of no call, else by the
        carrier; False when it was over already.
        """
        if call is not None:
            streams = call.downstream.is_open
            call.end("hung_up")
            if streams or call.offer.direction == SOFTPHONE:
                return True
        return await self._rest.end(call_sid, answered=answered)

    async def quietly(self, dial: Dial, ending: Awaitable[object]) -> None:
        """Waits for an ending nobody asks for just now; what goes wrong is told in the log."""
        try:
            await ending
        except CARRIER_FAULTS as error:
            _log.warning("dial.not_ended", dial=dial.id, error=type(error).__name__)
