"""What a call costs: dated prices, and the sums.

Owns the form of a price file. A price that is not known is never 0: a cost with one in it is None.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Final

from gateway.core.direction import SOFTPHONE
from gateway.core.usage import CLASSES
from gateway.errors import ConfigError

_PER_MINUTE: Final = "per_minute"
_LEGS: Final = ("inbound_usd_per_minute", "outbound_usd_per_minute", "stream_usd_per_minute")
_MILLION: Final = 1_000_000
_MOST_USD: Final = 1_000_000
_DATED: Final = re.compile(r"(.+)-\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Carrier:
    """What the carrier takes for a begun minute."""

    inbound_usd_per_minute: float
    outbound_usd_per_minute: float
    stream_usd_per_minute: float
    """For the media stream, on top of either."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one day."""

    as_of: date
    models: Mapping[str, Mapping[str, float]]
    """By model: USD per million tokens of a class, and per minute of audio (``per_minute``)."""
    carrier: Carrier | None = None

    def cost_of(self, model: str, used: Mapping[str, int], billed_s: float = 0.0) -> float | None:
        """USD for tokens by class and for audio billed by time.

        None when a price that is needed is not known, and when nothing says what was used.
        """
        prices = self._prices_of(model)
        if prices is None or not (used or billed_s):
            return None
        counts = {name: count / _MILLION for name, count in used.items() if count}
        if billed_s:
            counts[_PER_MINUTE] = billed_s / 60
        if not counts.keys() <= prices.keys():
            return None
        return math.fsum(count * prices[name] for name, count in counts.items())

    def minute_usd(self, direction: str) -> float | None:
        """What a begun minute of a call costs at the carrier, its stream included.

        ``direction`` is the carrier's word: what begins with ``outbound`` is outbound. A softphone
        costs nothing there.
        """
        if direction == SOFTPHONE:
            return 0.0
        if self.carrier is None:
            return None
        leg = self.carrier.inbound_usd_per_minute
        if direction.startswith("outbound"):
            leg = self.carrier.outbound_usd_per_minute
        return leg + self.carrier.stream_usd_per_minute

    def carrier_usd(self, direction: str, duration_s: float) -> float | None:
        """What the carrier takes for a call that was answered and lasted so long."""
        minute = self.minute_usd(direction)
        return None if minute is None else minute * begun_minutes(duration_s)

    def _prices_of(self, model: str) -> Mapping[str, float] | None:
        if model in self.models:
            return self.models[model]
        dated = _DATED.fullmatch(model)
        return self.models.get(dated[1]) if dated else None


def begun_minutes(duration_s: float) -> int:
    """Minutes as carriers bill them; 0 for a call that did not last at all."""
    return max(0, math.ceil(duration_s / 60))


def parse_prices(table: Mapping[str, Any]) -> Prices:
    """Prices from the table of a price file.

    Raises ConfigError with all that is wrong in it, each with its key.
    """
    faults = list(_faults(table))
    if faults:
        raise ConfigError("; ".join(faults))
    carrier = table.get("carrier")
    return Prices(
        table["as_of"],
        {model: {k: float(v) for k, v in each.items()} for model, each in table["models"].items()},
        Carrier(**{key: float(carrier[key]) for key in _LEGS}) if carrier is not None else None,
    )


def _faults(table: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown("", table, ("as_of", "models", "carrier"))
    as_of = table.get("as_of")
    if not isinstance(as_of, date) or isinstance(as_of, datetime):
        yield "as_of: must be a date such as 2026-11-20"
    models = table.get("models")
    if isinstance(models, Mapping) and models:
        for model, prices in models.items():
            yield from _faults_of(f'models."{_shown(model)}"', prices, (*CLASSES, _PER_MINUTE))
    else:
        yield 'models: must have a table for each model, such as [models."gpt-realtime"]'
    if "carrier" in table:
        yield from _faults_of("carrier", table["carrier"], _LEGS)
        if isinstance(table["carrier"], Mapping):
            yield from (f"carrier.{k}: is missing" for k in _LEGS if k not in table["carrier"])


def _faults_of(place: str, prices: object, known: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(prices, Mapping) or not prices:
        yield f"{place}: must be a table with a price"
        return
    yield from _unknown(f"{place}.", prices, known)
    for key in known:
        if key in prices and not _is_price(prices[key]):
            yield f"{place}.{key}: must be a number from 0 to {_MOST_USD}"


def _unknown(place: str, table: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for key in table:
        if key not in known:
            near = [f" (did you mean {each}?)" for each in get_close_matches(key, known, 1)]
            yield f"{place}{_shown(key)}: unknown key{''.join(near)}"


def _is_price(value: object) -> bool:
    return (
        not isinstance(value, bool) and isinstance(value, (int, float)) and 0 <= value <= _MOST_USD
    )


def _shown(key: str) -> str:
    """A key of somebody's may hold anything; an error is one line."""
    return "".join(char if char.isprintable() else " " for char in key)
