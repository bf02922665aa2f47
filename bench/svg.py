"""A line chart as a file of its own: no script, no font, nothing to fetch. Pure.

Coordinates are pixels; axes start at zero, for a curve that seems to fall must not hide its height.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 420, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 34, 74
_COLOURS = ("#0b6e99", "#c2410c", "#6b7280", "#15803d", "#7c3aed")
_STEPS = (1, 2, 2.5, 5, 10)
_TICKS = 5
_LEAST = 1e-9
_NEARLY = 1 - 1e-9
_LEGEND_PX = 92


@dataclass(frozen=True, slots=True)
class Line:
    """One series: points (x, y) in order of x."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over one pair of axes."""

    title: str
    across: str
    lines: Sequence[Line]


def ticks(highest: float) -> list[float]:
    """Round numbers from 0 to at least `highest`, about five of them."""
    if highest < _LEAST:
        return [0.0, 1.0]
    scale = 10.0 ** floor(log10(highest / _TICKS))
    step = next(s * scale for s in _STEPS if s * scale * _TICKS >= highest * _NEARLY)
    return [n * step for n in range(ceil(highest / step) + 1)]


def draw(charts: Sequence[Chart]) -> str:
    """The charts side by side as one SVG document."""
    width = WIDTH * len(charts)
    inside = "\n".join(
        f'<g transform="translate({WIDTH * n} 0)">\n{_chart(chart)}\n</g>'
        for n, chart in enumerate(charts)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        f'width="{width}" height="{HEIGHT}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>\n{inside}\n</svg>\n'
    )


def _chart(chart: Chart) -> str:
    points = [point for line in chart.lines for point in line.points]
    across = ticks(max((x for x, _ in points), default=0))
    up = ticks(max((y for _, y in points), default=0))

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + x / across[-1] * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - y / up[-1] * (HEIGHT - _TOP - _BOTTOM),
        )

    parts = [f'<text x="{_LEFT}" y="18" font-size="13">{escape(chart.title)}</text>']
    for y in up:
        left, level = at(0, y)
        parts.append(
            f'<line x1="{left}" y1="{level:.1f}" x2="{WIDTH - _RIGHT}" y2="{level:.1f}" '
            f'stroke="#e5e7eb"/><text x="{left - 6}" y="{level + 4:.1f}" '
            f'text-anchor="end">{y:g}</text>'
        )
    for x in across:
        place, _ = at(x, 0)
        parts.append(
            f'<text x="{place:.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{x:g}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - _BOTTOM + 32}" '
        f'text-anchor="end">{escape(chart.across)}</text>'
    )
    for n, line in enumerate(chart.lines):
        parts.append(_line(line, n, [at(x, y) for x, y in line.points]))
    return "\n".join(parts)


def _line(line: Line, number: int, places: Sequence[tuple[float, float]]) -> str:
    colour = _COLOURS[number % len(_COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places)
    columns = (WIDTH - _LEFT - _RIGHT) // _LEGEND_PX
    left = _LEFT + number % columns * _LEGEND_PX
    level = HEIGHT - 24 + number // columns * 14
    return (
        f'<g fill="{colour}"><polyline points="{path}" fill="none" stroke="{colour}" '
        f'stroke-width="2"/>{dots}<rect x="{left}" y="{level - 8}" width="12" height="4"/>'
        f'<text x="{left + 16}" y="{level - 3}">{escape(line.name)}</text></g>'
    )
