"""More and more calls."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.errors import GatewayError
from gateway.ops.load import capacity
from gateway.ops.load import climb as module
from gateway.ops.load.capacity import Search, Step
from gateway.ops.load.climb import climb, step_of
from gateway.ops.load.trial import Course, Target, Trial
from tests.ops.load.harness import a_fixture
from tests.ops.load.peer import ACCOUNT, TOKEN, Peer, listening
from tests.ops.load.records import a_call, a_failed_call, a_pulse, a_trial


def test_what_counts_of_a_run() -> None:
    """Waits, failures and the generator's own clock."""
    step = step_of(a_trial(a_call(1), a_failed_call(2), late={600: 10}))
    assert (step.calls, step.failed, step.busy, step.valid) == (5, 1, 0, False)
    assert (step.turn_p95_ms, step.frame_late_p99_ms) == (900, 30)
    assert step.memory_free_mb is None


@pytest.mark.asyncio
async def test_a_gateway_that_turns_callers_away_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts grow until then; a stop before the first is an error."""
    monkeypatch.setattr(module, "REST_S", 0.0)
    fixture = a_fixture(tmp_path, {"step": "pause", "ms": 60_000})
    search, stop = Search(2), asyncio.Event()
    told: list[Step] = []
    async with listening(Peer(twiml="<Response><Reject/></Response>")) as peer:
        course = Course(calls=2, fixtures=(fixture,), duration_s=1.0, ramp_s=0.0)
        target = Target(f"{peer.url}/voice", ACCOUNT, TOKEN)
        trial = await climb(course, target, search, lambda _: None, told.append, stop)
        assert told == search.steps
        assert search.knee == 0
        assert [step.gave_out for step in search.steps] == ["admission"] * len(search.steps)
        assert trial.board.records
        stop.set()
        with pytest.raises(GatewayError, match="before the first count"):
            await climb(course, target, Search(2), lambda _: None, told.append, stop)


@pytest.mark.asyncio
async def test_a_count_that_does_not_hold_once_may_have_had_bad_luck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts for what the second try says; what holds is tried once."""
    failing = {3: 1, 4: 2}
    tried: list[int] = []

    async def run(trial: Trial, *_: object) -> None:
        calls = trial.course.calls
        tried.append(calls)
        failed = tried.count(calls) <= failing.get(calls, 0)
        trial.board.hear(a_pulse(a_failed_call(1) if failed else replace(a_call(1), late=[])))

    monkeypatch.setattr(module, "REST_S", 0.0)
    monkeypatch.setattr(module, "run_trial", run)
    monkeypatch.setattr(capacity, "FIRST", 2)
    course = Course(calls=4, fixtures=(a_fixture(tmp_path, {"step": "pause", "ms": 1}),))
    search, target = Search(4), Target("http://127.0.0.1:9/voice", ACCOUNT, TOKEN)
    trial = await climb(course, target, search, lambda _: None, lambda _: None, asyncio.Event())
    assert tried == [2, 3, 3, 4, 4]
    assert [(step.calls, step.holds) for step in search.steps] == [(2, True), (3, True), (4, False)]
    assert (search.knee, trial.course.calls) == (3, 3)


@pytest.mark.asyncio
async def test_a_search_that_is_stopped_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also between two counts, whose pause nobody waits for."""

    async def run(trial: Trial, *_: object) -> None:
        trial.board.hear(a_pulse(replace(a_call(1), late=[])))
        stop.set()

    monkeypatch.setattr(module, "REST_S", 3600.0)
    monkeypatch.setattr(module, "run_trial", run)
    course = Course(calls=4, fixtures=(a_fixture(tmp_path, {"step": "pause", "ms": 1}),))
    search, target = Search(4), Target("http://127.0.0.1:9/voice", ACCOUNT, TOKEN)
    stop = asyncio.Event()
    trial = await climb(course, target, search, lambda _: None, lambda _: None, stop)
    assert (trial.interrupted, len(search.steps)) == (True, 1)
