"""The names of what is counted of calls: families, labels, and which values those may have."""

from typing import Final

from gateway.core.direction import SOFTPHONE
from gateway.core.usage import CLASSES
from gateway.observe.families import OTHER, Counter, Family, Label, Timing

OUTCOMES: Final = ("completed", "transferred", "missed", "failed")
FAILED_BY: Final = {
    "model": (
        "model_auth",
        "model_refused",
        "model_unreachable",
        "model_timeout",
        "model_closed",
        "model_failed",
        "model_garbage",
        "model_session",
        "model_audio_format",
    ),
    "carrier": ("carrier_failed", "carrier_garbage", "socket_lost", "transfer_lost"),
    "agent": ("guardrail_loop",),
    "gateway": ("cancelled", "gateway_crashed"),
}
"""Whose fault a failed call is, by the reason it ended."""
REASONS: Final = (
    "caller_hung_up",
    "agent_hung_up",
    "hung_up",
    "operator_hung_up",
    "transferred",
    "message_left",
    "machine",
    "idle",
    "time_limit",
    "spend_limit",
    "shutdown",
    "no_stream",
    "carrier_completed",
    "carrier_busy",
    "carrier_no-answer",
    "carrier_canceled",
    *(reason for reasons in FAILED_BY.values() for reason in reasons),
    OTHER,
)
MODEL_ERRORS: Final = (
    "account_deactivated",
    "audio_unintelligible",
    "bad_audio",
    "bad_event",
    "beta_api_shape_disabled",
    "billing_hard_limit_reached",
    "cannot_update_voice",
    "conversation_already_has_active_response",
    "inference_rate_limit_exceeded",
    "input_audio_buffer_commit_empty",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_event",
    "invalid_json",
    "invalid_model",
    "invalid_request_error",
    "invalid_value",
    "item_delete_invalid_item_id",
    "item_truncate_invalid_item_id",
    "missing_model",
    "missing_required_parameter",
    "no_event",
    "rate_limit_exceeded",
    "response_cancel_not_active",
    "server_error",
    "session_expired",
    "unknown_parameter",
    "unsupported_content_type",
    OTHER,
)
"""What a model may report, and what we call what it sends wrong. Codes are the server's to make up,
so any other is ``other`` here; the log has it.
"""
CAUSES: Final = ("caller", "guardrail", "operator", "dtmf", "transfer", "machine")
DURATION_S: Final = (5, 15, 30, 60, 120, 300, 600, 1200, 3600)
ANSWER_S: Final = (0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5)
RESPONSE_S: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1, 1.25, 1.5, 2, 3, 5, 8)
STAGE_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2, 5)
BARGE_IN_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
CONNECT_S: Final = (0.1, 0.2, 0.5, 1, 1.5, 2, 3, 5, 10)
TOOL_S: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)

MOST_AGENTS = 200
MOST_TOOLS = 100
"""Tool servers may name as many tools as they like."""
MOST_OTHERS = 50


def failure_of(reason: str) -> str:
    """Whose fault it was that a call failed; what nobody has named is the gateway's."""
    return next((kind for kind, reasons in FAILED_BY.items() if reason in reasons), "gateway")


