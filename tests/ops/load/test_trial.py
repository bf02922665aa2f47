"""A run from its order to its end."""

import asyncio
from pathlib import Path

import pytest

from gateway.ops.load.trial import Course, Target, Trial, orders_of, run_trial
from tests.ops.load.harness import a_fixture
from tests.ops.load.peer import ACCOUNT, TOKEN, Peer, listening

TARGET = Target("https://voice.example.com/twilio/voice", ACCOUNT, TOKEN)


def test_every_line_has_one_worker() -> None:
    """None twice, none left out; all may be up at once."""
    orders = orders_of(Trial(Course(calls=7, workers=3, ramp_s=0.0, duration_s=5.0), TARGET))
    numbers = [line.number for order in orders for line in order.lines]
    assert sorted(numbers) == list(range(7))
    assert sum(order.most for order in orders) == 7
    assert all(order.redials and order.stride == 7 for order in orders)
    assert TOKEN not in repr(TARGET)


def test_callers_by_chance_call_once() -> None:
    """As many as the rate brings, at most so many at a time."""
    course = Course(calls=4, duration_s=100.0, rate=1.0)
    (order,) = orders_of(Trial(course, TARGET))
    assert 60 < len(order.lines) < 150
    assert (order.redials, order.most) == (False, 4)


def test_without_a_duration_everybody_calls_once() -> None:
    """Ten a second, when nobody says otherwise."""
    course = Course(calls=20)
    (order,) = orders_of(Trial(course, TARGET))
    assert (order.redials, order.duration_s, course.ramp) == (False, None, 2.0)


@pytest.mark.asyncio
async def test_a_run_is_watched_and_can_be_stopped(tmp_path: Path) -> None:
    """Its callers hang up, and what was measured is there."""
    fixture = a_fixture(tmp_path, {"step": "pause", "ms": 60_000})
    stop = asyncio.Event()
    seen: list[int] = []

    def watch(trial: Trial) -> None:
        seen.append(trial.board.up)
        if trial.board.up == 2:
            stop.set()

    async with listening(Peer()) as peer:
        course = Course(calls=2, fixtures=(fixture,), ramp_s=0.0)
        trial = Trial(course, Target(f"{peer.url}/voice", ACCOUNT, TOKEN))
        await run_trial(trial, watch, stop)
    assert trial.interrupted
    assert 2 in seen
    assert [record.end for record in trial.board.records] == ["interrupted", "interrupted"]
    assert all(record.answer_ms is not None for record in trial.board.records)
    assert trial.seconds > 0
