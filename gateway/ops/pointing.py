"""Pointing a number of the carrier at this gateway, and putting back what was there.

Owns what is set and what is compared; what was there is written down before anything is changed.
Asks nobody: whoever calls it has shown the plan and knows that it is wanted.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import ConfigError, GatewayError
from gateway.ops.rest import CarrierAway, CarrierRefused, CarrierUnknown, Number, TwilioRest
from gateway.settings import Settings, address_fault, is_loopback
from gateway.store.pointed import Change, Pointed, open_pointed
from gateway.store.trouble import cause

OVERRIDES: Final = {"voice_application_sid": "application", "trunk_sid": "trunk"}
"""What takes a number's calls away from its voice URL, and what it is called."""
_SHOWN = 20
_WRITTEN: Final = re.compile(r"[ ()./-]")
"""What people put between the digits of a number, and carriers do not."""


class PointingRefused(GatewayError):
    """The number is left as it is; the message says why."""


class PointingFailed(GatewayError):
    """The number may have been changed and is not what it should be."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a number has, and what it is to have: all its settings."""

    number: Number
    after: Mapping[str, str]

    @property
    def changes(self) -> dict[str, tuple[str, str]]:
        """Setting → old and new, of those that change."""
        return differences(self.number.settings, self.after)


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Setting → old and new value, where they differ."""
    return {name: (old[name], new[name]) for name in new if old[name] != new[name]}


def target(settings: Settings) -> dict[str, str]:
    """What a number that leads to this gateway has. Raises ConfigError without a public URL."""
    url = settings.public_url
    if not url:
        raise ConfigError("GATEWAY_PUBLIC_URL: not set; calls are to be sent to it")
    if is_loopback(url) and not is_loopback(settings.twilio_api_url):
        raise ConfigError("GATEWAY_PUBLIC_URL: the carrier cannot reach a loopback address")
    return {
        "voice_url": f"{url}/twilio/voice",
        "voice_method": "POST",
        "status_callback": f"{url}/twilio/status",
        "status_callback_method": "POST",
    }


def fallback_target(settings: Settings, fallback: str) -> dict[str, str]:
    """What is set for a fallback. Raises PointingRefused when it would fail with the gateway."""
    if fault := address_fault(fallback, secure="https", plain="http", query=True):
        raise PointingRefused(f"--fallback: {fault}")
    if urlsplit(fallback).hostname == urlsplit(settings.public_url).hostname:
        raise PointingRefused(
            "--fallback: must be on another host than GATEWAY_PUBLIC_URL, since it is asked when "
            "this one does not answer (a TwiML Bin for instance)"
        )
    return {"voice_fallback_url": fallback, "voice_fallback_method": "POST"}


def as_written(number: str) -> str:
    """A number without what people write between its digits."""
    return _WRITTEN.sub("", number) if number.startswith("+") else number


def points_here(number: Number, settings: Settings) -> bool:
    """Whether calls come to this gateway, and their end is told it. Raises ConfigError when its
    address is not known.
    """
    wanted = target(settings)
    return not overridden(number.settings) and wanted.items() <= number.settings.items()


def change_json(plan: Plan) -> dict[str, Any]:
    """A change for scripts."""
    return {
        "number": plan.number.e164,
        "sid": plan.number.sid,
        "changed": {name: {"from": old, "to": new} for name, (old, new) in plan.changes.items()},
        "before": dict(plan.number.settings),
        "after": dict(plan.after),
    }


def overridden(settings: Mapping[str, str]) -> dict[str, str]:
    """Application and trunk of a number (setting → its ID): with one, no voice URL is asked."""
    return {name: settings[name] for name in OVERRIDES if settings[name]}


async def find(rest: TwilioRest, wanted: str) -> Number:
    """The number that is exactly the wanted one. Raises PointingRefused, saying which there are.

    The carrier's own filter takes parts of numbers and wildcards, so what it finds is compared.
    """
    found = await rest.numbers(wanted) if wanted else []
    exact = [number for number in found if number.e164 == wanted]
    if len(exact) == 1:
        return exact[0]
    if exact:
        sids = ", ".join(number.sid for number in exact)
        raise PointingRefused(f"the account has {wanted} more than once: {sids}")
    fault = f"no number of the account is exactly {wanted!r}"
    if found:
        raise PointingRefused(f"{fault}; these contain it: {_listed(found)}")
    every = await rest.numbers()
    raise PointingRefused(f"{fault}; it has {_listed(every) if every else 'none'}")


def planned(
    number: Number, settings: Settings, *, fallback: str = "", clear_overrides: bool = False
) -> Plan:
    """What pointing a number here would change. Raises PointingRefused."""
    new = target(settings) | (fallback_target(settings, fallback) if fallback else {})
    if over := overridden(number.settings):
        if not clear_overrides:
            named = " and ".join(f"{OVERRIDES[name]} {sid}" for name, sid in over.items())
            raise PointingRefused(
                f"{number.e164} is connected to {named}, whose settings are used in place of the "
                "voice URL; --clear-overrides takes it off the number (`restore` puts it back)"
            )
        new |= dict.fromkeys(over, "")
    return Plan(number, {**number.settings, **new})


async def point(rest: TwilioRest, pointed: Pointed, plan: Plan, now: datetime) -> None:
    """Changes the number to what was planned, and reads it back.

    Raises PointingRefused when the number is not what the plan was made for, PointingFailed when
    it does not become what it should, CarrierUnknown when nobody can say.
    """
    number = plan.number
    await _unchanged(rest, number)
    change_id = await pointed.add(number.e164, number.sid, now, number.settings, plan.after)
    try:
        unknown = await _sent(rest, plan)
    except (CarrierRefused, CarrierAway):
        await pointed.forget(change_id)  # nothing was done
        raise
    await _verified(rest, plan, unknown)


async def undoing(
    rest: TwilioRest, pointed: Pointed, wanted: str, *, force: bool = False
) -> tuple[Plan, Change]:
    """What undoing the newest change of a number would change, and that change.

    Raises PointingRefused when there is none, or when somebody else changed the number since.
    """
    number = await find(rest, wanted)
    change = await pointed.newest(number.e164, number.sid)
    if change is None:
        raise PointingRefused(f"nothing of {number.e164} is to be restored")
    foreign = differences(change.after, number.settings)
    if foreign and not force and number.settings != change.before:
        said = "; ".join(
            f"{name} is {new!r}, was set to {old!r}" for name, (old, new) in foreign.items()
        )
        raise PointingRefused(
            f"{number.e164} was changed since {change.at:%Y-%m-%d %H:%M} UTC, not by this gateway: "
            f"{said}; --force puts back what was there before all the same"
        )
    return Plan(number, change.before), change


async def restore(
    rest: TwilioRest, pointed: Pointed, plan: Plan, change: Change, now: datetime
) -> None:
    """Puts back what was there before a change, and reads it back. Raises what `point` raises.

    What somebody else had set since is written down first, to be restored in its turn.
    """
    if plan.number.settings in (change.before, change.after):
        await _unchanged(rest, plan.number)
        await _verified(rest, plan, await _sent(rest, plan))
    else:
        await point(rest, pointed, plan, now)
    try:
        await pointed.restored(change.id, now)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise PointingFailed(
            f"{plan.number.e164} is restored, which could not be written down ({cause(error)}); "
            "restore again when the database of GATEWAY_DATABASE_URL is back"
        ) from None


@asynccontextmanager
async def changes_of(settings: Settings) -> AsyncIterator[Pointed]:
    """Where changes are written down. Raises GatewayError when the database is away."""
    try:
        async with open_pointed(settings) as pointed:
            yield pointed
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise GatewayError(
            f"GATEWAY_DATABASE_URL: what numbers had before is kept there, and it fails "
            f"({cause(error)})"
        ) from None


async def _unchanged(rest: TwilioRest, planned_for: Number) -> None:
    now = await find(rest, planned_for.e164)
    if now != planned_for:
        raise PointingRefused(
            f"{now.e164} was changed this very moment by somebody else; look again"
        )


async def _sent(rest: TwilioRest, plan: Plan) -> CarrierUnknown | None:
    """Asks for the changes; the error when nobody knows whether they were made."""
    if not plan.changes:
        return None
    try:
        await rest.point(plan.number.sid, {name: new for name, (_, new) in plan.changes.items()})
    except CarrierUnknown as error:
        return error
    return None


async def _verified(rest: TwilioRest, plan: Plan, unknown: CarrierUnknown | None) -> None:
    e164 = plan.number.e164
    try:
        read = await find(rest, e164)
    except GatewayError as error:
        raise unknown or PointingFailed(
            f"{e164} was changed, and could not be read back ({error}); `gateway webhook show` it"
        ) from None
    wrong = differences(plan.after, read.settings)
    if wrong and unknown is not None:
        raise unknown
    if wrong:
        said = "; ".join(f"{name} is {new!r}, not {old!r}" for name, (old, new) in wrong.items())
        raise PointingFailed(f"{e164} was changed and does not read as it should: {said}")


def _listed(numbers: list[Number]) -> str:
    shown = ", ".join(sorted(number.e164 for number in numbers)[:_SHOWN])
    more = len(numbers) - _SHOWN
    return shown if more <= 0 else f"{shown} and {more} more"
