"""What is kept of calls, and what keeping it costs: `python -m bench records`.

The same gateway with more or less kept (`bench.kept`). Each way runs beside one that keeps nothing,
on the same core at the same time (`bench.abreast`), and what counts is the ratio of the two: it
holds to a percent or two where one after the other swings by ten.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console
from rich.table import Table

from bench import report
from bench.abreast import Side, abreast, in_turn
from bench.density import until_told
from bench.figures import Figures
from bench.load import Plan
from bench.process import GatewayFailed
from bench.results import CPU, Results, Run, Target
from bench.rig import REST_S, Rig, assembled
from bench.script import Ordinary

NOTHING = "nothing"
VARIANTS = {
    what: f"{{python}} -m bench.kept {what} --host 127.0.0.1 --port {{port}}"
    for what in (NOTHING, "records", "recorded", "encrypted")
}
KEPT = tuple(what for what in VARIANTS if what != NOTHING)
AGAINST = "cpu_against_nothing"
"""The CPU time of a run over that of the gateway beside it, which keeps nothing."""
CPU_RATIO = 1.10
GROWTH_KB_PER_CALL_MIN = 20.0
"""Beyond that of `nothing`: what a call's turns take until its end."""
FLAT_AFTER_S = 120.0
"""In a shorter window caches are still being filled, and a slope says nothing."""

ROWS = (
    report.Row("CPU per call-second, ms", ("cpu_ms_per_call_s",), 3),
    report.Row("of it on threads beside the calls', ms", ("threads_ms_per_call_s",), 3),
    report.Row("RSS per call, KB", ("rss_per_call_kb",), 0),
    report.Row("RSS growth, KB per call and minute", ("rss_growth_kb_per_call_min",), 1),
    report.Row("RSS without calls, MB", ("rss_base_mb",), 0),
    report.Row("events written per call-second", ("events_per_call_s",)),
    report.Row("recorded, share of the time", ("recorded_share",), 3),
    report.Row("calls not kept to their end", ("not_kept",), 0),
    report.Row("frames lost, both ways", ("lost_in", "lost_out"), 0),
    report.Row("problems of protocol", ("problems",), 0),
    report.Row("generator: late, ms p99", ("generator_late_p99_ms",)),
)


def kept(data: Path) -> Figures:
    """What a gateway that has ended kept of its calls; empty when there is no database."""
    if not (data / "calls.db").exists():
        return {}
    with closing(sqlite3.connect(data / "calls.db")) as database:
        (events,) = database.execute("SELECT count(*) FROM events").fetchone()
        calls, ended, duration_ms, recording_ms = database.execute(
            "SELECT count(*), count(ended_at), total(duration_ms), total(recording_ms) FROM calls"
        ).fetchone()
    seconds = max(1.0, duration_ms) / 1000
    return {
        "events_per_call_s": events / seconds,
        "recorded_share": recording_ms / 1000 / seconds,
        "not_kept": calls - ended,
    }


def ratios(results: Results, variant: str, calls: int) -> list[float]:
    """CPU time over that of `nothing` beside it, of each round that counts."""
    runs = [run for run in results.density if (run.variant, run.calls) == (variant, calls)]
    counted = [run for run in runs if results.count_void or not run.void]
    return [run.figures[AGAINST] for run in counted if AGAINST in run.figures]


def growth(results: Results, variant: str, calls: int) -> float | None:
    """How much faster memory grows than without records, KB per call and minute."""
    key, seconds = "rss_growth_kb_per_call_min", results.settings.get("seconds", 0.0)
    ours, theirs = (results.combined(name, calls) for name in (variant, NOTHING))
    if seconds < FLAT_AFTER_S or key not in ours or key not in theirs:
        return None
    return ours[key] - theirs[key]


def targets(results: Results) -> list[Target]:
    """What keeping may cost, each with what was measured."""
    found = []
    for calls in results.counts():
        for variant in dict.fromkeys(run.variant for run in results.density):
            if variant != NOTHING:
                found += _targets(results, variant, calls)
    return found


def _targets(results: Results, variant: str, calls: int) -> list[Target]:
    each, name = ratios(results, variant, calls), f"{variant}, {calls} calls"
    more_kb, lost = growth(results, variant, calls), results.combined(variant, calls)
    return [
        Target(f"{name}: CPU against {NOTHING}", median(each) if each else None, CPU_RATIO),
        Target(f"{name}: KB per call and minute beyond", more_kb, GROWTH_KB_PER_CALL_MIN),
        Target(f"{name}: calls not kept to their end", lost.get("not_kept"), 0.0),
    ]


