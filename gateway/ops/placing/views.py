"""A call as whoever watches it sees it: where it is, and what it has come to so far.

Nothing in it was said, typed or handed to the agent: numbers, moments and words of our own.
"""

from datetime import datetime
from typing import Any

from gateway.call.call import Call
from gateway.core.dialwords import WELL, outcome_words
from gateway.ops.placing.tally import Tallies, Tally
from gateway.store.dials import Dial
from gateway.store.records.outcomes import outcome_of

View = dict[str, Any]

_AS_THEY_ARE = (
    "id",
    "call_sid",
    "state",
    "outcome",
    "reason",
    "sip_code",
    "answered_by",
    "agent",
    "campaign",
    "by",
    "amd",
    "created_at",
    "not_before",
    "expires_at",
    "sent_at",
    "answered_at",
    "ended_at",
)


def dial_view(dial: Dial, call: Call | None, tallies: Tallies) -> View:
    """A call we placed. ``call`` = what is on the line of it, if anything is."""
    view = {name: _plain(getattr(dial, name)) for name in _AS_THEY_ARE}
    tally = tallies.get(dial.call_sid) if dial.call_sid else None
    said = None
    if dial.outcome is not None:
        said = outcome_words(dial.outcome, dial.reason or "", dial.sip_code)
    return {
        **view,
        "direction": "outbound-api",
        "from": dial.from_,
        "to": dial.to,
        "words": said,
        "well": None if dial.outcome is None else _well(dial.outcome, tally),
        **_progress(call, tally, tallies),
    }


def call_view(call: Call, tallies: Tallies) -> View:
    """A call on the line that we did not place."""
    offer, tally = call.offer, tallies.get(call.offer.call_sid)
    return {
        **dict.fromkeys((*_AS_THEY_ARE, "words", "well")),
        "call_sid": offer.call_sid,
        "state": call.state,
        "agent": call.plan.name,
        "campaign": offer.campaign or None,
        "direction": offer.direction,
        "from": offer.caller,
        "to": offer.called,
        **_progress(call, tally, tallies),
    }


def _progress(call: Call | None, tally: Tally | None, tallies: Tallies) -> View:
    return {
        "call_state": None if call is None else call.state,
        "call_reason": None if tally is None or tally.ended is None else tally.ended.reason,
        "turns": 0 if tally is None else tally.turns,
        "duration_ms": None if tally is None else _rounded(tallies.duration_ms(tally)),
        "cost_usd": None if tally is None else tallies.cost_usd(tally),
    }


def _well(outcome: str, tally: Tally | None) -> bool:
    """Answered and ended well: the carrier knows the one, the call itself the other."""
    if outcome not in WELL:
        return False
    if tally is None or tally.ended is None:
        return True
    answered = tally.answered_at is not None
    return outcome_of(tally.ended.reason, answered=answered) in ("completed", "transferred")


def _rounded(ms: float | None) -> int | None:
    return None if ms is None else round(ms)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
