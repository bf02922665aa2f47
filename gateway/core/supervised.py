"""Call events about people who take part in a call from outside; see :mod:`gateway.core.events`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Whispered:
    """The agent was told something that the caller does not hear; what, is in no record."""

    by: str
    """Who said it, as the audit trail calls them."""
    at_ms: float
