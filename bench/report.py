"""What a person reads, and what a file keeps: tables side by side, the machine, JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.gap import parts
from bench.process import ROOT
from bench.results import FLOOR, OURS, YARDSTICK, Results, Target, targets

PACKAGES = (
    "openai-agents", "openai", "websockets", "picows", "uvicorn", "uvloop", "starlette", "msgspec",
    "twilio",
)  # fmt: skip
WIDTH = 150
"""Of what is not written to a terminal."""
_EXTREMES = ("p50", "p99", "max")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its keys are shown with slashes between them."""

    label: str
    keys: tuple[str, ...]
    digits: int = 2


ROWS = (
    Row("CPU per call-second, ms", ("cpu_ms_per_call_s",)),
    Row("core used", ("cpu_share",)),
    Row("RSS per call, KB", ("rss_per_call_kb",), 0),
    Row("RSS without calls, MB", ("rss_base_mb",), 0),
    Row("added inbound, ms p50/p99/max", tuple(f"inbound_{x}_ms" for x in _EXTREMES)),
    Row("added first frame, ms p50/p99/max", tuple(f"first_frame_{x}_ms" for x in _EXTREMES)),
    Row("later frames late, ms p50/p99/max", tuple(f"late_{x}_ms" for x in _EXTREMES)),
    Row("interruption → clear, ms p50/p99/max", tuple(f"interruption_{x}_ms" for x in _EXTREMES)),
    Row(
        "truncation error, ms p50/p95/max",
        ("truncation_p50_ms", "truncation_p95_ms", "truncation_max_ms"),
        0,
    ),
    Row("truncation error, ms from/to", ("truncation_lowest_ms", "truncation_highest_ms"), 0),
    Row(
        "interruptions / untold / uncleared", ("truncation_n", "truncation_untold", "uncleared"), 0
    ),
    Row("frames in / out", ("frames_in", "frames_out"), 0),
    Row("frames lost in / lost out", ("lost_in", "lost_out"), 0),
    Row("frames doubled / reordered", ("doubled", "reordered"), 0),
    Row("frames heard after their clear", ("ghosts",), 0),
    Row("clears nobody needed", ("needless_clears",), 0),
    Row("problems of protocol", ("problems",), 0),
    Row("core taken by others", ("others_share",), 3),
    Row("generator: core used", ("generator_cpu_share",)),
    Row("generator: late, ms p99/max", ("generator_late_p99_ms", "generator_late_max_ms")),
)


def print_density(console: Console, results: Results, variants: list[str]) -> None:
    """One table per number of calls; ratios against the floor and the plain path when they ran."""
    for calls in results.counts():
        table = Table(title=f"{calls} call{'s' if calls > 1 else ''}", title_justify="left")
        table.add_column("")
        for variant in variants:
            valid, void = results.rounds(variant, calls)
            note = f"{valid} runs" + (f", {void} VOID" if void else "")
            table.add_column(f"{variant}\n[dim]{note}[/]", justify="right")
        compared = OURS if OURS in variants else variants[0]
        against = [name for name in (FLOOR, YARDSTICK) if name in variants and name != compared]
        for name in against:
            table.add_column(f"{compared}\n/ {name}", justify="right")
        figures = {variant: shown(results, variant, calls) for variant in variants}
        for row in ROWS:
            cells = [cell(figures[variant], row) for variant in variants]
            cells += [_ratio(figures[compared], figures[name], row) for name in against]
            table.add_row(row.label, *cells)
        console.print(table)


def print_exactness(console: Console, results: Results) -> None:
    """Truncation error per network and variant."""
    variants = list(dict.fromkeys(exact.variant for exact in results.exactness))
    table = Table(title="truncation error behind a network", title_justify="left")
    table.add_column("delay each way")
    for variant in variants:
        table.add_column(f"{variant}\n[dim]ms p50/p95/max  from…to  n[/]", justify="right")
        table.add_column("[dim]untold/kept/\nneedless[/]", justify="right")
    for delay, jitter in dict.fromkeys((e.delay_ms, e.jitter_ms) for e in results.exactness):
        cells = []
        for variant in variants:
            found = [e for e in results.exactness if e.variant == variant]
            exact = next(e for e in found if (e.delay_ms, e.jitter_ms) == (delay, jitter))
            f = exact.figures
            sizes = cell(f, Row("", tuple(f"truncation_{x}_ms" for x in ("p50", "p95", "max")), 0))
            ends = (
                f"{f.get('truncation_lowest_ms', 0):+.0f}…{f.get('truncation_highest_ms', 0):+.0f}"
            )
            shown = f"{sizes}  {ends}  {f['truncation_n']:.0f}"
            cells.append("VOID" if exact.void and not results.count_void else shown)
            counts = ("truncation_untold", "unheard_kept", "truncation_needless")
            cells.append(cell(f, Row("", counts, 0)))
        table.add_row(f"{delay:.0f} ms ± {jitter:.0f}", *cells)
    console.print(table)


def print_targets(console: Console, results: Results) -> bool:
    """The targets; true when none of those measured was missed."""
    return print_verdicts(console, targets(results))


def print_gap(console: Console, results: Results) -> None:
    """What stands between the floor and our gateway, at every number of calls measured."""
    counts = [calls for calls in results.counts() if parts(results, calls)]
    if not counts:
        return
    table = Table(title="µs of CPU per 20 ms of a call", title_justify="left")
    table.add_column("")
    for calls in counts:
        table.add_column(f"{calls} calls", justify="right")
    columns = [parts(results, calls) for calls in counts]
    for row in zip(*columns, strict=True):
        table.add_row(row[0].name, *[f"{part.microseconds:.1f}" for part in row])
    console.print(table)


