"""Everything the doctor looks at, in the order it is shown."""

from collections.abc import Callable
from typing import Final

from gateway.errors import ConfigError
from gateway.ops.doctor.account import AccountChecks
from gateway.ops.doctor.agents import agents_right
from gateway.ops.doctor.aside import aside
from gateway.ops.doctor.caller import GREETING_S, HANG_UP_S, CallChecks
from gateway.ops.doctor.carrier import ANSWER_S, Carrier
from gateway.ops.doctor.certificate import certificate_good
from gateway.ops.doctor.clock import clock_right
from gateway.ops.doctor.database import database_ready
from gateway.ops.doctor.datadir import data_dir_usable
from gateway.ops.doctor.discretion import discreet, one_line
from gateway.ops.doctor.disk import disk_keeps
from gateway.ops.doctor.examination import Check, Look, Tell, examine
from gateway.ops.doctor.finding import Finding, Skipped
from gateway.ops.doctor.model import ModelCheck
from gateway.ops.doctor.public import public_url_ours, signature_arrives
from gateway.ops.doctor.running import gateway_runs
from gateway.ops.doctor.setup import settings_complete, unreadable
from gateway.ops.doctor.upgrade import socket_opens
from gateway.settings import Settings

NAMES: Final = (
    "settings",
    "agents",
    "data-dir",
    "disk",
    "database",
    "model",
    "account",
    "number",
    "webhook",
    "clock",
    "gateway",
    "certificate",
    "public-url",
    "signature",
    "upgrade",
    "call",
    "greeting",
)
"""The checks, in the order they are shown."""
CODE_S = 30.0
"""How long the agents' own modules may take to be imported, and to give a key."""
_DISK = "see which disk it is (df), and what the system says of it (dmesg)"
_CODE = "see what the agents' Python modules do when they are imported"


async def examined(
    settings: Settings, tell: Tell, *, places_call: bool = True, greeting_s: float = GREETING_S
) -> list[Finding]:
    """What every check found. ``places_call=False`` leaves out the call that costs something."""
    async with Carrier(settings) as carrier:
        checks = _checks(settings, carrier, greeting_s)
        if not places_call:
            checks[-2:] = [Check("call", _not_wanted), Check("greeting", _nothing, ("call",))]
        return await examine(checks, tell, discreet(settings))


def unexamined(error: ConfigError) -> list[Finding]:
    """What is found when the settings cannot be read: that, and nothing else."""
    wrong = unreadable(error)
    reason = "not tried: settings is wrong"
    return [
        Finding("settings", "wrong", one_line(wrong.detail), wrong.fix),
        *(Finding(name, "skipped", reason) for name in NAMES[1:]),
    ]


def _checks(settings: Settings, carrier: Carrier, greeting_s: float) -> list[Check]:
    twilio, model = AccountChecks(settings), ModelCheck(settings)
    calls = CallChecks(carrier, model.greets, greeting_s)
    call_s = 2 * ANSWER_S + greeting_s + 2 * HANG_UP_S
    local = settings.database_url is None
    return [
        Check("settings", _aside(lambda: settings_complete(settings)), slow=_DISK),
        Check("agents", lambda: agents_right(settings), limit_s=CODE_S, slow=_CODE),
        Check("data-dir", _aside(lambda: data_dir_usable(settings)), slow=_DISK),
        Check("disk", _aside(lambda: disk_keeps(settings)), ("data-dir",), slow=_DISK),
        Check("database", lambda: database_ready(settings), ("data-dir",) if local else ()),
        Check("model", model.look, limit_s=CODE_S + settings.connect_timeout_s, slow=_CODE),
        Check("account", twilio.account, limit_s=30),
        Check("number", twilio.number, ("account",), limit_s=20),
        Check("webhook", twilio.webhook, ("number",), limit_s=20),
        Check("clock", lambda: clock_right(carrier), limit_s=30),
        Check("gateway", lambda: gateway_runs(carrier), limit_s=30),
        Check("certificate", lambda: certificate_good(carrier), limit_s=15),
        Check(
            "public-url",
            lambda: public_url_ours(carrier),
            ("gateway", "certificate"),
            limit_s=30,
        ),
        Check("signature", lambda: signature_arrives(carrier), ("public-url",), limit_s=60),
        Check("upgrade", lambda: socket_opens(carrier), ("signature",)),
        Check("call", calls.call, ("model", "upgrade"), limit_s=call_s),
        Check("greeting", calls.greeting, ("call",)),
    ]


def _aside(work: Callable[[], str]) -> Look:
    return lambda: aside(work)


async def _not_wanted() -> str:
    raise Skipped("not tried: --no-call")


async def _nothing() -> str:
    return ""
