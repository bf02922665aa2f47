"""What the tests of a call wait on: lists that wake whoever waits, never a pause of the clock."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from gateway.core.events import CallEvent

DEADLINE_S = 5.0
"""How long anything may take before the test is called failed; nothing is measured by it."""

T = TypeVar("T")
E = TypeVar("E")


class Chronicle(Generic[T]):
    """A list that can be waited on."""

    def __init__(self) -> None:
        self.rows: list[T] = []
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[T]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> T:
        return self.rows[index]

    def add(self, row: T) -> None:
        """One more; whoever waits looks again."""
        self.rows.append(row)
        self._news.set()

    async def until(
        self, wanted: Callable[[list[T]], bool], deadline_s: float = DEADLINE_S
    ) -> list[T]:
        """All rows, as soon as they are what is wanted; AssertionError with the rows otherwise."""
        try:
            async with asyncio.timeout(deadline_s):
                while not wanted(self.rows):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"never came; there is {self.rows}"[:2000]) from None
        return self.rows


class Witness:
    """Listens to call events and remembers them, with the CallSid they came with."""

    def __init__(self) -> None:
        self.seen: Chronicle[tuple[str, CallEvent]] = Chronicle()

    def __call__(self, call_sid: str, event: CallEvent) -> None:
        self.seen.add((call_sid, event))

    @property
    def events(self) -> list[CallEvent]:
        """All events, in order."""
        return [event for _, event in self.seen]

    def all(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def first(self, kind: type[E]) -> E:
        """The first event of one kind, as soon as there is one."""
        return await self.nth(kind, 1)

    async def nth(self, kind: type[E], n: int) -> E:
        """The n-th event of one kind, from 1."""
        await self.seen.until(lambda _: len(self.all(kind)) >= n)
        return self.all(kind)[n - 1]


async def until(wanted: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Lets the loop turn until something is so; for what tells nobody (a task, a socket).

    Every turn of the loop polls the sockets too, so nothing is held up by the turning.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not wanted():
        assert loop.time() < end, "never came true"
        await asyncio.sleep(0.001)


async def soon(what: "asyncio.Future[T]", deadline_s: float = DEADLINE_S) -> T:
    """The result of something that must be done before long."""
    async with asyncio.timeout(deadline_s):
        return await what


async def turns(n: int = 5) -> None:
    """A few turns of the loop: enough for callbacks that are already due, none for the clock."""
    for _ in range(n):
        await asyncio.sleep(0)
