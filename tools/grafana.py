"""Writes deploy/grafana/gateway.json anew: `python -m tools.grafana`. A test holds it equal."""

import json
from pathlib import Path
from typing import Any

from tools import grafana_calls, grafana_inside
from tools.grafana_panels import OF, PLAIN, WIDTH, Panel

FILE = Path(__file__).parent.parent / "deploy" / "grafana" / "gateway.json"
SCHEMA = 39
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def _target(query: tuple[str, str], number: int, panel: Panel) -> dict[str, Any]:
    instant = panel.kind in ("stat", "bargauge")
    return {
        "datasource": _SOURCE,
        "editorMode": "code",
        "expr": query[0],
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        "instant": instant,
        "legendFormat": query[1],
        "range": not instant,
        "refId": chr(ord("A") + number),
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps = [{"color": colour, "value": value} for value, colour in panel.bands]
    defaults: dict[str, Any] = {
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
        "unit": panel.unit,
    }
    if panel.mapped:
        options = {
            value: {"color": colour, "index": index, "text": text}
            for index, (value, (text, colour)) in enumerate(panel.mapped.items())
        }
        defaults["mappings"] = [{"type": "value", "options": options}]
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    if panel.kind != "heatmap":
        defaults["min"] = 0
    if panel.most is not None:
        defaults["max"] = panel.most
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "fillOpacity": 25 if panel.stacked else 8,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": True,
            "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "off" if panel.bands == PLAIN else "line"},
        }
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    match panel.kind:
        case "stat":
            return {
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "reduceOptions": reduced,
                "textMode": "value_and_name" if panel.width == WIDTH else "auto",
            }
        case "bargauge":
            return {
                "displayMode": "basic",
                "orientation": "horizontal",
                "reduceOptions": reduced,
                "showUnfilled": True,
            }
        case "heatmap":
            return {
                "calculate": False,
                "cellGap": 1,
                "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
                "yAxis": {"axisPlacement": "left", "unit": panel.unit},
            }
        case _:
            return {
                "legend": {
                    "calcs": ["lastNotNull", "max"],
                    "displayMode": "list",
                    "placement": "bottom",
                    "showLegend": True,
                },
                "tooltip": {"mode": "multi", "sort": "desc"},
            }


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    return {
        "datasource": _SOURCE,
        "description": panel.about,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "gridPos": {"h": panel.height, "w": panel.width, "x": x, "y": y},
        "id": number,
        "options": _options(panel),
        "targets": [_target(each, n, panel) for n, each in enumerate(panel.queries)],
        "title": panel.title,
        "type": panel.kind,
    }


def _panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    y = 0
    for title, panels in (*grafana_calls.ROWS, *grafana_inside.ROWS):
        found.append(
            {
                "collapsed": False,
                "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y},
                "id": len(found) + 1,
                "panels": [],
                "title": title,
                "type": "row",
            }
        )
        y, x, height = y + 1, 0, 0
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            found.append(_panel(panel, len(found) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return found


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "allValue": ".*",
        "current": {"selected": True, "text": "All", "value": "$__all"},
        "datasource": _SOURCE,
        "definition": query,
        "hide": 0,
        "includeAll": True,
        "label": label,
        "multi": True,
        "name": name,
        "options": [],
        "query": {"qryType": 1, "query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "type": "query",
    }


def document() -> str:
    """The dashboard as it stands in the file."""
    source = {
        "current": {},
        "hide": 0,
        "includeAll": False,
        "label": "Prometheus",
        "multi": False,
        "name": "datasource",
        "options": [],
        "query": "prometheus",
        "refresh": 1,
        "type": "datasource",
    }
    annotations = {
        "list": [
            {
                "builtIn": 1,
                "datasource": {"type": "grafana", "uid": "-- Grafana --"},
                "enable": True,
                "hide": True,
                "iconColor": "rgba(0, 211, 255, 1)",
                "name": "Annotations & Alerts",
                "type": "dashboard",
            },
            {
                "datasource": _SOURCE,
                "enable": True,
                "expr": f"changes(process_start_time_seconds{{{OF}}}[$__rate_interval]) > 0",
                "iconColor": "red",
                "name": "Starts",
                "titleFormat": "{{instance}} started",
            },
        ]
    }
    dashboard = {
        "annotations": annotations,
        "description": "Calls, what callers hear, the model, money, records: one gateway or many.",
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [],
        "panels": _panels(),
        "refresh": "30s",
        "schemaVersion": SCHEMA,
        "tags": ["gateway", "voice"],
        "templating": {
            "list": [
                source,
                _variable("job", "Job", "label_values(gateway_build_info, job)"),
                _variable(
                    "instance",
                    "Gateway",
                    'label_values(gateway_build_info{job=~"$job"}, instance)',
                ),
            ]
        },
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": "Gateway",
        "uid": "voice-gateway",
        "version": 1,
        "weekStart": "",
    }
    return json.dumps(dashboard, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
