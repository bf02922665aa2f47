"""How a load test is doing, on the terminal: a table that lives while it runs, and the last words.

Without a terminal the table is one line every few seconds.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gateway.cli.calls_text import inert
from gateway.cli.loadtest_chart import number
from gateway.ops.load.capacity import Step
from gateway.ops.load.document import failure_text
from gateway.ops.load.figures import MEASURES, Spread
from gateway.ops.load.trial import Trial

LINE_EVERY = 5
"""Seconds between two lines, where there is no terminal."""
_SHOWN = ("answer", "turn", "interruption", "frame_late", "clock_late")
_COMPARED = ("failed", "late_frames", "cpu_mean", "memory_max_mb")


class LiveTable:
    """Shows a trial. Used as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._shown = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def say(self, words: str) -> None:
        """One line that stays."""
        self._console.print(inert(words), markup=False, emoji=False, soft_wrap=True)

    def tell(self, step: Step) -> None:
        """A count of a search is over."""
        how = "hold" if step.holds else f"do not hold: {step.why}"
        self.say(f"{step.calls} calls {how}")

    def show(self, trial: Trial) -> None:
        """The trial as it is now."""
        if self._console.is_terminal:
            self._live.update(table_of(trial), refresh=True)
            return
        self._shown += 1
        if self._shown % LINE_EVERY == 0:
            self.say(line_of(trial))


def table_of(trial: Trial) -> RenderableType:
    """Progress, calls, waits, and what target and generator use."""
    board = trial.board
    waits = Table("ms", "count", "p50", "p95", "p99", box=None, pad_edge=False)
    for column in waits.columns[1:]:
        column.justify = "right"
    for name in _SHOWN:
        waits.add_row(MEASURES[name], *_cells(board.spread(name)))
    failed = Text(f"{board.failed} failed", style="red" if board.failed else "")
    head = Text.assemble(
        f"{trial.seconds:.0f} s   {board.up} up   {board.connecting} connecting   "
        f"{len(board.records)} over   ",
        failed,
    )
    return Group(head, _progress(trial), waits, Text(_uses(trial), style="dim"))


def _progress(trial: Trial) -> ProgressBar:
    """Of the time, or of the calls when each line calls once."""
    if trial.course.duration_s is None:
        done, whole = float(len(trial.board.records)), float(trial.course.calls)
    else:
        done, whole = trial.seconds, trial.course.duration_s
    return ProgressBar(total=whole, completed=done, width=60)


def line_of(trial: Trial) -> str:
    """The same in one line."""
    board = trial.board
    turn = board.spread("turn")
    return (
        f"{trial.seconds:.0f} s: {board.up} up, {board.connecting} connecting, "
        f"{len(board.records)} over, {board.failed} failed; turn p50 {number(turn.p50_ms, 'ms')}, "
        f"p95 {number(turn.p95_ms, 'ms')}; {_uses(trial)}"
    )


def _uses(trial: Trial) -> str:
    if not trial.board.moments:
        return ""
    last = trial.board.moments[-1]
    used = [f"busiest worker {number(last.generator_cpu)} cores"]
    if last.memory_mb is not None:
        used.insert(0, f"target {number(last.cpu)} cores, {number(last.memory_mb, 'MB')}")
    return ", ".join(used)


def _cells(spread: Spread) -> list[str]:
    return [
        str(spread.count),
        *(number(each) for each in (spread.p50_ms, spread.p95_ms, spread.p99_ms)),
    ]


def print_result(console: Console, document: Mapping[str, Any]) -> None:
    """The last words: verdict, figures, what failed and why."""
    if document["verdict"] == "void":
        console.print("VOID: this run measured nothing", style="bold red")
    else:
        _print_measures(console, document)
        _print_reasons(console, document["reasons"])
        _print_thresholds(console, document["thresholds"])
        _print_changes(console, document["baseline"])
        _print_capacity(console, document["capacity"])
    for why in document["why"]:
        console.print(inert(f"  {why}"), markup=False, soft_wrap=True)
    if document["verdict"] != "void":
        good = document["verdict"] == "ok"
        console.print(document["verdict"], style="bold green" if good else "bold red")


def _print_measures(console: Console, document: Mapping[str, Any]) -> None:
    figures = document["figures"]
    console.print(
        f"{figures['calls']} calls, {figures['failed']} failed, at most {figures['peak_up']} up; "
        f"{figures['turns']} answers, {figures['interruptions']} interruptions",
        highlight=False,
    )
    table = Table("ms", "count", "p50", "p95", "p99", "max", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in MEASURES:
        each = document["measures"][name]
        values = (each[key] for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))
        table.add_row(MEASURES[name], str(each["count"]), *map(number, values))
    console.print(table)
    if document["target"]["local"]:
        console.print(
            f"target: {number(figures['cpu_mean'])} cores, at most {number(figures['cpu_max'])}; "
            f"{number(figures['memory_max_mb'], 'MB')}",
            highlight=False,
        )


def _print_reasons(console: Console, reasons: Mapping[str, int]) -> None:
    for reason, count in reasons.items():
        console.print(f"failed: {count}: {failure_text(reason)}", markup=False, highlight=False)


def _print_thresholds(console: Console, thresholds: Sequence[Mapping[str, Any]]) -> None:
    for each in thresholds:
        word = "held" if each["ok"] else "missed"
        console.print(
            f"fail if {each['text']}: {word} ({number(each['value'])})",
            style="" if each["ok"] else "red",
            markup=False,
            highlight=False,
        )


def _print_changes(console: Console, rows: Sequence[Mapping[str, Any]] | None) -> None:
    for each in rows or ():
        told = each["name"] in _COMPARED or each["name"].endswith(("_p50", "_p95", "_p99"))
        told = told and not each["name"].startswith("clock_late")
        if told and each["change"] is not None and abs(each["change"]) >= 0.05:
            console.print(
                f"{each['name']}: {number(each['then'])} before, {number(each['now'])} now "
                f"({each['change']:+.0%})",
                markup=False,
                highlight=False,
            )


def _print_capacity(console: Console, capacity: Mapping[str, Any] | None) -> None:
    if capacity is None:
        return
    console.print(f"capacity: {capacity['calls']} calls", style="bold", highlight=False)
    if capacity["gave_out"]:
        console.print(
            f"beyond it: {capacity['gave_out']}: {capacity['means']} ({capacity['why']})",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    else:
        console.print(capacity["why"], highlight=False)
    console.print(
        f"the generator itself was in time up to {capacity['generator_valid_up_to']} calls",
        highlight=False,
    )
