"""The carrier's REST interface: calls, numbers and the account, as values of our own.

Knows nothing of policy, records or what a call is for. Nothing here hangs: every method has one
limit that covers its repeats and pages too. What only reads is asked again when the carrier is
busy, failing or away; what changes something only when it is certain that nothing was done; a
call is never created twice from here.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar

from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from gateway.errors import ConfigError, GatewayError
from gateway.ops.wire import (
    CARRIER_FAULTS,
    LIMIT_S,
    CarrierAway,
    CarrierBusy,
    CarrierRefused,
    CarrierUnknown,
    Wire,
    unknown,
)
from gateway.settings import Settings, is_loopback

__all__ = [
    "CARRIER_FAULTS",
    "Account",
    "CarrierAway",
    "CarrierBusy",
    "CarrierCall",
    "CarrierRefused",
    "CarrierUnknown",
    "Number",
    "Order",
    "TwilioRest",
]

T = TypeVar("T")

TWILIO: Final = "https://api.twilio.com"
STATUS_EVENTS: Final = ("initiated", "ringing", "answered", "completed")
LIVE: Final = ("queued", "ringing", "in-progress")
"""Statuses of calls that are not over."""
SKEW: Final = timedelta(seconds=10)
"""How far the carrier's clock may be from ours."""
SETTINGS: Final = (
    "voice_url",
    "voice_method",
    "voice_fallback_url",
    "voice_fallback_method",
    "status_callback",
    "status_callback_method",
    "voice_application_sid",
    "trunk_sid",
)
"""What is configured of a number for calls, by the carrier's own names."""
_OVER: Final = 21220
"""The call is not in progress (any more): https://www.twilio.com/docs/api/errors/21220."""
_ATTEMPTS: Final = 4
_FIRST_WAIT_S: Final = 0.25
_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Order:
    """One call that is to be made."""

    to: str
    from_: str
    url: str
    """Asked for TwiML when somebody answers."""
    status_url: str
    """Told of the call's progress."""
    amd_url: str = ""
    """Told who answered, a human or a machine; needed with ``machine_detection``."""
    machine_detection: Literal["", "Enable", "DetectMessageEnd"] = ""
    ring_s: int = 60
    time_limit_s: int | None = None


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """A call as the carrier knows it."""

    sid: str
    status: str
    to: str
    from_: str
    direction: str
    answered_by: str
    duration_s: int | None
    started_at: datetime | None
    ended_at: datetime | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the account; ``settings`` has every name of ``SETTINGS``, empty when unset."""

    sid: str
    e164: str
    friendly_name: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Account:
    """The account itself. ``status``: active, suspended or closed; ``type``: Trial or Full."""

    sid: str
    status: str
    type: str
    friendly_name: str


class TwilioRest:
    """The account of the settings. Used in one event loop, and closed there.

    Every method raises CarrierRefused, CarrierUnknown or CarrierAway.
    """

    def __init__(self, settings: Settings, *, limit_s: float = LIMIT_S) -> None:
        """``limit_s``: the longest any method takes. Raises ConfigError without credentials."""
        if not settings.twilio_account_sid:
            raise ConfigError("TWILIO_ACCOUNT_SID: not set; the carrier is asked in its name")
        if not settings.auth_tokens:
            raise ConfigError("TWILIO_AUTH_TOKEN: not set; the carrier is asked with it")
        url = settings.twilio_api_url or TWILIO
        self._limit_s = limit_s
        self._wire = Wire(url, limit_s)
        client = Client(
            settings.twilio_account_sid,
            settings.auth_tokens[0],
            http_client=self._wire,
            # An empty mapping would mean the process's own (9.13): its TWILIO_REGION and
            # TWILIO_EDGE are put into whatever host there is.
            environment={"TWILIO_REGION": "", "TWILIO_EDGE": ""},
        )
        client.api.base_url = url
        self._account = client.api.v2010.accounts(settings.twilio_account_sid)

    async def close(self) -> None:
        """Closes what is open."""
        await self._wire.close()

    async def create(self, order: Order) -> CarrierCall:
        """Rings somebody: the call is `queued` when this returns, long before anybody answers.

        Never asked twice. After CarrierUnknown it may be ringing: look it up with `calls_to`.
        """
        fields: dict[str, Any] = {}
        if order.machine_detection:
            fields = {
                "machine_detection": order.machine_detection,
                "async_amd": "true",  # a text: https://www.twilio.com/docs/voice/answering-machine-detection
                "async_amd_status_callback": order.amd_url,
                "async_amd_status_callback_method": "POST",
            }
        if order.time_limit_s is not None:
            fields["time_limit"] = order.time_limit_s
        fields |= {
            "to": order.to,
            "from_": order.from_,
            "url": order.url,
            "method": "POST",
            "status_callback": order.status_url,
            "status_callback_event": list(STATUS_EVENTS),
            "status_callback_method": "POST",
            "timeout": order.ring_s,
        }

        async def made() -> CarrierCall:
            return _call(await self._account.calls.create_async(**fields))

        return await self._asked("POST", made)

    async def call(self, sid: str) -> CarrierCall | None:
        """A call; None when the carrier has no such call."""

        async def found() -> CarrierCall:
            return _call(await self._account.calls(sid).fetch_async())

        try:
            return await self._read(found)
        except CarrierRefused as error:
            if error.status == 404:
                return None
            raise

    async def calls_to(self, to: str, since: datetime) -> list[CarrierCall]:
        """Calls to a number (E.164) made since then, to the second."""
        return await self._read(lambda: _since(self._account.calls, since, {"to": to}))

    async def live_calls(self, since: datetime) -> list[CarrierCall]:
        """Calls made since then that are not over."""

        async def found() -> list[CarrierCall]:
            calls: dict[str, CarrierCall] = {}
            for status in LIVE:
                listed = await _since(self._account.calls, since, {"status": status})
                # One that moved on meanwhile is in two answers: the later one is true.
                calls |= {call.sid: call for call in listed}
            return list(calls.values())

        return await self._read(found)

    async def end(self, sid: str, *, answered: bool = True) -> bool:
        """Hangs up; False when the call was over already. ``answered``: as far as we know.

        One that is not answered is cancelled, which does nothing to a call that was answered
        meanwhile (Call resource, `Status`): then it is completed.
        """
        for status in ("completed",) if answered else ("canceled", "completed"):
            try:
                done = await self._update(sid, status=status)
            except CarrierRefused as error:
                if _is_over(error):
                    return False
                raise
            if done.status not in LIVE:
                break
        return True

    async def redirect(self, sid: str, twiml: str) -> bool:
        """Gives a call other TwiML (4000 characters at most); False when it is not in progress."""
        try:
            await self._update(sid, twiml=twiml)
        except CarrierRefused as error:
            if _is_over(error):
                return False
            raise
        return True

    async def numbers(self, pattern: str = "") -> list[Number]:
        """Numbers of the account that contain the pattern, all of them without one.

        The carrier takes parts of numbers, and ``*`` for any digit: more may be found than meant.
        """
        wanted = {"phone_number": pattern} if pattern else {}

        async def found() -> list[Number]:
            listed = self._account.incoming_phone_numbers.list_async
            return [_number(each) for each in await listed(page_size=_PAGE, **wanted)]

        return await self._read(found)

    async def point(self, sid: str, fields: Mapping[str, str]) -> Number:
        """Changes settings of a number (names of ``SETTINGS``), an empty one clears; what it has
        then.
        """
        if wrong := fields.keys() - set(SETTINGS):
            raise ValueError(f"no settings of a number: {sorted(wrong)}")

        async def changed() -> Number:
            number = self._account.incoming_phone_numbers(sid)
            return _number(await number.update_async(**fields))

        return await self._write(changed)

    async def account(self) -> Account:
        """The account itself."""

        async def found() -> Account:
            account = await self._account.fetch_async()
            texts = (account.sid, account.status, account.type, account.friendly_name)
            return Account(*map(_text, texts))

        return await self._read(found)

    async def _update(self, sid: str, **fields: str) -> CarrierCall:
        async def updated() -> CarrierCall:
            return _call(await self._account.calls(sid).update_async(**fields))

        return await self._write(updated)

    async def _read(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What only reads may be asked as often as one likes."""
        return await self._asked("GET", ask, (CarrierBusy, CarrierUnknown, CarrierAway))

    async def _write(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What changes something is asked again only if nothing was done."""
        return await self._asked("POST", ask, (CarrierBusy, CarrierAway))

    async def _asked(
        self,
        method: str,
        ask: Callable[[], Awaitable[T]],
        again: tuple[type[GatewayError], ...] = (),
    ) -> T:
        failed: GatewayError | None = None
        try:
            async with asyncio.timeout(self._limit_s):
                for attempt in range(1, _ATTEMPTS):
                    try:
                        return await ask()
                    except again as error:
                        failed = error
                    # Not all at the same moment: https://www.twilio.com/docs/api/errors/20429
                    await asyncio.sleep(_FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1))
                    if method != "GET":
                        failed = None  # from here on it may be done
                return await ask()
        except TimeoutError:
            silent = unknown(method, f"the carrier gave no answer within {self._limit_s:g} s")
            raise failed or silent from None
        except (TwilioException, ValueError):
            raise unknown(method, "the carrier's answer makes no sense") from None


def has_carrier(settings: Settings) -> bool:
    """False when the carrier could not reach this gateway: it is on loopback, and no twin is named.

    So `gateway serve --offline` rings nobody, whatever the credentials beside it are good for.
    """
    return bool(settings.twilio_api_url) or not is_loopback(settings.public_url)


def made_from(
    calls: Iterable[CarrierCall], number: str, is_taken: Callable[[str], bool]
) -> list[CarrierCall]:
    """Those of these calls that were made by REST with that number shown, and that nobody here
    knows as theirs: what may have come of a request that was not answered.
    """
    return [
        call
        for call in calls
        if call.direction == "outbound-api" and call.from_ == number and not is_taken(call.sid)
    ]


async def _since(calls: Any, since: datetime, wanted: Mapping[str, str]) -> list[CarrierCall]:
    """Calls made since then, to the second.

    Not asked by StartTime: a call that still rings has none. The carrier lists the newest first,
    which is seen and not documented: so a whole page of older ones ends the search, not one call.
    """
    second = since.astimezone(UTC).replace(microsecond=0)
    found: list[CarrierCall] = []
    page = await calls.page_async(page_size=_PAGE, **wanted)
    while page is not None:
        listed = [_call(each) for each in page]
        recent = [call for call in listed if call.created_at is None or call.created_at >= second]
        found += recent
        if listed and not recent:
            break
        page = await page.next_page_async()
    return found


def _is_over(error: CarrierRefused) -> bool:
    return error.status == 404 or error.code == _OVER


def _call(found: Any) -> CarrierCall:
    return CarrierCall(
        sid=_text(found.sid),
        status=_text(found.status),
        to=found.to or "",
        from_=found._from or "",
        direction=found.direction or "",
        answered_by=found.answered_by or "",
        duration_s=int(found.duration) if found.duration else None,
        started_at=found.start_time,
        ended_at=found.end_time,
        created_at=found.date_created,
    )


def _number(found: Any) -> Number:
    settings = {name: getattr(found, name) or "" for name in SETTINGS}
    return Number(_text(found.sid), _text(found.phone_number), found.friendly_name or "", settings)


def _text(value: Any) -> str:
    """What every answer has. Raises ValueError when it is missing."""
    if not isinstance(value, str):
        raise ValueError("a field is missing")
    return value
