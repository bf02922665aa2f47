"""The listener that has the calls of this process written down.

Owns which scribe has which call, and how long one stays after its call has ended: words and the
end of a recording may come later than the end of the call. Never waits: entries are put to whoever
writes them.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

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


def _now() -> datetime:
    return datetime.now(UTC)


class Records:
    """The scribes of all calls that live, or ended a moment ago."""

    def __init__(
        self,
        put: Callable[[Entry], None],
        scribe_of: Callable[[str], Scribe],
        now: Callable[[], datetime] = _now,
    ) -> None:
        """``put`` takes an entry at once; ``scribe_of`` makes the scribe of a CallSid."""
        self._put = put
        self._scribe_of = scribe_of
        self._now = now
        self._scribes: dict[str, Scribe] = {}
        self._ended: dict[str, datetime] = {}

    def __len__(self) -> int:
        """Calls that are known."""
        return len(self._scribes)

    def hear(self, call_sid: str, event: CallEvent) -> None:
        """A listener: has one event of a call written down.

        A call begins with its offer. What comes of one that is not known, or not any more, is left
        out: begun anew, its entries would have the numbers of those that were written.
        """
        now = self._now()
        scribe = self._scribes.get(call_sid)
        if scribe is None:
            if not isinstance(event, CallOffered):
                _log.warning("records.stray", call_sid=call_sid, stray=event_name(event))
                return
            scribe = self._scribes[call_sid] = self._scribe_of(call_sid)
        self._put(scribe.tell(event, now))
        if isinstance(event, CallEnded):
            self._ended.setdefault(call_sid, now)
            self._forget(now)

    def _forget(self, now: datetime) -> None:
        """Those that ended first are forgotten first."""
        for call_sid, ended_at in list(self._ended.items()):
            fresh = now - ended_at < timedelta(seconds=KEPT_S)
            if fresh and len(self._ended) <= MOST_KEPT:
                return
            del self._ended[call_sid], self._scribes[call_sid]
