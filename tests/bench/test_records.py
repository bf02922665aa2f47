"""What keeping costs is the ratio to keeping nothing, and what was kept is counted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from rich.console import Console

from bench.abreast import Side
from bench.figures import Figures
from bench.load import Outcome
from bench.records import growth, kept, main, print_tables, ratios, runs, targets
from bench.results import Results


def side(cpu_ms: float, *, late: bool = False) -> Side:
    figures: Figures = {
        "generator_late_p99_ms": 6.0 if late else 1.0,
        "cpu_ms_per_call_s": cpu_ms,
        "rss_growth_kb_per_call_min": 2.0,
        "not_kept": 0.0,
    }
    return Side(Outcome(figures, [], 0), Path())


def three_rounds() -> Results:
    results = Results()
    for number, (nothing, records) in enumerate([(4.0, 4.4), (5.0, 5.4), (4.0, 4.2)]):
        results.density += runs({"nothing": side(nothing), "records": side(records)}, 50, number)
    return results


def test_neighbours_on_the_core_are_compared() -> None:
    """Each round has a ratio of its own."""
    assert ratios(three_rounds(), "records", 50) == pytest.approx([1.1, 1.08, 1.05])


def test_a_late_generator_makes_both_void() -> None:
    """Whichever of the two it was late with; unless void runs count, for a look."""
    found = runs({"nothing": side(4.0, late=True), "records": side(4.4)}, 50, 1)
    assert [run.void for run in found] == [True, True]
    results = Results(found)
    assert ratios(results, "records", 50) == []
    results.count_void = True
    assert ratios(results, "records", 50) == pytest.approx([1.1])


def test_the_median_ratio_is_held_against_the_limit() -> None:
    """Of everything but `nothing`."""
    found = targets(three_rounds())
    assert found[0].measured == pytest.approx(1.08)
    assert [target.reached for target in found] == [True, None, True]


def test_memory_is_judged_in_long_runs_only() -> None:
    """And only what it grows more than without records."""
    results = three_rounds()
    assert growth(results, "records", 50) is None
    results.settings["seconds"] = 180.0
    assert growth(results, "records", 50) == 0.0


def test_what_was_kept_is_counted_per_second_of_call(tmp_path: Path) -> None:
    """Events, recorded time, and calls whose end is missing."""
    with sqlite3.connect(tmp_path / "calls.db") as database:
        database.execute("CREATE TABLE events (seq)")
        database.execute("CREATE TABLE calls (ended_at, duration_ms, recording_ms)")
        database.executemany("INSERT INTO events VALUES (?)", [(n,) for n in range(30)])
        calls = [("2026", 6000.0, 4500.0), ("2026", 4000.0, 3000.0), (None, None, None)]
        database.executemany("INSERT INTO calls VALUES (?, ?, ?)", calls)
    database.close()
    assert kept(tmp_path) == {"events_per_call_s": 3.0, "recorded_share": 0.75, "not_kept": 1}


def test_without_a_database_there_is_nothing_to_count(tmp_path: Path) -> None:
    """A gateway that keeps nothing has none."""
    assert kept(tmp_path) == {}


def test_the_table_shows_all_ways_side_by_side() -> None:
    """With the range of the ratios."""
    console = Console(record=True, width=120)
    print_tables(console, three_rounds())
    text = console.export_text()
    assert "1.080 (1.050…1.100)" in text
    assert "50 calls" in text


def test_unknown_ways_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and the name at fault."""
    with pytest.raises(SystemExit) as ended:
        main(["--variants", "records,half"])
    assert ended.value.code == 2
    assert "half" in capsys.readouterr().err
