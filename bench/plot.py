"""The published results as a picture and as the README's table: `python -m bench plot`.

Reads the newest results of each kind in a folder (what `--save` wrote), draws them into one SVG
beside them, and prints Markdown. Figures are never typed by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.results import CPU, OURS
from bench.svg import Chart, Line, draw

RESULTS = Path(__file__).parent / "results"
KINDS = ("", "capacity", "growth", "long")
_NAME = re.compile(r"\d{4}-\d\d-\d\d-[^-]+(?:-([a-z]+))?\.json")

Json = dict[str, Any]


class NothingToShow(Exception):
    """One clear line: which results are missing."""


def newest(folder: Path) -> dict[str, Json]:
    """The newest results of each kind there is ("" is density). Raises NothingToShow."""
    found: dict[str, Json] = {}
    for path in sorted(folder.glob("*.json")):  # dates first: the newest of a kind comes last
        named = _NAME.fullmatch(path.name)
        if named is None or (named.group(1) or "") not in KINDS:
            continue
        try:
            found[named.group(1) or ""] = json.loads(path.read_text("utf-8"))
        except json.JSONDecodeError as error:
            raise NothingToShow(f"{path.name}: no JSON: {error}") from None
    if not found:
        raise NothingToShow(f"{folder}: no results (make them with --save)")
    return found


def lines(content: Json, key: str, scale: float = 1.0) -> list[Line]:
    """A figure over the number of calls, one line per variant."""
    return [
        Line(variant, [(int(n), f[key] * scale) for n, f in by_calls.items() if key in f])
        for variant, by_calls in _ours_first(content["combined"])
    ]


def charts(found: dict[str, Json]) -> list[Chart]:
    """CPU and memory over calls (growth, else density), and the course of the long call."""
    across = found.get("growth") or found.get("")
    drawn = []
    if across is not None:
        drawn += [
            Chart("CPU per call-second, ms", "calls at once", lines(across, CPU)),
            Chart("memory per call, KB", "calls at once", lines(across, "rss_per_call_kb")),
        ]
    if "long" in found:
        calls = found["long"]["settings"]["calls"]
        course = [Line(h["variant"], spent(h["course"], calls)) for h in found["long"]["long"]]
        drawn.append(Chart("CPU per call-second, ms", "minutes of a long call", course))
    return drawn


def spent(course: Sequence[Json], calls: int) -> list[tuple[float, float]]:
    """CPU per call-second between looks, at the minute of the later one."""
    return [
        (
            b["at_s"] / 60,
            (b["cpu_ns"] - a["cpu_ns"]) / 1e6 / calls / (b["at_s"] - a["at_s"]),
        )
        for a, b in pairwise(course)
    ]


def markdown(found: dict[str, Json]) -> str:
    """The README's tables."""
    writers = {"": _density, "capacity": _capacity, "growth": _growth, "long": _long}
    written = [write(found[kind]) for kind, write in writers.items() if kind in found]
    return "\n\n".join(table for table in written if table)


_ROWS: tuple[tuple[str, Callable[[Json], str]], ...] = (
    ("CPU per call-second", lambda f: f"{f[CPU]:.2f} ms"),
    ("added latency inbound, p50 / p99", lambda f: _two(f, "inbound")),
    ("added latency of a first frame, p50 / p99", lambda f: _two(f, "first_frame")),
    ("`speech_started` read → `clear` written, p50 / p99", lambda f: _two(f, "interruption")),
    (
        "frames lost, doubled, reordered",
        lambda f: _sum(f, "lost_in", "lost_out", "doubled", "reordered"),
    ),
    ("frames of a cut-off answer still heard", lambda f: _sum(f, "ghosts")),
    ("memory per call over the idle process", lambda f: f"{f['rss_per_call_kb']:.0f} KB"),
)


def _two(f: Json, key: str) -> str:
    if f"{key}_p50_ms" not in f:
        return "-"
    return f"{f[f'{key}_p50_ms']:.2f} / {f[f'{key}_p99_ms']:.1f} ms"


def _sum(f: Json, *keys: str) -> str:
    return f"{sum(f[key] for key in keys):.0f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    written = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in written)


def _density(content: Json) -> str:
    """Figures at the highest number of calls that was valid for us, and the ratios at each."""
    combined = content["combined"]
    ours_first = [v for v, by in _ours_first(combined) if any(by.values())]
    counts = [n for n, f in combined.get(OURS, {}).items() if f]
    if not counts:
        return ""
    have = {v: combined[v][counts[-1]] for v in ours_first if combined[v].get(counts[-1])}
    rows = [[label, *(show(f) for f in have.values())] for label, show in _ROWS]
    others = ours_first[1:]
    ratios = [
        [n, *(_ratio(combined[OURS][n], combined[v].get(n, {})) for v in others)] for n in counts
    ]
    heads = ["CPU at calls", *(f"against {v}" for v in others)]
    return "\n\n".join([_table([f"at {counts[-1]} calls", *have], rows), _table(heads, ratios)])


def _ours_first(combined: Json) -> list[tuple[str, Json]]:
    """In one order, so that a variant has one colour and one place everywhere."""
    return sorted(combined.items(), key=lambda entry: (entry[0] != OURS, entry[0]))


def _ratio(ours: Json, theirs: Json) -> str:
    return f"{ours[CPU] / theirs[CPU]:.2f}" if theirs else "-"


def _capacity(content: Json) -> str:
    rows = [
        [c["variant"], f"{'≥ ' if c['is_bound'] else ''}{c['calls']}"] for c in content["capacity"]
    ]
    return _table(["calls one core carries", ""], rows)


def _growth(content: Json) -> str:
    combined = dict(_ours_first(content["combined"]))
    counts = dict.fromkeys(n for by_calls in combined.values() for n in by_calls)
    rows = [[n, *(_cost(by.get(n, {})) for by in combined.values())] for n in counts]
    return _table(["per call at", *combined], rows)


def _cost(f: Json) -> str:
    return f"{f[CPU]:.2f} ms, {f['rss_per_call_kb']:.0f} KB" if f else "-"


def _long(content: Json) -> str:
    settings = content["settings"]
    rows = [
        [
            h["variant"],
            f"{h['figures']['first_cpu_ms_per_call_s']:.2f} ms",
            f"{h['figures']['last_cpu_ms_per_call_s']:.2f} ms",
            f"{h['figures']['cpu_last_over_first']:.2f}",
            f"{h['figures']['rss_grown_kb_per_call']:.0f} KB",
        ]
        for h in content["long"]
    ]
    title = f"a call of {settings['minutes']:g} minutes, {settings['turns']} turns"
    return _table([title, "CPU at first", "at last", "ratio", "memory grown"], rows)


def main(words: list[str]) -> int:
    """Exit code: 0; 1 there is nothing to show."""
    parser = argparse.ArgumentParser(prog="python -m bench plot", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of results")
    options = parser.parse_args(words)
    console = Console(soft_wrap=True)
    try:
        found = newest(options.results)
    except NothingToShow as nothing:
        console.print(str(nothing), highlight=False)
        return 1
    path = options.results / "results.svg"
    path.write_text(draw(charts(found)), "utf-8")
    sys.stdout.write(markdown(found) + "\n")
    console.print(f"\nwritten: {path}", highlight=False)
    return 0
