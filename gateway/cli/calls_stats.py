"""``gateway calls stats``: what calls add up to, per day and agent."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import typer
from rich.text import Text

from gateway.cli.calls import asked
from gateway.cli.calls_list import NOTHING, aligned
from gateway.cli.calls_text import console, ms, or_none, usd
from gateway.settings import load_settings
from gateway.store.records.figures import Group

OUTCOMES = ("completed", "transferred", "missed", "failed")
View = Mapping[str, Any]


def run_stats(
    since: datetime | None, until: datetime | None, by: Sequence[Group], *, as_json: bool
) -> int:
    """Prints the figures of the calls of a time, one line per group."""
    rows = asked(load_settings(), lambda reader: reader.stats(since, until, by))
    if as_json:
        typer.echo(json.dumps(rows or []))
    elif not rows:
        typer.echo(NOTHING if rows is None else "No calls in that time; see --since.")
    else:
        _print(rows, by)
    return 0


def groups(text: str) -> tuple[Group, ...]:
    """``day``, ``agent`` or both with a comma; raises typer.BadParameter for anything else."""
    known: dict[str, Group] = {"day": "day", "agent": "agent"}
    names = [name.strip() for name in text.split(",")]
    if not set(names) <= known.keys() or len(set(names)) < len(names):
        raise typer.BadParameter("must be day, agent, or day,agent", param_hint="--by")
    return tuple(known[name] for name in names)


def _print(rows: Sequence[View], by: Sequence[Group]) -> None:
    """A column for each outcome there was: all of them would not fit into 100 columns."""
    outcomes = [each for each in OUTCOMES if any(row["outcomes"].get(each) for row in rows)]
    days = ["day (UTC)" if each == "day" else each for each in by]
    shown = [[*days, "calls", "min", *outcomes, "cuts", "p50/p95 ms", "own ms", "cost"]]
    shown += ([*(or_none(row[each]) for each in by), *_cells(row, outcomes)] for row in rows)
    out = console()
    for number, line in enumerate(aligned(shown)):
        out.print(Text(line, "" if number else "bold"), soft_wrap=True)


def _cells(row: View, outcomes: Sequence[str]) -> list[str]:
    return [
        str(row["calls"]),
        f"{row['duration_ms'] / 60_000:.1f}",
        *(str(row["outcomes"].get(outcome, 0)) for outcome in outcomes),
        str(row["interruptions"]),
        f"{ms(row['response_p50_ms'])}/{ms(row['response_p95_ms'])}",
        ms(row["gateway_ms"]),
        usd(row["cost_usd"]) + ("+" if row["unpriced_calls"] else ""),
    ]
