"""The board of live calls: what each is like right now, and its timeline.

A listener of call events. What comes costs a call a microsecond or two, whoever watches or not:
nothing is rendered here before somebody looks. What events do not tell (where a call is in its
life, who listens, what waits for approval) is asked for at a look.

Everything that changes is marked with the edition that will tell it (:class:`Edition`), so what a
viewer has missed is what changed after the edition it has, however far behind it is.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.core.events import (
    AgentStarted,
    AgentStopped,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallOffered,
    Handoff,
    ModelConnected,
    ModelLost,
    RecordingEnded,
    RecordingStarted,
    TurnDone,
    UsageCounted,
)
from gateway.core.shown import masked_number
from gateway.core.words import NOT_SPOKEN
from gateway.observe.live.entries import Redact, Timeline

KEPT_S = 60.0
"""So long a call that has ended can be looked at; no viewer is further behind than that."""
MOST_ENDED = 200

View = dict[str, Any]


class Beside(NamedTuple):
    """What events do not tell of a call."""

    state: str
    listeners: int = 0
    approvals: int = 0


class Edition:
    """Counts what viewers have been told: what changes belongs to the next edition."""

    __slots__ = ("changed", "number")

    def __init__(self) -> None:
        self.number = 0
        """The newest one that is closed."""
        self.changed = False

    def mark(self) -> int:
        """Something changes; the edition that tells it."""
        self.changed = True
        return self.number + 1

    def close(self) -> bool:
        """Ends an edition, if there is anything in it; True if there was."""
        closed, self.changed = self.changed, False
        self.number += closed
        return closed


@dataclass(slots=True)
class ModelCounts:
    """How often calls reached the model."""

    connects: int = 0
    failures: int = 0
    last_connect_ms: float | None = None


class LiveCall:
    """One call: its state so far."""

    __slots__ = (
        "agent",
        "answered_at",
        "answered_s",
        "beside",
        "call_sid",
        "called",
        "caller",
        "cost_usd",
        "direction",
        "edition",
        "ended_in",
        "ended_s",
        "hears",
        "interruptions",
        "json",
        "offered_at",
        "reason",
        "recording",
        "response_ms",
        "route",
        "speaks",
        "timeline",
        "turns",
        "worst_ms",
    )

    def __init__(self, call_sid: str, event: CallOffered, timeline: Timeline) -> None:
        self.call_sid = call_sid
        self.direction = event.direction
        self.caller = event.caller
        self.called = event.called
        self.agent = event.agent
        self.route = event.route
        self.offered_at = datetime.now(UTC)
        self.answered_at: datetime | None = None
        self.answered_s: float | None = None
        self.speaks = ""
        """The agent's item that is being heard."""
        self.hears = False
        """The caller speaks."""
        self.turns = 0
        self.interruptions = 0
        self.response_ms: float | None = None
        self.worst_ms: float | None = None
        self.cost_usd: float | None = None
        self.recording = False
        self.beside = Beside("offered")
        self.reason = ""
        """Why it ended; empty while it lives."""
        self.ended_s = 0.0
        self.ended_in = 0
        """The edition that tells its end."""
        self.edition = 0
        """When it changed last."""
        self.json = ""
        self.timeline = timeline


