"""One invocation: starts every variant on its core, loads it, and collects the results."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from bench.exactness import measure_exactness
from bench.load import Outcome, Plan
from bench.process import Gateway, GatewayFailed
from bench.results import FLOOR, Exact, Results, Run
from bench.rig import REST_S, Rig, assembled
from bench.script import Ordinary

ATTEMPTS = 2
"""A void run is tried once more."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What to run: variants by name with the commands that start them."""

    variants: dict[str, str]
    calls: tuple[int, ...]
    rounds: int
    seconds: float
    exact_seconds: float
    tell: Tell
    tls: frozenset[str] = frozenset()
    """Variants that reach their model over TLS."""
    beside: Callable[[str, Gateway], AbstractAsyncContextManager[None]] | None = None
    """What else goes on with a variant while it is loaded."""

    def runs(self) -> int:
        """Number of density runs."""
        return self.rounds * len(self.variants) * len(self.calls)

    def estimate_s(self) -> float:
        """About how long it will take."""
        starts = len(self.variants) * (self.rounds + bool(self.exact_seconds)) * 8.0
        run_s = self.seconds + 5.0 + sum(self.calls) / len(self.calls) / 60
        exact_s = len(self.variants) * (self.exact_seconds + 5.0) if self.exact_seconds else 0
        return starts + self.runs() * run_s + exact_s

    async def run(self, results: Results) -> None:
        """Runs everything into `results`, failures of gateways too."""
        async with assembled(tls=bool(self.tls)) as rig:
            for number in range(1, self.rounds + 1):
                rig.model.seed = number
                for variant in self._order(number):
                    with self._failures(results, variant):
                        await self._density(results, rig, variant, number)
            for variant in self.variants if self.exact_seconds else ():
                if variant != FLOOR:  # it tells the model nothing of what was heard
                    with self._failures(results, variant):
                        await self._exactness(results, rig, variant)

    @contextmanager
    def _failures(self, results: Results, variant: str) -> Iterator[None]:
        """A gateway that fails ends its own part of the benchmark, not the others'."""
        try:
            yield
        except GatewayFailed as failure:
            results.failures.append(f"{variant}: {failure}")
            self.tell(f"{variant} FAILED: {failure}")

    def _order(self, number: int) -> list[str]:
        """Each round begins with another variant, so that a drift of the machine favours none."""
        names = list(self.variants)
        shift = number % len(names)
        return names[shift:] + names[:shift]

    async def _density(self, results: Results, rig: Rig, variant: str, number: int) -> None:
        async with self._started(rig, variant) as gateway:
            base_kb = await rig.warm(gateway)
            for calls in self.calls:
                for _ in range(ATTEMPTS):
                    plan = Plan(calls, self.seconds, Ordinary())
                    async with self._others(variant, gateway):
                        outcome = await rig.load.run(gateway, plan, base_kb)
                    f, void, problems = outcome.figures, outcome.void, outcome.problems[:20]
                    results.density.append(Run(variant, calls, number, f, void, problems))
                    many = f"{calls} call{'s' * (calls > 1)}"
                    self.tell(f"round {number}/{self.rounds}  {variant}, {many}: {_short(outcome)}")
                    await asyncio.sleep(REST_S)
                    if not void or results.count_void:
                        break

    async def _exactness(self, results: Results, rig: Rig, variant: str) -> None:
        async with self._started(rig, variant) as gateway:
            seconds = self.exact_seconds
            found, outcome = await measure_exactness(rig.load, rig.clock, gateway, seconds)
            for (delay, jitter), figures in found.items():
                results.exactness.append(Exact(variant, delay, jitter, figures, outcome.void))
            self.tell(f"exactness  {variant}: {_short(outcome)}")

    def _others(self, variant: str, gateway: Gateway) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self.beside is None else self.beside(variant, gateway)

    def _started(self, rig: Rig, variant: str) -> AbstractAsyncContextManager[Gateway]:
        max_calls = max(200, 2 * max(self.calls))
        return rig.started(self.variants[variant], max_calls, tls=variant in self.tls)


async def until_told(work: Coroutine[None, None, None]) -> None:
    """SIGTERM ends the benchmark as SIGINT does: the gateways it started end with it."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


def _short(outcome: Outcome) -> str:
    f = outcome.figures
    if outcome.void:
        late_ms, waited = f["generator_late_p99_ms"], f["others_share"]
        return (
            f"VOID: generator {late_ms:.1f} ms late (p99), gateway waited {waited:.1%} of the time"
        )
    text = (
        f"CPU {f['cpu_ms_per_call_s']:.2f} ms per call-second, "
        f"inbound p99 {f.get('inbound_p99_ms', 0):.2f} ms, "
        f"frames lost {f['lost_in'] + f['lost_out']:.0f}, "
        f"doubled {f['doubled']:.0f}, reordered {f['reordered']:.0f}"
    )
    return text + (f", {len(outcome.problems)} problems" if outcome.problems else "")
