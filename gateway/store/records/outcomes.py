"""What a call came to, by the reason it ended (docs/events.md, "Why a call ended")."""

from typing import Literal

Outcome = Literal["completed", "transferred", "missed", "failed"]

OUTCOMES: dict[str, Outcome] = {
    "caller_hung_up": "completed",
    "agent_hung_up": "completed",
    "time_limit": "completed",
    "idle": "completed",
    "spend_limit": "completed",
    "shutdown": "completed",
    "carrier_completed": "completed",
    "transferred": "transferred",
    "message_left": "completed",
    "hung_up": "completed",
    "operator_hung_up": "completed",
    "machine": "missed",
    "no_stream": "missed",
    "carrier_busy": "missed",
    "carrier_no-answer": "missed",
    "carrier_canceled": "missed",
    "carrier_failed": "failed",
    "socket_lost": "failed",
    "transfer_lost": "failed",
    "carrier_garbage": "failed",
    "guardrail_loop": "failed",
    "gateway_crashed": "failed",
    "cancelled": "failed",
    "model_auth": "failed",
    "model_refused": "failed",
    "model_unreachable": "failed",
    "model_timeout": "failed",
    "model_closed": "failed",
    "model_failed": "failed",
    "model_garbage": "failed",
    "model_session": "failed",
    "model_audio_format": "failed",
}


def outcome_of(reason: str, *, answered: bool) -> Outcome:
    """``answered`` = a stream was ever there: without one nobody spoke, whatever else went well.

    A reason that is not in the table is a failure until somebody says otherwise.
    """
    outcome = OUTCOMES.get(reason, "failed")
    return "missed" if outcome == "completed" and not answered else outcome