class Board:
    """The calls that live, and those that ended a moment ago."""

    def __init__(
        self,
        redact: Redact,
        *,
        hide_numbers: bool = False,
        clock: Callable[[], float] = time.monotonic,
        most_entries: int | None = None,
    ) -> None:
        """``redact`` is what records do to words; ``hide_numbers`` leaves two digits of each."""
        self.edition = Edition()
        self.model = ModelCounts()
        self._redact = redact
        self._hide = hide_numbers
        self._clock = clock
        self._most_entries = {} if most_entries is None else {"most": most_entries}
        self._calls: dict[str, LiveCall] = {}
        self._ended: dict[str, LiveCall] = {}

    def hear(self, call_sid: str, event: CallEvent) -> None:
        """A listener; a call begins with its offer."""
        call = self._calls.get(call_sid) or self._other(call_sid, event)
        if call is None:
            return
        now = self._clock()
        told = _TOLD.get(type(event))
        if told is not None:
            call.edition = self.edition.mark()
            call.json = ""
            told(self, call, event, now)
        since = call.answered_s
        at_ms = 0.0 if since is None else (now - since) * 1000
        if call.timeline.tell(event, at_ms, self.edition.number + 1):
            self.edition.changed = True

    def _other(self, call_sid: str, event: CallEvent) -> LiveCall | None:
        """A new call, or one that is over: words and its recording's end may come later."""
        if type(event) is not CallOffered:
            return self._ended.get(call_sid)
        self._ended.pop(call_sid, None)
        call = LiveCall(call_sid, event, Timeline(**self._most_entries))
        self._calls[call_sid] = call
        call.edition = self.edition.mark()
        return call

    def look(self, beside: Callable[[str], Beside]) -> bool:
        """Closes an edition with what has changed; True if anything has.

        ``beside`` tells of a live call what events do not.
        """
        for call in self._calls.values():
            now = beside(call.call_sid)
            if now != call.beside:
                call.beside = now
                call.edition = self.edition.mark()
                call.json = ""
        self._forget()
        return self.edition.close()

    # What is shown

    def calls(self, since: int = -1) -> Iterator[LiveCall]:
        """The live calls that changed after an edition, the oldest first."""
        return (call for call in self._calls.values() if call.edition > since)

    def gone(self, since: int) -> Iterator[LiveCall]:
        """The calls that ended after an edition."""
        return (call for call in self._ended.values() if call.ended_in > since)

    def find(self, call_sid: str) -> LiveCall | None:
        """A call that lives, or ended less than a minute ago."""
        return self._calls.get(call_sid) or self._ended.get(call_sid)

    def told(self, call: LiveCall) -> str:
        """A call as JSON."""
        call.json = call.json or json.dumps(self.view(call))
        return call.json

    def view(self, call: LiveCall) -> View:
        """A call for people and programs."""
        shown = masked_number if self._hide else str
        return {
            "call_sid": call.call_sid,
            "direction": call.direction,
            "caller": shown(call.caller),
            "called": shown(call.called),
            "agent": call.agent,
            "route": call.route,
            "state": "ended" if call.reason else call.beside.state,
            "reason": call.reason or None,
            "speaking": _speaking(call),
            "offered_at": call.offered_at.isoformat(),
            "answered_at": call.answered_at and call.answered_at.isoformat(),
            "turns": call.turns,
            "interruptions": call.interruptions,
            "response_ms": call.response_ms,
            "worst_ms": call.worst_ms,
            "cost_usd": call.cost_usd,
            "recording": call.recording,
            "approvals": call.beside.approvals,
            "phone": call.caller.startswith("client:"),
            "listeners": call.beside.listeners,
        }

    def entries(self, call: LiveCall, since: int = -1) -> Iterator[str]:
        """The entries of a call that changed after an edition, as JSON."""
        timeline = call.timeline
        return (timeline.told(entry, self._redact) for entry in timeline.since(since))

    # What events change

    def _answered(self, call: LiveCall, _event: CallAnswered, now: float) -> None:
        if call.answered_at is None:
            call.answered_at, call.answered_s = datetime.now(UTC), now

    def _caller_started(self, call: LiveCall, _event: CallerStarted, _now: float) -> None:
        call.hears = True

    def _caller_stopped(self, call: LiveCall, _event: CallerStopped, _now: float) -> None:
        call.hears = False

    def _agent_started(self, call: LiveCall, event: AgentStarted, _now: float) -> None:
        if event.item_id not in NOT_SPOKEN:
            call.speaks = event.item_id

    def _agent_stopped(self, call: LiveCall, event: AgentStopped, _now: float) -> None:
        if event.item_id == call.speaks:
            call.speaks = ""

    def _cut_off(self, call: LiveCall, _event: BargeIn, _now: float) -> None:
        call.interruptions += 1

    def _turn(self, call: LiveCall, event: TurnDone, _now: float) -> None:
        call.turns += 1
        waited = event.turn.response_ms
        call.response_ms = None if waited is None else round(waited, 2)
        if call.response_ms is not None:
            call.worst_ms = max(call.worst_ms or 0.0, call.response_ms)

    def _used(self, call: LiveCall, event: UsageCounted, _now: float) -> None:
        call.cost_usd = round(event.call_usd, 6)

    def _handed_off(self, call: LiveCall, event: Handoff, _now: float) -> None:
        call.agent = event.to_agent

    def _recorded(self, call: LiveCall, _event: RecordingStarted, _now: float) -> None:
        call.recording = True

    def _recording_closed(self, call: LiveCall, _event: RecordingEnded, _now: float) -> None:
        call.recording = False

    def _connected(self, _call: LiveCall, event: ModelConnected, _now: float) -> None:
        self.model.connects += 1
        self.model.last_connect_ms = round(event.connect_ms, 2)

    def _lost(self, _call: LiveCall, _event: ModelLost, _now: float) -> None:
        self.model.failures += 1

    def _over(self, call: LiveCall, event: CallEnded, now: float) -> None:
        if call.reason:
            return
        call.reason = event.reason or "unknown"
        call.hears, call.speaks = False, ""
        call.beside = Beside("ended")
        call.ended_s, call.ended_in = now, call.edition
        del self._calls[call.call_sid]
        self._ended[call.call_sid] = call
        self._forget()

    def _forget(self) -> None:
        """Those that ended long ago, and the oldest of too many."""
        limit = self._clock() - KEPT_S
        while self._ended:
            call_sid, call = next(iter(self._ended.items()))
            if call.ended_s >= limit and len(self._ended) <= MOST_ENDED:
                return
            del self._ended[call_sid]


def _speaking(call: LiveCall) -> str:
    if call.hears:
        return "both" if call.speaks else "caller"
    return "agent" if call.speaks else ""


_TOLD: dict[type[Any], Callable[[Board, LiveCall, Any, float], None]] = {
    CallAnswered: Board._answered,
    CallEnded: Board._over,
    CallerStarted: Board._caller_started,
    CallerStopped: Board._caller_stopped,
    AgentStarted: Board._agent_started,
    AgentStopped: Board._agent_stopped,
    BargeIn: Board._cut_off,
    TurnDone: Board._turn,
    UsageCounted: Board._used,
    Handoff: Board._handed_off,
    RecordingStarted: Board._recorded,
    RecordingEnded: Board._recording_closed,
    ModelConnected: Board._connected,
    ModelLost: Board._lost,
}
