"""One run: the fleet let loose on a target, and what came of it.

Owns the run's order and its course in time; what is measured lies in the board.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter_ns
from typing import Final

from gateway.ops.load.arrivals import CALLS_PER_S, Arrival, by_chance, evenly
from gateway.ops.load.board import Board
from gateway.ops.load.fleet import Fleet, workers_for
from gateway.ops.load.record import Order, Placing
from gateway.ops.load.target import usage_of

LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """Whom the calls go to."""

    voice_url: str
    account_sid: str
    auth_token: str = field(repr=False)
    to: str = "+15550001000"
    pid: int | None = None
    """Its process, when it is on this machine."""
    model_pid: int | None = None
    """The offline model's process, when it is ours."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a run goes: how many lines, when they call, what lies between."""

    calls: int
    fixtures: tuple[str, ...] = ()
    """Absolute paths with their weights; none: those of the package."""
    ramp_s: float | None = None
    duration_s: float | None = None
    rate: float | None = None
    """Callers per second who come by chance; None: lines that call again."""
    hold_s: float | None = None
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    workers: int | None = None
    seed: int = 1

    @property
    def ramp(self) -> float:
        """Seconds in which the lines begin."""
        return self.calls / CALLS_PER_S if self.ramp_s is None else self.ramp_s

    def arrivals(self) -> tuple[Arrival, ...]:
        """When which line calls first."""
        if self.rate is not None and self.duration_s is not None:
            return by_chance(self.rate, self.duration_s, self.seed)
        return evenly(self.calls, self.ramp)


@dataclass(slots=True)
class Trial:
    """A run that is over, or going on."""

    course: Course
    target: Target
    board: Board = field(default_factory=Board)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def workers(self) -> int:
        """How many processes place the calls."""
        return self.course.workers or workers_for(self.course.calls)


def orders_of(trial: Trial) -> list[Order]:
    """What each worker is told: every n-th line is a worker's."""
    course, target, workers = trial.course, trial.target, trial.workers
    arrivals = course.arrivals()
    by_chance = course.rate is not None
    return [
        Order(
            worker=worker,
            lines=[Placing(each.number, each.at_s) for each in arrivals[worker::workers]],
            voice_url=target.voice_url,
            account_sid=target.account_sid,
            auth_token=target.auth_token,
            to=target.to,
            fixtures=list(course.fixtures),
            duration_s=course.duration_s,
            redials=course.duration_s is not None and not by_chance,
            most=len(range(worker, course.calls, workers)),
            stride=course.calls,
            hold_s=course.hold_s,
            delay_ms=course.delay_ms,
            jitter_ms=course.jitter_ms,
            loss=course.loss,
            seed=course.seed,
        )
        for worker in range(workers)
    ]


async def run_trial(trial: Trial, watch: Callable[[Trial], None], stop: asyncio.Event) -> None:
    """Runs it to its end, or to the moment `stop` is set: then everybody hangs up politely.

    `watch` is shown the trial once a second. Raises GatewayError when the generator broke.
    """
    async with Fleet(orders_of(trial), trial.board.hear) as fleet:
        trial.started_at = datetime.now(UTC)
        looking = asyncio.create_task(_look(trial, fleet, watch))
        stopping = asyncio.create_task(_stop(trial, fleet, stop))
        try:
            await fleet.run()
        finally:
            for task in (looking, stopping):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        trial.seconds = _since(fleet)
        watch(trial)


async def _stop(trial: Trial, fleet: Fleet, stop: asyncio.Event) -> None:
    await stop.wait()
    trial.interrupted = True
    fleet.stop()


async def _look(trial: Trial, fleet: Fleet, watch: Callable[[Trial], None]) -> None:
    """Once a second from the beginning of the run."""
    await fleet.begun.wait()
    due_s = 0.0
    while True:
        due_s += LOOK_S
        await asyncio.sleep(max(0.0, due_s - _since(fleet)))
        trial.seconds = _since(fleet)
        _note_moment(trial, trial.seconds)
        watch(trial)


def _since(fleet: Fleet) -> float:
    return (perf_counter_ns() - fleet.begin_ns) / 1e9


def _note_moment(trial: Trial, at_s: float) -> None:
    target, model = trial.target.pid, trial.target.model_pid
    trial.board.look(
        at_s,
        None if target is None else usage_of(target),
        None if model is None else usage_of(model),
    )
