"""What was saved becomes a picture and the README's tables, the newest of each kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.plot import NothingToShow, main, newest, spent

FIGURES = {
    "cpu_ms_per_call_s": 2.0,
    "rss_per_call_kb": 90.0,
    "inbound_p50_ms": 0.1,
    "inbound_p99_ms": 1.0,
    "first_frame_p50_ms": 0.2,
    "first_frame_p99_ms": 2.0,
    "lost_in": 0,
    "lost_out": 0,
    "doubled": 0,
    "reordered": 0,
    "ghosts": 3,
}
COMBINED = {
    "relay": {"20": FIGURES, "200": FIGURES | {"cpu_ms_per_call_s": 1.6}},
    "gateway": {"20": FIGURES, "200": FIGURES, "400": {}},
}
COURSE = [{"at_s": 60.0 * n, "cpu_ns": 2_400_000_000 * n, "rss_kb": 9.0} for n in range(4)]
LONG = {
    "settings": {"minutes": 60.0, "turns": 400, "calls": 20},
    "long": [
        {
            "variant": "gateway",
            "course": COURSE,
            "figures": {
                "first_cpu_ms_per_call_s": 2.0,
                "last_cpu_ms_per_call_s": 2.1,
                "cpu_last_over_first": 1.05,
                "rss_grown_kb_per_call": 300.0,
            },
        }
    ],
}
CAPACITY = {"capacity": [{"variant": "gateway", "calls": 480, "is_bound": True}]}


def saved(folder: Path, **contents: Any) -> Path:
    """One file of each kind, and older ones that must not be shown."""
    for kind, content in contents.items():
        for date, written in (("2026-01-01", {"broken": True}), ("2026-01-02", content)):
            end = "" if kind == "density" else f"-{kind}"
            path = folder / f"{date}-0.1.0{end}.json"
            path.write_text(json.dumps(written), "utf-8")
    return folder


def test_everything_published_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours first, ratios against the others, lower bounds as such, void as a dash."""
    across = {"combined": COMBINED}
    saved(tmp_path, density=across, growth=across, capacity=CAPACITY, long=LONG)
    (tmp_path / "instructions.json").write_text("{}", "utf-8")
    assert main(["--results", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for line in (
        "| at 200 calls | gateway | relay |",
        "| CPU per call-second | 2.00 ms | 1.60 ms |",
        "| 200 | 1.25 |",
        "| gateway | ≥ 480 |",
        "| 400 | - | - |",
        "| gateway | 2.00 ms | 2.10 ms | 1.05 | 300 KB |",
    ):
        assert line in shown
    drawn = ElementTree.parse(tmp_path / "results.svg").getroot()
    words = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "minutes of a long call" in words


def test_density_alone_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is drawn when growth was not measured."""
    saved(tmp_path, density={"combined": COMBINED})
    assert main(["--results", str(tmp_path)]) == 0
    assert "at 200 calls" in capsys.readouterr().out


def test_a_course_is_what_was_spent_between_looks() -> None:
    """2.4 s of CPU a minute among twenty calls are two milliseconds a call-second."""
    assert spent(COURSE, 20) == [(1.0, 2.0), (2.0, 2.0), (3.0, 2.0)]


def test_nothing_to_show_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, and the folder or the file at fault."""
    assert main(["--results", str(tmp_path)]) == 1
    assert "no results" in capsys.readouterr().out
    (tmp_path / "2026-01-01-0.1.0.json").write_text("{", "utf-8")
    with pytest.raises(NothingToShow, match=r"2026-01-01-0\.1\.0\.json: no JSON"):
        newest(tmp_path)
