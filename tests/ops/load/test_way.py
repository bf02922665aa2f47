"""The way between caller and gateway."""

import asyncio
import random

import pytest

from gateway.ops.load.clock import Clock
from gateway.ops.load.way import Way
from gateway.sim.twilio.network import Network


@pytest.mark.asyncio
async def test_delay_never_changes_the_order() -> None:
    """Everything arrives, as it was sent, and not at once."""
    loop = asyncio.get_running_loop()
    arrived: list[int] = []
    done: asyncio.Future[None] = loop.create_future()
    with Clock(loop) as clock:
        way = Way(clock, Network(delay_ms=2.0, jitter_ms=10.0), random.Random(1))

        def arrives(number: int, _: int) -> None:
            arrived.append(number)
            if len(arrived) == 20:
                done.set_result(None)

        for number in range(20):
            way.arrive(lambda at_ns, number=number: arrives(number, at_ns))  # type: ignore[misc]
        assert arrived == []
        await done
    assert arrived == list(range(20))


@pytest.mark.asyncio
async def test_without_delay_nothing_waits() -> None:
    """Nor does anything go wrong without a socket."""
    arrived: list[int] = []
    with Clock(asyncio.get_running_loop()) as clock:
        way = Way(clock, Network(), random.Random(1))
        way.arrive(arrived.append)
        way.send("nobody is there")
        way.close()
        way.cut()
    assert len(arrived) == 1
    assert way.unread_bytes == 0
