"""Numbers with their units, as a person types them: `800ms`, `1.5s`, `2%`, `0.5/s`. Pure."""

import re
from typing import Final

from gateway.errors import ConfigError

_AMOUNT: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|%)?")
_IN_MS: Final = {"ms": 1.0, "s": 1000.0, "m": 60_000.0}


def milliseconds(text: str, option: str) -> float:
    """`60ms`, `1.5s`, `2m`; a bare number is milliseconds. `ConfigError` names the option."""
    number, unit = _parts(text, option, "60ms or 1.5s")
    if unit == "%":
        raise ConfigError(f"{option}: {text!r} is no time, such as 60ms or 1.5s")
    return number * _IN_MS[unit or "ms"]


def share(text: str, option: str) -> float:
    """`2%` or `0.02` as 0.02. `ConfigError` names the option."""
    number, unit = _parts(text, option, "2% or 0.02")
    found = number / 100 if unit == "%" else number
    if unit not in ("%", "") or found > 1:
        raise ConfigError(f"{option}: {text!r} is no share of 1, such as 2% or 0.02")
    return found


def _parts(text: str, option: str, example: str) -> tuple[float, str]:
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{option}: {text!r} is not understood; it is written as {example}")
    return float(found["number"]), found["unit"] or ""
