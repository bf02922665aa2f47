"""Loads a gateway: places calls, lets them run steadily, measures, hangs up.

Callers and model live in this process, so one clock times both ends of the path. A run is void, and
no figure of it may be published, when the generator's own clock was late (p99 over 5 ms) or when
something else had the gateway's core (3 % of the time; its own threads are not something else).
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Protocol

from bench.caller import FRAME_NS, Caller
from bench.course import Look, slope
from bench.figures import FLUSH_NS, Figures, Window, measure
from bench.model import ScriptedModel
from bench.process import GatewayFailed
from bench.record import CallRecord, Exchange
from bench.script import Script
from bench.webhook import Account
from gateway.ops.load.clock import Clock

VOID_LATE_MS = 5.0
VOID_WAITED_SHARE = 0.03
HANG_UP_S = 10.0
"""A gateway that has not closed a stream so long after its `stop` is behind with everything."""
LOOK_S = 1.0
"""From one look at the gateway to the next."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: how many calls, how long, through which relays (call n takes via[n % len])."""

    calls: int
    seconds: float
    script: Script
    settle_s: float = 2.5
    via: tuple[Address | None, ...] = (None,)
    calls_per_s: float = 60.0
    """How fast they are placed."""


@dataclass(slots=True)
class Outcome:
    """What a run gave."""

    figures: Figures
    records: list[CallRecord]
    end_ns: int
    problems: list[str] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    """The gateway in the course of the window."""

    @property
    def void(self) -> bool:
        """The run was disturbed: nobody can say what its figures mean."""
        late = self.figures["generator_late_p99_ms"] > VOID_LATE_MS
        return late or self.figures["others_share"] > VOID_WAITED_SHARE


class UnderTest(Protocol):
    """What is loaded: usually a `bench.process.Gateway`."""

    @property
    def account(self) -> Account: ...
    def cpu_ns(self) -> int: ...
    def waited_ns(self) -> int: ...
    def threads_ns(self) -> int: ...
    def rss_kb(self) -> float: ...
    def check(self) -> None: ...


