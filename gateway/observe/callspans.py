"""One call as a tree of spans, made of what its events tell.

The call is the root; below it are the connection to the model, the turns with their tools, and the
recording. Everything else that happens is noted on the span in which it happens. Knows no clock and
no exporter: events come with the time at which they were told, and what becomes of ended spans is
the tracer's business.
"""

from collections.abc import Callable
from typing import Any

from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    ApprovalAsked,
    ApprovalDecided,
    BargeIn,
    CallEnded,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallOffered,
    FalseAlarm,
    GuardrailTripped,
    Handoff,
    ModelConnected,
    ModelLost,
    Noted,
    RecordingEnded,
    RecordingStarted,
    ToolEnded,
    ToolStarted,
    TurnDone,
    UsageCounted,
)
from gateway.observe.spans import Branches, known, mark, ns
from gateway.observe.spoken import Spoken
from gateway.observe.turnspans import TurnSpans

_BROKEN = frozenset(
    {"cancelled", "carrier_garbage", "guardrail_loop", "socket_lost", "transfer_lost"}
)
"""Reasons for which a call ends that are somebody's fault; those of the model are, too."""


class CallSpans:
    """The spans of one call that are not over."""

    def __init__(
        self, tracer: Tracer, call_sid: str, offered: CallOffered, at_ns: int, spoken: Spoken | None
    ) -> None:
        """``spoken`` = None: nothing of what is said is told."""
        self._branches = Branches(tracer, call_sid)
        self._begun_ns = at_ns
        self._spoken = spoken
        told: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": offered.agent,
            "gen_ai.request.model": offered.model or None,
            "gateway.direction": offered.direction,
            "gateway.route": offered.route,
            "gateway.campaign": offered.campaign or None,
            "gateway.stir": offered.stir or None,
        }
        if spoken is not None:
            told["gateway.pii.caller"] = spoken.number(offered.caller)
            told["gateway.pii.called"] = spoken.number(offered.called)
        self._root = self._branches.start("call", at_ns, told, kind=SpanKind.SERVER)
        self._turns = TurnSpans(self._branches, self._root, at_ns, spoken)
        self._turns.agent, self._turns.model = offered.agent, offered.model
        self._connecting = True
        self._lost_by = ""
        """Why the model was lost, if it was."""
        self._recording: tuple[RecordingStarted, int] | None = None
        self._tokens = [0, 0]

    @property
    def recorded(self) -> bool:
        """False when the sampler left this call out: it need not be told of anything."""
        return self._root.is_recording()

    def hear(self, event: CallEvent, at_ns: int) -> bool:
        """Takes one event, told at that time; True = the call is over. Never fails over it."""
        at_ns = max(at_ns, self._begun_ns)
        told = _TOLD.get(type(event))
        if told is not None:
            told(self, event, at_ns)
        else:
            mark(self._root, event, at_ns)
        return isinstance(event, CallEnded)

    def close(self, at_ns: int) -> None:
        """Ends what is open of a call whose end nobody told."""
        self._root.set_attribute("gateway.unfinished", True)
        self._end(at_ns)

    # The call

    def _ended(self, event: CallEnded, at_ns: int) -> None:
        faulty = event.reason in _BROKEN or event.reason.startswith("model_")
        fault = event.reason if faulty else self._lost_by
        self._root.set_attributes(
            known(
                {
                    "gateway.reason": event.reason,
                    "gateway.duration_ms": round(event.duration_ms, 2),
                    "gateway.heard_ms": round(event.heard_ms, 2),
                    "gateway.inbound_frames": event.inbound_frames,
                    "gateway.turns": event.turns,
                    "gateway.interruptions": event.interruptions,
                    "error.type": fault or None,
                }
            )
        )
        if fault:
            self._root.set_status(Status(StatusCode.ERROR, fault))
        self._end(at_ns)

    def _end(self, at_ns: int) -> None:
        if self._connecting:
            self._connect(self._begun_ns, at_ns, {"gateway.unfinished": True})
        self._turns.close(at_ns)
        if self._recording is not None:
            self._record(self._recording[1], at_ns, {"gateway.unfinished": True})
        self._root.end(at_ns)

    # The model

    def _connected(self, event: ModelConnected, at_ns: int) -> None:
        begun_ns = max(self._begun_ns, at_ns - ns(event.connect_ms))
        self._connect(begun_ns, at_ns, {"gateway.connect_ms": round(event.connect_ms, 2)})

    def _lost(self, event: ModelLost, at_ns: int) -> None:
        if self._connecting:
            self._connect(self._begun_ns, at_ns, {"error.type": event.reason})
        self._lost_by = event.reason
        # Not its detail: a server's own words may quote anything.
        self._root.add_event("model.lost", {"gateway.reason": event.reason}, at_ns)

    def _connect(self, begun_ns: int, at_ns: int, told: dict[str, Any]) -> None:
        self._connecting = False
        attributes = {"gen_ai.request.model": self._turns.model or None, **told}
        span = self._branches.start(
            "model.connect", begun_ns, attributes, parent=self._root, kind=SpanKind.CLIENT
        )
        if fault := told.get("error.type"):
            span.set_status(Status(StatusCode.ERROR, fault))
        span.end(at_ns)

    def _used(self, event: UsageCounted, _at_ns: int) -> None:
        for side, tokens in enumerate(self._turns.used(event)):
            self._tokens[side] += tokens
        self._root.set_attributes(
            {
                "gen_ai.usage.input_tokens": self._tokens[0],
                "gen_ai.usage.output_tokens": self._tokens[1],
                "gateway.cost_usd": round(event.call_usd, 6),
            }
        )

    # What is said

    def _caller_spoke(self, event: CallerSpoke, at_ns: int) -> None:
        if self._spoken is not None and event.text:
            self._turns.caller_said(event.item_id, self._spoken.by_caller(event.text), at_ns)

    def _agent_spoke(self, event: AgentSpoke, at_ns: int) -> None:
        if self._spoken is not None and event.text:
            self._turns.agent_said(event.item_id, self._spoken.by_agent(event.text), at_ns)

    def _noted(self, event: Noted, at_ns: int) -> None:
        words = None if self._spoken is None else self._spoken.other(event.text)
        self._turns.mark(event, at_ns, {"gateway.pii.note": words})

    # Its turns

    def _false_alarm(self, event: FalseAlarm, at_ns: int) -> None:
        self._turns.false_alarm()
        self._turns.mark(event, at_ns)

    def _handed_off(self, event: Handoff, at_ns: int) -> None:
        self._turns.mark(event, at_ns)
        self._turns.agent = event.to_agent

    # Its recording

    def _recording_started(self, event: RecordingStarted, at_ns: int) -> None:
        self._recording = event, at_ns

    def _recording_ended(self, event: RecordingEnded, at_ns: int) -> None:
        if self._recording is None:
            return
        started, begun_ns = self._recording
        if event.from_ms is not None:  # known exactly by now
            begun_ns += ns(event.from_ms - started.at_ms)
        told = {
            "gateway.recording.audio_ms": round(event.audio_ms, 2),
            "gateway.recording.kept": event.kept,
            "gateway.recording.incomplete": event.incomplete or None,
        }
        self._record(begun_ns, at_ns, told)

    def _record(self, begun_ns: int, at_ns: int, told: dict[str, Any]) -> None:
        begun_ns = min(max(begun_ns, self._begun_ns), at_ns)
        self._recording = None
        self._branches.start("recording", begun_ns, told, parent=self._root).end(at_ns)


