"""What calls come to, in figures: a listener to call events.

Owns which event counts for what. Names, labels and meanings are those of docs/metrics.md. Runs in
the callback that tells of an event, so it does nothing but add.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.call.dialogue import NOTICE
from gateway.call.greeting import GREETING
from gateway.core.direction import SOFTPHONE
from gateway.core.events import (
    AgentStarted,
    AgentStopped,
    ApprovalDecided,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallEvent,
    CallOffered,
    CarrierOddity,
    ConsultStarted,
    FalseAlarm,
    GuardrailTripped,
    Handoff,
    ModelConnected,
    ModelErrorReported,
    ModelLost,
    RecordingEnded,
    SpendReached,
    ToolEnded,
    TransferFailed,
    TransferStarted,
    TurnDone,
    UsageCounted,
)
from gateway.core.turns import Turn
from gateway.observe.callfamilies import CallFamilies, failure_of
from gateway.observe.families import Family


class OutcomeOf(Protocol):
    """What a call came to, by the reason it ended."""

    def __call__(self, reason: str, *, answered: bool) -> str: ...


_GREETINGS = (GREETING, NOTICE)
"""Recorded words of the agent's; other audio without a response is the gateway's own."""

CarrierUsd = Callable[[str, float], float | None]
"""What the carrier takes for a call: direction, seconds; None = its price is not known."""


@dataclass(slots=True)
class _Call:
    """What must be remembered of a call while it lasts."""

    agent: str
    direction: str
    answered: bool = False
    heard: bool = False
    """Something of the agent's left for the caller."""
    connected: bool = False
    lost: bool = False


