"""Twilio's webhooks: who calls, what happened to the call, what comes after the stream.

Every POST is signed, or answered 403 with nothing in it. The answers are TwiML or 204.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.call.call import Call, Offer
from gateway.call.context import Destination
from gateway.call.reception import Reception
from gateway.call.transfer import Room
from gateway.core import refused, twiml
from gateway.core.dialstate import News
from gateway.errors import Rejected
from gateway.ops.placing.placing import Placing
from gateway.settings import Settings
from gateway.web.onward import Over, after_dial, after_stream
from gateway.web.progress import progress_news
from gateway.web.signature import Signatures

MAX_FORM_BYTES = 64 * 1024
_MAX_FIELDS = 200
_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
"""As Twilio's API description has it; anything else could neither be streamed nor remembered."""
_LONGEST_ADDRESS = 256
_NOT_PLAIN = re.compile(r"[^ -~]")
_BROKEN = "We are sorry, we have a technical problem. Please call again later. Goodbye."

_DURABLE_S = 0.3
"""How long Twilio waits for our disk: callers hear ringing meanwhile, and then they are served."""

_log = structlog.get_logger()

Durable = Callable[[float], Awaitable[bool]]
"""True as soon as everything told so far is on the disk; False when that takes longer (s)."""

Handler = Callable[[FormData], Awaitable[Response]]
"""Answers a signed form; what the signed address carried stands in it as ``query.<name>``."""


