"""Functions of an agent that listen: in order, away, and without power over the call."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.call import audience
from gateway.call.audience import Audience
from gateway.call.context import CallContext
from gateway.call.tools import ToolRunner
from tests.call.contexts import context
from tests.call.watching import DEADLINE_S, until

CONTEXT = context()


@pytest.fixture
def runner() -> Iterator[ToolRunner]:
    """Where the agent's functions run."""
    running = ToolRunner(threads=4, timeout_s=DEADLINE_S)
    running.start()
    yield running
    running.stop()


@pytest.mark.asyncio
async def test_events_are_told_in_order_away_from_the_call_loop(runner: ToolRunner) -> None:
    """However many threads there are, one call's events come one after the other."""
    heard: list[Any] = []
    threads: set[str] = set()

    def hear(call: CallContext, event: Any) -> None:
        threads.add(threading.current_thread().name.rpartition("_")[0])
        heard.append((call.call_sid, event))

    seat = Audience(runner, on_event=hear).seat(CONTEXT)
    for number in range(200):
        seat.hear(number)
    await until(lambda: len(heard) == 200)
    assert heard == [("CA1", number) for number in range(200)]
    assert threads == {"tool"}


@pytest.mark.asyncio
async def test_each_function_hears_its_own_kind(runner: ToolRunner) -> None:
    """Events of the session and of the model are told apart; an unwanted kind is not kept."""
    heard: list[Any] = []

    async def model_event(_call: CallContext, event: Any) -> None:
        heard.append(event)

    seat = Audience(runner, on_model_event=model_event).seat(CONTEXT)
    seat.hear("session")
    await seat.on_event("model")
    await until(lambda: bool(heard))
    await seat.leave(DEADLINE_S)
    assert heard == ["model"]


@pytest.mark.asyncio
async def test_a_function_that_raises_goes_on_hearing(runner: ToolRunner) -> None:
    """Its error is logged by kind; the next event is told as if nothing had been."""
    heard: list[int] = []

    def hear(_call: CallContext, event: int) -> None:
        if event == 1:
            raise RuntimeError("password=hunter2")
        heard.append(event)

    with capture_logs() as logs:
        seat = Audience(runner, on_event=hear).seat(CONTEXT)
        for number in range(3):
            seat.hear(number)
        await seat.leave(DEADLINE_S)
    assert heard == [0, 2]
    assert [(line["event"], line["error"]) for line in logs] == [
        ("audience.failed", "RuntimeError")
    ]
    assert "hunter2" not in str(logs)


@pytest.mark.asyncio
async def test_a_slow_function_costs_its_own_events(
    runner: ToolRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit is dropped and counted; leaving waits no longer than it may."""
    monkeypatch.setattr(audience, "MOST_WAITING", 5)
    release, started = threading.Event(), threading.Event()
    heard: list[int] = []

    def hear(_call: CallContext, event: int) -> None:
        started.set()
        release.wait(DEADLINE_S)
        heard.append(event)

    with capture_logs() as logs:
        seat = Audience(runner, on_event=hear).seat(CONTEXT)
        seat.hear(0)
        assert await asyncio.to_thread(started.wait, DEADLINE_S)
        for number in range(1, 20):
            seat.hear(number)
        await seat.leave(0.01)
        release.set()
    assert [(line["event"], line["dropped"]) for line in logs] == [("audience.slow", 14)]
    await until(lambda: heard == [0])


@pytest.mark.asyncio
async def test_who_heard_nothing_leaves_at_once(runner: ToolRunner) -> None:
    """A call without an event has nothing to wait for."""
    await Audience(runner, on_event=print).seat(CONTEXT).leave(0)
