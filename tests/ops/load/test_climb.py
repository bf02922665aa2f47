"""More and more calls."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.ops.load import climb as module
from gateway.ops.load.capacity import Search, Step
from gateway.ops.load.climb import climb, step_of
from gateway.ops.load.trial import Course, Target
from tests.ops.load.harness import a_fixture
from tests.ops.load.peer import ACCOUNT, TOKEN, Peer, listening
from tests.ops.load.records import a_call, a_failed_call, a_trial


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