def _turn(tell: Callable[[TurnSpans, Any, int], object]) -> Callable[[CallSpans, Any, int], None]:
    """What the turns are told of."""

    def told(call: CallSpans, event: Any, at_ns: int) -> None:
        tell(call._turns, event, at_ns)

    return told


_TOLD: dict[type[Any], Callable[[CallSpans, Any, int], None]] = {
    CallOffered: lambda _call, _event, _at_ns: None,  # told again of the same call
    CallEnded: CallSpans._ended,
    ModelConnected: CallSpans._connected,
    ModelLost: CallSpans._lost,
    UsageCounted: CallSpans._used,
    CallerSpoke: CallSpans._caller_spoke,
    AgentSpoke: CallSpans._agent_spoke,
    CallerStarted: _turn(TurnSpans.caller_started),
    CallerStopped: _turn(TurnSpans.caller_stopped),
    FalseAlarm: CallSpans._false_alarm,
    AgentStarted: _turn(lambda turns, event, _at_ns: turns.agent_started(event)),
    AgentStopped: _turn(TurnSpans.agent_stopped),
    TurnDone: _turn(TurnSpans.turn_done),
    ToolStarted: _turn(TurnSpans.tool_started),
    ToolEnded: _turn(TurnSpans.tool_ended),
    BargeIn: _turn(TurnSpans.mark),
    Handoff: CallSpans._handed_off,
    ApprovalAsked: _turn(TurnSpans.mark),
    ApprovalDecided: _turn(TurnSpans.mark),
    GuardrailTripped: _turn(TurnSpans.mark),
    Noted: CallSpans._noted,
    RecordingStarted: CallSpans._recording_started,
    RecordingEnded: CallSpans._recording_ended,
}
"""What each kind of event does; any other is noted on the call."""
