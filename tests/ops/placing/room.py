"""The room of placing over a real database, with a carrier whose every answer a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.core.policy import Rules
from gateway.ops.placing.book import Book
from gateway.ops.placing.waits import Waits
from gateway.ops.rest import CarrierCall, Order, TwilioRest
from gateway.store.dials import Ask, Dial, Dials
from tests.store.databases import made, settings_in

CALLEE, OTHER = "+12025550123", "+12025550147"
OURS = "+12025550100"
ANYBODY = Rules(
    countries=frozenset({"US"}), per_number=1000, per_minute=1000, per_day=1000, at_once=1000
)
WAITS = Waits(
    again_s=0.01,
    again_most_s=0.02,
    look_s=0.01,
    look_most_s=0.02,
    grace_s=0.2,
    seat_s=0.01,
    later_s=0.02,
    watch_s=0.01,
    overdue_s=0.05,
    sweep_s=0.01,
)


def asked(to: str = CALLEE, **changes: Any) -> Ask:
    """Somebody wants a phone rung, within a minute."""
    ask = Ask(
        to=to,
        from_=OURS,
        agent=None,
        campaign=None,
        data={},
        record=None,
        amd="off",
        max_minutes=None,
        ring_s=30,
        by="api",
        key=None,
        not_before=None,
        expires_at=datetime.now(UTC) + timedelta(minutes=1),
    )
    return replace(ask, **changes)


def order(**changes: Any) -> Order:
    """An order for that phone."""
    return Order(
        **{"to": CALLEE, "from_": OURS, "url": "https://h/u", "status_url": "https://h/s"} | changes
    )


class HandCarrier:
    """The carrier: makes what it is asked, unless the next answer is another."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.calls: dict[str, CarrierCall] = {}
        self.ended: list[str] = []
        self.answers: list[Exception | None] = []
        """Of the next creates: an error to raise, or None for none."""
        self.looks: list[Exception | None] = []
        """The same of the next questions."""
        self.makes_anyway = False
        """Whether a create that fails was carried out all the same."""
        self.gate = asyncio.Event()
        """Creates wait for it."""
        self.gate.set()

    @property
    def rest(self) -> TwilioRest:
        """As the room takes it."""
        return cast(TwilioRest, self)

    def make(self, sid: str, to: str = CALLEE, **changes: Any) -> CarrierCall:
        """A call that is there."""
        call = CarrierCall(
            sid=sid,
            status="queued",
            to=to,
            from_=OURS,
            direction="outbound-api",
            answered_by="",
            duration_s=None,
            started_at=None,
            ended_at=None,
            created_at=datetime.now(UTC),
        )
        self.calls[sid] = call = replace(call, **changes)
        return call

    def turn(self, sid: str, status: str, **changes: Any) -> None:
        """A call is now like this."""
        self.calls[sid] = replace(self.calls[sid], status=status, **changes)

    async def create(self, order: Order) -> CarrierCall:
        """Takes an order."""
        self.orders.append(order)
        await self.gate.wait()
        fault = self.answers.pop(0) if self.answers else None
        if fault is None or self.makes_anyway:
            call = self.make(f"CA{len(self.orders):032d}", order.to)
        if fault is not None:
            raise fault
        return call

    async def call(self, sid: str) -> CarrierCall | None:
        """What is there under that SID."""
        self._look()
        return self.calls.get(sid)

    async def calls_to(self, to: str, since: datetime) -> list[CarrierCall]:
        """Calls to a number."""
        self._look()
        return [each for each in reversed(self.calls.values()) if each.to == to]

    async def live_calls(self, since: datetime) -> list[CarrierCall]:
        """Calls that are not over."""
        self._look()
        return [
            each
            for each in self.calls.values()
            if each.status in ("queued", "ringing", "in-progress")
        ]

    async def end(self, sid: str, *, answered: bool = True) -> bool:
        """Ends one."""
        self._look()
        self.ended.append(sid)
        live = sid in self.calls and self.calls[sid].status in ("queued", "ringing", "in-progress")
        if live:
            self.turn(sid, "completed" if answered else "canceled", ended_at=datetime.now(UTC))
        return live

    async def close(self) -> None:
        """Nothing is open."""

    def _look(self) -> None:
        fault = self.looks.pop(0) if self.looks else None
        if fault is not None:
            raise fault


class Room:
    """A book over an empty database, and the carrier."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.dials = Dials(engine)
        self.book = Book(self.dials)
        self.carrier = HandCarrier()

    async def waiting(self, to: str = CALLEE, **changes: Any) -> Dial:
        """A dial that was let in."""
        dial = await self.dials.admit(asked(to, **changes), ANYBODY, datetime.now(UTC))
        assert isinstance(dial, Dial), dial
        return self.book.keep(dial)

    async def sending(self, to: str = CALLEE, **changes: Any) -> Dial:
        """A dial whose request is on its way."""
        waiting = await self.waiting(to, **changes)
        return await self.book.sending(waiting.id, ANYBODY)

    def now(self, dial: Dial) -> Dial:
        """The dial as it is in memory."""
        found = self.book.get(dial.id)
        assert found is not None
        return found

    async def until(self, condition: Callable[[], bool], limit_s: float = 10.0) -> None:
        """Returns when it holds; looked at again and again, as a database tells nobody."""
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@asynccontextmanager
async def room(folder: Path) -> AsyncIterator[Room]:
    """A room whose files are in that folder."""
    engine = await made(settings_in(folder))
    try:
        yield Room(engine)
    finally:
        await engine.dispose()
