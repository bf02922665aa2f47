"""A load test on the terminal."""

import io

from rich.console import Console

from gateway.cli.loadtest_table import LINE_EVERY, LiveTable, line_of, print_result, table_of
from gateway.ops.load.capacity import Search, Step
from gateway.ops.load.document import document_of
from gateway.ops.load.thresholds import read_thresholds
from gateway.ops.load.trial import Trial
from tests.ops.load.records import a_call, a_failed_call, a_trial


def console() -> tuple[Console, io.StringIO]:
    """A console, and what was written to it."""
    out = io.StringIO()
    return Console(file=out, width=120, highlight=False), out


def test_the_table_has_calls_and_waits() -> None:
    """As they are now."""
    screen, out = console()
    screen.print(table_of(a_trial(a_call(1), a_failed_call(2))))
    for words in ("2 up", "1 failed", "turn response", "900", "own clock late", "busiest worker"):
        assert words in out.getvalue()


def test_without_a_terminal_it_is_a_line_now_and_then() -> None:
    """Not a hundred tables in a log."""
    screen, out = console()
    trial = a_trial(a_call(1))
    with LiveTable(screen) as table:
        for _ in range(2 * LINE_EVERY):
            table.show(trial)
        table.say("done [/not markup]")
        table.tell(Step(5))
        table.tell(Step(8, holds=False, why="2 calls failed"))
    assert out.getvalue().splitlines() == [
        *([line_of(trial)] * 2),
        "done [/not markup]",
        "5 calls hold",
        "8 calls do not hold: 2 calls failed",
    ]


def test_on_a_terminal_it_lives() -> None:
    """And is gone in the end."""
    out = io.StringIO()
    screen = Console(file=out, width=120, force_terminal=True, color_system=None)
    with LiveTable(screen) as table:
        table.show(a_trial(a_call(1)))
    assert "turn response" in out.getvalue()


def told(trial: Trial, search: Search | None = None) -> str:
    """The last words over a trial."""
    baseline = {"figures": {"turn_p95": 450.0, "calls": 1}}
    document = document_of(trial, read_thresholds(["turn_p95>800ms"]), baseline, search)
    screen, out = console()
    print_result(screen, document)
    return out.getvalue()


def test_the_last_words_are_the_result() -> None:
    """Figures, failures, thresholds, what changed, the verdict."""
    said = told(a_trial(a_call(1), a_failed_call(2)))
    assert "2 calls, 1 failed" in said
    assert "failed: 1: the gateway left the call" in said
    assert "fail if turn_p95>800ms: missed (900)" in said
    assert "turn_p95: 450 before, 900 now (+100%)" in said
    assert "calls: 1 before" not in said
    assert said.splitlines()[-1] == "failed"


def test_a_void_run_has_no_figures() -> None:
    """Not one."""
    said = told(a_trial(a_call(1), late={600: 100}))
    assert said.startswith("VOID")
    assert "900" not in said


def test_a_search_ends_in_a_number() -> None:
    """With what gave out, or that nothing did."""
    search = Search(5)
    search.add(Step(5))
    assert "capacity: 5 calls" in told(a_trial(a_call(1)), search)
    search = Search(9)
    search.add(Step(5))
    search.add(Step(8, failed=1, busy=1))
    said = told(a_trial(a_call(1)), search)
    assert "beyond it: admission: calls were turned away" in said
    assert "in time up to 8 calls" in said
