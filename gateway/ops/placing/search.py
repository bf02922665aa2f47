"""What became of a request that was not answered: the call is looked for, never made again.

Owns how a call of the carrier's is taken for ours: by both numbers, by when it was made, and for
no other dial has it. A callback says it better, its address carries the dial: whoever is first.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from gateway.core.dialstate import News
from gateway.ops.placing.book import Book
from gateway.ops.placing.waits import Waits
from gateway.ops.rest import CARRIER_FAULTS, SKEW, CarrierCall, TwilioRest, made_from
from gateway.store.dials import Dial

NOT_FOUND = "the carrier did not answer when it was asked, and has no such call"

_log = structlog.get_logger()


class Search:
    """Looks for the calls of requests whose fate is not known."""

    def __init__(
        self, book: Book, rest: TwilioRest, is_elsewhere: Callable[[str], bool], waits: Waits
    ) -> None:
        """``is_elsewhere``: whether a call was made for something else than a dial."""
        self._book = book
        self._rest = rest
        self._is_elsewhere = is_elsewhere
        self._waits = waits

    async def run(self, dial_id: str) -> None:
        """Looks until the call is found, told of by a callback, or surely was never made.

        The time for that counts from now: the last request is no later, but may be as late.
        """
        wait_s = self._waits.look_s
        give_up_at = datetime.now(UTC) + timedelta(seconds=self._waits.grace_s)
        while (dial := self._book.get(dial_id)) is not None and is_lost(dial):
            looked_at = datetime.now(UTC)
            try:
                found = await self._found(dial)
            except CARRIER_FAULTS as error:
                _log.warning("dial.not_looked_up", dial=dial_id, error=type(error).__name__)
            else:
                if found is not None:
                    await self._take(dial, found)
                    return
                if looked_at >= give_up_at and await self._still_lost(dial_id):
                    _log.warning("dial.never_found", dial=dial_id)
                    await self._book.ended(dial_id, "unknown", NOT_FOUND)
                    return
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, self._waits.look_most_s)

    async def _still_lost(self, dial_id: str) -> bool:
        """Whether nobody knows it, as the database has it: another process may have been told."""
        await self._book.refresh(dial_id)
        now = self._book.get(dial_id)
        return now is not None and is_lost(now)

    async def _take(self, dial: Dial, found: CarrierCall) -> None:
        _log.info("dial.found", dial=dial.id, call_sid=found.sid, status=found.status)
        await self._book.placed(dial.id, found.sid)
        await self._book.heard(dial.id, news_of(found))

    async def _found(self, dial: Dial) -> CarrierCall | None:
        since = _sent_at(dial) - SKEW
        calls = await self._rest.calls_to(dial.to, since)
        made = made_from(calls, dial.from_, self._is_elsewhere)
        for call in sorted(made, key=lambda each: each.created_at or since):
            if await self._book.find_sid(call.sid) is None:
                return call
        return None


def is_lost(dial: Dial) -> bool:
    """True while the carrier was asked, and it is not known which call came of it."""
    return dial.state in ("sending", "unknown") and dial.call_sid is None


def news_of(call: CarrierCall) -> News:
    """What the carrier says of a call when it is asked."""
    return News(
        at=call.ended_at or datetime.now(UTC),
        status=call.status,
        call_sid=call.sid,
        answered_by=call.answered_by,
        duration_s=call.duration_s,
    )


def _sent_at(dial: Dial) -> datetime:
    return dial.sent_at or dial.created_at
