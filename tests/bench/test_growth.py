"""What a call costs among more of them is shown for every way, and judged beside the floor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from bench.growth import WAYS, main, print_table, targets
from bench.results import Results, Run


def results() -> Results:
    costs = {"gateway": (2.0, 1.9), "gateway-tls": (2.5, 3.0), "relay": (1.4, 1.2)}
    return Results(
        [
            Run(variant, calls, 1, {"cpu_ms_per_call_s": cpu_ms, "rss_per_call_kb": 90.0})
            for variant, found in costs.items()
            for calls, cpu_ms in zip((20, 200), found, strict=True)
        ]
        + [Run("relay", 400, 1, {"cpu_ms_per_call_s": 1.0}, void=True)]
    )


def test_each_way_is_judged_beside_its_own_floor() -> None:
    """A way that did not run is not judged; a floor that did not run is not named."""
    found = targets(results())
    assert [target.reached for target in found] == [True, False]
    assert "(relay itself: 0.86)" in found[0].name
    assert found[1].name.startswith("gateway-tls")
    assert "itself" not in found[1].name


def test_the_table_shows_what_counts() -> None:
    """CPU and memory side by side, void runs as such."""
    console = Console(record=True, width=120)
    print_table(console, results(), ["gateway", "relay"])
    text = console.export_text()
    assert "1.90   90" in text
    assert "VOID" in text


def test_growth_is_measured_with_and_without_tls(tmp_path: Path) -> None:
    """The floor both ways, two calls over real sockets."""
    path = tmp_path / "growth.json"
    words = ["--calls", "2", "--rounds", "1", "--seconds", "1", "--variants", "relay,relay-tls"]
    assert main([*words, "--disturbed", "--json", str(path)]) == 0
    written = json.loads(path.read_text("utf-8"))
    assert set(written["combined"]) == {"relay", "relay-tls"}
    problems = [run["figures"]["problems"] for run in written["density"]]
    assert problems == [0, 0]


def test_wrong_usage_names_what_is_at_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and the names there are."""
    for words, at_fault in ((["--variants", "half"], ", ".join(WAYS)), (["--calls", "x"], "'x'")):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert at_fault in capsys.readouterr().err
