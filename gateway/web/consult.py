"""Twilio's webhooks of warm transfers: a colleague picks up, decides, and what became of them.

All of them are signed; the address names the consult, which nobody could guess. One that is not
known, or over, is for somebody whom nobody needs any more.
"""

from starlette.datastructures import FormData
from starlette.responses import Response

from gateway.call.context import Destination
from gateway.core import twiml
from gateway.ops.consulting.consults import Consults
from gateway.settings import Settings

_NOBODY = Destination("")


class ConsultWebhooks:
    """The handlers under ``/twilio/consult…`` for the colleague's own call."""

    def __init__(self, settings: Settings, consults: Consults | None) -> None:
        self._settings = settings
        self._consults = consults

    async def picked_up(self, form: FormData) -> Response:
        """Somebody answered: they hear the summary and are asked for a key."""
        consult_id = _text(form, "query.consult")
        consult = self._consults.get(consult_id) if self._consults else None
        if consult is None or not consult.picked_up(_text(form, "CallSid")):
            return self._goodbye(consult.request.destination if consult else _NOBODY)
        request, destination = consult.request, consult.request.destination
        return _twiml(
            twiml.question(
                (request.summary, destination.prompt),
                action_url=f"{self._settings.public_url}/twilio/consult-answer?consult={consult_id}",
                timeout_s=destination.accept_timeout_s,
                goodbye=destination.goodbye,
                language=destination.language,
            )
        )

    async def decided(self, form: FormData) -> Response:
        """They pressed a key, or none: into the room, or goodbye."""
        consult = self._consults.get(_text(form, "query.consult")) if self._consults else None
        if consult is not None and consult.decided(_text(form, "CallSid"), _text(form, "Digits")):
            return _twiml(twiml.conference(consult.room))
        return self._goodbye(consult.request.destination if consult else _NOBODY)

    async def told(self, form: FormData) -> Response:
        """How far the call is."""
        if self._consults is not None:
            sid, status = _text(form, "CallSid"), _text(form, "CallStatus")
            self._consults.told(_text(form, "query.consult"), sid, status)
        return Response(status_code=204)

    def _goodbye(self, destination: Destination) -> Response:
        return _twiml(twiml.say_and_hangup(destination.goodbye, destination.language))


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _twiml(document: str) -> Response:
    return Response(document, media_type="text/xml")
