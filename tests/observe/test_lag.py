"""The loop's lateness: what is sampled, who is told, what is kept."""

import asyncio
import time

import pytest

from gateway.observe.lag import Lag


def test_nothing_is_known_before_the_first_sample() -> None:
    """No number is better than a made-up zero."""
    assert Lag().percentile_ms(0.99) is None


def test_percentiles_are_those_of_the_newest_samples() -> None:
    """Old samples fall out; what was early counts as in time."""
    lag = Lag(kept=4)
    for late_s in (9.0, -0.001, 0.001, 0.002, 0.003):
        lag.sample(late_s)
    assert lag.percentile_ms(0.0) == 0.0
    assert lag.percentile_ms(1.0) == 3.0


def test_observers_are_told_of_every_sample() -> None:
    """In seconds, never below zero."""
    lag = Lag()
    told: list[float] = []
    lag.observe(told.append)
    lag.sample(0.25)
    lag.sample(-0.25)
    assert told == [0.25, 0.0]


@pytest.mark.asyncio
async def test_a_loop_that_is_held_up_is_late() -> None:
    """A callback that computes for 50 ms is seen in a sample."""
    lag = Lag(every_s=0.01)
    enough = asyncio.Event()
    lag.observe(lambda late_s: enough.set() if late_s > 0.02 else None)
    running = asyncio.create_task(lag.run())
    await asyncio.sleep(0)  # its timer runs
    time.sleep(0.05)  # noqa: ASYNC251  that is what it is to find
    async with asyncio.timeout(10):
        await enough.wait()
    running.cancel()
