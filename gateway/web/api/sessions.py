"""Who has signed in: sessions, in this process's memory only, each known by a secret in a cookie.

The secret itself is not kept, only its digest: whoever reads the memory cannot sign in with it. It
is changed every quarter of an hour; the one before is taken a little longer, for requests that were
on their way. What ends a session ends its open sockets.
"""

import asyncio
import hashlib
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.ops.userfile import User
from gateway.ops.users import Users
from gateway.web.api.endpoint import Who

LONGEST_S = 12 * 3600.0
IDLE_S = 2 * 3600.0
RENEW_S = 15 * 60.0
OVERLAP_S = 30.0
"""So long a secret is taken after the next one was seen."""
MOST_SESSIONS = 20
"""Of one user; the oldest goes."""
_MOST_SECRETS = 3
SWEEP_S = 1.0


@dataclass(eq=False, slots=True)
class Session:
    """Somebody who has signed in."""

    who: Who
    proof: object
    """What :meth:`Users.proof` said of them then."""
    began: float
    used: float
    renewed: float
    secrets: dict[bytes, float] = field(default_factory=dict)
    """Digests, the oldest first, each with the moment until which it is taken."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the session ends; open sockets wait for it."""


class Sessions:
    """All sessions of this process."""

    def __init__(self, users: Users, now: Callable[[], float] = time.monotonic) -> None:
        self._users = users
        self._now = now
        self._known: dict[bytes, Session] = {}
        self._sweeping: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Sessions that have not ended, as far as anybody looked."""
        return len(self.all())

    def all(self) -> list[Session]:
        """Every session, the oldest first."""
        return list(dict.fromkeys(self._known.values()))

    def begin(self, user: User) -> str:
        """A new session; its secret."""
        now = self._now()
        theirs = [each for each in self.all() if each.who.name == user.name]
        for each in theirs[: max(0, len(theirs) + 1 - MOST_SESSIONS)]:
            self.end(each)
        who = Who(user.name, user.role, "session")
        session = Session(who, self._users.proof_of(user), now, now, now)
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.ensure_future(self._sweep_on())
        return self._secret(session)

    def of(self, secret: str) -> Session | None:
        """Whose secret that is; None when nobody's, or not any more."""
        digest = _digest(secret)
        session = self._known.get(digest)
        if session is None or not self._goes_on(session):
            return None
        now = self._now()
        if now >= session.secrets[digest]:
            return None
        session.used = now
        self._retire(session, digest)
        return session

    def renewed(self, session: Session) -> str | None:
        """A new secret, if it is time for one and the session goes on."""
        if session.over.is_set() or self._now() - session.renewed < RENEW_S:
            return None
        session.renewed = self._now()
        return self._secret(session)

    def touch(self, session: Session) -> None:
        """It is in use."""
        session.used = self._now()

    def end(self, session: Session) -> None:
        """Ends a session and what is open of it."""
        for digest in session.secrets:
            self._known.pop(digest, None)
        session.secrets.clear()
        session.over.set()

    def sweep(self) -> None:
        """Ends those whose time is over, and those of users who are none any more, or others."""
        for each in self.all():
            self._goes_on(each)

    def _goes_on(self, session: Session) -> bool:
        now = self._now()
        goes_on = (
            now - session.began < LONGEST_S
            and now - session.used < IDLE_S
            and session.proof is not None
            and session.proof == self._users.proof(session.who.name)
        )
        if not goes_on:
            self.end(session)
        return goes_on

    def _secret(self, session: Session) -> str:
        secret = secrets.token_urlsafe(32)
        digest = _digest(secret)
        session.secrets[digest] = math.inf
        self._known[digest] = session
        for old in list(session.secrets)[:-_MOST_SECRETS]:
            del session.secrets[old], self._known[old]
        return secret

    def _retire(self, session: Session, seen: bytes) -> None:
        """Those before the one that was seen have arrived where they were sent."""
        until = self._now() + OVERLAP_S
        for digest in list(session.secrets):
            if digest == seen:
                return
            session.secrets[digest] = min(session.secrets[digest], until)

    async def _sweep_on(self) -> None:
        """Nobody may come by to find a session over whose sockets are open."""
        while self._known:
            await asyncio.sleep(SWEEP_S)
            await self._users.look()
            self.sweep()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
