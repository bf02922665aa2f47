"""What a call costs among more of them: `python -m bench growth`.

CPU and memory per call at 10 to 400 calls, with and without TLS to the model, with recordings, and
beside them the floor, whose own change with the number of calls is the machine's and not ours.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

import uvloop
from rich.console import Console
from rich.table import Table

from bench import records, report
from bench.density import Bench, until_told
from bench.process import COMMANDS
from bench.results import (
    CPU,
    FEW_CALLS,
    FLAT_RATIO,
    FLOOR,
    MOST_CALLS,
    OURS,
    Results,
    Target,
    flatness,
)

RECORDED = "recorded"
WAYS = {
    OURS: COMMANDS[OURS],
    "gateway-tls": COMMANDS[OURS],
    RECORDED: records.VARIANTS[RECORDED],
    FLOOR: COMMANDS[FLOOR],
    "relay-tls": COMMANDS[FLOOR],
}
TLS = frozenset({"gateway-tls", "relay-tls"})
CALLS = "10,20,50,100,200,400"
COLUMNS = ((CPU, 2), ("rss_per_call_kb", 0))


def targets(results: Results) -> list[Target]:
    """A call must not cost more because there are others."""
    floors = {OURS: FLOOR, "gateway-tls": "relay-tls", RECORDED: FLOOR}
    found = []
    for variant, floor in floors.items():
        if any(run.variant == variant for run in results.density):
            own = flatness(results, floor)
            beside = "" if own is None else f" ({floor} itself: {own:.2f})"
            name = f"{variant}: CPU per call-second at {MOST_CALLS} calls over {FEW_CALLS}{beside}"
            found.append(Target(name, flatness(results, variant), FLAT_RATIO))
    return found


def print_table(console: Console, results: Results, variants: list[str]) -> None:
    """One line per number of calls, CPU and memory of every variant."""
    table = Table(title="per call: CPU ms a second, RSS KB", title_justify="left")
    table.add_column("calls", justify="right")
    for variant in variants:
        table.add_column(variant, justify="right")
    for calls in results.counts():
        cells = []
        for variant in variants:
            figures = results.combined(variant, calls)
            cell = "   ".join(f"{figures[key]:,.{digits}f}" for key, digits in COLUMNS if figures)
            cells.append(cell or "VOID")
        table.add_row(str(calls), *cells)
    console.print(table)


def main(words: list[str]) -> int:
    """Exit code: 0; 1 a gateway failed, or with --check a target was missed."""
    options = _options(words)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    settings = {name: value for name, value in vars(options).items() if name != "json"}
    results = Results(settings=settings, count_void=options.disturbed)
    bench = Bench(
        variants={name: WAYS[name] for name in options.variants},
        calls=options.calls,
        rounds=options.rounds,
        seconds=options.seconds,
        exact_seconds=0.0,
        tls=TLS & set(options.variants),
        tell=lambda text: console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {text}"),
    )
    console.print(report.describe(report.machine()), highlight=False)
    console.print(f"{bench.runs()} runs, about {bench.estimate_s() / 60:.0f} minutes")
    uvloop.run(until_told(bench.run(results)))
    print_table(console, results, options.variants)
    found = targets(results)
    reached = report.print_verdicts(console, found)
    for failure in results.failures:
        console.print(f"[red]{failure}[/]", highlight=False)
    publish = not (results.failures or options.disturbed)
    for path in report.paths(options, "growth", publish=publish):
        report.write_json(path, results, found)
        console.print(f"written: {path}")
    return 1 if results.failures or (options.check and not reached) else 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench growth", description=__doc__)
    add = parser.add_argument
    add("--calls", default=CALLS, help="numbers of calls (default %(default)s)")
    add("--rounds", type=int, default=2, help="default %(default)s")
    add("--seconds", type=float, default=14.0, help="measured seconds (default %(default)s)")
    add("--variants", default=",".join(WAYS), help="default %(default)s")
    report.add_output_options(parser, "growth")
    options = parser.parse_args(words)
    options.calls = report.numbers(parser, "--calls", options.calls)
    options.variants = report.known(parser, "--variants", options.variants, WAYS)
    return options
