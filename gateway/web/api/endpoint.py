"""What an address under ``/api/`` is: who may use it, what it takes and gives.

Values only; the gate (``gate.py``) stands before each, ``app.py`` lists them all.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request
from starlette.websockets import WebSocket

Role = Literal["viewer", "operator", "admin"]
"""``viewer`` looks, ``operator`` acts on calls, ``admin`` changes the gateway; each may do what
those before it may.
"""
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")

Handler = Callable[[Request], Awaitable[Any]]
"""Takes a request that may do what it asks for; its result is the JSON of the answer, or it."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks."""

    name: str
    """What the audit trail calls them."""
    role: Role

    def may(self, role: Role) -> bool:
        """True for those who have that role, or one above it."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    role: Role
    """The least that opens it."""
    handler: Handler
    """Finds who asks in :func:`who_asks`."""
    about: str
    """What it does, in a sentence, for the description of the API."""


@dataclass(frozen=True, slots=True)
class Socket:
    """One WebSocket of the API."""

    path: str
    role: Role
    handler: Callable[[WebSocket, Who], Awaitable[None]]
    """Accepts and closes the socket; by then it is clear who is there."""
    about: str


def who_asks(request: Request) -> Who:
    """Who was let in with this request."""
    who: Who = request.state.who
    return who
