"""routes.toml: which agent answers which number or campaign, and the circumstances of its calls.

Owns the file's format and the choice of a route; whether an agent exists is judged elsewhere.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import phonenumbers
from phonenumbers import timezone as number_zones
from pydantic import Field

from gateway.agents.lines import KeyPath
from gateway.agents.problems import Problem
from gateway.agents.schema import EITHER, OTHER, TEXT, Table
from gateway.agents.tomlfile import TomlFile
from gateway.call.call import Offer
from gateway.call.context import Destination, Route

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SIP = re.compile(r"sip:[^\s@\"'<>]+@[^\s@\"'<>]+")
_NO_ZONE = "Etc/Unknown"
"""What phonenumbers says of a number without a place."""


class DestinationTable(Table):
    """One entry of a directory, long form."""

    number: str = Field(description="a number such as +15550001000 or a sip: address")
    description: str = Field(default="", description="a text")
    timeout_s: int = Field(default=25, ge=5, le=600, description="a whole number from 5 to 600")
    caller_id: str = Field(default="", description="a number such as +15550001000")
    warm: bool = Field(default=False, description="true or false")
    accept_timeout_s: int = Field(default=15, ge=3, le=60, description="a whole number, 3 to 60")
    language: str = Field(
        default="",
        pattern=r"^([A-Za-z]{2,3}-[A-Za-z0-9]{2,8})?$",
        description='a language with its country such as "en-GB"',
    )
    prompt: str | None = Field(default=None, min_length=1, max_length=300, description="a text")
    goodbye: str | None = Field(default=None, min_length=1, max_length=300, description="a text")


DirectoryTable = dict[
    str, Annotated[Annotated[str, TEXT] | Annotated[DestinationTable, OTHER], EITHER]
]


class Circumstances(Table):
    """What ``[default]`` and ``[[route]]`` have in common."""

    agent: str | None = Field(default=None, description="an agent's name")
    language: str = Field(
        default="",
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        description='a language such as "en" or "en-US"',
    )
    timezone: str | None = Field(default=None, description='a time zone such as "Europe/Berlin"')
    recording: Literal["off", "on", "consent"] | None = Field(
        default=None, description='"off", "on" or "consent"'
    )
    recording_announcement: str | None = Field(
        default=None, min_length=1, description="a .wav or .ulaw file"
    )
    recording_text: str | None = Field(
        default=None, min_length=1, description="the words of recording_announcement"
    )
    max_usd_per_call: float | None = Field(default=None, gt=0, description="a number above 0")
    max_usd_per_day: float | None = Field(default=None, gt=0, description="a number above 0")
    directory: DirectoryTable = Field(default={}, description="a table of destinations")
    max_calls: int | None = Field(default=None, ge=1, description="a whole number, at least 1")
    max_minutes: float | None = Field(default=None, gt=0, description="a number above 0")
    warn_minutes: float | None = Field(default=None, gt=0, description="a number above 0")
    secret_digits: Literal["token", "checked"] = Field(
        default="token", description='"token" or "checked"'
    )
    data: dict[str, Any] = Field(default={}, description="a table")


class RouteTable(Circumstances):
    """``[[route]]``."""

    number: (
        Annotated[Annotated[str, TEXT] | Annotated[list[str], Field(min_length=1), OTHER], EITHER]
        | None
    ) = Field(default=None, description="a number such as +15550001000, or a list of them")
    campaign: str | None = Field(default=None, min_length=1, description="a name that is not empty")

    @property
    def numbers(self) -> list[str]:
        """The numbers, one or many."""
        return [self.number] if isinstance(self.number, str) else self.number or []

    @property
    def name(self) -> str:
        """How the route is called in logs and counts: no two routes share it."""
        return " ".join([*([self.campaign] if self.campaign else []), *self.numbers[:1]])


class RoutesTable(Table):
    """The file."""

    directory: DirectoryTable = Field(default={}, description="a table of destinations")
    default: Circumstances = Field(default=Circumstances(), description="a table")
    route: list[RouteTable] = Field(default=[], description="tables as [[route]]")


@dataclass(frozen=True)
class _Entry:
    numbers: frozenset[str]
    campaign: str
    route: Route

    def fits(self, number: str, campaign: str) -> int:
        """0 = not at all; a number weighs more than nothing, a campaign more than a number."""
        if (self.numbers and number not in self.numbers) or (self.campaign not in ("", campaign)):
            return 0
        return bool(self.numbers) + 2 * bool(self.campaign)


class Routes:
    """The routes of a file, ready to be asked."""

    def __init__(
        self,
        table: RoutesTable,
        default_agent: str,
        announcements: Mapping[str, bytes] = MappingProxyType({}),
        *,
        recordings: bool | None = None,
    ) -> None:
        """``announcements`` are the recordings that were read, by file; ``recordings`` is
        GATEWAY_RECORDINGS.
        """
        agent = table.default.agent or default_agent
        made = partial(_route, table, agent, announcements, recordings)
        self.default = made("default", table.default, ())
        self._entries = [
            _Entry(
                frozenset(each.numbers), each.campaign or "", made(each.name, each, each.numbers)
            )
            for each in table.route
        ]

    def find(self, offer: Offer) -> Route:
        """The route of a call: by campaign and number, campaign, our number, or the default."""
        ours = offer.caller if offer.direction.startswith("outbound") else offer.called
        best = max(self._entries, key=lambda each: each.fits(ours, offer.campaign), default=None)
        return best.route if best and best.fits(ours, offer.campaign) else self.default

    def all(self) -> list[Route]:
        """Every route, the default one first."""
        return [self.default, *(each.route for each in self._entries)]

    def numbers(self, agent: str) -> list[str]:
        """The numbers that ring at an agent, as the file lists them."""
        rings = [each for each in self._entries if each.route.agent == agent]
        return [number for each in rings for number in sorted(each.numbers)]

    def number(self, route: Route) -> str:
        """One of our numbers on that route; empty when it has none."""
        found = [each.numbers for each in self._entries if each.route is route]
        return min(found[0], default="") if found else ""


def route_problems(file: TomlFile[RoutesTable]) -> Iterator[Problem]:
    """What is wrong with the routes by themselves."""
    table = file.table
    for place, entries in _directories(table):
        yield from _directory_problems(file, place, entries)
    for place, each in circumstances(table):
        if each.timezone is not None and each.timezone not in _zones():
            yield file.problem((*place, "timezone"), f"unknown time zone{_nearest_zone(each)}")
        if each.warn_minutes is not None and each.warn_minutes >= (each.max_minutes or 0):
            yield file.problem(
                (*place, "warn_minutes"), "must be less than max_minutes, the limit it warns of"
            )
    seen: dict[tuple[str, str], int] = {}
    for position, route in enumerate(table.route):
        here: KeyPath = ("route", position)
        line = file.lines.of(here)
        if not route.numbers and not route.campaign:
            if not file.is_spoiled("route"):
                yield file.problem(here, "a route needs number, campaign or both")
            continue
        for index, number in enumerate(route.numbers):
            listed = not isinstance(route.number, str)
            path: KeyPath = (*here, "number", index) if listed else (*here, "number")
            yield from _number_problems(file, path, number)
        for key in [(number, route.campaign or "") for number in route.numbers or [""]]:
            if key in seen:
                what = " ".join(part for part in (key[1], key[0]) if part)
                wrong = "number" if key[0] else "campaign"
                yield file.problem(
                    (*here, wrong), f"{what} has a route already in line {seen[key]}"
                )
            seen.setdefault(key, line)


def _route(
    file: RoutesTable,
    agent: str,
    announcements: Mapping[str, bytes],
    recordings: bool | None,
    name: str,
    table: Circumstances,
    numbers: Sequence[str],
) -> Route:
    directory = {**file.directory, **table.directory}
    announcement = announcements.get(table.recording_announcement or "", b"")
    return Route(
        name=name,
        agent=table.agent or agent,
        language=table.language,
        timezone=table.timezone if table.timezone in _zones() else _own_zone(numbers),
        directory={key: _destination(each) for key, each in directory.items()},
        data=table.data,
        max_calls=table.max_calls,
        max_minutes=table.max_minutes,
        warn_minutes=table.warn_minutes,
        secret_digits=table.secret_digits,
        recording=_recording(table, recordings),
        announcement=announcement,
        announcement_text=table.recording_text or "",
        max_usd_per_call=table.max_usd_per_call,
        max_usd_per_day=table.max_usd_per_day,
    )


def _recording(table: Circumstances, recordings: bool | None) -> Literal["off", "on", "consent"]:
    """GATEWAY_RECORDINGS off holds for everybody; on for those that do not say."""
    if recordings is False:
        return "off"
    return table.recording or ("on" if recordings else "off")


def _destination(entry: str | DestinationTable) -> Destination:
    if isinstance(entry, str):
        return Destination(entry)
    return Destination(**entry.model_dump(exclude_none=True))


def _own_zone(numbers: Sequence[str]) -> str:
    """The zone of the numbers when there is exactly one, else UTC."""
    zones: set[str] = set()
    for number in numbers:
        try:
            zones.update(number_zones.time_zones_for_number(phonenumbers.parse(number)))
        except phonenumbers.NumberParseException:
            return "UTC"
    return zones.pop() if len(zones) == 1 and zones <= _zones() else "UTC"


# Checking


def circumstances(table: RoutesTable) -> Iterator[tuple[KeyPath, Circumstances]]:
    """``[default]`` and each ``[[route]]``, with its place in the file."""
    yield ("default",), table.default
    for position, each in enumerate(table.route):
        yield ("route", position), each


def _directories(
    table: RoutesTable,
) -> Iterator[tuple[KeyPath, Mapping[str, str | DestinationTable]]]:
    yield ("directory",), table.directory
    for place, each in circumstances(table):
        yield (*place, "directory"), each.directory


def _directory_problems(
    file: TomlFile[RoutesTable], place: KeyPath, entries: Mapping[str, str | DestinationTable]
) -> Iterator[Problem]:
    for key, entry in entries.items():
        path: KeyPath = (*place, key)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key):
            yield file.problem(path, "a destination's name is 1 to 64 letters, digits, '-' and '_'")
        number_path = path if isinstance(entry, str) else (*path, "number")
        number = entry if isinstance(entry, str) else entry.number
        if number.startswith(("sip:", "sips:")):
            if not _SIP.fullmatch(number):
                yield file.problem(
                    number_path, "must be a sip: address such as sip:desk@example.com"
                )
        else:
            yield from _number_problems(file, number_path, number)
        if isinstance(entry, DestinationTable) and entry.caller_id:
            yield from _number_problems(file, (*path, "caller_id"), entry.caller_id)


def _number_problems(file: TomlFile[RoutesTable], path: KeyPath, number: str) -> Iterator[Problem]:
    written = _e164(number)
    if written != number or not _E164.fullmatch(number):
        hint = f" (did you mean {written}?)" if written else ""
        yield file.problem(path, f"must be a number with country code such as +15550001000{hint}")


def _e164(number: str) -> str:
    """The number in E.164 when it can be one, else nothing."""
    written = "+" + number[2:] if number.startswith("00") else number
    try:
        parsed = phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _nearest_zone(table: Circumstances) -> str:
    by_lower = {zone.lower(): zone for zone in _zones()}
    near = get_close_matches((table.timezone or "").lower(), by_lower, 1)
    return f" (did you mean {by_lower[near[0]]}?)" if near else ""
