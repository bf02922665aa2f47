"""``/api/session``: signing in, who one is, signing out."""

import hashlib
import math
import secrets
from typing import Annotated

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.core import refused
from gateway.ops.passwords import LONGEST
from gateway.ops.users import Crowded, Users
from gateway.store.audit import AuditLog
from gateway.web.api import cookies
from gateway.web.api.answers import answered, body_of
from gateway.web.api.endpoint import Endpoint, Role, Via, Who, who_asks
from gateway.web.api.limits import Backoff
from gateway.web.api.origin import counted_as, is_foreign
from gateway.web.api.sessions import Session, Sessions

_BUCKETS = 1024
"""Names are counted in so many heaps: whatever names a stranger makes up, none is forgotten."""
_SOON_S = 2
UNKNOWN = Who("unknown", "viewer", "session")
"""What the audit trail calls a name nobody has: it may be a password in the wrong field."""


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """What one signs in with."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]


class Known(msgspec.Struct):
    """Who somebody is."""

    name: str
    role: Role
    via: Via


class SessionHandlers:
    """The session of whoever asks."""

    def __init__(
        self, users: Users, sessions: Sessions, public_url: str, audit: AuditLog | None
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._public_url = public_url
        self._audit = audit
        self._peers = Backoff(free=10, longest_s=15 * 60)
        # Short: else whoever guesses keeps out whose name it is.
        self._names = Backoff(free=10, longest_s=60, room=_BUCKETS)
        self._salt = secrets.token_bytes(16)

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        path = "/api/session"
        return [
            Endpoint("GET", path, "viewer", self.show, "Who I am", answer=Known),
            Endpoint("POST", path, "anyone", self.begin, "Signs in", body=SignIn, answer=Known),
            Endpoint("DELETE", path, "viewer", self.end, "Signs out"),
        ]

    async def show(self, request: Request) -> dict[str, str]:
        """Who asks."""
        return _shown(who_asks(request))

    async def begin(self, request: Request) -> Response:
        """Signs in: a new session, whatever there was before."""
        if not self._users:
            raise HTTPException(409, "nobody can sign in: set GATEWAY_ADMIN_PASSWORD")
        if is_foreign(request, self._public_url, must_say=True):
            raise HTTPException(
                403, "sign in on the gateway's own page", _because("foreign_origin")
            )
        asked = _asked(await body_of(request))
        peer, name = counted_as(request), self._bucket(asked.name)
        wait_s = max(self._peers.wait_s(peer), self._names.wait_s(name))
        if wait_s > 0:
            raise _later(wait_s)
        self._peers.tried(peer)
        self._names.tried(name)
        try:
            user = await self._users.signed_in(asked.name, asked.password)
        except Crowded:
            self._peers.was_right(peer)
            self._names.was_right(name)
            raise _later(_SOON_S) from None
        if user is None:
            self._failed(asked.name, peer)
            raise HTTPException(401, "the name or the password is wrong", _because("sign_in"))
        self._peers.was_right(peer)
        self._names.forget(name)
        self._end(request)
        who = Who(user.name, user.role, "session")
        self._note(who, "signed_in", f"from {peer}")
        answer = answered(_shown(who))
        cookies.give(answer, self._sessions.begin(user), cookies.name_for(request))
        return answer

    async def end(self, request: Request) -> Response:
        """Signs out: the session ends, with every socket that is open in it."""
        answer = Response(status_code=204)
        if self._end(request):
            self._note(who_asks(request), "signed_out", "")
        for name in (cookies.PLAIN, cookies.SECURE):
            cookies.take(answer, name)
        return answer

    def _end(self, request: Request) -> bool:
        session: Session | None = request.state.session
        if session is not None:
            self._sessions.end(session)
        return session is not None

    def _failed(self, name: str, peer: str) -> None:
        who = Who(name, "viewer", "session") if self._users.knows(name) else UNKNOWN
        self._note(who, "sign_in_failed", f"from {peer}")

    def _note(self, who: Who, action: str, detail: str) -> None:
        if self._audit is not None:
            self._audit.note(who, action, detail=detail)

    def _bucket(self, name: str) -> str:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=self._salt).digest()
        return str(int.from_bytes(digest[:4]) % _BUCKETS)


def _shown(who: Who) -> dict[str, str]:
    return {"name": who.name, "role": who.role, "via": who.via}


def _asked(body: bytes) -> SignIn:
    try:
        return msgspec.json.decode(body, type=SignIn)
    except ValueError:
        # Its own words may quote what was typed.
        raise HTTPException(400, 'expected {"name": "…", "password": "…"}') from None


def _because(reason: str) -> dict[str, str]:
    return {refused.HEADER: reason}


def _later(wait_s: float) -> HTTPException:
    seconds = math.ceil(wait_s)
    headers = {"Retry-After": str(seconds), **_because("sign_in_limit")}
    return HTTPException(429, f"too many tries: again in {seconds} s", headers)
