"""Are the settings there, and do they look like what they should be? No secret is ever repeated."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.agents.provider import is_key
from gateway.errors import ConfigError
from gateway.ops.doctor.finding import Wrong
from gateway.settings import Settings, not_set
from gateway.store.database import database_url
from gateway.store.hooks.outbox import open_outbox
from gateway.store.hooks.reach import target
from gateway.store.patterns import redactor
from gateway.store.pricefile import read_prices
from gateway.store.recordings.vault import open_vault

_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PAGE = "https://console.twilio.com (Account Info)"
_FILES: tuple[Callable[[Settings], object], ...] = (
    open_vault,
    redactor,
    read_prices,
    open_outbox,
    database_url,
)
"""What `gateway serve` makes of settings that name files or more; each raises ConfigError."""


class _Fault(NamedTuple):
    what: str
    fix: str


def settings_complete(settings: Settings) -> str:
    """What is set. Raises Wrong with everything that is missing or cannot be right."""
    faults = list(_faults(settings))
    if faults:
        fixes = dict.fromkeys(fault.fix for fault in faults)
        raise Wrong("; ".join(fault.what for fault in faults), "; ".join(fixes))
    tokens = len(settings.auth_tokens)
    key = "GATEWAY_REALTIME_HEADERS" if settings.realtime_headers else "OPENAI_API_KEY"
    return (
        f"account {settings.twilio_account_sid[:6]}…, {tokens} auth token{'s'[: tokens - 1]}, "
        f"{key} is set, public address {settings.public_url}"
    )


def unreadable(error: ConfigError) -> Wrong:
    """What is wrong when the settings cannot even be read."""
    return Wrong(str(error), "correct it in the environment, in .env or in /run/secrets")


def credentials_fault(settings: Settings) -> str | None:
    """Why nothing can be asked or signed in the account's name; None when it can."""
    if not settings.auth_tokens:
        return "TWILIO_AUTH_TOKEN is not set"
    if not _ACCOUNT.fullmatch(settings.twilio_account_sid):
        return "TWILIO_ACCOUNT_SID is not set or is none (see settings)"
    return None


def _faults(settings: Settings) -> Iterator[_Fault]:
    if missing := not_set(settings):
        yield _Fault(f"not set: {', '.join(missing)}", "set it in .env, as .env.example shows")
    yield from _twilio_faults(settings)
    key = settings.openai_api_key
    if key is not None and not is_key(key.get_secret_value()):
        yield _Fault(
            "OPENAI_API_KEY: has spaces, quotes or other characters no key has",
            "copy the key alone",
        )
    yield from _public_faults(settings)
    if settings.hook_url and settings.hook_secret is None:
        yield _Fault("GATEWAY_HOOK_SECRET: is needed with GATEWAY_HOOK_URL", "set it")
    for read in (*_FILES, _hook_target):
        try:
            read(settings)
        except ConfigError as error:
            yield _Fault(str(error), "correct that setting or file")


def _twilio_faults(settings: Settings) -> Iterator[_Fault]:
    sid = settings.twilio_account_sid
    if sid.startswith("SK"):
        yield _Fault(
            "TWILIO_ACCOUNT_SID: is the SID of an API key (SK…); webhooks are signed with the "
            "account's own token",
            f"use the Account SID (AC…) of {_PAGE}",
        )
    elif sid and not _ACCOUNT.fullmatch(sid):
        yield _Fault(
            "TWILIO_ACCOUNT_SID: is no Account SID (AC and 32 hexadecimal digits)",
            f"copy it from {_PAGE}",
        )
    for token in settings.auth_tokens:
        if token.startswith(("AC", "SK")) or token[:1] in "\"'":
            yield _Fault(
                "TWILIO_AUTH_TOKEN: looks like a SID, or has quotes",
                f"copy the Auth Token alone from {_PAGE}",
            )
    number = settings.twilio_phone_number
    if number and not _E164.fullmatch(number):
        yield _Fault(
            f"TWILIO_PHONE_NUMBER: {number} is not in E.164",
            "write it like +15550001000: + and country code, without spaces",
        )


def _public_faults(settings: Settings) -> Iterator[_Fault]:
    path = urlsplit(settings.public_url).path
    if "/twilio" in path:
        yield _Fault(
            f"GATEWAY_PUBLIC_URL: has the path {path}; the gateway adds /twilio/… by itself",
            f"set it to {settings.public_url.partition('/twilio')[0]}",
        )


def _hook_target(settings: Settings) -> object:
    return target(settings.hook_url) if settings.hook_url else None
