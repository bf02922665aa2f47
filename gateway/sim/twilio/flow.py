"""Owns the words for what a call does next: where its TwiML comes from, and how it ends."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask the application for TwiML."""

    url: str
    method: str = "POST"
    pairs: tuple[tuple[str, str], ...] = ()
    """Parameters besides the standard ones."""


@dataclass(frozen=True, slots=True)
class Inline:
    """TwiML that came with a REST request."""

    twiml: str


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a call is over, and its final status (`CallStatus`)."""

    reason: str
    status: str = "completed"


Source = Fetch | Inline
Flow = Source | Ending | None
"""After a verb: other TwiML, the end, or the next verb."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Where the progress of a call is reported."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})
