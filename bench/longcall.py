"""One call for an hour: `python -m bench long`.

Twenty such calls at once, so that their CPU can be measured, with 400 turns each: the history of a
call must not make its last ten minutes dearer than its first ten, nor keep memory beyond its size.
All variants run at the same time on the same core: within an hour a shared machine's own price for
the same work changes by more than a tenth, and the floor beside the gateway shows by how much.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import uvloop
from rich.console import Console

from bench import report
from bench.abreast import Side, abreast
from bench.course import Look, ends
from bench.density import until_told
from bench.figures import Figures
from bench.growth import TLS, WAYS
from bench.load import Plan
from bench.process import GatewayFailed
from bench.results import FLAT_RATIO, FLOOR, OURS, Target
from bench.rig import assembled
from bench.script import Talkative

GROWN_KB = 1024.0
_RATIO, _GROWN = "cpu_last_over_first", "rss_grown_kb_per_call"
_EVERY_S = 60.0
"""Of the course, a look a minute is kept."""


@dataclass(slots=True)
class Hour:
    """What was found of one variant."""

    variant: str
    figures: Figures = field(default_factory=dict)
    course: list[Look] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    void: bool = False
    failure: str = ""

    @classmethod
    def of(cls, variant: str, side: Side, calls: int) -> Hour:
        """What a run that has ended gave."""
        outcome = side.outcome
        turns = sum(len(record.items) for record in outcome.records) / len(outcome.records)
        return cls(
            variant,
            figures=outcome.figures | ends(outcome.looks, calls) | {"turns": turns},
            course=thinned(outcome.looks),
            problems=outcome.problems[:20],
            void=side.late,
        )

    @property
    def ratio(self) -> float | None:
        """CPU at the end over that at the beginning."""
        return self.figures.get(_RATIO)


def thinned(looks: list[Look]) -> list[Look]:
    """The first, the last, and one a minute between them."""
    kept = looks[:1]
    for look in looks[1:-1]:
        if look.at_s >= kept[-1].at_s + _EVERY_S:
            kept.append(look)
    return kept + looks[-1:]


async def measure(options: argparse.Namespace, found: list[Hour], console: Console) -> None:
    """All variants at the same time; one that fails is the end of all."""
    seconds = options.minutes * 60
    plan = Plan(options.calls, seconds, Talkative(seconds / options.turns), calls_per_s=20.0)
    commands = {variant: WAYS[variant] for variant in options.variants}
    tls = TLS & set(options.variants)
    console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {', '.join(commands)}")
    try:
        async with assembled(tls=bool(tls)) as rig, abreast(rig, commands, plan, 0, tls) as sides:
            found += [Hour.of(variant, side, options.calls) for variant, side in sides.items()]
    except GatewayFailed as failure:
        found.append(Hour(", ".join(commands), failure=str(failure)))


def targets(found: list[Hour], *, count_void: bool) -> list[Target]:
    """The end against the beginning, and that nothing was lost on the way."""
    floor = next((hour.ratio for hour in found if hour.variant == FLOOR), None)
    judged = []
    for hour in found:
        counts = not hour.failure and (count_void or not hour.void)
        f = hour.figures if counts else {}
        lost = ("lost_in", "lost_out", "doubled", "reordered", "problems")
        name, ratio = f"{hour.variant}: CPU at the end over the beginning", f.get(_RATIO)
        if ratio is not None and floor is not None and hour.variant != FLOOR:
            name += f" ({ratio:.2f}) over the floor's own ({floor:.2f})"
            ratio /= floor
        judged += [
            Target(name, ratio, FLAT_RATIO),
            Target(f"{hour.variant}: RSS grown per call, KB", f.get(_GROWN), GROWN_KB),
            Target(f"{hour.variant}: lost or wrong", sum(f[k] for k in lost) if f else None, 0.0),
        ]
    return [target for target in judged if not target.name.startswith(f"{FLOOR}: CPU")]


def main(words: list[str]) -> int:
    """Exit code: 0; 1 a variant failed, or with --check a target was missed or a run was void."""
    options = _options(words)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    console.print(report.describe(report.machine()), highlight=False)
    turn_s = options.minutes * 60 / options.turns
    console.print(
        f"{options.calls} calls of each at once, a turn every {turn_s:g} s, "
        f"about {options.minutes + 1:.0f} minutes"
    )
    found: list[Hour] = []
    uvloop.run(until_told(measure(options, found, console)))
    for hour in found:
        _print(console, hour)
    judged = targets(found, count_void=options.disturbed)
    reached = report.print_verdicts(console, judged)
    failed, void = any(hour.failure for hour in found), any(hour.void for hour in found)
    publish = not (failed or void or options.disturbed)
    for path in report.paths(options, "long", publish=publish):
        report.write(path, _content(options, found, judged))
        console.print(f"written: {path}")
    void = void and not options.disturbed
    return 1 if failed or (options.check and (void or not reached)) else 0


def _print(console: Console, hour: Hour) -> None:
    if hour.failure:
        console.print(f"[red]{hour.variant}: {hour.failure}[/]", highlight=False)
        return
    f, void = hour.figures, " [red]VOID[/]" if hour.void else ""
    console.print(
        f"{hour.variant}: {f['turns']:.0f} answers a call, CPU per call-second "
        f"{f['first_cpu_ms_per_call_s']:.2f} ms at first, {f['last_cpu_ms_per_call_s']:.2f} ms at "
        f"last ({f[_RATIO]:.2f}), RSS grown by {f[_GROWN]:.0f} KB a call{void}",
        highlight=False,
    )
    for problem in hour.problems[:3]:
        console.print(f"  {problem}", highlight=False)


def _content(
    options: argparse.Namespace, found: list[Hour], judged: list[Target]
) -> dict[str, Any]:
    settings = {name: value for name, value in vars(options).items() if name != "json"}
    return {
        "settings": settings,
        "long": [asdict(hour) for hour in found],
        "targets": report.judged(judged),
    }


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench long", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, default=60.0, help="of each call (default %(default)g)")
    add("--turns", type=int, default=400, help="of each call (default %(default)s)")
    add("--calls", type=int, default=20, help="at once (default %(default)s)")
    add("--variants", default=f"{OURS},{FLOOR}", help=f"of {', '.join(WAYS)} (default %(default)s)")
    report.add_output_options(parser, "long")
    options = parser.parse_args(words)
    options.variants = report.known(parser, "--variants", options.variants, WAYS)
    for name in ("minutes", "turns", "calls"):
        if getattr(options, name) <= 0:
            parser.error(f"--{name}: {getattr(options, name):g} is not above 0")
    return options
