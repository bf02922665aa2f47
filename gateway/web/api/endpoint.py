"""What an address under ``/api/`` is: who may use it, what it takes and gives.

Values only; the gate (``gate.py``) stands before each, ``app.py`` lists them all.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request
from starlette.websockets import WebSocket

Role = Literal["viewer", "operator", "admin"]
"""``viewer`` looks, ``operator`` acts on calls, ``admin`` changes the gateway; each may do what
those before it may.
"""
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")

Access = Role | Literal["anyone"]
"""``anyone``: before they have signed in, where people can sign in."""
Via = Literal["token", "session", "local"]
"""By what somebody is known: a bearer token, a session, or being on the gateway's own machine."""

Handler = Callable[[Request], Awaitable[Any]]
"""Takes a request that may do what it asks for; its result is the JSON of the answer, or it."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks."""

    name: str
    """What the audit trail calls them."""
    role: Role
    via: Via = "token"

    def may(self, access: Access) -> bool:
        """True for those who have that role, or one above it."""
        return access == "anyone" or ROLES.index(self.role) >= ROLES.index(access)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    role: Access
    """The least that opens it."""
    handler: Handler
    """Finds who asks in :func:`who_asks`."""
    about: str
    """What it does, in a sentence, for the description of the API."""
    body: type | None = field(default=None, kw_only=True)
    """What the body of a request is: a ``msgspec.Struct``. None = there is none."""
    query: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """What may stand in the query, each with its meaning."""
    answer: Any = field(default=None, kw_only=True)
    """The type of the answer's JSON, as msgspec knows types; None = any."""


@dataclass(frozen=True, slots=True)
class Socket:
    """One WebSocket of the API."""

    path: str
    role: Role
    handler: Callable[[WebSocket, Who], Awaitable[None]]
    """Accepts and closes the socket; by then it is clear who is there. It is cancelled when their
    session ends, and may tidy up for some seconds; the gate closes the socket behind it, unless it
    was handed over.
    """
    about: str


def who_asks(request: Request) -> Who:
    """Who was let in with this request."""
    who: Who = request.state.who
    return who
