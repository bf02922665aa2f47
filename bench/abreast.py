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
from bench.load import VOID_LATE_MS, Load, Outcome, Plan
from bench.model import ScriptedModel
from bench.process import COMMANDS, Gateway, GatewayFailed
from bench.results import CPU, OURS
from bench.rig import REST_S, Rig, assembled
from bench.script import Ordinary


@dataclass(frozen=True, slots=True)
class Side:
    """What was found of one of the two."""

    figures: Figures
    late: bool
    """The generator was: nothing of this run counts."""
    problems: list[str]
    data: Path
    """Where it kept its files; gone as soon as :func:`abreast` has ended."""


@asynccontextmanager
async def abreast(
    rig: Rig, commands: dict[str, str], calls: int, seconds: float, seed: int
) -> AsyncIterator[dict[str, Side]]:
    """Each gateway with so many calls and a model of its own; both have ended in the body.

    Raises GatewayFailed.
    """
    async with AsyncExitStack() as stack:
        loaded = []
        for name, command in commands.items():
            model = ScriptedModel(rig.clock, seed)
            stack.push_async_callback(model.stop)
            own = Rig(
                cores=rig.cores,
                clock=rig.clock,
                model=model,
                load=Load(rig.clock, model),
                url=f"ws://127.0.0.1:{await model.start()}/v1/realtime",
                tls_url="",
                certificate=None,
            )
            gateway = await stack.enter_async_context(own.started(command, max(200, 2 * calls)))
            loaded.append((name, gateway, own, await own.warm(gateway)))
        plan = Plan(calls, seconds, Ordinary())
        outcomes = await asyncio.gather(
            *[own.load.run(gateway, plan, base_kb) for _, gateway, own, base_kb in loaded]
        )
        await asyncio.sleep(REST_S)
        await asyncio.gather(*[gateway.stop() for _, gateway, _, _ in loaded])
        yield {
            name: _side(gateway, outcome)
            for (name, gateway, _, _), outcome in zip(loaded, outcomes, strict=True)
        }


def _side(gateway: Gateway, outcome: Outcome) -> Side:
    late = outcome.figures["generator_late_p99_ms"] > VOID_LATE_MS
    return Side(outcome.figures, late, outcome.problems[:20], gateway.data)


def in_turn(commands: dict[str, str], number: int) -> dict[str, str]:
    """Who is started first changes from round to round."""
    return dict(reversed(commands.items())) if number % 2 else dict(commands)


async def measure(options: argparse.Namespace, found: list[float], console: Console) -> None:
    """The ratio of every round that counts."""
    (before, after), commands = options.commands, options.commands
    async with assembled() as rig:
        for number in range(1, options.rounds + 1):
            order = in_turn(commands, number)
            async with abreast(rig, order, options.calls, options.seconds, number) as sides:
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
            for problem in [each for side in sides.values() for each in side.problems][:3]:
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
