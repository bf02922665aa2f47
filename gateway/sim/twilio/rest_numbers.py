"""Owns the IncomingPhoneNumbers resource of the REST API: list, fetch, update.

https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sim.twilio.exchange import Exchange
from gateway.sim.twilio.form import Form
from gateway.sim.twilio.numbers import OwnedNumber
from gateway.sim.twilio.rest_errors import RestRefusal
from gateway.sim.twilio.shapes import number_json, page_json

_URLS = {
    "VoiceUrl": "voice_url",
    "VoiceFallbackUrl": "voice_fallback_url",
    "StatusCallback": "status_callback",
}
_METHODS = {
    "VoiceMethod": "voice_method",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallbackMethod": "status_callback_method",
}
_TEXTS = {
    "FriendlyName": "friendly_name",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}


class NumberRoutes:
    """Handlers for one account."""

    def __init__(self, exchange: Exchange) -> None:
        self._numbers = exchange.numbers
        self._account_sid = exchange.options.account_sid

    def routes(self) -> list[Route]:
        """Below the account's path."""
        return [
            Route("/IncomingPhoneNumbers.json", self.list, methods=["GET"]),
            Route("/IncomingPhoneNumbers/{sid}.json", self.fetch, methods=["GET"]),
            Route("/IncomingPhoneNumbers/{sid}.json", self.update, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """All numbers, or those that match `PhoneNumber` (a part of a number, `*` for any
        digit)."""
        query = dict(request.query_params)
        items = [
            number_json(self._account_sid, number)
            for number in self._numbers.matching(query.get("PhoneNumber", ""))
        ]
        return JSONResponse(page_json("incoming_phone_numbers", items, request.url.path, query))

    async def fetch(self, request: Request) -> Response:
        """One number."""
        return JSONResponse(number_json(self._account_sid, self._number(request)))

    async def update(self, request: Request) -> Response:
        """Changes what was sent; an empty value clears."""
        number = self._number(request)
        form = await Form.of(request)
        settings = {key: form.url(name, 21402) for name, key in _URLS.items() if name in form}
        settings |= {key: form.method(name) for name, key in _METHODS.items() if name in form}
        settings |= {key: form.get(name) for name, key in _TEXTS.items() if name in form}
        result = {**number.settings, **settings}
        if result["voice_fallback_url"] and not result["voice_url"]:
            raise RestRefusal(21405)
        number.update(settings)
        return JSONResponse(number_json(self._account_sid, number))

    def _number(self, request: Request) -> OwnedNumber:
        number = self._numbers.by_sid(request.path_params["sid"])
        if number is None:
            raise RestRefusal(20404, request.url.path)
        return number
