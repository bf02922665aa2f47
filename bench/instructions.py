"""Instructions per frame: `python -m bench instructions`, under valgrind's callgrind.

Time depends on the machine and its neighbours, instructions hardly do: what the audio path of this
tree executes for a frame is the same number on a loaded laptop as on a quiet server, so a
regression shows anywhere. Each scenario of `bench.scenarios` runs twice; the difference, less that
of an empty loop, is its work. Kernel and peers are not counted. Numbers hold for one build of
Python and of the packages, which the reference names.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from picows import WSFrame, WSListener, WSTransport, WSUpgradeRequest, ws_create_server
from rich.console import Console
from rich.table import Table

from bench import report
from bench.process import ROOT
from bench.scenarios import SCENARIOS

FEW, MANY = 200, 1200
"""Counts of the two runs: the first is past Python's own warming up."""
ALLOWED = 0.05
BASELINE = "empty"
REFERENCE = Path(__file__).parent / "results" / "instructions.json"
LIMIT_S = 300.0
_COLLECTED = re.compile(r"Collected\s*:\s*(\d+)")


class CountingFailed(Exception):
    """One clear line: what is missing, or what a scenario said when it failed."""


@dataclass(frozen=True, slots=True)
class Change:
    """A scenario beside its reference, if there is one."""

    name: str
    instructions: float
    reference: float | None

    @property
    def ratio(self) -> float | None:
        """Against the reference."""
        return self.instructions / self.reference if self.reference else None

    @property
    def worse(self) -> bool:
        """More than is allowed."""
        return self.ratio is not None and self.ratio > 1 + ALLOWED


def collected(words: str) -> int:
    """The instructions callgrind counted, from what it wrote. Raises CountingFailed."""
    found = _COLLECTED.search(words)
    if found is None:
        last = words.strip().splitlines()[-1:] or ["nothing was said"]
        raise CountingFailed(f"callgrind counted nothing: {last[0]}")
    return int(found.group(1))


def per_frame(totals: dict[str, tuple[int, int]]) -> dict[str, float]:
    """Instructions of each scenario's work, from its totals at FEW and MANY, without the loop's."""
    each = {name: (many - few) / (MANY - FEW) for name, (few, many) in totals.items()}
    return {name: value - each[BASELINE] for name, value in each.items() if name != BASELINE}


def compare(found: dict[str, float], reference: dict[str, float]) -> list[Change]:
    """Every scenario counted, beside its reference."""
    return [Change(name, value, reference.get(name)) for name, value in found.items()]


class Sink(WSListener):
    """A peer that reads and says nothing."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Thrown away."""


def _accept(_: WSUpgradeRequest) -> WSListener:
    return Sink()


async def count(names: Iterable[str], tell: Console) -> dict[str, float]:
    """Instructions per frame of these scenarios. Raises CountingFailed."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CountingFailed("valgrind is missing (Debian: apt-get install valgrind)")
    server = await ws_create_server(_accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    totals = {}
    async with server:
        for name in (BASELINE, *names):
            few, many = [await _run(valgrind, name, times, port) for times in (FEW, MANY)]
            totals[name] = few, many
            tell.print(f"[dim]{name}: {(many - few) / (MANY - FEW):,.0f} a time[/]")
    return per_frame(totals)


async def _run(valgrind: str, name: str, times: int, port: int) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        tool = [valgrind, "--tool=callgrind", f"--callgrind-out-file={scratch}/out"]
        process = await asyncio.create_subprocess_exec(
            *tool,
            *(sys.executable, "-m", "bench.scenarios", name, str(times), str(port)),
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                words, _ = await process.communicate()
        except TimeoutError:
            raise CountingFailed(f"{name}: not done after {LIMIT_S:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode:
        last = words.decode("utf-8", "replace").strip().splitlines()[-1]
        raise CountingFailed(f"{name}: exit code {process.returncode}: {last}")
    return collected(words.decode("utf-8", "replace"))


def build() -> dict[str, str]:
    """What the numbers hold for."""
    place = report.machine()
    packages = {name: place["packages"][name] for name in ("picows", "uvloop", "msgspec")}
    return {"python": place["python"], **packages}


def read_reference() -> dict[str, Any]:
    """The committed numbers; empty when there are none."""
    return dict(json.loads(REFERENCE.read_text("utf-8"))) if REFERENCE.exists() else {}


def print_table(console: Console, changes: list[Change]) -> None:
    """One line per scenario."""
    table = Table(title="instructions per frame or delta", title_justify="left")
    for name in ("", "counted", "reference", "change"):
        table.add_column(name, justify="right" if name else "left")
    for change in changes:
        then = "-" if change.reference is None else f"{change.reference:,.0f}"
        by = "-" if change.ratio is None else f"{change.ratio - 1:+.1%}"
        worse = f"[red]{by}[/]" if change.worse else by
        table.add_row(change.name, f"{change.instructions:,.0f}", then, worse)
    console.print(table)


def main(words: list[str]) -> int:
    """Exit code: 0; 1 nothing could be counted, or with --check more than the reference + 5 %."""
    options = _options(words)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    reference = read_reference()
    same = reference.get("build") == build()
    if options.check and not same:
        made = ", ".join(f"{k} {v}" for k, v in reference.get("build", {}).items()) or "nothing"
        console.print(
            f"[red]instructions.json holds for {made}: count that tree with this build first[/]",
            highlight=False,
        )
        return 1
    try:
        found = asyncio.run(count(options.scenarios, console))
    except CountingFailed as failure:
        console.print(f"[red]{failure}[/]", highlight=False)
        return 1
    changes = compare(found, reference["instructions"] if same else {})
    print_table(console, changes)
    content = {"build": build(), "instructions": found}
    for path in [Path(options.json)] if options.json else []:
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        console.print(f"written: {path}")
    if options.save:
        kept = {**(reference["instructions"] if same else {}), **found}
        REFERENCE.write_text(json.dumps(content | {"instructions": kept}, indent=1) + "\n", "utf-8")
        console.print(f"written: {REFERENCE}")
    return 1 if options.check and any(change.worse for change in changes) else 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench instructions", description=__doc__)
    add = parser.add_argument
    names = [name for name in SCENARIOS if name != BASELINE]
    add("--scenarios", default=",".join(names), help="default %(default)s")
    add("--json", help="write the numbers to this file")
    add(
        "--save",
        action="store_true",
        help="make them the reference, bench/results/instructions.json",
    )
    add("--check", action="store_true", help="exit 1 above the reference + 5 %%")
    options = parser.parse_args(words)
    options.scenarios = report.known(parser, "--scenarios", options.scenarios, names)
    return options
