"""How many calls one core carries well: `python -m bench capacity`.

Every variant in turn, each number of calls on a gateway that is warm and was not overloaded before;
criteria and search in `bench.search`. What is limited by the generator is said to be, and counts as
a lower bound.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from bench import report
from bench.density import until_told
from bench.load import VOID_LATE_MS, Outcome, Plan
from bench.process import COMMANDS, Cores, Gateway, GatewayFailed
from bench.results import OURS, YARDSTICK, Target
from bench.rig import REST_S, Rig, assembled
from bench.script import Ordinary
from bench.search import Search, Verdict, missed, verdict

RATIO = 2.5
AT_LEAST = 550
CALLS_PER_S = 30.0
"""New calls a second: half of what density asks for, setting up is not what is measured."""
VOID_TRIES = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One run of the search."""

    calls: int
    verdict: Verdict
    why: list[str]
    figures: dict[str, float]


@dataclass(slots=True)
class Capacity:
    """What was found of one variant."""

    variant: str
    calls: int = 0
    is_bound: bool = True
    """At least so many: the generator gave out, or the limit was reached, before the variant."""
    gave_out_at: int | None = None
    """The number of calls at which the generator gave out, when it did."""
    steps: list[Step] = field(default_factory=list)
    failure: str = ""

    def take(self, search: Search) -> None:
        """The answer of a search, as far as it has come."""
        self.calls, self.is_bound = search.met, search.is_bound
        self.gave_out_at = search.above if search.gave_out else None

    @property
    def said(self) -> str:
        """For a person."""
        if self.failure:
            return "failed"
        return f"{'≥ ' if self.is_bound else ''}{self.calls}"


@dataclass(frozen=True, slots=True)
class Ascent:
    """What to try: variants by name, from how many calls, at most how many, how long each."""

    variants: dict[str, str]
    start: int
    limit: int
    seconds: float
    count_void: bool
    tell: Callable[[str], None]

    async def run(self, found: list[Capacity]) -> None:
        """Fills `found` variant by variant; one that fails ends its own search only."""
        async with assembled() as rig:
            for variant, command in self.variants.items():
                capacity = Capacity(variant)
                found.append(capacity)
                try:
                    await self._search(rig, capacity, command)
                except GatewayFailed as failure:
                    capacity.failure = str(failure)
                    self.tell(f"{variant} FAILED: {failure}")

    async def _search(self, rig: Rig, capacity: Capacity, command: str) -> None:
        search = Search(self.start, self.limit)
        while search.next() is not None:
            # One that was overloaded may still be behind: the next number gets a fresh one.
            async with rig.started(command, self.limit + 10) as gateway:
                await self._until_not_met(rig, gateway, capacity, search)

    async def _until_not_met(
        self, rig: Rig, gateway: Gateway, capacity: Capacity, search: Search
    ) -> None:
        base_kb = await rig.warm(gateway)
        while (calls := search.next()) is not None:
            for _ in range(VOID_TRIES):
                plan = Plan(calls, self.seconds, Ordinary(), calls_per_s=CALLS_PER_S)
                outcome = await rig.load.run(gateway, plan, base_kb)
                await asyncio.sleep(REST_S)
                step = self._step(calls, outcome)
                capacity.steps.append(step)
                self.tell(f"{capacity.variant}, {calls} calls: {step.verdict}{_why(step)}")
                if step.verdict != "void":
                    break
            search.told(calls, step.verdict)
            capacity.take(search)
            if step.verdict != "met":
                return

    def _step(self, calls: int, outcome: Outcome) -> Step:
        found = verdict(outcome.figures, void=outcome.void and not self.count_void)
        return Step(calls, found, missed(outcome.figures), outcome.figures)


def _why(step: Step) -> str:
    if step.verdict == "void":
        late_ms, others = (step.figures[k] for k in ("generator_late_p99_ms", "others_share"))
        return f" (generator {late_ms:.1f} ms late, others had {others:.1%} of the gateway's core)"
    share = f" (core {step.figures['cpu_share']:.0%}, generator {_generator(step):.0%})"
    return share + (f": {'; '.join(step.why)}" if step.why else "")


def _generator(step: Step) -> float:
    return step.figures["generator_cpu_share"]


