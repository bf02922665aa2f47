"""What calls come to in figures: each event counts for what docs/metrics.md says, and once."""

from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

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
from gateway.observe.callfigures import CallFigures
from gateway.store.records.outcomes import outcome_of

OFFERED = CallOffered("+15550001000", "+15550002000", "assistant", "inbound")
ANSWERED = CallAnswered("MZ1", 12.0)


def ended(reason: str, duration_ms: float = 61_000.0) -> CallEnded:
    """The end of a call."""
    return CallEnded(reason, duration_ms, 0.0, 0, 0, 0)


def used(cost_usd: float | None = 0.01, **tokens: int) -> UsageCounted:
    """What an answer used."""
    return UsageCounted("response", "r1", "m", tokens, 0.0, cost_usd, 0.01, 0.0)


class Counted(Collector):
    """Figures, and what they say of a name."""

    def __init__(self) -> None:
        self.figures = CallFigures(outcome_of, lambda direction, seconds: 0.5)
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Every family."""
        return [family.metric() for family in self.figures.families()]

    def hear(self, *events: CallEvent, sid: str = "CA1") -> None:
        """Events of a call."""
        for event in events:
            self.figures.hear(sid, event)

    def value(self, name: str, **labels: str) -> float | None:
        """One sample."""
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def counted() -> Counted:
    """Nothing has happened, but that one call was offered and answered."""
    counted = Counted()
    counted.hear(OFFERED, ANSWERED)
    return counted


@pytest.mark.parametrize(
    ("answered", "reason", "outcome"),
    [
        (True, "caller_hung_up", "completed"),
        (False, "caller_hung_up", "missed"),
        (True, "transferred", "transferred"),
        (True, "model_auth", "failed"),
    ],
)
def test_calls_are_counted_when_they_are_over(answered: bool, reason: str, outcome: str) -> None:
    """By outcome, reason and agent; their length only when somebody was on the line."""
    counted = Counted()
    counted.hear(OFFERED, *([ANSWERED] if answered else []))
    assert counted.value("gateway_calls_total", outcome=outcome) == 0
    counted.hear(ended(reason))
    assert counted.value("gateway_calls_total", outcome=outcome) == 1
    assert counted.value("gateway_calls_ended_total", reason=reason) == 1
    of_agent = {"agent": "assistant", "direction": "inbound", "outcome": outcome}
    assert counted.value("gateway_agent_calls_total", **of_agent) == 1
    assert counted.value("gateway_call_duration_seconds_count") == float(answered)
    assert counted.value("gateway_cost_usd_total") == (0.5 if answered else 0.0)
    failures = counted.value("gateway_failures_total", kind="model")
    assert failures == float(outcome == "failed")


def test_nothing_is_remembered_of_calls_that_are_over() -> None:
    """What comes behind the end, or of a call nobody knows, counts for nothing."""
    counted = Counted()
    counted.hear(OFFERED, ANSWERED, ended("caller_hung_up"), ended("caller_hung_up"))
    counted.hear(ended("caller_hung_up"), sid="CA2")
    assert counted.value("gateway_calls_total", outcome="completed") == 1
    assert not counted.figures._calls


def test_directions_are_three() -> None:
    """The carrier has more words for those that leave; of softphones it knows nothing."""
    counted = Counted()
    for direction in ("inbound", "outbound-api", "outbound-dial", "softphone"):
        counted.hear(CallOffered("+1", "+1", "a", direction), sid=direction)
    assert counted.value("gateway_calls_offered_total", direction="outbound") == 2
    assert counted.value("gateway_calls_offered_total", direction="inbound") == 1
    assert counted.value("gateway_calls_offered_total", direction="softphone") == 1


def test_the_first_audio_of_the_agents_is_timed_once(counted: Counted) -> None:
    """The gateway's own announcement is not the agent's; its recorded greeting is."""
    counted.hear(AgentStarted("gateway_announcement", "", 30.0, 20.0))
    assert counted.value("gateway_answer_to_audio_seconds_count") == 0
    counted.hear(AgentStarted("gateway_greeting", "", 420.0, 400.0), AgentStarted("a", "r", 9e3))
    assert counted.value("gateway_answer_to_audio_seconds_count") == 1
    assert counted.value("gateway_answer_to_audio_seconds_sum") == pytest.approx(0.4)


def test_turns_are_taken_apart(counted: Counted) -> None:
    """A stage that did not happen is not counted, nor is the response nobody waited for."""
    counted.hear(TurnDone(Turn(1, "greeting", "r1", None, 300.0, 0.2, 40.0, None), 0.0))
    counted.hear(TurnDone(Turn(2, "reply", "r2", 500.0, 250.0, 0.1, 30.0, 780.0), 0.0))
    assert counted.value("gateway_turn_response_seconds_count") == 1
    assert counted.value("gateway_turn_response_seconds_bucket", le="0.7") == 0
    assert counted.value("gateway_turn_response_seconds_bucket", le="0.8") == 1
    counts = {
        stage: counted.value("gateway_turn_stage_seconds_count", stage=stage)
        for stage in ("endpoint", "model", "send", "play")
    }
    assert counts == {"endpoint": 1, "model": 2, "send": 2, "play": 2}
    assert counted.value("gateway_turns_total", kind="greeting") == 1


def test_barge_ins_are_counted_and_those_of_the_caller_timed(counted: Counted) -> None:
    """A false alarm silenced the agent, too: its `clear` is timed, and it is no barge-in."""
    for cause in ("caller", "guardrail"):
        counted.hear(BargeIn(cause, "a", 500, 1500, 1, 0, 20.0, 3.0, 9000.0))
    counted.hear(FalseAlarm(300.0, 0.0, 4.0), FalseAlarm(3.0, 0.0, None))
    assert counted.value("gateway_barge_ins_total") == 2
    assert counted.value("gateway_interruptions_total", reason="guardrail") == 1
    assert counted.value("gateway_false_alarms_total") == 2
    assert counted.value("gateway_barge_in_seconds_count") == 2
    assert counted.value("gateway_barge_in_seconds_sum") == pytest.approx(0.007)


def test_tokens_and_money_add_up(counted: Counted) -> None:
    """By class; what has no price is counted instead."""
    counted.hear(used(audio_in=10, text_out=3), used(audio_in=5), used(None, text_in=1))
    assert counted.value("gateway_tokens_total", kind="audio_in") == 15
    assert counted.value("gateway_tokens_total", kind="text_cached") == 0
    assert counted.value("gateway_cost_usd_total") == pytest.approx(0.02)
    assert counted.value("gateway_unpriced_total") == 1


def test_a_second_session_of_a_call_is_a_reconnection(counted: Counted) -> None:
    """Of another call it is the first one."""
    counted.hear(OFFERED, sid="CA2")
    counted.hear(ModelConnected(300.0), ModelConnected(700.0))
    counted.hear(ModelConnected(300.0), sid="CA2")
    assert counted.value("gateway_model_connect_seconds_count") == 2
    assert counted.value("gateway_model_reconnect_seconds_sum") == pytest.approx(0.7)


def test_what_a_server_makes_up_is_no_label(counted: Counted) -> None:
    """An error with a number in it would be a series of its own each time."""
    counted.hear(ModelErrorReported("server_error"), ModelErrorReported("err_8d2f"))
    assert counted.value("gateway_model_errors_total", type="server_error") == 1
    assert counted.value("gateway_model_errors_total", type="other") == 1


EVERYTHING_ELSE: list[tuple[CallEvent, str, dict[str, str]]] = [
    (ModelLost("model_closed", "1006"), "gateway_models_lost_total", {"reason": "model_closed"}),
    (ToolEnded("look_up", 40.0, 0.0), "gateway_tool_seconds_count", {"tool": "look_up"}),
    (Handoff("a", "b", 0.0), "gateway_handoffs_total", {"agent": "b"}),
    (GuardrailTripped("no_prices", 0.0), "gateway_guardrails_total", {"guardrail": "no_prices"}),
    (
        ApprovalDecided("t", "rejected", 1.0, 0.0),
        "gateway_approvals_total",
        {"verdict": "rejected"},
    ),
    (TransferStarted("desk", 0.0), "gateway_transfers_total", {"kind": "cold"}),
    (ConsultStarted("desk", 0.0), "gateway_transfers_total", {"kind": "warm"}),
    (TransferFailed("desk", "busy", 0.0), "gateway_transfers_failed_total", {"reason": "busy"}),
    (RecordingEnded(1.0, "", True, 0.0), "gateway_recordings_total", {}),
    (
        RecordingEnded(1.0, "disk_full", True, 0.0),
        "gateway_recordings_failed_total",
        {"reason": "disk_full"},
    ),
    (
        SpendReached("soft", "day", 8.0, 10.0, 0.0),
        "gateway_spend_reached_total",
        {"kind": "soft", "scope": "day"},
    ),
    (CarrierOddity("bad_media"), "gateway_carrier_oddities_total", {"kind": "bad_media"}),
    (AgentStopped("a", "r", 1000, 1000, 0.0), "gateway_agent_audio_seconds_total", {}),
]


@pytest.mark.parametrize(("event", "name", "labels"), EVERYTHING_ELSE)
def test_everything_else_counts_one(
    counted: Counted, event: CallEvent, name: str, labels: dict[str, Any]
) -> None:
    """Under its own name and label."""
    before = counted.value(name, **labels) or 0.0
    counted.hear(event)
    assert counted.value(name, **labels) == before + 1


def test_a_warm_transfer_is_one(counted: Counted) -> None:
    """Counted when the colleague is rung, not again when the caller goes to them."""
    counted.hear(ConsultStarted("desk", 0.0), TransferStarted("desk", 0.0, warm=True))
    assert counted.value("gateway_transfers_total", kind="warm") == 1
    assert counted.value("gateway_transfers_total", kind="cold") == 0