def print_tables(console: Console, results: Results) -> None:
    """One table per number of calls, everything beside `nothing`."""
    variants = list(dict.fromkeys(run.variant for run in results.density))
    variants.sort(key=list(VARIANTS).index)
    for calls in results.counts():
        table = Table(title=f"{calls} calls", title_justify="left")
        table.add_column("")
        for variant in variants:
            valid, void = results.rounds(variant, calls)
            note = f"{valid} runs" + (f", {void} VOID" if void else "")
            table.add_column(f"{variant}\n[dim]{note}[/]", justify="right")
        against = [report.ratio_cell(ratios(results, variant, calls)) for variant in variants]
        table.add_row(f"CPU against {NOTHING}", *against)
        figures = [report.shown(results, variant, calls) for variant in variants]
        for row in ROWS:
            table.add_row(row.label, *[report.cell(each, row) for each in figures])
        console.print(table)


async def measure(options: argparse.Namespace, results: Results, console: Console) -> None:
    """Every way beside `nothing`, round by round; one that fails ends its own part only."""
    async with assembled() as rig:
        for number in range(1, options.rounds + 1):
            for calls in options.calls:
                for variant in options.variants:
                    try:
                        sides = await _beside(
                            rig, variant, Plan(calls, options.seconds, Ordinary()), number
                        )
                    except GatewayFailed as failure:
                        results.failures.append(f"{variant}: {failure}")
                        continue
                    found = runs(sides, calls, number)
                    results.density += found
                    console.print(_progress(found[-1], options.rounds), highlight=False)
                    await asyncio.sleep(REST_S)


async def _beside(rig: Rig, variant: str, plan: Plan, number: int) -> dict[str, Side]:
    order = in_turn({name: VARIANTS[name] for name in (NOTHING, variant)}, number)
    async with abreast(rig, order, plan, number) as sides:
        for side in sides.values():
            side.figures.update(kept(side.data))
    return {name: sides[name] for name in (NOTHING, variant)}


def runs(sides: dict[str, Side], calls: int, number: int) -> list[Run]:
    """What was found of `nothing` and of the way beside it, which stands last."""
    late = any(side.late for side in sides.values())
    nothing, beside = sides.values()
    beside.figures[AGAINST] = beside.figures[CPU] / nothing.figures[CPU]
    return [
        Run(name, calls, number, side.figures, late, side.outcome.problems[:20])
        for name, side in sides.items()
    ]


def _progress(run: Run, rounds: int) -> str:
    f = run.figures
    return (
        f"[dim]{datetime.now():%H:%M:%S}[/] round {run.round}/{rounds}  {run.variant}, {run.calls} "
        f"calls: CPU {f[CPU]:.2f} ms per call-second, {f[AGAINST]:.3f} of {NOTHING}"
        + (", [red]VOID[/]: the generator was late" if run.void else "")
        + (f", {len(run.problems)} problems" if run.problems else "")
    )


def main(words: list[str]) -> int:
    """Exit code: 0; 1 a gateway failed, or with --check a target was missed or runs were void."""
    options = _options(words)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    settings = {name: value for name, value in vars(options).items() if name != "json"}
    results = Results(settings=settings, count_void=options.disturbed)
    console.print(report.describe(report.machine()), highlight=False)
    minutes = options.rounds * len(options.variants) * len(options.calls) * (options.seconds + 22)
    console.print(
        f"{NOTHING} beside {', '.join(options.variants)}, about {minutes / 60:.0f} minutes"
    )
    uvloop.run(until_told(measure(options, results, console)))
    print_tables(console, results)
    found = targets(results)
    reached = report.print_verdicts(console, found)
    for failure in results.failures:
        console.print(f"[red]{failure}[/]", highlight=False)
    whole = not (results.all_void() or results.failures)
    for path in report.paths(options, "records", publish=whole and not options.disturbed):
        report.write_json(path, results, found)
        console.print(f"written: {path}")
    return 1 if results.failures or (options.check and not (whole and reached)) else 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench records", description=__doc__)
    add = parser.add_argument
    add("--calls", default="45", help="numbers of calls of each (default %(default)s)")
    add("--rounds", type=int, default=5, help="default %(default)s")
    add("--seconds", type=float, default=14.0, help="measured seconds (default %(default)s)")
    add("--variants", default=",".join(KEPT), help="default %(default)s")
    report.add_output_options(parser, "records")
    options = parser.parse_args(words)
    options.calls = report.numbers(parser, "--calls", options.calls)
    options.variants = report.known(parser, "--variants", options.variants, KEPT)
    return options
