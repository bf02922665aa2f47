"""The row of one call in ``calls``: where it is in its life, its figures, its costs, its recording.

Takes the events of the call in any order, each with the moment it was told. Once the call has
ended its life stands still; only what is known later (costs, consent, the recording) still changes.
"""

from bisect import insort
from collections.abc import Callable, Iterable
from typing import Any

from gateway.core.events import (
    BargeIn,
    CallAnswered,
    CallEnded,
    CallEnding,
    CallerStarted,
    CallEvent,
    CallLive,
    CallOffered,
    ConsentChanged,
    ConsultStarted,
    RecordingEnded,
    RecordingStarted,
    TransferFailed,
    TransferStarted,
    TurnDone,
    UsageCounted,
)
from gateway.core.latency import ranked
from gateway.store.records.outcomes import outcome_of
from gateway.store.records.rows import fitted

CarrierCost = Callable[[str, float], float | None]
"""What the carrier takes for a call of this direction and length in ms; None = not known."""

_AFTER_THE_END = (UsageCounted, ConsentChanged, RecordingStarted, RecordingEnded)
PUBLIC = (
    "state",
    "direction",
    "caller",
    "called",
    "route",
    "campaign",
    "agent",
    "outcome",
    "reason",
    "offered_at",
    "answered_at",
    "ended_at",
    "duration_ms",
    "heard_ms",
    "turns",
    "interruptions",
    "response_p50_ms",
    "cost_usd",
)
"""Columns of a call that programs outside may know."""