class Load:
    """The generator: one clock, one scripted model, callers per run."""

    def __init__(self, clock: Clock, model: ScriptedModel) -> None:
        self._clock = clock
        self._model = model

    async def run(self, gateway: UnderTest, plan: Plan, base_kb: float) -> Outcome:
        """One run. `base_kb` is the gateway's memory without calls. Raises GatewayFailed."""
        exchange = Exchange()
        self._model.take(exchange, plan.script)
        errors = _LoopErrors(exchange.problems)
        callers = await self._ramp(gateway, plan, exchange)
        await asyncio.sleep(plan.settle_s)
        with _SteadyMemory():
            with errors:
                cost, window, looks = await self._steady(gateway, plan)
            rss_kb = gateway.rss_kb()
            end_ns = await self._hang_up(callers)
        gateway.check()
        records = list(exchange.calls.values())
        figures, losses = measure(records, window, end_ns)
        figures |= cost
        figures["rss_per_call_kb"] = (rss_kb - base_kb) / plan.calls
        figures["rss_base_kb"] = base_kb
        problems = exchange.problems + [
            f"call {record.number}: {problem}" for record in records for problem in record.problems
        ]
        figures["problems"] = len(problems)
        problems += losses
        return Outcome(figures, records, end_ns, problems, looks)

    async def _ramp(self, gateway: UnderTest, plan: Plan, exchange: Exchange) -> list[Caller]:
        """Places the calls one after the other, their frames spread evenly over 20 ms."""
        shuffled = random.Random(plan.calls).sample(range(plan.calls), plan.calls)
        callers, placing = [], []
        for number in range(plan.calls):
            record = exchange.calls[number] = CallRecord(number)
            caller = Caller(record, exchange, self._clock)
            callers.append(caller)
            phase_ns = FRAME_NS * shuffled[number] // plan.calls
            via = plan.via[number % len(plan.via)]
            placing.append(asyncio.create_task(caller.place(gateway.account, phase_ns, via)))
            await asyncio.sleep(1 / plan.calls_per_s)
        failures = await asyncio.gather(*placing, return_exceptions=True)
        gateway.check()
        for caller, failure in zip(callers, failures, strict=True):
            if failure is not None:
                number = caller.record.number
                exchange.problems.append(f"call {number} could not be placed: {failure!r}")
                del exchange.calls[number]
        if not exchange.calls:
            raise GatewayFailed(exchange.problems[0])
        return [caller for caller in callers if caller.record.number in exchange.calls]

    async def _steady(self, gateway: UnderTest, plan: Plan) -> tuple[Figures, Window, list[Look]]:
        """The window in which everything is measured."""
        punctual = self._clock.lateness.copy()
        start_ns, own = perf_counter_ns(), time.process_time()
        before = _spent(gateway)
        looks = await self._watch(gateway, plan.seconds)
        gateway.check()
        cpu_ns, waited_ns, threads_ns = (
            after - then for after, then in zip(_spent(gateway), before, strict=True)
        )
        window = Window(start_ns, perf_counter_ns())
        seconds = (window.end_ns - window.start_ns) / 1e9
        late = self._clock.lateness.since(punctual)
        figures = {
            "cpu_ms_per_call_s": cpu_ns / 1e6 / plan.calls / seconds,
            "cpu_share": cpu_ns / 1e9 / seconds,
            "threads_ms_per_call_s": threads_ns / 1e6 / plan.calls / seconds,
            "waited_share": waited_ns / 1e9 / seconds,
            "others_share": max(0.0, waited_ns - threads_ns) / 1e9 / seconds,
            "rss_growth_kb_per_call_min": slope(looks) * 60 / plan.calls,
            "generator_cpu_share": (time.process_time() - own) / seconds,
            "generator_late_p99_ms": late.percentile_ms(0.99) or 0.0,
            "generator_late_max_ms": late.percentile_ms(1.0) or 0.0,
        }
        return figures, window, looks

    async def _watch(self, gateway: UnderTest, seconds: float) -> list[Look]:
        """Waits for the end of the window; what was seen of the gateway meanwhile."""
        start = perf_counter_ns()
        found = [Look(0.0, gateway.cpu_ns(), gateway.rss_kb())]
        while (passed := (perf_counter_ns() - start) / 1e9) < seconds:
            await asyncio.sleep(min(LOOK_S, seconds - passed))
            at_s = (perf_counter_ns() - start) / 1e9
            found.append(Look(at_s, gateway.cpu_ns(), gateway.rss_kb()))
        return found

    async def _hang_up(self, callers: list[Caller]) -> int:
        """Ends all calls; returns the time of the first `stop`."""
        for caller in callers:
            caller.stop_talking()
        await asyncio.sleep(FLUSH_NS / 1e9)
        end_ns = perf_counter_ns()
        for caller in callers:
            caller.hang_up()
            await asyncio.sleep(0.002)
        await asyncio.wait([caller.closed for caller in callers], timeout=HANG_UP_S)
        for caller in callers:
            if not caller.closed.done():
                caller.record.problems.append(f"still open {HANG_UP_S:g} s after its `stop`")
                caller.drop()
        return end_ns


def _spent(gateway: UnderTest) -> tuple[int, int, int]:
    return gateway.cpu_ns(), gateway.waited_ns(), gateway.threads_ns()


class _SteadyMemory:
    """No garbage collection of the generator inside a window, nor at its ends: what runs at the
    same time begins and ends its own within the same moment.
    """

    def __enter__(self) -> None:
        self._ours = gc.isenabled()
        if self._ours:
            gc.collect()
            gc.freeze()
            gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._ours:
            gc.enable()
            gc.unfreeze()


class _LoopErrors:
    """Errors in the generator's own callbacks become problems of the run."""

    def __init__(self, problems: list[str]) -> None:
        self._problems = problems

    def __enter__(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._note)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().set_exception_handler(None)

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self._problems.append(f"generator: {context.get('exception') or context['message']!r}")
