"""Whether a number may be called now: closed by default, each refusal with what would allow it.

Owns the rules and their order, :data:`ORDER`: what nobody may change by waiting comes first, what
passes by itself comes last. Knows neither database nor settings file; whoever asks has counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.core.callee import Callee, Refusal

__all__ = ["ORDER", "Configured", "Counted", "Quiet", "Refusal", "Rules", "verdict"]

ORDER: Final = (
    "switch",
    "do_not_call",
    "country",
    "prefix",
    "quiet_hours",
    "per_number",
    "per_minute",
    "per_day",
    "at_once",
    "spend_per_number",
    "spend_per_day",
)
"""The rules in the order they are asked; the first that refuses is the one that is told."""


class Configured(Protocol):
    """What of the settings the rules are made from."""

    @property
    def outbound_countries(self) -> Sequence[str]:
        """ISO 3166, two letters each."""

    @property
    def outbound_prefixes(self) -> Sequence[str]:
        """Beginnings of E.164 numbers."""

    @property
    def outbound_per_number(self) -> int:
        """Calls to one number in 24 hours."""

    @property
    def outbound_per_minute(self) -> int:
        """Calls in 60 seconds."""

    @property
    def outbound_per_day(self) -> int:
        """Calls in 24 hours."""

    @property
    def outbound_at_once(self) -> int:
        """Calls that have not ended."""

    @property
    def outbound_quiet(self) -> str:
        """``21:00-08:00``, or ``off``."""

    @property
    def max_usd_per_number(self) -> float | None:
        """What the calls of one number may cost in a day."""

    @property
    def max_usd_per_day(self) -> float | None:
        """What all calls may cost in a day."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which nobody is called: from ``start`` to just before ``end``, over midnight too."""

    start: time
    end: time

    def holds(self, at: time) -> bool:
        """True in these hours."""
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M} to {self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be called; as it stands here, nobody."""

    countries: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    """When there are any, a number must begin with one of them besides."""
    quiet: Quiet | None = None
    per_number: int = 1
    """In any 24 hours, as the following in any 60 seconds and any 24 hours."""
    per_minute: int = 1
    per_day: int = 1
    at_once: int = 1
    usd_per_number: float | None = None
    """In a UTC day."""
    usd_per_day: float | None = None

    @classmethod
    def of(cls, settings: Configured) -> "Rules":
        """The rules of these settings, which are valid."""
        quiet = None
        if settings.outbound_quiet != "off":
            quiet = Quiet(*map(time.fromisoformat, settings.outbound_quiet.split("-")))
        return cls(
            countries=frozenset(settings.outbound_countries),
            prefixes=tuple(settings.outbound_prefixes),
            quiet=quiet,
            per_number=settings.outbound_per_number,
            per_minute=settings.outbound_per_minute,
            per_day=settings.outbound_per_day,
            at_once=settings.outbound_at_once,
            usd_per_number=settings.max_usd_per_number,
            usd_per_day=settings.max_usd_per_day,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """How things stand without the call that is asked for."""

    closed: bool = False
    """The kill switch."""
    blocked: bool = False
    """The number is on the do-not-call list."""
    number: int = 0
    """Calls to it in the 24 hours."""
    minute: int = 0
    day: int = 0
    at_once: int = 0
    number_usd: float = 0.0
    day_usd: float = 0.0


def verdict(callee: Callee, rules: Rules, counted: Counted, now: datetime) -> Refusal | None:
    """The first rule that forbids the call; None when it may be made.

    ``now`` is the moment at which the phone would ring, with its zone.
    """
    return next(filter(None, _answers(callee, rules, counted, now)), None)


def _answers(
    callee: Callee, rules: Rules, counted: Counted, now: datetime
) -> Iterator[Refusal | None]:
    """What each rule says, in their order."""
    yield _switch(counted)
    yield _do_not_call(counted)
    yield _country(callee, rules)
    yield _prefix(callee, rules)
    yield _quiet_hours(callee, rules, now)
    yield _cap("per_number", counted.number, rules.per_number, "calls to this number in 24 hours")
    yield _cap("per_minute", counted.minute, rules.per_minute, "calls in a minute")
    yield _cap("per_day", counted.day, rules.per_day, "calls in 24 hours")
    yield _cap("at_once", counted.at_once, rules.at_once, "calls at once")
    yield _spend("per_number", counted.number_usd, rules.usd_per_number, "the calls of this number")
    yield _spend("per_day", counted.day_usd, rules.usd_per_day, "all calls")


def _switch(counted: Counted) -> Refusal | None:
    if not counted.closed:
        return None
    command = "gateway outbound open"
    return Refusal("switch", command, f"calling out is switched off: `{command}` switches it on")


def _do_not_call(counted: Counted) -> Refusal | None:
    if not counted.blocked:
        return None
    command = "gateway outbound unblock"
    text = f"the number is on the do-not-call list: `{command}` takes it off"
    return Refusal("do_not_call", command, text)


def _country(callee: Callee, rules: Rules) -> Refusal | None:
    if callee.country in rules.countries:
        return None
    setting = "GATEWAY_OUTBOUND_COUNTRIES"
    text = f"numbers of {callee.country} are not called: {setting} with {callee.country} allows it"
    return Refusal("country", setting, text)


def _prefix(callee: Callee, rules: Rules) -> Refusal | None:
    if not rules.prefixes or callee.number.startswith(rules.prefixes):
        return None
    setting = "GATEWAY_OUTBOUND_PREFIXES"
    text = f"it begins with none of the prefixes that are called: one more in {setting} allows it"
    return Refusal("prefix", setting, text)


def _quiet_hours(callee: Callee, rules: Rules, now: datetime) -> Refusal | None:
    if rules.quiet is None:
        return None
    setting = "GATEWAY_OUTBOUND_QUIET"
    for zone in callee.zones:
        try:
            there = now.astimezone(ZoneInfo(zone)).time()
        except (ZoneInfoNotFoundError, ValueError):
            text = f"nobody knows what time it is there: only {setting}=off allows it"
            return Refusal("quiet_hours", setting, text)
        if rules.quiet.holds(there):
            text = (
                f"it is {there:%H:%M} in {zone}, and nobody is called from {rules.quiet}: "
                f"other hours in {setting} allow it"
            )
            return Refusal("quiet_hours", setting, text, passes=True)
    return None


def _cap(rule: str, count: int, most: int, of_what: str) -> Refusal | None:
    if count < most:
        return None
    setting = f"GATEWAY_OUTBOUND_{rule.upper()}"
    text = f"{most} {of_what} are the most: a higher {setting} allows it"
    return Refusal(rule, setting, text, passes=True)


def _spend(scope: str, usd: float, most: float | None, of_what: str) -> Refusal | None:
    if most is None or usd < most:
        return None
    setting = f"GATEWAY_MAX_USD_{scope.upper()}"
    text = f"{of_what} have cost {usd:.2f} USD today: a limit above it in {setting} allows it"
    return Refusal(f"spend_{scope}", setting, text, passes=True)
