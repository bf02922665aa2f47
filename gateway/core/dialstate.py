"""How far a call we placed has come, whatever is heard of it: doubled, late, shuffled or never.

Owns the states, their rank and what each piece of news changes. A state never falls in rank; of two
that rank alike, the one with the higher sequence holds. So the order in which news come in changes
nothing: what stands is what would stand had they come in order, each once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

RANKS: Final[Mapping[str, int]] = {
    "waiting": 0,  # for its turn, or its time
    "sending": 1,  # the carrier is being asked
    "unknown": 2,  # it was asked, and what came of it is not known
    "queued": 3,
    "ringing": 4,
    "answered": 5,
    "ended": 6,
}
_STATES: Final = {
    "queued": "queued",
    "initiated": "queued",
    "ringing": "ringing",
    "in-progress": "answered",
    "answered": "answered",
}
_OUTCOMES: Final = {
    "completed": "completed",
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "canceled",
}
"""Twilio's words for the end of a call, and ours."""
OURS: Final = 2**31 - 1
"""The sequence of an end we brought about ourselves: whatever the carrier says of it comes later
and knows less.
"""
_MEANINGS: Final = {
    400: "bad request",
    401: "not authorized",
    403: "forbidden",
    404: "no such number",
    408: "no answer from the network",
    410: "the number is gone",
    480: "not reachable at the moment",
    484: "the number is incomplete",
    486: "busy",
    487: "canceled before it was answered",
    488: "no common codec",
    500: "the network failed",
    502: "the network failed",
    503: "the network is overloaded",
    504: "the network timed out",
    600: "busy everywhere",
    603: "declined",
    604: "the number exists nowhere",
    607: "declined as unwanted",
    608: "blocked as unwanted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What was heard of a call: from a callback, or when the carrier was asked."""

    at: datetime
    """When it happened, as the carrier tells."""
    status: str = ""
    """Twilio's word; empty when it is about something else (an answering machine)."""
    sequence: int | None = None
    """``SequenceNumber`` of a callback; None when there is none."""
    call_sid: str = ""
    sip_code: int | None = None
    answered_by: str = ""
    duration_s: float | None = None
    """Since it was answered."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a call has come."""

    state: str = "waiting"
    sequence: int | None = None
    """Of the news that made it so."""
    outcome: str | None = None
    reason: str | None = None
    sip_code: int | None = None
    answered_by: str | None = None
    call_sid: str | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    amd: str = "off"


def after(was: Standing, news: News) -> Standing:
    """How it stands with these news; the same when they change nothing, or are of another call."""
    if was.call_sid and news.call_sid and was.call_sid != news.call_sid:
        return was
    now = replace(
        was,
        call_sid=was.call_sid or news.call_sid or None,
        answered_by=was.answered_by or news.answered_by or None,
        answered_at=_earlier(was.answered_at, _answered_at(news)),
    )
    outcome = _OUTCOMES.get(news.status)
    state = "ended" if outcome else _STATES.get(news.status)
    if state is not None and _place(state, news.sequence) > _place(was.state, was.sequence):
        now = replace(now, state=state, sequence=news.sequence)
        if outcome is not None:
            now = _ended(now, outcome, news)
    return _by_whom(now)


def ended(was: Standing, outcome: str, reason: str | None, at: datetime) -> Standing:
    """How it stands when we end it, or give it up; the same when it has ended.

    When the carrier never told of the call, what it may say yet holds against this.
    """
    if was.state == "ended":
        return was
    known = RANKS[was.state] >= RANKS["queued"]
    return replace(
        was,
        state="ended",
        sequence=OURS if known else None,
        outcome=outcome,
        reason=reason,
        ended_at=at,
    )


def dropped(was: Standing, outcome: str, reason: str | None, at: datetime) -> Standing:
    """How it stands when we end it because it waits; the same when it does not wait (any more):
    somebody may have it.
    """
    return ended(was, outcome, reason, at) if was.state == "waiting" else was


def meaning(sip_code: int | None) -> str | None:
    """What a SIP response says, in words; None when it says nothing more (RFC 3261, 8197, 8688)."""
    return _MEANINGS.get(sip_code or 0)


def _place(state: str, sequence: int | None) -> tuple[int, int]:
    return RANKS[state], -1 if sequence is None else sequence


def _ended(now: Standing, outcome: str, news: News) -> Standing:
    reason = None if outcome == "completed" else meaning(news.sip_code)
    return replace(now, outcome=outcome, reason=reason, sip_code=news.sip_code, ended_at=news.at)


def _by_whom(now: Standing) -> Standing:
    """A call only a machine answered is not a completed one, whichever is told first."""
    by = now.answered_by or ""
    machine = now.amd != "off" and (by == "fax" or by.startswith("machine"))
    return replace(now, outcome="machine") if machine and now.outcome == "completed" else now


def _answered_at(news: News) -> datetime | None:
    if _STATES.get(news.status) == "answered":
        return news.at
    if news.status == "completed" and news.duration_s:
        return news.at - timedelta(seconds=news.duration_s)
    return None


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)
