"""The network between the ends: delay and jitter, never another order."""

import asyncio
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sim.twilio.network import Lane, Network, Schedule

times = st.lists(st.floats(0, 100, allow_nan=False), max_size=50).map(sorted)


@given(times, st.floats(0, 300), st.floats(0, 300), st.integers())
def test_delay_is_kept_and_order_too(
    sent: list[float], delay_ms: float, jitter_ms: float, seed: int
) -> None:
    """Nothing arrives before its delay, later than delay and jitter of it or an earlier one, or
    early."""
    schedule = Schedule(Network(delay_ms=delay_ms, jitter_ms=jitter_ms), random.Random(seed))
    arrivals = [schedule.arrival(at_s) for at_s in sent]
    assert arrivals == sorted(arrivals)
    for at_s, arrival in zip(sent, arrivals, strict=True):
        assert at_s + delay_ms / 1000 <= arrival <= at_s + (delay_ms + jitter_ms) / 1000 + 1e-9


def test_the_same_seed_gives_the_same_network() -> None:
    """Runs can be repeated."""
    network = Network(delay_ms=10, jitter_ms=50)
    one, two = (Schedule(network, random.Random("7/0/0")) for _ in range(2))
    assert [one.arrival(i) for i in range(20)] == [two.arrival(i) for i in range(20)]


@pytest.mark.asyncio
async def test_without_delay_messages_pass_at_once() -> None:
    """A perfect network costs no timer."""
    got: list[int] = []
    lane = Lane(Schedule(Network(), random.Random(0)), got.append)
    lane.put(1)
    lane.put(2)
    assert got == [1, 2]


@pytest.mark.asyncio
async def test_delayed_messages_come_in_order_and_not_early() -> None:
    """With jitter larger than their distance they still come one after the other."""
    got: list[tuple[int, float]] = []
    done = asyncio.Event()

    def deliver(number: int) -> None:
        got.append((number, time.monotonic()))
        if number == 29:
            done.set()

    lane = Lane(Schedule(Network(delay_ms=20, jitter_ms=40), random.Random(1)), deliver)
    sent: list[float] = []
    for number in range(30):
        sent.append(time.monotonic())
        lane.put(number)
        await asyncio.sleep(0.002)
    async with asyncio.timeout(5):
        await done.wait()
    assert [number for number, _ in got] == list(range(30))
    assert all(arrived - sent[number] > 0.019 for number, arrived in got)


@pytest.mark.asyncio
async def test_a_closed_lane_delivers_nothing_more() -> None:
    """What was under way is lost."""
    got: list[str] = []
    lane = Lane(Schedule(Network(delay_ms=5), random.Random(0)), got.append)
    lane.put("lost")
    lane.close()
    done = asyncio.Event()

    def deliver(message: str) -> None:
        got.append(message)
        done.set()

    after = Lane(Schedule(Network(delay_ms=10), random.Random(0)), deliver)
    after.put("later")
    async with asyncio.timeout(5):
        await done.wait()
    assert got == ["later"]
