"""``/api/calls``: phones to be rung, how far each call is, and hanging up.

Whoever asks twice under one ``Idempotency-Key`` rings one phone once.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.call.context import Amd
from gateway.core.callee import Refusal
from gateway.ops.placing.book import DATABASE_FAULTS
from gateway.ops.placing.placing import Placing
from gateway.ops.rest import CARRIER_FAULTS
from gateway.settings import Settings
from gateway.store.audit import AuditLog
from gateway.store.dials import Ask, KeyReused
from gateway.web.api.answers import answered, body_of
from gateway.web.api.endpoint import Endpoint, who_asks

MOST_DATA = 50
_NO_CARRIER = (
    "no calls can be placed from here: offline there is no carrier, unless GATEWAY_TWILIO_API_URL "
    "names a twin"
)
_AWAY = "the database does not answer: nobody was rung, and nothing changed"
_DRAINING = "the gateway is going to end: it places no more calls"
_NONE = "there is no call with this ID"
_HANG_UP = {"only": "`waiting`: if nobody was asked for the call yet"}
_ONLY = "`only` may be `waiting`"
_KEY = "the header Idempotency-Key has 1 to 128 printable ASCII characters"

T = TypeVar("T")

_log = structlog.get_logger()

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Key = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
_Value = Annotated[str, msgspec.Meta(max_length=1000)]
_Data = Annotated[dict[_Key, _Value], msgspec.Meta(max_length=MOST_DATA)]


class CallAsked(msgspec.Struct, forbid_unknown_fields=True):
    """A phone that is to be rung; see docs/calling.md."""

    to: Annotated[str, msgspec.Meta(max_length=64)]
    from_: Annotated[str, msgspec.Meta(max_length=32)] | None = msgspec.field(
        default=None, name="from"
    )
    agent: _Name | None = None
    campaign: _Name | None = None
    data: _Data = {}
    record: bool | None = None
    amd: Amd = "off"
    max_minutes: Annotated[float, msgspec.Meta(gt=0, le=1440)] | None = None
    ring_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 60
    not_before: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    by: Literal["api", "cli", "campaign"] = "api"


class CallHandlers:
    """The calls we place, and those on the line."""

    def __init__(
        self, settings: Settings, placing: Placing | None, audit: AuditLog | None = None
    ) -> None:
        """``placing`` = None: no calls are placed from here."""
        self._settings = settings
        self._placing = placing
        self._audit = audit

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        all_of, one = "/api/calls", "/api/calls/{call_id}"
        return [
            Endpoint("GET", all_of, "viewer", self.list, "The calls we placed that are not over"),
            Endpoint("POST", all_of, "operator", self.place, "Rings a phone", body=CallAsked),
            Endpoint("GET", one, "viewer", self.show, "One call, over or not"),
            Endpoint("DELETE", one, "operator", self.hang_up, "Hangs up", query=_HANG_UP),
        ]

    async def place(self, request: Request) -> Response:
        """Lets a call in: 201 with it, or 200 with the one that was let in under the same key."""
        placing = self._there()
        if placing.draining:
            raise HTTPException(503, _DRAINING)
        ask = self._ask(_asked(await body_of(request)), _idempotency_key(request))
        try:
            dial = await _asking(placing.ask(ask))
        except KeyReused as error:
            raise HTTPException(409, str(error)) from None
        if isinstance(dial, Refusal):
            said = {"error": dial.text, "rule": dial.rule, "setting": dial.setting or None}
            return answered(said, 429 if dial.passes else 422)
        if not dial.again:
            self._note(request, "call.placed", dial.call_sid, dial.id)
        return answered(placing.view_of(dial), 200 if dial.again else 201)

    async def list(self, _request: Request) -> list[dict[str, Any]]:
        """Calls that are not over."""
        return self._there().views()

    async def show(self, request: Request) -> dict[str, Any]:
        """One call, over or not."""
        view = await _asking(self._there().view(request.path_params["call_id"]))
        if view is None:
            raise HTTPException(404, _NONE)
        return view

    async def hang_up(self, request: Request) -> dict[str, Any]:
        """Ends a call; one that is over already is fine. ``?only=waiting``: if nobody was asked for
        it yet; whoever may be ringing goes on.
        """
        call_id, only = request.path_params["call_id"], request.query_params.get("only", "")
        if only not in ("", "waiting"):
            raise HTTPException(400, _ONLY)
        placing = self._there()
        try:
            view = await _asking((placing.take_back if only else placing.hang_up)(call_id))
        except CARRIER_FAULTS as error:
            _log.warning("call.not_hung_up", error=type(error).__name__)
            raise HTTPException(502, f"the call may go on: {error}") from None
        if view is None:
            raise HTTPException(404, _NONE)
        self._note(request, "hang_up", view.get("call_sid"), view.get("id") or "")
        return view

    def _note(self, request: Request, action: str, call_sid: str | None, detail: str) -> None:
        if self._audit is not None:
            self._audit.note(who_asks(request), action, call_sid=call_sid or "", detail=detail)

    def _there(self) -> Placing:
        if self._placing is None:
            raise HTTPException(503, _NO_CARRIER)
        return self._placing

    def _ask(self, asked: CallAsked, key: str | None) -> Ask:
        now = datetime.now(UTC)
        at = now if asked.not_before is None else max(now, asked.not_before)
        try:
            expires_at = at + timedelta(seconds=self._settings.outbound_max_age_s)
        except OverflowError:
            raise HTTPException(
                400, "`not_before` is at the end of time; see docs/calling.md"
            ) from None
        return Ask(
            to=asked.to,
            from_=asked.from_ or self._settings.twilio_phone_number,
            agent=asked.agent,
            campaign=asked.campaign,
            data=asked.data,
            record=asked.record,
            amd=asked.amd,
            max_minutes=asked.max_minutes,
            ring_s=asked.ring_s,
            by=asked.by,
            key=key,
            not_before=asked.not_before,
            expires_at=expires_at,
        )


async def _asking(question: Awaitable[T]) -> T:
    try:
        return await question
    except DATABASE_FAULTS:
        raise HTTPException(503, _AWAY) from None


def _asked(body: bytes) -> CallAsked:
    try:
        return msgspec.json.decode(body, type=CallAsked)
    except ValueError as error:
        raise HTTPException(400, f"{error}; see docs/calling.md") from None


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 128 or not (key.isascii() and key.isprintable()):
        raise HTTPException(400, _KEY)
    return key
