"""How late the loop is, told at each look until it is stopped."""

import asyncio
from typing import Any, cast

import pytest

from gateway.observe.lag import LOOK_S, Lag


class SlowLoop:
    """A loop whose time passes when it is told to, and whose timers come when they are called."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Any]] = []
        self.canceled = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Any) -> "SlowLoop":
        self.timers.append((when, callback))
        return self

    def cancel(self) -> None:
        self.canceled += 1

    def turn(self, late_s: float) -> None:
        """The next timer comes, so much later than it should."""
        due, callback = self.timers.pop(0)
        self.now = due + late_s
        callback()


def test_each_look_tells_how_late_it_came() -> None:
    """To everybody, one timer at a time, and a late one delays only itself."""
    loop, first, second = SlowLoop(), list[float](), list[float]()
    lag = Lag(cast(asyncio.AbstractEventLoop, loop))
    lag.observe(first.append)
    lag.observe(second.append)
    lag.start()
    for late_s in (0.0, 0.25, -0.001):
        loop.turn(late_s)
    assert first == second == [pytest.approx(0.0), pytest.approx(0.25), 0.0]
    assert [due for due, _ in loop.timers] == [pytest.approx(loop.now + LOOK_S)]
    lag.stop()
    assert loop.canceled == 1
    lag.stop()
    assert loop.canceled == 1


@pytest.mark.asyncio
async def test_a_loop_that_was_held_up_says_so() -> None:
    """For as long as it was: a timer of a real loop."""
    told: asyncio.Queue[float] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    lag = Lag(loop)
    lag.observe(told.put_nowait)
    lag.start()
    until = loop.time() + 0.2
    while loop.time() < until:
        pass
    assert await told.get() >= 0.2 - LOOK_S - 0.001
    lag.stop()
