"""What is kept of calls, and what keeping it costs: `python -m bench records`.

The same gateway with more or less kept (`bench.kept`), in turn on one core under the same load.
What counts is the ratio to the one that keeps nothing, round by round: neighbours in time share the
machine's mood.
"""

from __future__ import annotations

import argparse
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
from bench.density import Bench, until_told
from bench.figures import Figures
from bench.results import Results, Run, Target

NOTHING = "nothing"
VARIANTS = {
    what: f"{{python}} -m bench.kept {what} --host 127.0.0.1 --port {{port}}"
    for what in (NOTHING, "records", "recorded", "encrypted")
}
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
    report.Row("added inbound, ms p50/p99", ("inbound_p50_ms", "inbound_p99_ms")),
    report.Row("added first frame, ms p50/p99", ("first_frame_p50_ms", "first_frame_p99_ms")),
    report.Row("interruption → clear, ms p50/p99", ("interruption_p50_ms", "interruption_p99_ms")),
    report.Row("events written per call-second", ("events_per_call_s",)),
    report.Row("recorded, share of the time", ("recorded_share",), 3),
    report.Row("calls not kept to their end", ("not_kept",), 0),
    report.Row("frames lost, both ways", ("lost_in", "lost_out"), 0),
    report.Row("problems of protocol", ("problems",), 0),
    report.Row("core taken by others", ("others_share",), 3),
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


def ratios(
    results: Results, variant: str, calls: int, key: str = "cpu_ms_per_call_s"
) -> list[float]:
    """A figure of a variant over that of `nothing`, of each round in which both count."""
    ours, theirs = (by_round(results, name, calls) for name in (variant, NOTHING))
    return [ours[number][key] / theirs[number][key] for number in ours if number in theirs]


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
        against = [ratio_cell(ratios(results, variant, calls)) for variant in variants]
        table.add_row(f"CPU against {NOTHING}", *against)
        figures = [report.shown(results, variant, calls) for variant in variants]
        for row in ROWS:
            table.add_row(row.label, *[report.cell(each, row) for each in figures])
        console.print(table)


def main(words: list[str]) -> int:
    """Exit code: 0; 1 a gateway failed, or with --check a target was missed or runs were void."""
    options = _options(words)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    settings = {name: value for name, value in vars(options).items() if name != "json"}
    results = Results(settings=settings, count_void=options.disturbed)
    bench = Bench(
        variants={name: VARIANTS[name] for name in options.variants},
        calls=options.calls,
        rounds=options.rounds,
        seconds=options.seconds,
        exact_seconds=0.0,
        tell=lambda text: console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {text}"),
        kept=kept,
    )
    console.print(report.describe(report.machine()), highlight=False)
    console.print(f"{bench.runs()} runs, about {bench.estimate_s() / 60:.0f} minutes")
    uvloop.run(until_told(bench.run(results)))
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
    add("--calls", default="50,100", help="numbers of calls (default %(default)s)")
    add("--rounds", type=int, default=3, help="default %(default)s")
    add("--seconds", type=float, default=14.0, help="measured seconds (default %(default)s)")
    add("--variants", default=",".join(VARIANTS), help="default %(default)s")
    report.add_output_options(parser, "records")
    options = parser.parse_args(words)
    options.calls = report.numbers(parser, "--calls", options.calls)
    options.variants = report.known(parser, "--variants", options.variants, VARIANTS)
    return options


def by_round(results: Results, variant: str, calls: int) -> dict[int, Figures]:
    """The figures of a variant by round, of the runs that count."""
    runs = [run for run in results.density if (run.variant, run.calls) == (variant, calls)]
    return {run.round: run.figures for run in runs if _counts(results, run)}


def _counts(results: Results, run: Run) -> bool:
    return results.count_void or not run.void


def ratio_cell(found: list[float]) -> str:
    """The median of ratios, the least and the largest."""
    if not found:
        return "-"
    return f"{median(found):.3f} ({min(found):.3f}…{max(found):.3f})"
