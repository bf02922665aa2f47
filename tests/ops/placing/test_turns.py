"""The carrier's limit on calls per second, kept on our side."""

import asyncio
import time

import pytest

from gateway.ops.placing.turns import Turns


@pytest.mark.asyncio
async def test_turns_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first at once, the next so much later each, in the order they were asked for."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    turns = Turns(per_second=4)
    for _ in range(4):
        await turns.next()
    assert waited == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.asyncio
async def test_an_idle_line_saves_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause there is one turn at once, not all those that nobody took."""
    waited: list[float] = []
    now = [100.0]

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    turns = Turns(per_second=1)
    await turns.next()
    now[0] += 60
    await turns.next()
    await turns.next()
    assert waited == [0.0, 0.0, 1.0]