class TwilioWebhooks:
    """The endpoints under ``/twilio/`` that speak HTTP."""

    def __init__(
        self,
        settings: Settings,
        reception: Reception,
        signatures: Signatures,
        durable: Durable | None = None,
        placing: Placing | None = None,
        took: Callable[[float, str], None] | None = None,
    ) -> None:
        """``durable`` waits until what happened so far cannot be lost any more, for a while;
        ``placing`` knows the calls we placed; ``took`` is told how long answering a webhook took
        (s), and which.
        """
        self._settings = settings
        self._reception = reception
        self._signatures = signatures
        self._durable = durable
        self._placing = placing
        self._took = took

    def endpoint(
        self, handler: Handler, *, kept: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """An ASGI endpoint that lets only Twilio's own requests through to ``handler``.

        ``kept``: Twilio is answered when what it told is on the disk, or soon after without that.
        """

        async def answer(request: Request) -> Response:
            began = time.monotonic()
            form = await self._signed_form(request)
            response = await handler(form)
            if kept and self._durable is not None and not await self._durable(_DURABLE_S):
                _log.warning("records.not_durable", call_sid=_field(form, "CallSid"))
            if self._took is not None:
                self._took(time.monotonic() - began, request.url.path.rpartition("/")[2])
            return response

        return answer

    # The handlers

    async def voice(self, form: FormData) -> Response:
        """A call comes in, or one of ours was answered: the model is dialled, Twilio is told to
        open the stream.
        """
        offer = Offer(
            call_sid=_field(form, "CallSid"),
            account_sid=_field(form, "AccountSid"),
            caller=_address(form, "From"),
            called=_address(form, "To"),
            direction=_field(form, "Direction") or "inbound",
            campaign=_address(form, "query.campaign"),
            stir=_address(form, "StirVerstat"),
        )
        if not _CALL_SID.fullmatch(offer.call_sid):
            raise HTTPException(400, "CallSid is missing or is none")
        try:
            call = self._reception.offer(await self._with_errand(offer, form))
        except Rejected as refusal:
            return _twiml(self._refusal(refusal.reason))
        return _twiml(self._connect(call))

    async def connect_ended(self, form: FormData) -> Response:
        """The stream is over and Twilio asks what comes next.

        A caller who is being transferred is connected; a call we ended is hung up. A caller who is
        still there although the stream broke hears why.
        """
        call_sid, there = _field(form, "CallSid"), _field(form, "CallStatus") == "in-progress"
        return _twiml(self._next(after_stream(self._reception, call_sid, there=there)))

    async def dial_ended(self, form: FormData) -> Response:
        """The destination of a transfer is done, or never answered: then the caller comes back."""
        call_sid, there = _field(form, "CallSid"), _field(form, "CallStatus") == "in-progress"
        status = _field(form, "DialCallStatus")
        return _twiml(self._next(after_dial(self._reception, call_sid, status, there=there)))

    async def status(self, form: FormData) -> Response:
        """The carrier's view of the call's progress; of a call we placed it is written down."""
        status, call_sid = _field(form, "CallStatus"), _field(form, "CallSid")
        _log.info("carrier.status", call_sid=call_sid, status=status)
        if status in ("completed", "busy", "failed", "no-answer", "canceled"):
            self._reception.carrier_ended(call_sid, status)
        if (dial := _dial_of(form)) and self._placing is not None:
            await _soon(self._placing.hear(dial, progress_news(form, datetime.now(UTC))))
        return Response(status_code=204)

    async def amd(self, form: FormData) -> Response:
        """Who answered a call we placed: a human, a machine, a fax."""
        call_sid, who = _field(form, "CallSid"), _field(form, "AnsweredBy")
        _log.info("carrier.amd", call_sid=call_sid, answered_by=who)
        dial = _dial_of(form)
        if not dial or self._placing is None or not who:
            return Response(status_code=204)
        here = self._reception.answered_by(call_sid, who)
        news = News(at=datetime.now(UTC), call_sid=call_sid, answered_by=who)
        await _soon(self._placing.answered_by(dial, news, here=here))
        return Response(status_code=204)

    async def stream_status(self, form: FormData) -> Response:
        """The only channel that tells why a stream could not be opened."""
        event, error = _field(form, "StreamEvent"), _field(form, "StreamError")
        log = _log.warning if event == "stream-error" else _log.info
        log("carrier.stream", call_sid=_field(form, "CallSid"), stream_event=event, error=error)
        return Response(status_code=204)

    # Inside

    async def _with_errand(self, offer: Offer, form: FormData) -> Offer:
        """The offer with what we placed the call for. Raises Rejected when we did not, or do not
        want it any more.
        """
        dial = _dial_of(form)
        if not dial:
            return offer
        try:
            if self._placing is None:
                raise Rejected("dial_unknown")
            errand = await self._placing.errand(dial, offer.call_sid)
        except Rejected as refusal:
            self._reception.rejected(refusal.reason)
            raise
        return replace(offer, errand=errand, campaign=errand.campaign or offer.campaign)

    async def _signed_form(self, request: Request) -> FormData:
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise HTTPException(411)
        if int(length) > MAX_FORM_BYTES:
            self._reception.rejected("form_too_large")
            raise HTTPException(413)
        signature = request.headers.get("x-twilio-signature")
        if not signature:
            raise self._stranger("signature_missing")
        try:
            form = await request.form(max_files=0, max_fields=_MAX_FIELDS)
        except ClientDisconnect:
            raise HTTPException(400) from None
        url = request.url
        if not self._signatures.webhook(url.path, url.query, form, signature):
            raise self._stranger("signature_wrong")
        if _field(form, "AccountSid") != self._settings.twilio_account_sid:
            raise self._stranger("other_account")
        # Signed with the address: what our own outbound calls carry along.
        query = [(f"query.{name}", value) for name, value in request.query_params.multi_items()]
        return FormData([*form.multi_items(), *query])

    def _stranger(self, reason: str) -> HTTPException:
        self._reception.rejected(reason)
        return HTTPException(403, "", {refused.HEADER: reason})

    def _next(self, onward: Call | Destination | Room | Over) -> str:
        if isinstance(onward, Call):
            return self._connect(onward)
        if not isinstance(onward, Over):
            return self._dial(onward)
        return twiml.say_and_hangup(onward.say) if onward.say else twiml.hangup()

    def _connect(self, call: Call) -> str:
        base = self._settings.public_url
        return twiml.connect_stream(
            stream_url=self._settings.stream_url,
            action_url=f"{base}/twilio/connect-ended",
            status_url=f"{base}/twilio/stream-status",
            call_sid=call.offer.call_sid,
            parameters={"ticket": call.ticket},
        )

    def _dial(self, destination: Destination | Room) -> str:
        action_url = f"{self._settings.public_url}/twilio/dial-ended"
        if isinstance(destination, Room):
            return twiml.conference(destination.name, action_url=action_url)
        return twiml.dial(
            destination.number,
            action_url=action_url,
            timeout_s=destination.timeout_s,
            caller_id=destination.caller_id,
        )

    def _refusal(self, reason: str) -> str:
        if reason in ("call_over", "dial_unknown", "dial_other_call", "dial_over"):
            return twiml.hangup()
        if reason == "agent_broken":
            return twiml.say_and_hangup(_BROKEN)
        if self._settings.overflow_message:
            return twiml.say_and_hangup(self._settings.overflow_message)
        return twiml.reject_busy()


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _address(form: FormData, name: str) -> str:
    """A caller's or called address: any, made short and plain enough for tickets and logs."""
    return _NOT_PLAIN.sub("?", _field(form, name)[:_LONGEST_ADDRESS])


def _dial_of(form: FormData) -> str:
    """The dial of ours that the signed address names; empty when it names none."""
    return _address(form, "query.dial")


async def _soon(writing: asyncio.Task[None]) -> None:
    """Waits for something to be written, but no longer than the carrier may wait for us."""
    await asyncio.wait({writing}, timeout=_DURABLE_S)


def _twiml(document: str) -> Response:
    return Response(document, media_type="text/xml")
