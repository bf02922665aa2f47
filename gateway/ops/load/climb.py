"""Runs a target at more and more calls until something gives out (`capacity.py` decides what).

Every count is a run of its own with fresh calls, between pauses in which the target may settle.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.errors import GatewayError
from gateway.ops.load.capacity import Search, Step
from gateway.ops.load.figures import counts, spreads
from gateway.ops.load.target import memory_free_mb
from gateway.ops.load.trial import Course, Target, Trial, run_trial

STEP_S: Final = 20.0
"""How long a count is held, when nobody says how long."""
REST_S: Final = 2.0


async def climb(
    course: Course,
    target: Target,
    search: Search,
    watch: Callable[[Trial], None],
    tell: Callable[[Step], None],
    stop: asyncio.Event,
) -> Trial:
    """Tries counts until the search is over or `stop` is set; `course.calls` is the most of all.

    `tell` is given every step that is over. Returns the run at the knee, or the first one when none
    held. Raises GatewayError.
    """
    best: Trial | None = None
    while (count := search.next_count()) is not None and not stop.is_set():
        trial = await _tried(replace(course, calls=count), target, search, watch, stop)
        if trial.interrupted:
            best = best or trial
            break
        search.add(step_of(trial))
        tell(search.steps[-1])
        if best is None or search.knee == count:
            best = trial
        if search.next_count() is not None:
            await _rest(stop)
    if best is None:
        raise GatewayError("stopped before the first count was tried")
    best.interrupted |= stop.is_set()
    return best


async def _tried(
    course: Course,
    target: Target,
    search: Search,
    watch: Callable[[Trial], None],
    stop: asyncio.Event,
) -> Trial:
    """One count for a while; once more when it did not hold, which may be chance.

    One moment in which somebody else had the machine would end the ascent for good.
    """
    course = replace(course, duration_s=course.ramp + (course.duration_s or STEP_S))
    trial = Trial(course, target)
    await run_trial(trial, watch, stop)
    if not (trial.interrupted or search.judged(step_of(trial)).holds):
        await _rest(stop)
        trial = Trial(course, target)
        await run_trial(trial, watch, stop)
    return trial


async def _rest(stop: asyncio.Event) -> None:
    """Ends early when the search is stopped."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), REST_S)


def step_of(trial: Trial) -> Step:
    """What counts of a run."""
    board = trial.board
    measures = spreads(board.records, board.clock)
    moments = board.moments
    local = trial.target.pid is not None
    return Step(
        calls=trial.course.calls,
        failed=int(counts(board.records, 0)["failed"] or 0),
        busy=sum(record.failure == "busy" for record in board.records),
        turn_p95_ms=measures["turn"].p95_ms,
        frame_late_p99_ms=measures["frame_late"].p99_ms,
        clock_late_p99_ms=measures["clock_late"].p99_ms,
        cpu_max=max((each.cpu for each in moments if each.cpu is not None), default=None),
        model_cpu_max=max(
            (each.model_cpu for each in moments if each.model_cpu is not None), default=None
        ),
        memory_max_mb=max(
            (each.memory_mb for each in moments if each.memory_mb is not None), default=None
        ),
        memory_free_mb=memory_free_mb() if local else None,
        fd_share=board.fd_share,
        out_of_fds=any(record.failure == "generator" for record in board.records),
        valid=not board.late,
    )
