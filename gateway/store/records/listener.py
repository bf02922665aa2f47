"""Who takes down what happens in the calls of this process.

Owns which scribe has which call, and how long one stays after its call has ended: words and the
end of a recording may come later than the end of the call. Belongs to one thread, the writer's: the
loop of the calls has no time for it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from gateway.core.events import CallEnded, CallEvent, CallOffered
from gateway.core.shown import event_name
from gateway.store.entry import Entry
from gateway.store.records.scribe import Scribe

KEPT_S = 60.0
"""How long what comes after the end of a call is still taken down."""
MOST_KEPT = 200
"""Calls at most that have ended and are still known."""

_log = structlog.get_logger()


class Told(NamedTuple):
    """One event of a call, and the moment it was told (with its zone)."""

    call_sid: str
    event: CallEvent
    at: datetime


class Records:
    """The scribes of all calls that live, or ended a moment ago."""

    def __init__(self, scribe_of: Callable[[str], Scribe]) -> None:
        """``scribe_of`` makes the scribe of a CallSid."""
        self._scribe_of = scribe_of
        self._scribes: dict[str, Scribe] = {}
        self._ended: dict[str, datetime] = {}

    def __len__(self) -> int:
        """Calls that are known."""
        return len(self._scribes)

    def entry(self, told: Told) -> Entry | None:
        """What one event changes; events of a call have to come in order.

        A call begins with its offer. What comes of one that is not known, or not any more, is left
        out (None): begun anew, its entries would have the numbers of those that were written.
        """
        call_sid, event, at = told
        scribe = self._scribes.get(call_sid)
        if scribe is None:
            if not isinstance(event, CallOffered):
                _log.warning("records.stray", call_sid=call_sid, stray=event_name(event))
                return None
            scribe = self._scribes[call_sid] = self._scribe_of(call_sid)
        if isinstance(event, CallEnded):
            self._ended.setdefault(call_sid, at)
            self._forget(at)
        return scribe.tell(event, at)

    def _forget(self, now: datetime) -> None:
        """Those that ended first are forgotten first."""
        for call_sid, ended_at in list(self._ended.items()):
            fresh = now - ended_at < timedelta(seconds=KEPT_S)
            if fresh and len(self._ended) <= MOST_KEPT:
                return
            del self._ended[call_sid], self._scribes[call_sid]
