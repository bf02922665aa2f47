"""What calls have cost today, and which limits that reaches.

Owns the sums and the comparing. Days are UTC days, told by whoever adds. Sums are whole numbers
inside: the order in which many calls add to them changes nothing, to the last digit.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final, Literal

from gateway.core.prices import begun_minutes

Level = Literal["soft", "hard"]
Scope = Literal["call", "number", "route", "day"]
_DAILY: Final[tuple[Scope, ...]] = ("day", "route", "number")
"""Scopes whose sums begin anew each day, widest first."""
_PARTS: Final = 10**12
"""A token of the cheapest class costs 0.00000006 USD."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that may be spent, in USD; None = no limit."""

    per_call: float | None = None
    per_number: float | None = None
    """Of one caller in a day, as are the following of a route, and of all calls."""
    per_route: float | None = None
    per_day: float | None = None
    soft_share: float = 0.8
    """Share of a limit at which it is reached softly, above 0 and up to 1."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that a call has reached."""

    level: Level
    scope: Scope
    key: str
    """The call, number, route or day."""
    spent_usd: float
    limit_usd: float


class Spending:
    """The sums of today and of each call that is going on."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._day = date.min
        self._today: Counter[tuple[Scope, str]] = Counter()
        self._calls: Counter[str] = Counter()
        self._told: dict[str, set[tuple[Level, Scope]]] = {}

    def preload(self, day: date, spent: Iterable[tuple[str, str, float]]) -> None:
        """Adds what calls have cost that day before this began: number, route and USD of each."""
        self._turn_to(day)
        for number, route, usd in spent:
            self._add_today(number, route, _parts(usd), day)

    def add(
        self,
        call_sid: str,
        number: str,
        route: str,
        usd: float,
        day: date,
        limits: Limits | None = None,
    ) -> list[Reached]:
        """Adds what a call has just cost; which limits it has reached that it was not told of.

        ``limits`` are those of the call's route, in place of everybody's.

        Each is told once to each call, whichever call reached it: softly, then hard; one that is
        told hard is not told softly any more. A limit that another call reached is told with the
        next sum. Raises ValueError for a sum that is negative or not finite.
        """
        parts = _parts(usd)
        self._turn_to(day)
        self._calls[call_sid] += parts
        self._add_today(number, route, parts, day)
        return list(self._reached(call_sid, number, route, _levels(limits or self._limits)))

    def exhausted(
        self, number: str, route: str, day: date, limits: Limits | None = None
    ) -> Scope | None:
        """The widest scope in which nothing is left for another call; None = it may begin."""
        self._turn_to(day)
        keys, levels = self._keys(number, route), _levels(limits or self._limits)
        for scope in _DAILY:
            if scope in levels and self._today[scope, keys[scope]] >= levels[scope][1]:
                return scope
        return None

    def call_usd(self, call_sid: str) -> float:
        """What a call that goes on has cost so far."""
        return self._calls[call_sid] / _PARTS

    def today_usd(self, day: date) -> float:
        """What all calls have cost that day, 0 when nothing was added on it; from any thread."""
        return self._today["day", day.isoformat()] / _PARTS if day == self._day else 0.0

    def end(self, call_sid: str) -> None:
        """The call is over and nothing will be added for it."""
        del self._calls[call_sid]
        self._told.pop(call_sid, None)

    def _turn_to(self, day: date) -> None:
        """Forgets the sums of past days. A day that is past already changes nothing."""
        if day > self._day:
            self._day = day
            self._today.clear()

    def _add_today(self, number: str, route: str, parts: int, day: date) -> None:
        if day == self._day:
            for scope, key in self._keys(number, route).items():
                self._today[scope, key] += parts

    def _keys(self, number: str, route: str) -> dict[Scope, str]:
        return {"number": number, "route": route, "day": self._day.isoformat()}

    def _reached(
        self, call_sid: str, number: str, route: str, levels: Mapping[Scope, tuple[int, int]]
    ) -> Iterator[Reached]:
        told = self._told.setdefault(call_sid, set())
        keys: dict[Scope, str] = {"call": call_sid, **self._keys(number, route)}
        for scope, key in keys.items():
            if scope not in levels:
                continue
            soft, hard = levels[scope]
            spent = self._calls[key] if scope == "call" else self._today[scope, key]
            level: Level = "hard" if spent >= hard else "soft"
            if spent < soft or not told.isdisjoint({(level, scope), ("hard", scope)}):
                continue
            told.add((level, scope))
            yield Reached(level, scope, key, spent / _PARTS, hard / _PARTS)


class CarrierMinutes:
    """What the carrier takes for one call while it lasts."""

    def __init__(self, minute_usd: float) -> None:
        self._minute_usd = minute_usd
        self._counted = 0

    def begun(self, elapsed_s: float) -> float:
        """USD of the minutes that have begun since it was last asked."""
        new = max(0, begun_minutes(elapsed_s) - self._counted)
        self._counted += new
        return new * self._minute_usd


@cache
def _levels(limits: Limits) -> Mapping[Scope, tuple[int, int]]:
    """The sums at which each limit is reached softly and hard."""
    return {scope: (round(hard * limits.soft_share), hard) for scope, hard in _hard_limits(limits)}


def _hard_limits(limits: Limits) -> Iterator[tuple[Scope, int]]:
    given: dict[Scope, float | None] = {
        "call": limits.per_call,
        "number": limits.per_number,
        "route": limits.per_route,
        "day": limits.per_day,
    }
    return ((scope, _parts(usd)) for scope, usd in given.items() if usd is not None)


def _parts(usd: float) -> int:
    if not 0 <= usd < math.inf:
        raise ValueError(f"{usd} USD cannot have been spent")
    return round(usd * _PARTS)
