"""One time a number of a list was rung, or was to be, and what its end means for the list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.core.callee import Refusal

REACHED: Final = frozenset({"completed", "message_left"})
"""Outcomes after which a number is never rung again."""
_LEFT_ALONE: Final = REACHED | {"unknown"}
"""`unknown`: the phone may have rung."""
_OF_OURS: Final = frozenset(
    {"no_stream", "socket_lost", "carrier_garbage", "guardrail_loop", "gateway_crashed"}
)
"""Reasons why a call that was answered ended which are not the callee's; those of the model
besides."""
_NOT_OF_THE_NUMBER: Final = frozenset(
    {
        "switch",
        "per_day",
        "spend_per_day",
        "spend_per_route",
        "agent",
        "from",
    }
)
"""Rules that would refuse the next number as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A call of the gateway's, as far as it has come."""

    ordinal: int
    """Of its number, from 1."""
    dial: str
    """The gateway's ID of it."""
    over: bool = False
    """Nothing of it is on the line any more."""
    left: bool = False
    """The carrier was asked for it, and the request has a fate."""
    sent_at: datetime | None = None
    """When the carrier was going to be asked for it."""
    outcome: str = ""
    words: str = ""
    """The outcome in words, its reason included."""
    reason: str = ""
    sip_code: int | None = None
    well: bool = True
    call_reason: str = ""
    """Why the conversation ended."""
    duration_ms: float | None = None
    cost_usd: float | None = None
    call_sid: str = ""
    ended_at: datetime | None = None

    @property
    def reached(self) -> bool:
        """Somebody answered, or the message was left."""
        return self.outcome in REACHED

    @property
    def left_alone(self) -> bool:
        """The number is not rung again, whatever was laid down."""
        return self.outcome in _LEFT_ALONE

    @property
    def rang(self) -> bool:
        """False when it is over and nobody was rung: it was refused, late, or taken back."""
        if self.outcome == "canceled":
            return self.sent_at is not None
        return self.outcome not in ("refused", "expired")

    @property
    def fault(self) -> str:
        """Why it came to nothing, when that has nothing to do with whom was called; else empty."""
        if self.outcome in ("refused", "expired", "unknown"):
            return self.words or self.outcome
        if self.outcome == "failed" and 500 <= (self.sip_code or 0) < 600:
            return self.words
        ours = self.call_reason in _OF_OURS or self.call_reason.startswith("model_")
        if self.reached and not self.well and ours:
            return f"it was answered, and then the agent failed ({self.call_reason})"
        return ""


def fault_of(refusal: Refusal) -> str:
    """Why a number was not let in, when the next one would not be either; else empty."""
    return refusal.text if refusal.rule in _NOT_OF_THE_NUMBER else ""
