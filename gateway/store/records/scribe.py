"""The scribe of one call: what each event of the call changes in its records.

Pure: no clock, no database, no file. Takes any events in any order and never fails over them. What
people said, what tools were told and answered is redacted here, before it is put anywhere; phone
numbers are in the row of ``calls`` only, so that they can be erased in one place.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from gateway.core.events import (
    CallEvent,
    GuardrailTripped,
    Handoff,
    Noted,
    ToolEnded,
    ToolStarted,
    UsageCounted,
)
from gateway.core.shown import event_name, shown_fields
from gateway.store.entry import Change, Entry
from gateway.store.records.call_row import CallRow, CarrierCost
from gateway.store.records.rows import row
from gateway.store.records.turn_rows import Redact, TurnRows

Outbox = Callable[["Scribe", CallEvent, int, datetime], Change | None]
"""One more change for an entry, of an event, the entry's number and its moment; None = none."""

_TOKENS = (
    "text_in",
    "text_cached",
    "audio_in",
    "audio_cached",
    "image_in",
    "image_cached",
    "text_out",
    "audio_out",
)


def _no_one(_scribe: "Scribe", _event: CallEvent, _seq: int, _at: datetime) -> None:
    """Nobody outside is told of calls."""


def _not_known(_direction: str, _duration_ms: float) -> None:
    """Nobody said what the carrier takes."""


class Scribe:
    """The state of one call's records."""

    def __init__(
        self,
        call_sid: str,
        owner: str,
        redact: Redact,
        *,
        carrier_usd: CarrierCost = _not_known,
        outbox: Outbox = _no_one,
    ) -> None:
        """``owner`` = the gateway process that has the call."""
        self.call_sid = call_sid
        self.seq = 0
        """Of the newest entry."""
        self._redact = redact
        self._outbox = outbox
        self._call = CallRow(owner, carrier_usd)
        self._turns = TurnRows(redact)
        self._numbers: Counter[str] = Counter()
        self._at: datetime | None = None

    def tell(self, event: CallEvent, at: datetime) -> Entry:
        """The changes one event makes; it has at least its row in ``events``.

        ``at`` has a zone. A clock that was set back does not turn back the call's time.
        """
        self.seq += 1
        self._at = at = at if self._at is None else max(at, self._at)
        moment = at.isoformat()
        call = self._call.tell(event, moment)
        changes = [Change("calls", {}, call)] if call else []
        changes += self._turns.tell(event)
        told = _TOLD.get(type(event))
        if told is not None:
            changes.append(told(self, event))
        changes.append(self._event(event, moment))
        posted = self._outbox(self, event, self.seq, at)
        if posted is not None:
            changes.append(posted)
        return Entry(self.call_sid, self.seq, tuple(changes))

    def summary(self) -> dict[str, Any]:
        """The call so far as JSON for programs outside; moments are ISO texts, None = not known."""
        return {"call_sid": self.call_sid, **self._call.public()}

    def _event(self, event: CallEvent, moment: str) -> Change:
        fields = shown_fields(event)
        at_ms = fields.pop("at_ms", None)
        fields.pop("caller", None)
        fields.pop("called", None)
        values = {"at": moment, "at_ms": at_ms, "name": event_name(event), "fields": fields}
        return row("events", {"seq": self.seq}, values)

    def _tool_started(self, event: ToolStarted) -> Change:
        values = {
            "tool": event.tool,
            "agent": event.agent,
            "arguments": self._redact(event.arguments, ""),
            "at_ms": event.at_ms,
        }
        return row("tools", {"number": event.number}, values)

    def _tool_ended(self, event: ToolEnded) -> Change:
        values = {
            "tool": event.tool,
            "result": self._redact(event.result, ""),
            "duration_ms": event.duration_ms,
        }
        return row("tools", {"number": event.number}, values)

    def _handoff(self, event: Handoff) -> Change:
        values = {
            "from_agent": event.from_agent,
            "to_agent": event.to_agent,
            "at_ms": event.at_ms,
        }
        return self._next("handoffs", values)

    def _guardrail(self, event: GuardrailTripped) -> Change:
        return self._next("guardrails", {"guardrail": event.guardrail, "at_ms": event.at_ms})

    def _used(self, event: UsageCounted) -> Change:
        values = {
            "source": event.source,
            "source_id": event.source_id,
            "model": event.model,
            "billed_s": event.billed_s,
            "cost_usd": event.cost_usd,
            "at_ms": event.at_ms,
        }
        return self._next("usage", values | {name: event.used.get(name, 0) for name in _TOKENS})

    def _noted(self, event: Noted) -> Change:
        return self._next("notes", {"text": self._redact(event.text, ""), "at_ms": event.at_ms})

    def _next(self, table: str, values: dict[str, Any]) -> Change:
        """The next row of a table whose rows are numbered from 1."""
        self._numbers[table] += 1
        return row(table, {"number": self._numbers[table]}, values)


_TOLD: dict[type[Any], Callable[[Scribe, Any], Change]] = {
    ToolStarted: Scribe._tool_started,
    ToolEnded: Scribe._tool_ended,
    Handoff: Scribe._handoff,
    GuardrailTripped: Scribe._guardrail,
    UsageCounted: Scribe._used,
    Noted: Scribe._noted,
}
