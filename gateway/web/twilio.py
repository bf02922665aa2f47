"""Twilio's webhooks: who calls, what happened to the call, what comes after the stream.

Every POST is signed, or answered 403 with nothing in it. The answers are TwiML or 204.
"""

import re
from collections.abc import Awaitable, Callable

import structlog
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.call.call import Call, Offer
from gateway.call.context import Destination
from gateway.call.reception import Reception
from gateway.core import twiml
from gateway.errors import Rejected
from gateway.settings import Settings
from gateway.web.signature import Signatures

MAX_FORM_BYTES = 64 * 1024
_MAX_FIELDS = 200
_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
"""As Twilio's API description has it; anything else could neither be streamed nor remembered."""
_LONGEST_ADDRESS = 256
_NOT_PLAIN = re.compile(r"[^ -~]")
_BROKEN = "We are sorry, we have a technical problem. Please call again later. Goodbye."
_CONNECTION_LOST = "We are sorry, the connection was lost. Goodbye."
_STILL_THERE = ("socket_lost", "carrier_garbage", "no_stream", None)
"""Outcomes after which a caller who is still on the line has not been told anything."""

_DURABLE_S = 0.3
"""How long Twilio waits for our disk: callers hear ringing meanwhile, and then they are served."""

_log = structlog.get_logger()

Durable = Callable[[float], Awaitable[bool]]
"""True as soon as everything told so far is on the disk; False when that takes longer (s)."""

Handler = Callable[[FormData], Response]
"""Answers a signed form; what the signed address carried stands in it as ``query.<name>``."""


class TwilioWebhooks:
    """The endpoints under ``/twilio/`` that speak HTTP."""

    def __init__(
        self,
        settings: Settings,
        reception: Reception,
        signatures: Signatures,
        durable: Durable | None = None,
    ) -> None:
        """``durable`` waits until what happened so far cannot be lost any more, for a while."""
        self._settings = settings
        self._reception = reception
        self._signatures = signatures
        self._durable = durable

    def endpoint(
        self, handler: Handler, *, kept: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """An ASGI endpoint that lets only Twilio's own requests through to ``handler``.

        ``kept``: Twilio is answered when what it told is on the disk, or soon after without that.
        """

        async def answer(request: Request) -> Response:
            form = await self._signed_form(request)
            response = handler(form)
            if kept and self._durable is not None and not await self._durable(_DURABLE_S):
                _log.warning("records.not_durable", call_sid=_field(form, "CallSid"))
            return response

        return answer

    # The handlers

    def voice(self, form: FormData) -> Response:
        """A call comes in: the model is dialled, Twilio is told to open the stream."""
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
            call = self._reception.offer(offer)
        except Rejected as refusal:
            return _twiml(self._refusal(refusal.reason))
        return _twiml(self._connect(call))

    def connect_ended(self, form: FormData) -> Response:
        """The stream is over and Twilio asks what comes next.

        A caller who is being transferred is connected; a call we ended is hung up. A caller who is
        still there although the stream broke hears why.
        """
        call_sid, there = _field(form, "CallSid"), _field(form, "CallStatus") == "in-progress"
        destination = self._reception.destination(call_sid, there=there)
        if destination is not None:
            return _twiml(self._dial(destination))
        # Twilio asks the moment the stream is closed, while the model is still being closed.
        untold = self._reception.outcome(call_sid) in _STILL_THERE
        if untold and there:
            return _twiml(twiml.say_and_hangup(_CONNECTION_LOST))
        return _twiml(twiml.hangup())

    def dial_ended(self, form: FormData) -> Response:
        """The destination of a transfer is done, or never answered: then the caller comes back."""
        call_sid, there = _field(form, "CallSid"), _field(form, "CallStatus") == "in-progress"
        talked = _field(form, "DialCallStatus") in ("completed", "answered")
        status = "" if talked else _field(form, "DialCallStatus")
        call = self._reception.transfer_ended(call_sid, status, there=there)
        if call is not None:
            return _twiml(self._connect(call))
        if there and not talked:
            return _twiml(twiml.say_and_hangup(_CONNECTION_LOST))
        return _twiml(twiml.hangup())

    def status(self, form: FormData) -> Response:
        """The carrier's view of the call's progress."""
        status = _field(form, "CallStatus")
        _log.info("carrier.status", call_sid=_field(form, "CallSid"), status=status)
        if status in ("completed", "busy", "failed", "no-answer", "canceled"):
            self._reception.carrier_ended(_field(form, "CallSid"), status)
        return Response(status_code=204)

    def stream_status(self, form: FormData) -> Response:
        """The only channel that tells why a stream could not be opened."""
        event, error = _field(form, "StreamEvent"), _field(form, "StreamError")
        log = _log.warning if event == "stream-error" else _log.info
        log("carrier.stream", call_sid=_field(form, "CallSid"), stream_event=event, error=error)
        return Response(status_code=204)

    # Inside

    async def _signed_form(self, request: Request) -> FormData:
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise HTTPException(411)
        if int(length) > MAX_FORM_BYTES:
            self._reception.rejected("form_too_large")
            raise HTTPException(413)
        signature = request.headers.get("x-twilio-signature")
        if not signature:
            self._reception.rejected("signature_missing")
            raise HTTPException(403, "")
        try:
            form = await request.form(max_files=0, max_fields=_MAX_FIELDS)
        except ClientDisconnect:
            raise HTTPException(400) from None
        url = request.url
        if not self._signatures.webhook(url.path, url.query, form, signature):
            self._reception.rejected("signature_wrong")
            raise HTTPException(403, "")
        if _field(form, "AccountSid") != self._settings.twilio_account_sid:
            self._reception.rejected("other_account")
            raise HTTPException(403, "")
        # Signed with the address: what our own outbound calls carry along.
        query = [(f"query.{name}", value) for name, value in request.query_params.multi_items()]
        return FormData([*form.multi_items(), *query])

    def _connect(self, call: Call) -> str:
        base = self._settings.public_url
        return twiml.connect_stream(
            stream_url=self._settings.stream_url,
            action_url=f"{base}/twilio/connect-ended",
            status_url=f"{base}/twilio/stream-status",
            call_sid=call.offer.call_sid,
            parameters={"ticket": call.ticket},
        )

    def _dial(self, destination: Destination) -> str:
        return twiml.dial(
            destination.number,
            action_url=f"{self._settings.public_url}/twilio/dial-ended",
            timeout_s=destination.timeout_s,
            caller_id=destination.caller_id,
        )

    def _refusal(self, reason: str) -> str:
        if reason == "call_over":
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


def _twiml(document: str) -> Response:
    return Response(document, media_type="text/xml")
