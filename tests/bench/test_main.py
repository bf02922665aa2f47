"""The command line says what is wrong, and writes what was measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bench import __main__ as command
from bench import report
from bench.results import Exact, Results, Run
from tests.bench.test_results import GOOD


def options(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    return command._options()


def test_unknown_variants_are_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and the name at fault."""
    with pytest.raises(SystemExit) as ended:
        options(monkeypatch, "--variants", "gateway,other")
    assert ended.value.code == 2
    assert "other" in capsys.readouterr().err


def test_another_gateway_is_a_variant_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given as NAME=COMMAND it runs beside the known ones."""
    found = options(monkeypatch, "--quick", "--command", "raw={python} raw.py {port}")
    assert list(vars(found)["variants"]) == ["gateway", "plain", "example", "relay", "raw"]
    assert vars(found)["calls"] == (1, 10)
    assert vars(found)["rounds"] == 1


def results() -> Results:
    runs = [Run(variant, 50, 1, dict(GOOD)) for variant in ("gateway", "plain", "relay")]
    runs.append(Run("plain", 100, 1, dict(GOOD), void=True))
    exact = {"truncation_n": 9.0, "truncation_p50_ms": 1.0, "truncation_p95_ms": 2.0}
    return Results(density=runs, exactness=[Exact("gateway", 20.0, 0.0, exact)])


def test_tables_show_both_and_their_ratio() -> None:
    """Side by side, void runs named, missing figures as a dash."""
    console = Console(record=True, width=140)
    report.print_density(console, results(), ["gateway", "plain", "relay"])
    report.print_exactness(console, results())
    assert report.print_targets(console, results()) is False
    text = console.export_text()
    assert "/ plain" in text
    assert "/ relay" in text
    assert "1 VOID" in text
    assert "20 ms ± 0" in text
    assert "missed" in text


def test_everything_is_written_as_json(tmp_path: Path) -> None:
    """Each run, the combination, the targets and the machine."""
    report.write_json(tmp_path / "deep" / "out.json", results())
    written = json.loads((tmp_path / "deep" / "out.json").read_text("utf-8"))
    assert len(written["density"]) == 4
    assert written["combined"]["gateway"]["50"]["cpu_ms_per_call_s"] == 2.0
    assert written["machine"]["packages"]["picows"]
    assert {target["reached"] for target in written["targets"]} == {True, False, None}