def targets(found: list[Capacity]) -> list[Target]:
    """Ours against the plain path's, and against a number.

    A lower bound that is enough is enough; one that is not says nothing, and neither does a ratio
    to a lower bound of theirs.
    """
    by_name = {capacity.variant: capacity for capacity in found if not capacity.failure}
    ours, plain = by_name.get(OURS), by_name.get(YARDSTICK)
    ratio = None
    if ours and plain and plain.calls and not plain.is_bound:
        ratio = ours.calls / plain.calls
        ratio = None if ours.is_bound and ratio < RATIO else ratio
    calls = None if ours is None or (ours.is_bound and ours.calls < AT_LEAST) else ours.calls
    return [
        Target(f"calls of {OURS} over those of {YARDSTICK}", ratio, RATIO, at_least=True),
        Target(f"calls of {OURS} on one core", calls, AT_LEAST, at_least=True),
    ]


def print_table(console: Console, found: list[Capacity]) -> None:
    """One line per variant."""
    table = Table(title="capacity of one core", title_justify="left")
    for name in ("", "calls", "what came next", "core used", "generator"):
        table.add_column(name, justify="left" if name in ("", "what came next") else "right")
    for capacity in found:
        met = [step for step in capacity.steps if step.calls == capacity.calls]
        table.add_row(
            capacity.variant,
            capacity.said,
            _next(capacity),
            f"{met[-1].figures['cpu_share']:.2f}" if met else "-",
            f"{_generator(met[-1]):.2f}" if met else "-",
        )
    console.print(table)


def _next(capacity: Capacity) -> str:
    if capacity.failure:
        return capacity.failure.splitlines()[0]
    if capacity.gave_out_at is not None:
        return _gave_out(capacity, capacity.gave_out_at)
    worse = [step for step in capacity.steps if step.verdict == "missed"]
    if not worse:
        return "the limit asked for"
    step = min(worse, key=lambda step: step.calls)
    return f"at {step.calls}: {'; '.join(step.why)}"


def _gave_out(capacity: Capacity, calls: int) -> str:
    last = [step for step in capacity.steps if step.calls == calls][-1]
    if last.figures["generator_late_p99_ms"] > VOID_LATE_MS:
        return f"the generator gave out first, at {calls}"
    return f"no undisturbed run at {calls}"


def main(words: list[str]) -> int:
    """Exit code: 0; 1 a variant failed, or with --check a target was missed."""
    options = _options(words)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    console.print(report.describe(report.machine()), highlight=False)
    cores = Cores.choose()
    if cores.gateway == cores.load:
        console.print("[red]one core only: the load disturbs the gateway, do not publish[/]")
    ascent = Ascent(
        variants={name: COMMANDS[name] for name in options.variants},
        start=options.start,
        limit=options.limit,
        seconds=options.seconds,
        count_void=options.disturbed,
        tell=lambda text: console.print(
            f"[dim]{datetime.now():%H:%M:%S}[/] {text}", highlight=False
        ),
    )
    found: list[Capacity] = []
    uvloop.run(until_told(ascent.run(found)))
    print_table(console, found)
    judged = targets(found)
    reached = report.print_verdicts(console, judged)
    failed = any(capacity.failure for capacity in found)
    for path in report.paths(options, "capacity", publish=not (failed or options.disturbed)):
        report.write(path, _content(options, found, judged))
        console.print(f"written: {path}")
    return 1 if failed or (options.check and not reached) else 0


def _content(
    options: argparse.Namespace, found: list[Capacity], judged: list[Target]
) -> dict[str, Any]:
    settings = {name: value for name, value in vars(options).items() if name != "json"}
    return {
        "settings": settings,
        "capacity": [asdict(capacity) for capacity in found],
        "targets": report.judged(judged),
    }


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench capacity", description=__doc__)
    add = parser.add_argument
    add("--variants", default=",".join(COMMANDS), help="default %(default)s")
    add("--start", type=int, default=50, help="calls to begin with (default %(default)s)")
    add("--limit", type=int, default=700, help="calls to end with (default %(default)s)")
    add("--seconds", type=float, default=12.0, help="measured per run (default %(default)s)")
    report.add_output_options(parser, "capacity")
    options = parser.parse_args(words)
    options.variants = report.known(parser, "--variants", options.variants, COMMANDS)
    if not 0 < options.start <= options.limit:
        parser.error(f"--start: {options.start} is not between 1 and --limit {options.limit}")
    return options