class CallFamilies:
    """One of each."""

    def __init__(self) -> None:
        directions, verdicts = (
            ("inbound", "outbound", SOFTPHONE),
            ("approved", "rejected", "timed_out"),
        )
        agent = Label("agent", most=MOST_AGENTS)
        # The life of a call
        self.offered = Counter(
            "gateway_calls_offered_total",
            "Calls that were taken: the webhook came, the model was dialled.",
            Label("direction", directions),
        )
        self.calls = Counter(
            "gateway_calls_total", "Calls that are over.", Label("outcome", (*OUTCOMES, OTHER))
        )
        self.reasons = Counter(
            "gateway_calls_ended_total", "Calls that are over, by why.", Label("reason", REASONS)
        )
        self.by_agent = Counter(
            "gateway_agent_calls_total",
            "Calls that are over, by the agent that answered.",
            agent,
            Label("direction", directions),
            Label("outcome", (*OUTCOMES, OTHER)),
        )
        self.failures = Counter(
            "gateway_failures_total",
            "Calls and recordings that failed, by what failed.",
            Label("kind", (*FAILED_BY, "recording")),
        )
        self.duration = Timing(
            "gateway_call_duration_seconds", "Calls from stream to end.", DURATION_S
        )
        # What is heard
        self.answer_to_audio = Timing(
            "gateway_answer_to_audio_seconds",
            "Stream opened to the first audio of the agent sent.",
            ANSWER_S,
        )
        self.turns = Counter(
            "gateway_turns_total",
            "Answers that reached a caller.",
            Label("kind", ("greeting", "reply", "follow_up")),
        )
        self.response = Timing(
            "gateway_turn_response_seconds",
            "Caller stops speaking to the agent heard.",
            RESPONSE_S,
        )
        self.stages = Timing(
            "gateway_turn_stage_seconds",
            "The parts of a response.",
            STAGE_S,
            Label("stage", ("endpoint", "model", "send", "play")),
        )
        self.agent_audio = Counter(
            "gateway_agent_audio_seconds_total", "Audio of the models' that was heard."
        )
        self.barge_in = Timing(
            "gateway_barge_in_seconds",
            "Speech of the caller reported to the carrier told to be silent.",
            BARGE_IN_S,
        )
        self.barge_ins = Counter("gateway_barge_ins_total", "The agent was cut off.")
        self.interruptions = Counter(
            "gateway_interruptions_total",
            "The agent was cut off, by who did it.",
            Label("reason", CAUSES, MOST_OTHERS),
        )
        self.false_alarms = Counter(
            "gateway_false_alarms_total", "Sounds that were no turn; the agent spoke on."
        )
        # The model
        self.connect = Timing(
            "gateway_model_connect_seconds", "Dialled to session.created.", CONNECT_S
        )
        self.reconnect = Timing(
            "gateway_model_reconnect_seconds",
            "The same, of another session in a call that had one.",
            CONNECT_S,
        )
        self.model_errors = Counter(
            "gateway_model_errors_total", "Errors of models.", Label("type", MODEL_ERRORS)
        )
        self.models_lost = Counter(
            "gateway_models_lost_total",
            "Calls whose model refused or went.",
            Label("reason", (*FAILED_BY["model"], *FAILED_BY["agent"])),
        )
        self.tokens = Counter("gateway_tokens_total", "Tokens used.", Label("kind", CLASSES))
        self.cost = Counter(
            "gateway_cost_usd_total", "Cost of models, and of the carrier at the end of each call."
        )
        self.unpriced = Counter(
            "gateway_unpriced_total", "Answers and transcriptions whose price is not known."
        )
        # What agents do
        self.tools = Timing(
            "gateway_tool_seconds", "Tools at work.", TOOL_S, Label("tool", most=MOST_TOOLS)
        )
        self.handoffs = Counter("gateway_handoffs_total", "Another agent took over.", agent)
        self.guardrails = Counter(
            "gateway_guardrails_total",
            "A guardrail stopped an answer.",
            Label("guardrail", most=MOST_OTHERS),
        )
        self.approvals = Counter(
            "gateway_approvals_total", "Tools somebody decided on.", Label("verdict", verdicts)
        )
        self.transfers = Counter(
            "gateway_transfers_total",
            "Destinations that were rung for a caller.",
            Label("kind", ("cold", "warm")),
        )
        self.transfers_failed = Counter(
            "gateway_transfers_failed_total",
            "Destinations that did not take the caller.",
            Label("reason", most=MOST_OTHERS),
        )
        # What goes wrong
        self.recordings = Counter("gateway_recordings_total", "Recordings that ended.")
        self.recordings_failed = Counter(
            "gateway_recordings_failed_total",
            "Recordings of which a part is missing.",
            Label("reason", ("disk_full", "disk_error", "disk_slow")),
        )
        self.spend_reached = Counter(
            "gateway_spend_reached_total",
            "Limits of spending that were reached.",
            Label("kind", ("soft", "hard")),
            Label("scope", ("call", "number", "route", "day")),
        )
        self.oddities = Counter(
            "gateway_carrier_oddities_total",
            "Frames of the carrier's that were left out.",
            Label("kind", most=MOST_OTHERS),
        )

    def all(self) -> list[Family]:
        """Each of them."""
        return list(vars(self).values())
