"""Plots as plain HTML and SVG: no script, readable at any width, light and dark.

The lines are an SVG that stretches with the page; every word lies beside it as HTML, so that
letters keep their size. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Point = tuple[float, float | None]
"""x and y; y None is a gap."""

_SIDE = 1000
"""Of the SVG's own square, which is stretched."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line or cloud of a plot. `style` is the name of a colour of the page."""

    name: str
    style: str
    points: Sequence[Point]
    kind: Literal["line", "dots", "bars"] = "line"


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across a plot: a limit (`y`), or a percentile (`x`)."""

    name: str
    at: float
    axis: Literal["x", "y"]


def ticks(most: float, wanted: int = 4) -> list[float]:
    """Round numbers from 0 to at least `most`, about so many steps of 1, 2 or 5."""
    if most <= 0:
        return [0.0, 1.0]
    raw = most / wanted
    power = 10 ** math.floor(math.log10(raw))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= raw * 0.999)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def plot(
    title: str, x_unit: str, y_unit: str, series: Sequence[Series], rules: Sequence[Rule] = ()
) -> str:
    """A figure with its axes and legend; with a sentence instead when there is nothing to see."""
    known = [(x, y) for each in series for x, y in each.points if y is not None]
    head = f"<figcaption><b>{escape(title)}</b>{_legend(series)}</figcaption>"
    if not known:
        return f"<figure>{head}<p class='none'>nothing was measured</p></figure>"
    few = any(each.kind == "bars" for each in series)
    furthest = max([x for x, _ in known] + [r.at for r in rules if r.axis == "x"])
    x_ticks = ticks(furthest, 3 if few else 6)
    y_ticks = ticks(max([y for _, y in known] + [r.at for r in rules if r.axis == "y"]))
    across, up = x_ticks[-1], y_ticks[-1]
    drawn = "".join(_drawn(each, across, up) for each in series)
    return (
        f"<figure>{head}<div class='area'>{_y_labels(y_ticks, y_unit)}"
        f"<svg viewBox='0 0 {_SIDE} {_SIDE}' preserveAspectRatio='none' role='img' "
        f"aria-label='{escape(title, quote=True)}'>{_grid(y_ticks)}{drawn}"
        f"{''.join(_rule(each, across, up) for each in rules)}</svg>"
        f"{''.join(_rule_label(each, across, up) for each in rules)}"
        f"{_x_labels(x_ticks, x_unit)}</div></figure>"
    )


def number(value: float | None, unit: str = "") -> str:
    """A number as people write it; a dash for none."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}{f' {unit}' if unit else ''}"


def _legend(series: Sequence[Series]) -> str:
    if len(series) < 2:
        return ""
    items = "".join(f"<span class='{each.style}'>{escape(each.name)}</span>" for each in series)
    return f"<span class='legend'>{items}</span>"


def _drawn(series: Series, across: float, up: float) -> str:
    if series.kind == "bars":
        return "".join(_bars(series, across, up))
    if series.kind == "dots":
        path = "".join(f"M{_x(x, across)} {_y(y, up)}h0" for x, y in series.points if y is not None)
        return f"<path class='dots {series.style}' d='{path}'/>"
    return f"<path class='line {series.style}' d='{_line(series.points, across, up)}'/>"


def _line(points: Sequence[Point], across: float, up: float) -> str:
    path, pen = [], "M"
    for x, y in points:
        if y is None:
            pen = "M"
            continue
        path.append(f"{pen}{_x(x, across)} {_y(y, up)}")
        pen = "L"
    # A single point between two gaps would have no length, and no ink.
    return "".join(path) + "h0"


def _bars(series: Series, across: float, up: float) -> list[str]:
    """Each point is the left edge of a bar that reaches to the next one."""
    edges = [x for x, _ in series.points]
    width = edges[1] - edges[0] if len(edges) > 1 else across
    return [
        f"<rect class='{series.style}' x='{_x(x, across)}' y='{_y(y, up)}' "
        f"width='{max(1.0, width / across * _SIDE - 3):.1f}' height='{_SIDE - _y(y, up):.1f}'/>"
        for x, y in series.points
        if y
    ]


def _grid(y_ticks: Sequence[float]) -> str:
    lines = "".join(f"M0 {_y(each, y_ticks[-1])}H{_SIDE}" for each in y_ticks)
    return f"<path class='grid' d='{lines}'/>"


def _rule(rule: Rule, across: float, up: float) -> str:
    path = (
        f"M{_x(rule.at, across)} 0V{_SIDE}" if rule.axis == "x" else f"M0 {_y(rule.at, up)}H{_SIDE}"
    )
    return f"<path class='rule' d='{path}'/>"


def _rule_label(rule: Rule, across: float, up: float) -> str:
    share = rule.at / (across if rule.axis == "x" else up)
    side = "end" if share > 0.7 else "begin"
    place = f"left:{share:.2%}" if rule.axis == "x" else f"bottom:{share:.2%};right:0"
    return f"<i class='rulename {rule.axis} {side}' style='{place}'>{escape(rule.name)}</i>"


def _y_labels(y_ticks: Sequence[float], unit: str) -> str:
    last = len(y_ticks) - 1
    return "".join(
        f"<i class='y' style='bottom:{each / y_ticks[-1]:.2%}'>"
        f"{number(each, unit if index == last else '')}</i>"
        for index, each in enumerate(y_ticks)
    )


def _x_labels(x_ticks: Sequence[float], unit: str) -> str:
    last = len(x_ticks) - 1
    return "".join(
        f"<i class='x{' last' if index == last else ''}' style='left:{each / x_ticks[-1]:.2%}'>"
        f"{number(each, unit if index == last else '')}</i>"
        for index, each in enumerate(x_ticks)
    )


def _x(value: float, across: float) -> float:
    return round(value / across * _SIDE, 1)


def _y(value: float, up: float) -> float:
    return round(_SIDE - value / up * _SIDE, 1)
