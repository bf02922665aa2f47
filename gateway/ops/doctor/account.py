"""The Twilio account and the number: are they ours, and does the number ring here?"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.ops.doctor.setup import credentials_fault
from gateway.ops.pointing import OVERRIDES, overridden
from gateway.ops.rest import (
    CarrierAway,
    CarrierBusy,
    CarrierRefused,
    CarrierUnknown,
    Number,
    TwilioRest,
)
from gateway.settings import Settings

VOICE = "/twilio/voice"
STATUS = "/twilio/status"
_LIMIT_S = 8.0
_SHOWN = 5


class AccountChecks:
    """Asks the carrier's REST interface; three checks, each building on the one before."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._number: Number | None = None

    async def account(self) -> str:
        """Whose account it is. Raises Wrong when the carrier does not take its token."""
        settings = self._settings
        if fault := credentials_fault(settings):
            raise Skipped(f"not tried: {fault}")
        try:
            async with _asking(settings) as rest:
                account = await rest.account()
        except CarrierBusy as error:
            raise Wrong(str(error), "try again in a minute") from None
        except CarrierRefused as error:
            raise await _refused(settings, error) from None
        except (CarrierAway, CarrierUnknown) as error:
            raise Wrong(
                str(error),
                "see status.twilio.com and whether this machine may connect to the internet; "
                "GATEWAY_TWILIO_API_URL is for a region or a twin only",
            ) from None
        if account.status != "active":
            raise Wrong(
                f"the account {account.friendly_name!r} is {account.status}",
                "see https://console.twilio.com: its bills, or ask Twilio",
            )
        trial = ", on trial: it can ring verified numbers only" if account.type == "Trial" else ""
        return f"{account.friendly_name!r} is active{trial}"

    async def number(self) -> str:
        """The number. Raises Wrong when the account has no such number."""
        wanted = self._settings.twilio_phone_number
        if not wanted:
            raise Skipped("not tried: TWILIO_PHONE_NUMBER is not set", blocks=False)
        async with _asking(self._settings) as rest:
            # Parts of numbers are found, too.
            found = [each for each in await rest.numbers(wanted) if each.e164 == wanted]
            others = [] if found else await rest.numbers()
        if not found:
            raise Wrong(
                f"{wanted} is no number of this account: it has {_listed(others) or 'none at all'}",
                "set TWILIO_PHONE_NUMBER to one of them, or use that number's account",
            )
        self._number = found[0]
        return f"{wanted} is a number of this account ({found[0].friendly_name})"

    async def webhook(self) -> str:
        """What a number does when it is called. Raises Wrong when that is not to ask us."""
        base = self._settings.public_url
        if not base:
            raise Skipped("not tried: GATEWAY_PUBLIC_URL is not set")
        ours, number = _plain(base + VOICE), self._number
        if number is None:
            return await self._any_number(ours)
        _check_webhook(number, ours)
        told = _plain(number.settings["status_callback"]) == _plain(base + STATUS)
        return f"{number.e164} asks {ours}" + ("" if told else "; its status callback is not ours")

    async def _any_number(self, ours: str) -> str:
        """While no number is set, one that asks us is enough."""
        async with _asking(self._settings) as rest:
            numbers = await rest.numbers()
        pointed = [each for each in numbers if not overridden(each.settings) and _asks(each, ours)]
        if not pointed:
            raise Wrong(
                f"none of the account's numbers ({_listed(numbers) or 'it has none'}) asks {ours}",
                "run `gateway webhook set +E164` for the number people call, and set "
                "TWILIO_PHONE_NUMBER to it",
            )
        return f"{_listed(pointed)} asks {ours}"


@asynccontextmanager
async def _asking(settings: Settings) -> AsyncIterator[TwilioRest]:
    rest = TwilioRest(settings, limit_s=_LIMIT_S)
    try:
        yield rest
    finally:
        await rest.close()


async def _refused(settings: Settings, error: CarrierRefused) -> Wrong:
    """Why, as far as it can be found out: with several tokens another one may be right."""
    for position, token in enumerate(settings.twilio_auth_token[1:], 2):
        try:
            async with _asking(settings.model_copy(update={"twilio_auth_token": (token,)})) as rest:
                await rest.account()
        except (CarrierRefused, CarrierAway, CarrierUnknown):
            continue
        return Wrong(
            "the carrier does not accept the first token of TWILIO_AUTH_TOKEN, "
            f"but token {position}",
            f"put token {position} first: the first one is used for REST",
        )
    if error.status in (401, 403, 404):
        return Wrong(
            f"the carrier does not accept TWILIO_AUTH_TOKEN for {settings.twilio_account_sid} "
            f"(HTTP {error.status})",
            "copy Account SID and Auth Token (the live ones, of the same account) from "
            "https://console.twilio.com",
        )
    return Wrong(str(error), "see https://console.twilio.com")


def _listed(numbers: Sequence[Number]) -> str:
    more = ", …" if len(numbers) > _SHOWN else ""
    return ", ".join(number.e164 for number in numbers[:_SHOWN]) + more


def _check_webhook(number: Number, ours: str) -> None:
    put = f"run `gateway webhook set {number.e164}`"
    if over := overridden(number.settings):
        what = " and ".join(f"the {OVERRIDES[name]} {sid}" for name, sid in over.items())
        raise Wrong(
            f"{what} on {number.e164} takes its calls, whatever its voice URL says",
            f"run `gateway webhook set {number.e164} --clear-overrides`",
        )
    if _asks(number, ours):
        return
    url, method = number.settings["voice_url"], number.settings["voice_method"]
    if _plain(url) == ours:
        raise Wrong(f"{number.e164} asks {ours} by {method}; it must be POST", put)
    raise Wrong(f"{number.e164} asks {url or 'nobody'}, not {ours}", put)


def _asks(number: Number, ours: str) -> bool:
    return (
        _plain(number.settings["voice_url"]) == ours and number.settings["voice_method"] == "POST"
    )


def _plain(url: str) -> str:
    """The address itself: a fragment holds time limits for Twilio, and port 443 is no other."""
    address = url.partition("#")[0]
    scheme, between, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    if scheme == "https":
        host = host.removesuffix(":443")
    return f"{scheme}{between}{host}{slash}{path}"
