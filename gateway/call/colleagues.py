"""Whoever can be rung beside a call and asked whether they take it; one protocol each way.

Values and protocols only: who rings them is :mod:`gateway.ops.consulting`'s business.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.call.context import Destination


@dataclass(frozen=True, slots=True)
class Request:
    """What a colleague is to be asked."""

    call_sid: str
    """Of the caller's call."""
    destination: Destination
    ours: str
    """Our own number on that call."""
    summary: str
    """What they hear."""


class Asker(Protocol):
    """The call on whose behalf somebody is asked. Is told in its loop, at once, each once at most;
    nothing any more after :meth:`Colleague.release`.
    """

    def answered(self) -> None:
        """Somebody picked up and hears the summary."""

    def accepted(self) -> bool:
        """They take the call, and go to the room: the caller has to come. False: nobody does."""

    def declined(self, reason: str) -> None:
        """They do not take it, or have left again; nobody else is asked."""

    def together(self) -> None:
        """Both are in the room, and need nobody any more."""


class Colleague(Protocol):
    """Somebody who is rung, asked, and joined with the caller."""

    room: str
    """Where they meet."""

    def caller_came(self) -> None:
        """The carrier was told to bring the caller into the room."""

    def release(self) -> None:
        """Nobody is needed (any more): wherever they are, their call ends."""


class Colleagues(Protocol):
    """All of them."""

    def why_not(self, destination: Destination, ours: str) -> str:
        """Why nobody can be rung there; empty when somebody can. Safe from any thread."""

    def ring(self, request: Request, asker: Asker) -> Colleague:
        """Rings somebody, once."""
