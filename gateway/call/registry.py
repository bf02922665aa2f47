"""The live calls of this process: capacity, drain, and what is remembered of calls that ended.

A phone that rings for us has its seat already: whoever picks it up is not told that we are busy.

The only thing calls share that changes.
"""

import asyncio
from collections.abc import Iterator
from typing import Literal

from gateway.call.call import Call
from gateway.core.strain import Strain

REMEMBER_S = 24 * 3600
"""A CallSid is remembered this long, so that a replayed webhook dials nothing."""
_MOST_REMEMBERED = 200_000


class Registry:
    """Calls by CallSid, from the offer until everything of them is closed."""

    def __init__(self, capacity: int, strain: Strain | None = None) -> None:
        self.capacity = capacity
        self.strain = strain or Strain(0)
        self.draining = False
        self.ended = 0
        """Calls that have ended so far."""
        self._calls: dict[str, Call] = {}
        self._ended: dict[str, tuple[float, str]] = {}
        self._seats: set[str] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls.values()))

    def get(self, call_sid: str) -> Call | None:
        """The call of that CallSid while it lives."""
        return self._calls.get(call_sid)

    @property
    def full(self) -> bool:
        """True when no further call is taken; offered calls count, so pre-dialling is bounded."""
        return len(self._calls) + len(self._seats) >= self.capacity

    @property
    def status(self) -> Literal["ready", "overloaded", "full", "draining"]:
        """Are new calls taken?"""
        if self.draining:
            return "draining"
        return "full" if self.full else "overloaded" if self.strain.too_much else "ready"

    def reserve(self, dial: str) -> bool:
        """Keeps a seat for a phone that is going to ring; False when there is none."""
        if dial not in self._seats and self.status != "ready":
            return False
        self._seats.add(dial)
        self._empty.clear()
        return True

    def release(self, dial: str) -> None:
        """Nobody will take that seat any more, or it was taken."""
        self._seats.discard(dial)
        self._look_if_empty()

    def is_reserved(self, dial: str) -> bool:
        """True while a seat is kept for that phone."""
        return dial in self._seats

    def on_route(self, name: str) -> int:
        """How many calls live on the route of that name."""
        return sum(call.plan.route.name == name for call in self._calls.values())

    def add(self, call: Call) -> None:
        """A call was offered; the seat that was kept for it, if there was one, is its own."""
        if call.offer.errand is not None:
            self._seats.discard(call.offer.errand.dial)
        self._calls[call.offer.call_sid] = call
        self._empty.clear()

    def remove(self, call: Call, reason: str, now: float) -> None:
        """A call ended; its CallSid stays known."""
        self._calls.pop(call.offer.call_sid, None)
        self.ended += 1
        self._forget_old(now)
        self._ended[call.offer.call_sid] = (now, reason)
        self._look_if_empty()

    def ended_reason(self, call_sid: str, now: float) -> str | None:
        """Why a call of the last 24 h ended; None when it is not known."""
        self._forget_old(now)
        found = self._ended.get(call_sid)
        return None if found is None else found[1]

    async def wait_empty(self) -> None:
        """Returns when no call is left and no phone rings for one."""
        await self._empty.wait()

    def _look_if_empty(self) -> None:
        if not self._calls and not self._seats:
            self._empty.set()

    def _forget_old(self, now: float) -> None:
        while self._ended:
            call_sid, (at, _) = next(iter(self._ended.items()))
            if now - at < REMEMBER_S and len(self._ended) < _MOST_REMEMBERED:
                return
            del self._ended[call_sid]
