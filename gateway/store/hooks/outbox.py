"""Which events of a call somebody is told of by webhook, and what they are told.

Owns the names and the body. The row it makes goes into the same entry as what the event changes in
the records, so that it is committed with it or not at all; a courier delivers it.
"""

import difflib
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from gateway.core.events import (
    AgentSpoke,
    CallAnswered,
    CallEnded,
    CallerSpoke,
    CallEvent,
    Noted,
)
from gateway.core.shown import event_name, shown_fields
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.entry import Change

STARTED = "call.started"
"""Ours, for the first :class:`CallAnswered` of a call: now the caller is on the line. A call that
is only offered may never come.
"""

_ABOUT_WORDS = (CallerSpoke, AgentSpoke, Noted)
"""Events with nothing but words in them; of others the words are left out."""


class Outbox:
    """Makes the deliveries of all calls of the process; on the call loop only."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigError for a name in ``GATEWAY_HOOK_EVENTS`` that nobody can be told of."""
        self._wanted = frozenset(_checked(name) for name in settings.hook_events)
        self._started: set[str] = set()

    def delivery(
        self, event: CallEvent, name: str, seq: int, at: str, summary: Mapping[str, Any]
    ) -> Change | None:
        """The row that tells of this event; None when nobody wants to know.

        ``name`` is the event's as the log has it, ``seq`` that of the entry the row goes into,
        ``at`` its UTC ISO time, ``summary`` what is known of the call, ``call_sid`` among it.
        """
        told = self._told_as(event, name, summary["call_sid"])
        if told not in self._wanted:
            return None
        body = {
            "id": f"{summary['call_sid']}:{seq}",
            "event": told,
            "at": at,
            "call": summary,
            "data": shown_fields(event),
        }
        values = {
            "event": told,
            "body": msgspec.json.encode(body).decode(),
            "state": "pending",
            "attempts": 0,
            "created_at": at,
            "next_at": at,
        }
        return Change("deliveries", {"seq": seq}, values)

    def _told_as(self, event: CallEvent, name: str, call_sid: str) -> str:
        """The event's name, or ours: after a transfer the caller is answered a second time."""
        if isinstance(event, CallEnded):
            self._started.discard(call_sid)
        if not isinstance(event, CallAnswered) or call_sid in self._started:
            return name
        self._started.add(call_sid)
        return STARTED if STARTED in self._wanted else name


def open_outbox(settings: Settings) -> Outbox | None:
    """The outbox of these settings; None without ``GATEWAY_HOOK_URL``. Raises ConfigError."""
    return Outbox(settings) if settings.hook_url else None


def tellable() -> dict[str, bool]:
    """Every event of the vocabulary by name, and ours; False for those that are only words."""
    kinds: tuple[type[CallEvent], ...] = get_args(CallEvent)
    # Empty ones: a name depends on nothing but the kind.
    named = {event_name(object.__new__(kind)): kind not in _ABOUT_WORDS for kind in kinds}
    return {STARTED: True, **named}


def _checked(name: str) -> str:
    known = tellable()
    if known.get(name):
        return name
    if name in known:
        raise ConfigError(
            f"GATEWAY_HOOK_EVENTS: {name} is about words, which are for the records only"
        )
    wordless = [each for each, told in known.items() if told]
    (nearest,) = difflib.get_close_matches(name, wordless, n=1, cutoff=0.0)
    raise ConfigError(f"GATEWAY_HOOK_EVENTS: no event {name!r} (did you mean {nearest}?)")
