"""``gateway calls list``: the calls that fit, as a table or as JSON."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.calls import asked
from gateway.cli.calls_text import NONE, console, inert, length, local, ms, or_none, plural, usd
from gateway.settings import load_settings
from gateway.store.records.reader import CallFilter

View = Mapping[str, Any]

FOLDED_FROM = 80
"""Columns of a terminal; a narrower one breaks the lines itself, and nothing is lost."""
NOTHING = "Nothing is recorded yet: `gateway serve` records every call."
NONE_FITS = "No call fits; without options `gateway calls list` shows the newest ones."


def run_list(wanted: CallFilter, *, as_json: bool) -> int:
    """Prints the calls of a filter."""
    if wanted.number is not None:
        wanted = replace(wanted, number=_dialled(wanted.number))
    found = asked(load_settings(), lambda reader: reader.calls(wanted))
    if as_json:
        typer.echo(json.dumps(found or []))
    elif not found:
        typer.echo(NOTHING if found is None else NONE_FITS)
    else:
        print_list(console(), found)
    return 0


def print_list(out: Console, calls: Sequence[View]) -> None:
    """Two lines per call on a terminal that has no room for one; everywhere else one, whole."""
    headings = tuple(heading for heading, _ in _COLUMNS)
    rows = [tuple(cell(call) for _, cell in _COLUMNS) for call in calls]
    lines = aligned([headings, *rows])
    if out.is_terminal and FOLDED_FROM <= out.width < max(map(cell_len, lines)):
        out.print(_folded(calls))
        return
    out.print(Text(lines[0], "bold"), soft_wrap=True)
    for line in lines[1:]:
        out.print(Text(line), soft_wrap=True)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines whose columns begin below each other, without anything behind the last word."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def ended(call: View) -> str:
    """How a call ended and why, or where it is."""
    if call["state"] != "ended":
        return or_none(call["state"])
    why = [each for each in (call["outcome"], call["reason"]) if each]
    return inert(": ".join(why)) if why else "ended"


def parties(call: View) -> str:
    """Who called whom."""
    return f"{or_none(call['caller'])} → {or_none(call['called'])}"


def cost(call: View) -> str:
    """What a call cost; with a plus when not everything of it has a known price."""
    return usd(call["cost_usd"]) + ("+" if call["unpriced"] else "")


def responses(call: View) -> str:
    """How long the caller waited for answers: median, 95th percentile and longest (ms)."""
    values = [call[f"response_{name}_ms"] for name in ("p50", "p95", "worst")]
    return NONE if values[0] is None else "/".join(map(ms, values))


def _dialled(number: str) -> str:
    """A number as carriers write it."""
    bare = number.translate(str.maketrans("", "", " -()./"))
    return bare if bare.startswith("+") else number.strip()


def _mark(call: View) -> str:
    return "● rec" if call["recording"] else ""


def _turns(call: View) -> str:
    cuts = call["interruptions"]
    return plural(call["turns"], "turn") + (f", {cuts} cut" if cuts else "")


_COLUMNS: tuple[tuple[str, Callable[[View], str]], ...] = (
    ("time", lambda call: local(call["offered_at"], "seconds")),
    ("call", lambda call: inert(call["call_sid"])),
    ("from → to", parties),
    ("agent", lambda call: or_none(call["agent"])),
    ("ended", ended),
    ("length", lambda call: length(call["duration_ms"])),
    ("turns", lambda call: str(call["turns"] or 0)),
    ("cut off", lambda call: str(call["interruptions"] or 0)),
    ("p50/p95/worst ms", responses),
    ("cost", cost),
    ("", _mark),
)


def _folded(calls: Sequence[View]) -> Table:
    """Two lines per call, so that 100 columns are enough."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in (
        "call\nfrom → to",
        "time\nlength, cost",
        "agent\nended",
        "turns\np50/p95/worst",
    ):
        # An ID that is cut in two cannot be copied: the other columns give way first.
        table.add_column(
            Text(heading), overflow="fold", no_wrap=heading.startswith(("call", "time"))
        )
    for call in calls:
        spent = f"{length(call['duration_ms'])} {cost(call)} {_mark(call)}"
        pairs = (
            (inert(call["call_sid"]), parties(call)),
            (local(call["offered_at"]), spent.rstrip()),
            (or_none(call["agent"]), ended(call)),
            (_turns(call), responses(call)),
        )
        table.add_row(*(Text.assemble((one, "bold"), "\n", two) for one, two in pairs))
    return table
