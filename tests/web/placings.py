"""A service that places calls, by hand: what the web room asks of it, and what it is told."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from gateway.call.context import Errand
from gateway.core.callee import Refusal
from gateway.core.dialstate import News
from gateway.errors import Rejected
from gateway.ops.placing.placing import Placing
from gateway.store.dials import Ask, Dial

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class HandPlacing:
    """Answers as the test says."""

    def __init__(self) -> None:
        self.draining = False
        self.asked: list[Ask] = []
        self.answer: Dial | Refusal | Exception = dial()
        self.found: dict[str, Any] | Exception | None = {"id": "D1", "state": "ringing"}
        self.hung_up: list[str] = []
        self.taken_back: list[str] = []
        self.errands: dict[str, Errand] = {}
        self.refusal = "dial_unknown"
        self.told: list[tuple[str, News]] = []
        self.answered: list[tuple[str, News, bool]] = []
        self.written = asyncio.Event()
        """What is told counts as written when it is set."""

    @property
    def placing(self) -> Placing:
        """As the web room takes it."""
        return cast(Placing, self)

    async def ask(self, ask: Ask) -> Dial | Refusal:
        """Lets a call in, or not."""
        self.asked.append(ask)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def view_of(self, dial: Dial) -> dict[str, Any]:
        """A dial as it is shown."""
        return {"id": dial.id, "state": dial.state}

    def views(self) -> list[dict[str, Any]]:
        """What is under way."""
        return [self.found] if isinstance(self.found, dict) else []

    async def view(self, call_id: str) -> dict[str, Any] | None:
        """One call."""
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def hang_up(self, call_id: str) -> dict[str, Any] | None:
        """Ends one."""
        self.hung_up.append(call_id)
        return await self.view(call_id)

    async def take_back(self, call_id: str) -> dict[str, Any] | None:
        """Ends one that waits."""
        self.taken_back.append(call_id)
        return await self.view(call_id)

    async def errand(self, dial_id: str, call_sid: str) -> Errand:
        """What a call is for."""
        if dial_id not in self.errands:
            raise Rejected(self.refusal)
        return self.errands[dial_id]

    def hear(self, dial_id: str, news: News) -> asyncio.Task[Any]:
        """The carrier tells."""
        self.told.append((dial_id, news))
        return asyncio.create_task(self.written.wait())

    def answered_by(self, dial_id: str, news: News, *, here: bool) -> asyncio.Task[Any]:
        """The carrier tells who answered."""
        self.answered.append((dial_id, news, here))
        return asyncio.create_task(self.written.wait())


def dial(**changes: Any) -> Dial:
    """A call that was let in."""
    fields: dict[str, Any] = dict.fromkeys(Dial.__dataclass_fields__)
    fields |= {
        "id": "D1",
        "to": "+12025550123",
        "from_": "+12025550100",
        "state": "waiting",
        "data": {},
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=2),
        "again": False,
    }
    return Dial(**fields | changes)
