"""The parts of what stands above the floor make up the whole."""

from __future__ import annotations

import pytest
from rich.console import Console

from bench import micro, report
from bench.gap import INBOUND, OUTBOUND, parts
from bench.results import Results, Run

FLOOR = {"cpu_ms_per_call_s": 1.0, "threads_ms_per_call_s": 0.0, "generated_share": 0.5}
OURS = {"cpu_ms_per_call_s": 2.0, "threads_ms_per_call_s": 0.2, "generated_share": 0.5}


def measured(**micro_us: float) -> Results:
    runs = [Run("relay", 50, 1, dict(FLOOR)), Run("gateway", 50, 1, dict(OURS))]
    return Results(runs, micro=dict.fromkeys((*INBOUND, *OUTBOUND), 2.0) | micro_us)


def test_the_parts_add_up() -> None:
    """From the floor's 20 µs a frame to our 40: 4 inbound, 0.4 outbound, 4 threads, the rest."""
    found = {part.name: part.microseconds for part in parts(measured(), 50)}
    assert list(found.values()) == pytest.approx([20.0, 4.0, 0.4, 4.0, 11.6, 40.0])
    assert sum(list(found.values())[:-1]) == pytest.approx(found["gateway"])


def test_without_the_floor_or_the_parts_nothing_is_said() -> None:
    """Of another number of calls, or when `micro` did not run."""
    assert parts(measured(), 100) == []
    assert parts(Results(measured().density), 50) == []


def test_what_is_multiplied_is_what_micro_times() -> None:
    """Under the same names."""
    assert {*INBOUND, *OUTBOUND} <= set(micro.operations())


def test_the_table_has_a_column_for_each_number_of_calls() -> None:
    """Where both were measured."""
    console = Console(record=True, width=100)
    report.print_gap(console, measured())
    text = console.export_text()
    assert "50 calls" in text
    assert "11.6" in text
