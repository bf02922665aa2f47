"""Calls of a list that are over, and lists of numbers."""

from datetime import UTC, datetime
from typing import Any

from gateway.core.attempt import Attempt
from gateway.core.campaign import Campaign, Contact
from gateway.core.retries import DEFAULTS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def attempt(outcome: str = "", *, ordinal: int = 1, dial: str = "d1", **more: Any) -> Attempt:
    """One that ended at noon; without an outcome it is not over."""
    given = {"over": bool(outcome), "left": True, "sent_at": NOON, "outcome": outcome}
    ended_at = NOON if outcome else None
    return Attempt(ordinal=ordinal, dial=dial, **{**given, "ended_at": ended_at, **more})


def contacts(count: int) -> list[Contact]:
    """So many numbers, on the lines behind a header."""
    return [Contact(f"+120255501{n:02d}", n + 2) for n in range(count)]


def campaign(*people: Contact, most: int = 5, faults: int = 5) -> Campaign:
    """A list with the usual rules."""
    return Campaign(people, DEFAULTS, most, faults)


def let_in(running: Campaign, contact: Contact, dial: str) -> Attempt:
    """Its next call is on its way."""
    given = attempt(ordinal=contact.ordinal, dial=dial)
    running.let_in(contact, given)
    return given


def end(running: Campaign, was: Attempt, outcome: str, **more: Any) -> Contact | None:
    """That call is over."""
    return running.seen(attempt(outcome, ordinal=was.ordinal, dial=was.dial, **more))