class CallRow:
    """What is known of one call as a whole."""

    def __init__(self, owner: str, carrier_usd: CarrierCost) -> None:
        self.values: dict[str, Any] = {}
        """The columns as they are by now; what is not known is not in it."""
        self._carrier_usd = carrier_usd
        self._news: dict[str, Any] = {"owner": owner, "state": "offered"}
        self._live = False
        self._responses: list[float] = []

    def tell(self, event: CallEvent, moment: str) -> dict[str, Any]:
        """The columns that change by an event, which was told at that moment (ISO)."""
        kind = type(event)
        news, self._news = self._news, {}
        if kind in _TOLD and (kind in _AFTER_THE_END or "ended_at" not in self.values):
            news |= _TOLD[kind](self, event, moment)
        if news:
            news = fitted("calls", news)
            self.values |= news
        return news

    def public(self) -> dict[str, Any]:
        """The call so far as JSON for people and programs outside; moments are ISO texts."""
        view = {name: self.values.get(name) for name in PUBLIC}
        return view | {"recording": self.values.get("recording") is not None}

    # Its life

    def _offered(self, event: CallOffered, moment: str) -> dict[str, Any]:
        if "offered_at" in self.values:
            return {}
        return {
            "direction": event.direction,
            "caller": event.caller,
            "called": event.called,
            "route": event.route,
            "campaign": event.campaign,
            "agent": event.agent,
            "stir": event.stir,
            "offered_at": moment,
        }

    def _answered(self, _event: CallAnswered, moment: str) -> dict[str, Any]:
        """The stream opened; after a transfer that failed, another one."""
        return {
            "state": self._on_the_line(),
            "answered_at": self.values.get("answered_at", moment),
            "segments": self.values.get("segments", 0) + 1,
        }

    def _made_live(self, _event: CallLive, _moment: str) -> dict[str, Any]:
        """The model may be ready before there is a stream, and stays so while the call is away."""
        self._live = True
        return {"state": "live"} if self.values.get("state") == "answered" else {}

    def _away(self, _event: TransferStarted, _moment: str) -> dict[str, Any]:
        return {"state": "away"}

    def _consulting(self, _event: ConsultStarted, _moment: str) -> dict[str, Any]:
        return {"state": "consulting"}

    def _refused(self, _event: TransferFailed, _moment: str) -> dict[str, Any]:
        """A caller who waited on the line is the agent's again; any other comes by a stream."""
        waited = self.values.get("state") == "consulting"
        return {"state": self._on_the_line()} if waited else {}

    def _ending(self, _event: CallEnding, _moment: str) -> dict[str, Any]:
        return {"state": "ending"}

    def _stays(self, _event: CallEvent, _moment: str) -> dict[str, Any]:
        """Whoever speaks up before the last word was heard keeps the call."""
        return {"state": self._on_the_line()} if self.values.get("state") == "ending" else {}

    def _ended(self, event: CallEnded, moment: str) -> dict[str, Any]:
        answered = "answered_at" in self.values
        direction = self.values.get("direction", "")
        return {
            "state": "ended",
            "ended_at": moment,
            "reason": event.reason,
            "outcome": outcome_of(event.reason, answered=answered),
            "duration_ms": event.duration_ms,
            "heard_ms": event.heard_ms,
            "inbound_frames": event.inbound_frames,
            "turns": event.turns,
            "interruptions": event.interruptions,
        } | self._costs(carrier_usd=self._carrier_usd(direction, event.duration_ms))

    def _on_the_line(self) -> str:
        return "live" if self._live else "answered"

    # Its figures

    def _cut_off(self, event: BargeIn, moment: str) -> dict[str, Any]:
        interruptions = self.values.get("interruptions", 0) + 1
        return self._stays(event, moment) | {"interruptions": interruptions}

    def _turn(self, event: TurnDone, _moment: str) -> dict[str, Any]:
        turns = {"turns": self.values.get("turns", 0) + 1}
        if event.turn.response_ms is None:
            return turns
        insort(self._responses, event.turn.response_ms)
        return turns | {
            "response_p50_ms": ranked(self._responses, 0.50),
            "response_p95_ms": ranked(self._responses, 0.95),
            "response_worst_ms": self._responses[-1],
        }

    def _used(self, event: UsageCounted, _moment: str) -> dict[str, Any]:
        unpriced = event.cost_usd is None or self.values.get("unpriced", False)
        return {"unpriced": unpriced} | self._costs(model_usd=event.call_usd)

    def _costs(self, **part_usd: float | None) -> dict[str, Any]:
        parts = {name: self.values.get(name) for name in ("model_usd", "carrier_usd")} | part_usd
        return part_usd | {"cost_usd": _sum_of_known(parts.values())}

    # Its recording

    def _consent(self, event: ConsentChanged, _moment: str) -> dict[str, Any]:
        return {"consent": event.state}

    def _recorded(self, event: RecordingStarted, _moment: str) -> dict[str, Any]:
        return {"recording": event.file, "recording_from_ms": event.at_ms}

    def _recording_closed(self, event: RecordingEnded, _moment: str) -> dict[str, Any]:
        # Who waited for the disk in vain knows no length: there may be a recording all the same.
        if event.kept and (event.audio_ms or event.incomplete == "disk_slow"):
            begins = {} if event.from_ms is None else {"recording_from_ms": event.from_ms}
            return begins | {
                "recording_ms": event.audio_ms,
                "recording_incomplete": event.incomplete or None,
            }
        none = dict.fromkeys(("recording", "recording_from_ms", "recording_ms"))
        return none | {"recording_incomplete": (event.kept and event.incomplete) or None}


def _sum_of_known(parts: Iterable[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return round(sum(known), 6) if known else None


_TOLD: dict[type[Any], Callable[[CallRow, Any, str], dict[str, Any]]] = {
    CallOffered: CallRow._offered,
    CallAnswered: CallRow._answered,
    CallLive: CallRow._made_live,
    CallEnding: CallRow._ending,
    CallEnded: CallRow._ended,
    ConsultStarted: CallRow._consulting,
    TransferStarted: CallRow._away,
    TransferFailed: CallRow._refused,
    CallerStarted: CallRow._stays,
    BargeIn: CallRow._cut_off,
    TurnDone: CallRow._turn,
    UsageCounted: CallRow._used,
    ConsentChanged: CallRow._consent,
    RecordingStarted: CallRow._recorded,
    RecordingEnded: CallRow._recording_closed,
}
