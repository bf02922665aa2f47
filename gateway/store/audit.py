"""The audit trail: who did what, and when. Never what was said, and no numbers.

A line goes the way of the records, through the journal: durable and in order, whatever the database
does, and nobody waits for it.
"""

import re
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.entry import BESIDE, Change, Entry
from gateway.store.tables import audit

MOST_AT_ONCE: Final = 500
_TABLE: Final = str(audit.name)  # a plain text: the other is more than one
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])\+?[0-9]{7,}(?![0-9A-Za-z])")


class Actor(Protocol):
    """Who does something."""

    @property
    def name(self) -> str:
        """What they are called."""

    @property
    def role(self) -> str:
        """What they may do."""


class AuditLog:
    """Where it is written down."""

    def __init__(
        self,
        put: Callable[[Entry], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``put`` takes entries without waiting, from any thread."""
        self._put = put
        self._now = now
        self._process = secrets.token_hex(4)
        self._last = 0
        self._turn = threading.Lock()

    def note(self, who: Actor, action: str, *, call_sid: str = "", detail: str = "") -> None:
        """Somebody did something (``hang_up``, ``signed_in``, …), on a call perhaps.

        ``detail`` is a word more: a key, a name, an address; numbers are taken out of it. Never
        waits and never raises.
        """
        at = self._now()
        values = {
            "at": at.isoformat(),
            "who": who.name,
            "role": who.role,
            "action": action,
            "call_sid": call_sid or None,
            "detail": _NUMBER.sub("[number]", detail) or None,
        }
        with self._turn:
            # Newer ones are greater, even when the clock is set back; of another process by time.
            self._last = max(self._last + 1, int(at.timestamp() * 1_000_000))
            key = f"{self._last:014x}{self._process}"
            self._put(Entry(BESIDE, 0, (Change(_TABLE, {"id": key}, values),)))


async def lines(
    engine: AsyncEngine,
    *,
    limit: int,
    after: str = "",
    since: datetime | None = None,
    who: str = "",
) -> list[dict[str, Any]]:
    """Lines of the trail, the newest first; ``after`` = older than the one of that ID."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if after:
        query = query.where(audit.c.id < after)
    if since is not None:
        query = query.where(audit.c.at >= since)
    if who:
        query = query.where(audit.c.who == who)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).mappings()
        return [{**row, "at": row["at"] and row["at"].isoformat()} for row in rows]
