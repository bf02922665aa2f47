"""What lies in deploy/ is whole: rules and dashboard ask for what is there, and are documented."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.blockyaml import parse
from tests.observe.test_metrics import Told
from tools import grafana

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD: dict[str, Any] = json.loads(grafana.document())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]
UNITS = {"s", "none", "percentunit", "currencyUSD", "bytes", "dateTimeAsIso"}
KINDS = {"timeseries", "stat", "bargauge", "heatmap"}
OF_OTHERS = {"up"}
"""Metrics that Prometheus makes itself."""


def rules(name: str) -> list[dict[str, str]]:
    """The rules of a file."""
    groups = parse((PROMETHEUS / name).read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def series() -> set[str]:
    """Every name a query may ask for."""
    found = set(OF_OTHERS)
    for family in Told().metrics.registry.collect():
        name = family.name
        found |= {name + "_total"} if family.type == "counter" else {name}
        if family.type == "histogram":
            found |= {name + suffix for suffix in ("_bucket", "_count", "_sum")}
    return found | {rule["record"] for rule in rules("recording.yml")}


def asked(expression: str) -> set[str]:
    """The names of series a query asks for."""
    bare = re.sub(r'"[^"]*"', "", expression)
    return set(re.findall(r"\b(?:\w+:)?(?:gateway|process|python)_\w+(?::\w+)?\b|\bup\b", bare))


def queries() -> Iterator[str]:
    """Every query of the dashboard."""
    for panel in CHARTS:
        yield from (target["expr"] for target in panel["targets"])
    yield from (each["expr"] for each in DASHBOARD["annotations"]["list"] if "expr" in each)


def test_the_dashboard_is_what_its_tool_makes() -> None:
    """Nobody has changed it by hand: the next one who makes it anew would lose that."""
    told = "deploy/grafana/gateway.json is old: run `python -m tools.grafana`"
    assert grafana.FILE.read_text(encoding="utf-8") == grafana.document(), told


def test_queries_ask_for_what_is_there() -> None:
    """A metric that is renamed would leave an empty panel, or an alert that is never told."""
    known = series()
    expressions = [*queries(), *(rule["expr"] for rule in rules("alerts.yml"))]
    expressions += [rule["expr"] for rule in rules("recording.yml")]
    assert len(expressions) > 80
    for expression in expressions:
        assert asked(expression), expression
        assert asked(expression) <= known, expression


@pytest.mark.parametrize("panel", CHARTS, ids=lambda panel: panel["title"])
def test_every_panel_can_be_read(panel: dict[str, Any]) -> None:
    """It says what it is, in which unit, and asks the Prometheus that was chosen."""
    assert panel["type"] in KINDS
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    names = [target["refId"] for target in panel["targets"]]
    assert names == sorted(set(names))
    assert all(target["legendFormat"] for target in panel["targets"])
    for target in panel["targets"]:
        assert 'job=~"$job"' in target["expr"]
        assert target["datasource"] == panel["datasource"]
        assert target["instant"] is not target["range"]


def test_panels_lie_side_by_side() -> None:
    """None over another, none outside; every ID is one panel's."""
    places: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        assert 0 <= at["x"] < at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not places & cells, panel["title"]
        places |= cells
    assert sorted(panel["id"] for panel in PANELS) == list(range(1, len(PANELS) + 1))


def test_the_dashboard_has_what_grafana_wants() -> None:
    """The keys of a dashboard, and each variable that is asked for."""
    wanted = {"annotations", "panels", "schemaVersion", "templating", "time", "title", "uid"}
    assert wanted <= DASHBOARD.keys()
    assert DASHBOARD["id"] is None
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    builtin = {"__rate_interval", "__range", "__all"}
    assert used - builtin == variables


def test_what_callers_feel_is_coloured_as_they_feel_it() -> None:
    """0.5 s conversation, 0.8 s acceptable, 1.2 s "hello?"."""
    (panel,) = [each for each in CHARTS if each["title"] == "Response"]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 0.5, 0.8, 1.2]


@pytest.mark.parametrize("rule", rules("alerts.yml"), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """In a sentence, and in docs/observability.md, with the same severity."""
    severity = rule["labels"]["severity"]
    assert severity in ("page", "warning")
    assert rule["annotations"]["description"].endswith(".")
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    assert f"\n| `{rule['alert']}` | {severity} |" in page


def test_no_alert_is_documented_that_is_gone() -> None:
    """Nobody waits for it."""
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bGateway[A-Z]\w+\b", page))
    assert named == {rule["alert"] for rule in rules("alerts.yml")}


def test_every_alert_has_a_case_in_which_it_is_told_and_one_in_which_it_is_not() -> None:
    """`promtool test rules` runs them (make test-system)."""
    told: set[str] = set()
    quiet: set[str] = set()
    for name in ("alerts_test.yml", "alerts_week_test.yml"):
        for case in parse((PROMETHEUS / name).read_text(encoding="utf-8"))["tests"]:
            for test in case["alert_rule_test"]:
                (told if test.get("exp_alerts") else quiet).add(test["alertname"])
    assert told == quiet == {rule["alert"] for rule in rules("alerts.yml")}


MORE_THAN_NONE = re.compile(r"increase\((gateway_\w+_total)(?:\{([^}]*)\})?\[\w+\]\)\)? > 0")


@pytest.mark.parametrize("rule", rules("alerts.yml"), ids=lambda rule: rule["alert"])
def test_an_alert_that_wants_one_event_sees_the_first(rule: dict[str, Any]) -> None:
    """A series that begins at 1 has not increased: those it asks for are there before it."""
    families = {f"{each.name}_total": each for each in Told().metrics.registry.collect()}
    for name, selector in MORE_THAN_NONE.findall(rule["expr"]):
        labels = [each.labels for each in families[name].samples]
        assert labels, name
        for label, wanted in re.findall(r'(\w+)=~?"([^"]*)"', selector):
            assert set(wanted.split("|")) <= {each[label] for each in labels}, name


def test_every_recording_is_asked_for() -> None:
    """By an alert; what nobody asks for only costs."""
    asked_for = set().union(*(asked(rule["expr"]) for rule in rules("alerts.yml")))
    records = {rule["record"] for rule in rules("recording.yml")}
    unused = records - asked_for
    assert unused == set()
