"""The gate before everything under ``/api/``.

Opened by the token of GATEWAY_API_TOKEN, or the one the command line makes of the first auth token,
so that it needs no set-up on the gateway's own machine. Without the one it is closed to everybody
who has not the other.
"""

import hmac
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from gateway.call.reception import Reception
from gateway.core import refused
from gateway.ops.apitokens import api_tokens
from gateway.settings import Settings
from gateway.web.api.answers import answered
from gateway.web.api.endpoint import Endpoint, Role, Socket, Who

BEARER = Who("token", "admin")
"""Who has the token."""


class Gate:
    """Lets through to an endpoint whoever may use it."""

    def __init__(self, settings: Settings, reception: Reception) -> None:
        self._open = settings.api_token is not None
        self._tokens = [each.encode() for each in api_tokens(settings)]
        self._reception = reception

    def route(self, each: Endpoint | Socket) -> BaseRoute:
        """The route of an endpoint, with the gate before it."""
        if isinstance(each, Socket):
            return WebSocketRoute(each.path, self._socket(each))
        return Route(each.path, self._endpoint(each), methods=[each.method])

    def _endpoint(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                request.state.who = self._admit(request, endpoint.role)
                result = await endpoint.handler(request)
                return result if isinstance(result, Response) else answered(result)
            except HTTPException as refusal:
                # Whoever is refused may still be sending: the connection goes, too.
                headers = {**(refusal.headers or {}), "Connection": "close"}
                return answered({"error": refusal.detail}, refusal.status_code, headers)

        return answer

    def _socket(self, socket: Socket) -> Callable[[WebSocket], Awaitable[None]]:
        async def answer(websocket: WebSocket) -> None:
            try:
                who = self._admit(websocket, socket.role)
            except HTTPException as refusal:
                answer = Response(
                    status_code=refusal.status_code, headers={refused.HEADER: "api_token"}
                )
                await websocket.send_denial_response(answer)
                return
            await socket.handler(websocket, who)

        return answer

    def _admit(self, asked: HTTPConnection, role: Role) -> Who:
        """Who asks. Raises HTTPException for those who may not."""
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        given = token.strip().encode()
        right = [hmac.compare_digest(given, each) for each in self._tokens]
        if any(right) and scheme.lower() == "bearer" and BEARER.may(role):
            return BEARER
        self._reception.rejected("api_token")
        if not self._open:
            raise HTTPException(403, "closed: GATEWAY_API_TOKEN is not set")
        wanted = "Authorization: Bearer <GATEWAY_API_TOKEN>"
        raise HTTPException(401, f"needs {wanted}", {"WWW-Authenticate": "Bearer"})
