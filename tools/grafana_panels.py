"""What a panel of the Grafana dashboard is, and the queries panels ask.

Bands of what callers feel (0.5, 0.8, 1.2 s) are those of docs/metrics.md.
"""

from dataclasses import dataclass, field
from typing import Any

WIDTH = 24
FAILED = ', outcome="failed"'
DEAD = ', outcome="dead"'
OF = 'job=~"$job", instance=~"$instance"'
BRIEFLY = "$__rate_interval"
RATE = f"[{BRIEFLY}]"
GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
FELT: tuple[tuple[float | None, str], ...] = (
    (None, GREEN),
    (0.5, YELLOW),
    (0.8, ORANGE),
    (1.2, RED),
)
"""Up to 0.5 s conversation, up to 0.8 s acceptable, above 1.2 s "hello?"."""
PLAIN: tuple[tuple[float | None, str], ...] = ((None, "text"),)

STARTED = (
    f"1000 * process_start_time_seconds{{{OF}}} "
    f"* on (instance, job) group_left (version) gateway_build_info{{{OF}}}"
)


@dataclass(frozen=True)
class Panel:
    """One panel; ``queries`` are expressions with their legends."""

    title: str
    about: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    bands: tuple[tuple[float | None, str], ...] = PLAIN
    stacked: bool = False
    decimals: int | None = None
    most: float | None = None
    mapped: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Values that are shown as words: text and colour."""


def rate(name: str, by: str = "", more: str = "") -> str:
    """A counter a second, summed by a label."""
    return f"sum{f' by ({by})' if by else ''} (rate({name}{{{OF}{more}}}{RATE}))"


def quantile(share: float, name: str, by: str = "") -> str:
    """A quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{name}_bucket', labels)})"


def grown(name: str, by: str = "", more: str = "", over: str = "$__range") -> str:
    """How much a counter grew."""
    return f"sum{f' by ({by})' if by else ''} (increase({name}{{{OF}{more}}}[{over}]))"


def a_minute(name: str, by: str = "", more: str = "") -> str:
    """A counter a minute."""
    return f"60 * {rate(name, by, more)}"


def now(name: str, by: str = "") -> str:
    """A gauge, summed."""
    return f"sum{f' by ({by})' if by else ''} ({name}{{{OF}}})"


def always(query: str) -> str:
    """A query, or 0 while there is nothing it could find."""
    return f"{query} or on () vector(0)"


def share(part: str, whole: str) -> str:
    """One of another; 0 of nothing."""
    return always(f"{part} / ({whole} > 0)")


def three(name: str) -> tuple[tuple[str, str], ...]:
    """Half, nineteen in twenty, and 99 in a hundred."""
    return tuple((quantile(share, name), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99))


def stat(title: str, about: str, unit: str, query: str, **more: Any) -> Panel:
    """One number."""
    return Panel(title, about, unit, ((query, title),), kind="stat", width=4, height=4, **more)
