"""Two gateways on one core at the same time, under the same load: `python -m bench abreast`.

Whatever the machine does, both feel it alike: the ratio of their CPU times holds to half a percent
although either alone swings by twenty. Latencies are worth nothing here, for each stands in the
other's way.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console

from bench import report
from bench.density import until_told
from bench.figures import Figures
from bench.load import VOID_LATE_MS, Outcome, Plan
from bench.process import COMMANDS, GatewayFailed
from bench.results import CPU, OURS
from bench.rig import REST_S, Rig, assembled
from bench.script import Ordinary


@dataclass(frozen=True, slots=True)
class Side:
    """What was found of one of those that ran at the same time."""

    outcome: Outcome
    data: Path
    """Where it kept its files; gone as soon as :func:`abreast` has ended."""

    @property
    def figures(self) -> Figures:
        return self.outcome.figures

    @property
    def late(self) -> bool:
        """The generator was, so nothing of this run counts; who had the core says nothing here."""
        return self.figures["generator_late_p99_ms"] > VOID_LATE_MS


@asynccontextmanager
async def abreast(
    rig: Rig, commands: dict[str, str], plan: Plan, seed: int, tls: frozenset[str] = frozenset()
) -> AsyncIterator[dict[str, Side]]:
    """Each gateway under the same plan with a model of its own; all have ended in the body.

    Raises GatewayFailed.
    """
    async with AsyncExitStack() as stack:
        loaded = []
        for name, command in commands.items():
            own = await stack.enter_async_context(rig.apart(seed))
            most = max(200, 2 * plan.calls)
            started = own.started(command, most, tls=name in tls)
            gateway = await stack.enter_async_context(started)
            loaded.append((gateway, own.load, await own.warm(gateway)))
        outcomes = await asyncio.gather(
            *[load.run(gateway, plan, base_kb) for gateway, load, base_kb in loaded]
        )
        await asyncio.sleep(REST_S)
        await asyncio.gather(*[gateway.stop() for gateway, _, _ in loaded])
        yield {
            name: Side(outcome, gateway.data)
            for name, (gateway, _, _), outcome in zip(commands, loaded, outcomes, strict=True)
        }


def in_turn(commands: dict[str, str], number: int) -> dict[str, str]:
    """Who is started first changes from round to round."""
    return dict(reversed(commands.items())) if number % 2 else dict(commands)


async def measure(options: argparse.Namespace, found: list[float], console: Console) -> None:
    """The ratio of every round that counts."""
    (before, after), commands = options.commands, options.commands
    plan = Plan(options.calls, options.seconds, Ordinary())
    async with assembled() as rig:
        for number in range(1, options.rounds + 1):
            order = in_turn(commands, number)
            async with abreast(rig, order, plan, number) as sides:
                ratio = sides[after].figures[CPU] / sides[before].figures[CPU]
            late = any(side.late for side in sides.values())
            if not late:
                found.append(ratio)
            each = ", ".join(f"{name} {side.figures[CPU]:.3f} ms" for name, side in sides.items())
            console.print(
                f"[dim]{datetime.now():%H:%M:%S}[/] round {number}/{options.rounds}  {each}, "
                f"ratio {ratio:.3f}{' [red]VOID[/]' if late else ''}",
                highlight=False,
            )
            problems = [each for side in sides.values() for each in side.outcome.problems]
            for problem in problems[:3]:
                console.print(f"  {problem}", highlight=False)


def main(words: list[str]) -> int:
    """Exit code: 0; 1 a gateway failed or no round counts."""
    options = _options(words)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    console.print(report.describe(report.machine()), highlight=False)
    found: list[float] = []
    try:
        uvloop.run(until_told(measure(options, found, console)))
    except GatewayFailed as failure:
        console.print(f"[red]{failure}[/]", highlight=False)
        return 1
    before, after = options.commands
    if not found:
        console.print("[red]every round is VOID[/]")
        return 1
    console.print(
        f"CPU per call-second, {after} over {before}, {options.calls} calls each: "
        f"{median(found):.3f} ({min(found):.3f} … {max(found):.3f}), {len(found)} rounds",
        highlight=False,
    )
    return 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench abreast", description=__doc__)
    add = parser.add_argument
    add("--calls", type=int, default=50, help="of each of the two (default %(default)s)")
    add("--rounds", type=int, default=3, help="default %(default)s")
    add("--seconds", type=float, default=14.0, help="measured seconds (default %(default)s)")
    add(
        "--before",
        default=COMMANDS[OURS],
        metavar="COMMAND",
        help="what the other is held against: {python} and {port} are filled in, the "
        "environment is ours; of another checkout: env PYTHONPATH=/there {python} -m gateway "
        "serve --host 127.0.0.1 --port {port} (default: this gateway)",
    )
    add("--after", default=COMMANDS[OURS], metavar="COMMAND", help="default: this gateway")
    options = parser.parse_args(words)
    for name in ("calls", "rounds", "seconds"):
        if getattr(options, name) <= 0:
            parser.error(f"--{name}: {getattr(options, name):g} is not above 0")
    options.commands = {"before": options.before, "after": options.after}
    return options
