"""The shared 20 ms clock: absolute, complete, spread."""

import asyncio
import time
from itertools import pairwise

import pytest

from gateway.sim.twilio.clock import PERIOD_S, FrameClock


class Counter:
    """Remembers its ticks; leaves the clock after `limit` of them."""

    def __init__(self, clock: FrameClock, limit: int) -> None:
        self.dues: list[float] = []
        self.done = asyncio.Event()
        self._clock = clock
        self._limit = limit

    def tick(self, due_s: float) -> None:
        """One more."""
        self.dues.append(due_s)
        if len(self.dues) == self._limit:
            self._clock.leave(self)
            self.done.set()


def assert_regular(dues: list[float]) -> None:
    """Every deadline is exactly one period after the one before."""
    for before, after in pairwise(dues):
        assert after - before == pytest.approx(PERIOD_S, abs=1e-6)


@pytest.mark.asyncio
async def test_every_member_ticks_on_its_own_absolute_deadlines() -> None:
    """The first deadline is the one that `join` named; members that join later keep their phase."""
    clock = FrameClock()
    members, firsts = [], []
    for _ in range(5):
        member = Counter(clock, 6)
        firsts.append(clock.join(member))
        members.append(member)
        await asyncio.sleep(0.003)
    async with asyncio.timeout(5):
        for member in members:
            await member.done.wait()
    for member, first in zip(members, firsts, strict=True):
        assert member.dues[0] == first
        assert_regular(member.dues)
    phases = {round((first - firsts[0]) * 1000) % 20 for first in firsts}
    assert len(phases) == 5


@pytest.mark.asyncio
async def test_a_stalled_loop_loses_no_period() -> None:
    """After a stall the clock catches up, and says how late it was."""
    clock = FrameClock()
    member = Counter(clock, 10)
    clock.join(member)
    await asyncio.sleep(0.03)
    time.sleep(0.1)  # noqa: ASYNC251 (the stall is what is tested)
    async with asyncio.timeout(5):
        await member.done.wait()
    assert_regular(member.dues)
    assert max(clock.lateness_ms) > 50


@pytest.mark.asyncio
async def test_an_empty_clock_has_no_timer_and_starts_again() -> None:
    """Nothing runs when nobody is there; leaving twice is no mistake."""
    clock = FrameClock()
    first = Counter(clock, 2)
    clock.join(first)
    async with asyncio.timeout(5):
        await first.done.wait()
    clock.leave(first)
    second = Counter(clock, 2)
    clock.join(second)
    async with asyncio.timeout(5):
        await second.done.wait()
    assert second.dues[0] > first.dues[-1]


@pytest.mark.asyncio
async def test_members_may_join_and_leave_during_a_tick() -> None:
    """A call that begins because another ended gets its ticks."""
    clock = FrameClock()
    heir = Counter(clock, 3)

    class Parent(Counter):
        def tick(self, due_s: float) -> None:
            super().tick(due_s)
            if self.done.is_set():
                clock.join(heir)

    clock.join(Parent(clock, 2))
    async with asyncio.timeout(5):
        await heir.done.wait()
    assert_regular(heir.dues)
