"""`--fail-if 'turn_p95>800ms'`: when a run has failed though every call went well. Pure."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

import msgspec

from gateway.errors import ConfigError
from gateway.ops.load.figures import MEASURES, STATISTICS, names

_EXPRESSION: Final = re.compile(
    r"\s*(?P<name>\w+)\s*(?P<sign>>=|<=|>|<)\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|%|MB|GB)?\s*"
)
_SIGNS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_UNITS: Final[dict[str, dict[str, float]]] = {
    "time": {"ms": 1, "s": 1000},
    "share": {"": 1, "%": 0.01},
    "memory": {"": 1, "MB": 1, "GB": 1024},
    "count": {"": 1},
}


class Threshold(msgspec.Struct, frozen=True):
    """One expression. The run has failed when it is true."""

    text: str
    name: str
    sign: str
    limit: float
    """In the unit of the figure."""

    def judge(self, figures: Mapping[str, float | None]) -> "Judgement":
        """A figure that was never measured cannot be good, so it counts as missed."""
        value = figures.get(self.name)
        missed = value is None or _SIGNS[self.sign](value, self.limit)
        return Judgement(self.text, self.name, self.limit, value, not missed)


class Judgement(msgspec.Struct, frozen=True):
    """What became of a threshold."""

    text: str
    name: str
    limit: float
    value: float | None
    ok: bool


def read_thresholds(expressions: Sequence[str]) -> tuple[Threshold, ...]:
    """The thresholds a person has typed; `ConfigError` says which one is wrong, and why."""
    return tuple(_read(text) for text in expressions)


def _read(text: str) -> Threshold:
    found = _EXPRESSION.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"--fail-if: {text!r} is not understood; it is FIGURE, one of > >= < <=, and a number "
            "with its unit, such as turn_p95>800ms"
        )
    name, unit = found["name"], found["unit"] or ""
    if name not in names():
        near = get_close_matches(name, names(), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"--fail-if: {text!r}: there is no figure {name!r}{hint}")
    units = _UNITS[_kind(name)]
    if unit not in units:
        wanted = " or ".join(each or "none" for each in units)
        raise ConfigError(f"--fail-if: {text!r}: the unit of {name} is {wanted}")
    return Threshold(text.strip(), name, found["sign"], float(found["number"]) * units[unit])


def _kind(name: str) -> str:
    measure, _, statistic = name.rpartition("_")
    if measure in MEASURES and statistic in STATISTICS:
        return "time"
    if name in ("failed_share", "cpu_mean", "cpu_max"):
        return "share"
    return "memory" if name == "memory_max_mb" else "count"
