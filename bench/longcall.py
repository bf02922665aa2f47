"""One call for an hour: `python -m bench long`.

Twenty such calls at once, so that their CPU can be measured, with 400 turns each: the history of a
call must not make its last ten minutes dearer than its first ten, nor keep memory beyond its size.
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
from bench.course import Look, ends
from bench.density import until_told
from bench.figures import Figures
from bench.growth import TLS, WAYS
from bench.load import Outcome, Plan
from bench.process import GatewayFailed
from bench.results import FLAT_RATIO, OURS, Target
from bench.rig import assembled
from bench.script import Talkative

GROWN_KB = 1024.0
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

    def take(self, outcome: Outcome, calls: int) -> None:
        """A run that has ended."""
        turns = sum(len(record.items) for record in outcome.records) / len(outcome.records)
        self.figures = outcome.figures | ends(outcome.looks, calls) | {"turns": turns}
        self.course = thinned(outcome.looks)
        self.problems, self.void = outcome.problems[:20], outcome.void


def thinned(looks: list[Look]) -> list[Look]:
    """The first, the last, and one a minute between them."""
    kept = looks[:1]
    for look in looks[1:-1]:
        if look.at_s >= kept[-1].at_s + _EVERY_S:
            kept.append(look)
    return kept + looks[-1:]


async def measure(options: argparse.Namespace, found: list[Hour], console: Console) -> None:
    """One variant after the other; one that fails ends its own part only."""
    seconds = options.minutes * 60
    script = Talkative(seconds / options.turns)
    plan = Plan(options.calls, seconds, script, calls_per_s=20.0)
    async with assembled(tls=bool(TLS & set(options.variants))) as rig:
        for variant in options.variants:
            hour = Hour(variant)
            found.append(hour)
            try:
                async with rig.started(
                    WAYS[variant], options.calls + 10, tls=variant in TLS
                ) as gateway:
                    base_kb = await rig.warm(gateway)
                    console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {variant}: calls placed")
                    hour.take(await rig.load.run(gateway, plan, base_kb), options.calls)
            except GatewayFailed as failure:
                hour.failure = str(failure)


def targets(found: list[Hour], *, count_void: bool) -> list[Target]:
    """The end against the beginning, and that nothing was lost on the way."""
    judged = []
    for hour in found:
        counts = not hour.failure and (count_void or not hour.void)
        f = hour.figures if counts else {}
        lost = ("lost_in", "lost_out", "doubled", "reordered", "problems")
        judged += [
            Target(f"{hour.variant}: CPU at the end over the beginning", f.get(_RATIO), FLAT_RATIO),
            Target(f"{hour.variant}: RSS grown per call, KB", f.get(_GROWN), GROWN_KB),
            Target(f"{hour.variant}: lost or wrong", sum(f[k] for k in lost) if f else None, 0.0),
        ]
    return judged


_RATIO, _GROWN = "cpu_last_over_first", "rss_grown_kb_per_call"


def main(words: list[str]) -> int:
    """Exit code: 0; 1 a variant failed, or with --check a target was missed or a run was void."""
    options = _options(words)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    console.print(report.describe(report.machine()), highlight=False)
    minutes = len(options.variants) * (options.minutes + 1)
    turn_s = options.minutes * 60 / options.turns
    console.print(
        f"{options.calls} calls at once, a turn every {turn_s:g} s, about {minutes:.0f} minutes"
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
    add("--variants", default=OURS, help=f"of {', '.join(WAYS)} (default %(default)s)")
    report.add_output_options(parser, "long")
    options = parser.parse_args(words)
    options.variants = report.known(parser, "--variants", options.variants, WAYS)
    for name in ("minutes", "turns", "calls"):
        if getattr(options, name) <= 0:
            parser.error(f"--{name}: {getattr(options, name):g} is not above 0")
    return options