def print_verdicts(console: Console, found: list[Target]) -> bool:
    """What was to be reached, and was it; true when none of those measured was missed."""
    table = Table(title="targets", title_justify="left")
    for name in ("", "measured", "limit", ""):
        table.add_column(name, justify="left" if not name else "right")
    for target in found:
        measured = "-" if target.measured is None else f"{target.measured:.2f}"
        table.add_row(
            target.name,
            measured,
            f"{'≥' if target.at_least else '≤'} {target.limit:g}",
            _verdict(target),
        )
    console.print(table)
    return all(target.reached is not False for target in found)


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def describe(place: dict[str, Any]) -> str:
    """The machine in two lines."""
    packages = ", ".join(f"{name} {version}" for name, version in place["packages"].items())
    return (
        f"{place['cpu']}, {place['cores']} cores, Linux {place['kernel']}, "
        f"Python {place['python']}\n{packages}"
    )


def version() -> str:
    """The version of the gateway beside this benchmark."""
    text = (ROOT / "gateway" / "__init__.py").read_text("utf-8")
    found = re.search(r'__version__ = "([^"]+)"', text)
    return found.group(1) if found else "unknown"


def write_json(path: Path, results: Results, found: list[Target] | None = None) -> None:
    """Every run and every combination of runs; `found` takes the place of the usual targets."""
    combined = {
        variant: {str(calls): results.combined(variant, calls) for calls in results.counts()}
        for variant in dict.fromkeys(run.variant for run in results.density)
    }
    content = {
        **asdict(results),
        "combined": combined,
        "gap": {
            str(calls): {part.name: part.microseconds for part in parts(results, calls)}
            for calls in results.counts()
        },
        "targets": judged(targets(results) if found is None else found),
    }
    write(path, content)


def write(path: Path, content: dict[str, Any]) -> None:
    """`content` with date, version and machine before it, as JSON."""
    place = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": version(),
        "machine": machine(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(place | content, indent=1, default=list) + "\n", "utf-8")


def add_output_options(parser: argparse.ArgumentParser, what: str) -> None:
    """`--json`, `--save`, `--check` and `--disturbed`, the same for every benchmark that loads."""
    add = parser.add_argument
    add("--json", help="write all results to this file")
    name = f"<date>-<version>{f'-{what}' if what else ''}.json"
    add("--save", action="store_true", help=f"write bench/results/{name}")
    add("--check", action="store_true", help="exit 1 when a target is missed or runs are void")
    add("--disturbed", action="store_true", help="count void runs too; nothing is published then")


def numbers(parser: argparse.ArgumentParser, option: str, text: str) -> tuple[int, ...]:
    """`10,50` as numbers in order, each once; wrong usage names the word at fault."""
    for word in text.split(","):
        if not word.strip().isdecimal() or not int(word):
            parser.error(f"{option}: {word!r} is not a number of calls")
    return tuple(sorted({int(word) for word in text.split(",")}))


def known(
    parser: argparse.ArgumentParser, option: str, text: str, names: Iterable[str]
) -> list[str]:
    """The names in `text`, each once; wrong usage says which is unknown."""
    found, allowed = list(dict.fromkeys(text.split(","))), list(names)
    if unknown := [name for name in found if name not in allowed]:
        parser.error(f"{option}: unknown: {', '.join(unknown)} (known: {', '.join(allowed)})")
    return found


def judged(found: list[Target]) -> list[dict[str, Any]]:
    """Targets with their verdicts, for a file."""
    return [asdict(target) | {"reached": target.reached} for target in found]


def paths(options: argparse.Namespace, what: str, *, publish: bool) -> list[Path]:
    """Where results go: to the file asked for, and among the published ones when they may."""
    found = [Path(options.json)] if options.json else []
    if options.save and publish:
        name = f"{datetime.now(UTC):%Y-%m-%d}-{version()}{f'-{what}' if what else ''}.json"
        found.append(Path(__file__).parent / "results" / name)
    return found


def shown(results: Results, variant: str, calls: int) -> dict[str, float]:
    """What a table shows of a variant at a number of calls."""
    figures = results.combined(variant, calls)
    if "rss_base_kb" in figures:
        figures["rss_base_mb"] = figures["rss_base_kb"] / 1024
    return figures


def cell(figures: dict[str, float], row: Row) -> str:
    """The figures of a row, slashes between them."""
    if not any(key in figures for key in row.keys):
        return "-"
    return " / ".join(
        f"{figures[key]:,.{row.digits}f}" if key in figures else "-" for key in row.keys
    )


def ratio_cell(found: list[float]) -> str:
    """The median of ratios, the least and the largest."""
    if not found:
        return "-"
    return f"{median(found):.3f} ({min(found):.3f}…{max(found):.3f})"


def _ratio(ours: dict[str, float], theirs: dict[str, float], row: Row) -> str:
    """Of the figure itself, or of a percentile beyond the median; counts have no ratio."""
    key = row.keys[1] if len(row.keys) == 3 else row.keys[0]
    timed = key.endswith(("_ms", "_kb", "_mb", "call_s")) and not key.startswith("generator")
    if not timed or key not in ours or not theirs.get(key) or "lowest" in key:
        return ""
    which = f" ({key.split('_')[-2]})" if len(row.keys) == 3 else ""
    return f"{ours[key] / theirs[key]:.2f}{which}"


def _verdict(target: Target) -> str:
    return {None: "[dim]not measured[/]", True: "[green]reached[/]", False: "[red]missed[/]"}[
        target.reached
    ]
