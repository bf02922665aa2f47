"""`python -m bench`: the density benchmark, side by side in one run. `--help` says the rest.

`python -m bench abreast`, `capacity`, `growth`, `long`, `records`, `viewers`, `traces`,
`instructions` and `plot` are others.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from datetime import datetime

import uvloop
from rich.console import Console

from bench import report
from bench.density import Bench, until_told
from bench.exactness import SECONDS as EXACT_SECONDS
from bench.process import COMMANDS, Cores
from bench.results import OURS, Results

DEFAULTS = {"rounds": 3, "seconds": 14.0, "exact_seconds": EXACT_SECONDS}
PARTS = ("density", "exactness", "micro")
OTHERS = {
    "abreast": "abreast",
    "capacity": "capacity",
    "growth": "growth",
    "instructions": "instructions",
    "long": "longcall",
    "plot": "plot",
    "records": "records",
    "viewers": "viewers",
    "traces": "tracing",
}
"""The other benchmarks, each with its module; some import the gateway, which takes a while."""
QUICK = {"rounds": 1, "seconds": 6.0, "exact_seconds": 10.0}


def main() -> int:
    """Exit code: 0; 1 gateway failed, or with --check a target missed or runs void; 2 usage."""
    if sys.argv[1:2] and sys.argv[1] in OTHERS:
        module = importlib.import_module(f"bench.{OTHERS[sys.argv[1]]}")
        return int(module.main(sys.argv[2:]))
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    # Where the results go is nobody's business but this machine's.
    settings = {name: value for name, value in vars(options).items() if name != "json"}
    results = Results(settings=settings, count_void=options.disturbed)
    if "density" in options.parts or "exactness" in options.parts:
        _run(console, options, results)
    if "micro" in options.parts:
        _micro(console, results)
    reached = _show(console, options, results)
    void = results.all_void()
    for variant, calls in void:
        console.print(f"[red]{variant}, {calls} calls: every run is VOID, do not publish[/]")
    for failure in results.failures:
        console.print(f"[red]{failure}[/]", highlight=False)
    publish = not (void or results.failures or options.disturbed)
    for path in report.paths(options, "", publish=publish):
        report.write_json(path, results)
        console.print(f"written: {path}")
    if results.failures:
        return 1
    return 0 if (reached and not void) or not options.check else 1


def _run(console: Console, options: argparse.Namespace, results: Results) -> None:
    bench = Bench(
        variants=options.variants,
        calls=options.calls if "density" in options.parts else (1,),
        rounds=options.rounds if "density" in options.parts else 0,
        seconds=options.seconds,
        exact_seconds=options.exact_seconds if "exactness" in options.parts else 0.0,
        tell=lambda text: console.print(
            f"[dim]{datetime.now():%H:%M:%S}[/] {text}", highlight=False
        ),
    )
    cores = Cores.choose()
    console.print(report.describe(report.machine()), highlight=False)
    console.print(
        f"gateway on core {cores.gateway}, load on core {cores.load}; "
        f"{bench.runs()} runs, about {bench.estimate_s() / 60:.0f} minutes"
    )
    if cores.gateway == cores.load:
        console.print("[red]one core only: the load disturbs the gateway, do not publish[/]")
    uvloop.run(until_told(bench.run(results)))


def _micro(console: Console, results: Results) -> None:
    from bench.micro import measure, print_table  # imports the gateway, which takes a while

    results.micro = measure()
    print_table(console, results.micro)


def _show(console: Console, options: argparse.Namespace, results: Results) -> bool:
    if results.density:
        report.print_density(console, results, list(options.variants))
    if results.exactness:
        report.print_exactness(console, results)
    report.print_gap(console, results)
    for run in results.density:
        for problem in run.problems[:3] if not run.void or options.disturbed else ():
            console.print(f"{run.variant}, {run.calls} calls: {problem}", highlight=False)
    if OURS in options.variants and (results.density or results.exactness):
        return report.print_targets(console, results)
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--calls", help="numbers of calls (default 20,50,100,200)")
    add("--rounds", type=int, help="rounds; figures are medians over them (default 3)")
    add("--seconds", type=float, help="measured seconds per run (default 14)")
    add("--exact-seconds", type=float, help=f"of the exactness run (default {EXACT_SECONDS:g})")
    add("--variants", default=",".join(COMMANDS), help="default %(default)s")
    add(
        "--command",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="another gateway to load; {python} and {port} are filled in, the environment is ours",
    )
    add("--parts", default=",".join(PARTS), help="default %(default)s")
    add("--quick", action="store_true", help="1 and 10 calls, one short round")
    report.add_output_options(parser, "")
    options = parser.parse_args()
    defaults = QUICK if options.quick else DEFAULTS
    calls = options.calls or ("1,10" if options.quick else "20,50,100,200")
    options.calls = report.numbers(parser, "--calls", calls)
    options.rounds = options.rounds or int(defaults["rounds"])
    options.seconds = options.seconds or defaults["seconds"]
    options.exact_seconds = options.exact_seconds or defaults["exact_seconds"]
    options.parts = report.known(parser, "--parts", options.parts, PARTS)
    options.variants = _variants(parser, options)
    return options


def _variants(parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict[str, str]:
    known = dict(COMMANDS)
    for given in options.command:
        name, equals, command = given.partition("=")
        if not equals or not command:
            parser.error(f"--command: {given!r} is not NAME=COMMAND")
        known[name] = command
    named = [*options.variants.split(","), *(g.partition("=")[0] for g in options.command)]
    return {
        name: known[name] for name in report.known(parser, "--variants", ",".join(named), known)
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(1)