class CallFigures:
    """The figures of all calls of this process."""

    def __init__(self, outcome_of: OutcomeOf, carrier_usd: CarrierUsd) -> None:
        self._outcome_of = outcome_of
        self._carrier_usd = carrier_usd
        self._calls: dict[str, _Call] = {}
        self._of = CallFamilies()

    def families(self) -> list[Family]:
        """Everything that is counted here."""
        return self._of.all()

    def hear(self, call_sid: str, event: CallEvent) -> None:
        """A listener."""
        if isinstance(event, CallOffered):
            direction = _direction(event.direction)
            self._of.offered.add(direction)
            self._calls[call_sid] = _Call(event.agent, direction)
            return
        handler = _HANDLERS.get(type(event))
        call = self._calls.get(call_sid) if handler is not None else None
        if handler is not None and call is not None:
            handler(self, call, event)
            if isinstance(event, CallEnded):
                del self._calls[call_sid]

    # The life of a call

    def _answered(self, call: _Call, _event: CallAnswered) -> None:
        call.answered = True

    def _ended(self, call: _Call, event: CallEnded) -> None:
        outcome = self._outcome_of(event.reason, answered=call.answered)
        self._of.calls.add(outcome)
        self._of.reasons.add(event.reason)
        self._of.by_agent.add(call.agent, call.direction, outcome)
        if outcome == "failed":
            self._of.failures.add(failure_of(event.reason))
        if call.answered:
            seconds = event.duration_ms / 1000
            self._of.duration.observe(seconds)
            self._of.cost.add(by=self._carrier_usd(call.direction, seconds) or 0.0)

    # What is heard

    def _agent_started(self, call: _Call, event: AgentStarted) -> None:
        agents = bool(event.response_id) or event.item_id in _GREETINGS
        if agents and not call.heard:
            call.heard = True
            self._of.answer_to_audio.observe(event.sent_ms / 1000)

    def _agent_stopped(self, _call: _Call, event: AgentStopped) -> None:
        if event.response_id:
            self._of.agent_audio.add(by=event.heard_ms / 1000)

    def _turn(self, _call: _Call, event: TurnDone) -> None:
        turn: Turn = event.turn
        self._of.turns.add(turn.kind)
        if turn.response_ms is not None:
            self._of.response.observe(turn.response_ms / 1000)
        for stage, ms in (
            ("endpoint", turn.endpoint_ms),
            ("model", turn.model_ms),
            ("send", turn.gateway_ms),
            ("play", turn.play_ms),
        ):
            if ms is not None:
                self._of.stages.observe(ms / 1000, stage)

    def _barge_in(self, _call: _Call, event: BargeIn) -> None:
        self._of.barge_ins.add()
        self._of.interruptions.add(event.cause)
        if event.cause == "caller":
            self._of.barge_in.observe(event.clear_ms / 1000)

    def _false_alarm(self, _call: _Call, event: FalseAlarm) -> None:
        self._of.false_alarms.add()
        if event.clear_ms is not None:
            self._of.barge_in.observe(event.clear_ms / 1000)

    # The model

    def _connected(self, call: _Call, event: ModelConnected) -> None:
        timing = self._of.reconnect if call.connected else self._of.connect
        timing.observe(event.connect_ms / 1000)
        call.connected = True

    def _model_error(self, _call: _Call, event: ModelErrorReported) -> None:
        self._of.model_errors.add(event.code)

    def _model_lost(self, _call: _Call, event: ModelLost) -> None:
        self._of.models_lost.add(event.reason)

    def _used(self, _call: _Call, event: UsageCounted) -> None:
        for kind, tokens in event.used.items():
            if tokens:
                self._of.tokens.add(kind, by=tokens)
        if event.cost_usd is None:
            self._of.unpriced.add()
        else:
            self._of.cost.add(by=event.cost_usd)

    # What agents do

    def _tool(self, _call: _Call, event: ToolEnded) -> None:
        self._of.tools.observe(event.duration_ms / 1000, event.tool)

    def _handoff(self, _call: _Call, event: Handoff) -> None:
        self._of.handoffs.add(event.to_agent)

    def _guardrail(self, _call: _Call, event: GuardrailTripped) -> None:
        self._of.guardrails.add(event.guardrail)

    def _approval(self, _call: _Call, event: ApprovalDecided) -> None:
        self._of.approvals.add(event.verdict)

    def _consulted(self, _call: _Call, _event: ConsultStarted) -> None:
        self._of.transfers.add("warm")

    def _transfer_started(self, _call: _Call, event: TransferStarted) -> None:
        if not event.warm:  # else it was counted when the colleague was rung
            self._of.transfers.add("cold")

    def _transfer_failed(self, _call: _Call, event: TransferFailed) -> None:
        self._of.transfers_failed.add(event.status)

    # What goes wrong

    def _recorded(self, _call: _Call, event: RecordingEnded) -> None:
        self._of.recordings.add()
        if event.incomplete:
            self._of.recordings_failed.add(event.incomplete)
            self._of.failures.add("recording")

    def _spend(self, _call: _Call, event: SpendReached) -> None:
        self._of.spend_reached.add(event.kind, event.scope)

    def _oddity(self, _call: _Call, event: CarrierOddity) -> None:
        self._of.oddities.add(event.kind)


def _direction(told: str) -> str:
    """One of three, whatever words the carrier has."""
    if told == SOFTPHONE:
        return SOFTPHONE
    return "outbound" if told.startswith("outbound") else "inbound"


_HANDLERS: dict[type, Callable[[CallFigures, _Call, Any], None]] = {
    AgentStarted: CallFigures._agent_started,
    AgentStopped: CallFigures._agent_stopped,
    ApprovalDecided: CallFigures._approval,
    BargeIn: CallFigures._barge_in,
    CallAnswered: CallFigures._answered,
    CallEnded: CallFigures._ended,
    CarrierOddity: CallFigures._oddity,
    ConsultStarted: CallFigures._consulted,
    FalseAlarm: CallFigures._false_alarm,
    GuardrailTripped: CallFigures._guardrail,
    Handoff: CallFigures._handoff,
    ModelConnected: CallFigures._connected,
    ModelErrorReported: CallFigures._model_error,
    ModelLost: CallFigures._model_lost,
    RecordingEnded: CallFigures._recorded,
    SpendReached: CallFigures._spend,
    ToolEnded: CallFigures._tool,
    TransferFailed: CallFigures._transfer_failed,
    TransferStarted: CallFigures._transfer_started,
    TurnDone: CallFigures._turn,
    UsageCounted: CallFigures._used,
}
