"""Owns what is said of the end of a call we placed: its outcome in words.

It must not decide anything: an outcome is what the records have, words are for people. What a SIP
code means is :func:`gateway.core.dialstate.meaning`'s.
"""

from typing import Final

__all__ = ["OUTCOMES", "WELL", "outcome_words"]

OUTCOMES: Final = {
    "completed": "answered, and over",
    "message_left": "an answering machine took it, and the message was left",
    "machine": "an answering machine or a fax took it; no message was left",
    "busy": "the line was busy",
    "no_answer": "nobody answered while it rang",
    "failed": "the carrier could not put it through",
    "canceled": "canceled before anybody answered",
    "refused": "refused; nobody was rung",
    "expired": "it could not be placed in time; nobody was rung",
    "unknown": "it is not known whether the phone rang; it is not rung again",
}
"""By the outcome of a dial. The carrier's own are its final `CallStatus`:
https://www.twilio.com/docs/voice/api/call-resource#call-status-values.
"""

WELL: Final = frozenset({"completed", "message_left"})
"""Outcomes of calls that came about as was wished."""


def outcome_words(outcome: str, reason: str = "", sip_code: int | None = None) -> str:
    """An outcome as a sentence without a full stop, with its reason; an unknown one as it is."""
    said = OUTCOMES.get(outcome, outcome.replace("_", " "))
    code = f"SIP {sip_code}" if sip_code not in (None, 200) and outcome not in WELL else ""
    why = ", ".join(filter(None, (reason, code)))
    return f"{said} ({why})" if why else said
