"""What viewers of the live board are told: everything once, then what has changed.

One look at the board for all viewers, four times a second at most and only while there is one. A
viewer keeps nothing here: it says which edition it has, and is told what changed since. So one that
is slow gets fewer and larger messages, bounded by the calls there are. Messages are text, made once
for all who have the same edition and watch the same.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.observe.live.board import Beside, Board, LiveCall

EVERY_S = 0.25
HEALTH_EVERY = 4
"""So many looks at the calls for one at the gateway's health."""
_AT_A_TIME = 20
"""Entries or calls that are made ready before the loop's other work gets its turn."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What a viewer watches."""

    calls: bool = False
    health: bool = False
    approvals: bool = False
    call_sid: str = ""
    """One call with its timeline; empty = none."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What there is to tell beside the calls."""

    beside: Callable[[], Callable[[str], Beside]]
    """What events do not tell, looked at once for all calls."""
    health: Callable[[], Any]
    """The gateway's health, for JSON."""
    approvals: Callable[[], list[dict[str, Any]]]
    """The tool calls that wait, each with its ``tool_call_id``."""


class Desk:
    """Tells viewers of the board."""

    def __init__(self, board: Board, sources: Sources, every_s: float = EVERY_S) -> None:
        self.board = board
        self._sources = sources
        self._every_s = every_s
        self._viewers = 0
        self._looking: asyncio.Task[None] | None = None
        self._turned = asyncio.Event()
        self._looks = 0
        self._health: Any = None
        self._health_in = 0
        self._waiting: list[str] = []
        self._waiting_in = 0
        self._made: dict[tuple[Watch, int], str | None] = {}
        self._made_of_calls: dict[int, list[str]] = {}

    @property
    def viewers(self) -> int:
        """How many there are."""
        return self._viewers

    @property
    def edition(self) -> int:
        """The newest edition."""
        return self.board.edition.number

    @contextlib.asynccontextmanager
    async def viewing(self) -> AsyncIterator[None]:
        """One more viewer, meanwhile."""
        self._viewers += 1
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look_on())
        try:
            yield
        finally:
            self._viewers -= 1
            if not self._viewers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def look(self, *, at_health: bool = False) -> None:
        """A new edition, if anything has changed; ``at_health`` = the gateway's health in any case,
        which is looked at less often.
        """
        if at_health or self._looks % HEALTH_EVERY == 0:
            health = self._sources.health()
            if health != self._health:
                self._health, self._health_in = health, self.board.edition.mark()
        self._looks += 1
        waiting = [each["tool_call_id"] for each in self._sources.approvals()]
        if waiting != self._waiting:
            self._waiting, self._waiting_in = waiting, self.board.edition.mark()
        if self.board.look(self._sources.beside()):
            self._made.clear()
            self._made_of_calls.clear()
            self.wake()

    async def news(self) -> None:
        """Returns when there is another edition, or somebody has called :meth:`wake`."""
        await self._turned.wait()

    def wake(self) -> None:
        """Whoever waits for news looks up: one of them may want something else now."""
        self._turned.set()
        self._turned = asyncio.Event()

    # What is told

    async def snapshot(self, watch: Watch) -> tuple[str, int]:
        """Everything that is watched, and the edition it is of."""
        self.look()
        await self._ready(watch)
        self.look(at_health=watch.health)
        parts = ['"type": "snapshot"', f'"version": {self.edition}']
        if watch.calls:
            parts.append(f'"calls": {_list(map(self.board.told, self.board.calls()))}')
        if watch.health:
            parts.append(f'"health": {json.dumps(self._health)}')
        if watch.approvals:
            parts.append(f'"approvals": {json.dumps(self._sources.approvals())}')
        if watch.call_sid:
            parts.append(f'"call": {self._whole(watch.call_sid) or "null"}')
        return _object(parts), self.edition

    def delta(self, watch: Watch, since: int) -> str | None:
        """What changed after an edition; None when nothing did that is watched."""
        key = watch, since
        if key not in self._made:
            self._made[key] = self._delta(watch, since)
        return self._made[key]

    async def whole(self, call_sid: str) -> str | None:
        """A call with its timeline as JSON; None when it is not known."""
        await self._ready(Watch(call_sid=call_sid))
        self.look()
        return self._whole(call_sid)

    def _whole(self, call_sid: str) -> str | None:
        call = self.board.find(call_sid)
        if call is None:
            return None
        entries = _list(self.board.entries(call))
        return f'{self.board.told(call)[:-1]}, "entries": {entries}}}'

    def _delta(self, watch: Watch, since: int) -> str | None:
        parts = list(self._of_one(watch.call_sid, since))
        if watch.calls:
            # The largest part, and the same for people who look at different calls.
            if since not in self._made_of_calls:
                self._made_of_calls[since] = list(self._of_calls(since))
            parts = [*self._made_of_calls[since], *parts]
        if watch.health and self._health_in > since:
            parts.append(f'"health": {json.dumps(self._health)}')
        if watch.approvals and self._waiting_in > since:
            parts.append(f'"approvals": {json.dumps(self._sources.approvals())}')
        if not parts:
            return None
        return _object(
            ['"type": "delta"', f'"from": {since}', f'"version": {self.edition}', *parts]
        )

    def _of_calls(self, since: int) -> Iterator[str]:
        if calls := list(map(self.board.told, self.board.calls(since))):
            yield f'"calls": {_list(iter(calls))}'
        if gone := list(map(_end, self.board.gone(since))):
            yield f'"gone": {json.dumps(gone)}'

    def _of_one(self, call_sid: str, since: int) -> Iterator[str]:
        call = self.board.find(call_sid) if call_sid else None
        if call is None:
            return
        if call.edition > since:
            yield f'"call": {self.board.told(call)}'
        if entries := list(self.board.entries(call, since)):
            yield f'"entries": {_list(iter(entries))}'
        if call.ended_in > since:
            yield f'"ended": {json.dumps(_end(call))}'

    # Inside

    async def _ready(self, watch: Watch) -> None:
        """Makes what a snapshot consists of, little by little: a call may have a thousand entries,
        and redacting them all at once would make callers' frames late.
        """
        call = self.board.find(watch.call_sid) if watch.call_sid else None
        made: list[Iterator[str]] = [] if call is None else [self.board.entries(call)]
        if watch.calls:
            made.append(map(self.board.told, list(self.board.calls())))
        for number, _ in enumerate(text for each in made for text in each):
            if number % _AT_A_TIME == _AT_A_TIME - 1:
                await asyncio.sleep(0)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            self.look()


def _end(call: LiveCall) -> dict[str, str]:
    return {"call_sid": call.call_sid, "reason": call.reason}


def _list(texts: Iterator[str]) -> str:
    return f"[{', '.join(texts)}]"


def _object(parts: list[str]) -> str:
    return "{" + ", ".join(parts) + "}"
