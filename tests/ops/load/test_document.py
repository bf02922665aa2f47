"""The result of a run, and the verdict over it."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.ops.load.capacity import Search, Step
from gateway.ops.load.document import (
    compared,
    document_of,
    failure_text,
    load_baseline,
    rounded,
)
from gateway.ops.load.thresholds import read_thresholds
from gateway.ops.load.trial import Trial
from tests.ops.load.records import a_call, a_failed_call, a_trial


def document(trial: Trial, *expressions: str, search: Search | None = None) -> dict[str, Any]:
    """The document of a trial."""
    return document_of(trial, read_thresholds(expressions), None, search)


def test_a_good_run_is_ok() -> None:
    """Everything is in it, as plain JSON."""
    found = document(a_trial(a_call(1), a_call(2)), "turn_p95>1s")
    assert (found["verdict"], found["why"]) == ("ok", [])
    assert json.loads(json.dumps(found)) == found
    assert found["figures"]["turn_p95"] == 900
    assert found["thresholds"][0]["ok"]
    assert [call["number"] for call in found["calls"]] == [1, 2]
    assert "secret" not in json.dumps(found)
    assert "made-up" not in json.dumps(found)


def test_every_key_is_documented() -> None:
    """Of the document, of its moments and of its calls' own figures."""
    page = (Path(__file__).parents[3] / "docs" / "loadtest.md").read_text(encoding="utf-8")
    found = document(a_trial(a_call(1)))
    assert {key for key in found if f"`{key}`" not in page} == set()
    waits = {key for key in found["moments"][0] if key.endswith("_ms")}
    assert {key for key in found["moments"][0].keys() - waits if f"`{key}`" not in page} == set()


def test_failed_calls_and_missed_limits_fail_it() -> None:
    """Each is said."""
    found = document(a_trial(a_call(1), a_failed_call(2)), "turn_p95>800ms", "failed>5")
    assert found["verdict"] == "failed"
    assert found["why"] == ["1 of 2 calls failed", "missed: turn_p95>800ms"]
    assert found["reasons"] == {"dropped": 1}
    assert document(a_trial())["why"] == ["no call was placed"]


def test_a_void_run_has_no_results() -> None:
    """Nothing but the clock, whatever the calls were like."""
    found = document(a_trial(a_call(1), a_failed_call(2), late={600: 100}), "turn_p95>1s")
    assert found["verdict"] == "void"
    assert found["figures"].keys() == {
        f"clock_late_{each}" for each in ("p50", "p95", "p99", "max")
    }
    assert found["measures"].keys() == {"clock_late"}
    assert found["thresholds"] == []
    assert not found["generator"]["valid"]
    assert "6.0 ms late" in found["why"][0]


def test_a_search_may_break_its_target() -> None:
    """It fails only when no count held at all."""
    search = Search(20)
    search.add(Step(5))
    search.add(Step(8, failed=3, cpu_max=1.0))
    found = document(a_trial(a_call(1)), search=search)
    assert found["verdict"] == "ok"
    capacity = found["capacity"]
    assert (capacity["calls"], capacity["gave_out"]) == (5, "cpu")
    assert capacity["generator_valid_up_to"] == 8
    assert [step["calls"] for step in capacity["steps"]] == [5, 8]
    none = Search(20)
    none.add(Step(5, failed=5, busy=5))
    found = document(a_trial(a_failed_call(1)), search=none)
    assert found["why"] == ["5 calls do not hold: 5 calls were turned away"]


def test_figures_are_compared_by_share() -> None:
    """A figure one of them has not is left out; nothing can be said of a share of nothing."""
    older = {"figures": {"turn_p95": 800.0, "failed": 0, "gone": 1.0}}
    rows = compared({"turn_p95": 900.0, "failed": 2, "ok": 4, "cpu_max": None}, older) or []
    assert [(row["name"], row["change"]) for row in rows] == [("turn_p95", 0.125), ("failed", None)]
    assert compared({}, None) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no JSON"),
        ("[]", "not written by"),
        ("{}", "not written by"),
        ('{"figures": {}, "verdict": "void"}', "void"),
    ],
)
def test_a_baseline_is_a_result(tmp_path: Path, content: str, said: str) -> None:
    """Anything else is named."""
    path = tmp_path / "old.json"
    with pytest.raises(ConfigError, match="No such file"):
        load_baseline(path)
    path.write_text(content)
    with pytest.raises(ConfigError, match=said):
        load_baseline(path)
    path.write_text(json.dumps(document(a_trial(a_call(1)))))
    assert load_baseline(path)["figures"]["turns"] == 1


def test_numbers_are_readable() -> None:
    """And JSON."""
    assert rounded({"a": [1.23456, float("nan"), 2], "b": "x"}) == {"a": [1.235, None, 2], "b": "x"}
    assert failure_text("busy").startswith("the gateway refused")
    assert failure_text("else") == "else"
