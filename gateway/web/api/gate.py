"""The gate before everything that is not the carrier's: the API, its sockets, metrics, the pages.

Owns the rule of who may do what. Who asks is found in this order: a bearer token (that of
GATEWAY_API_TOKEN, or the one the command line makes of an auth token), the session of somebody who
signed in, and being on the gateway's own machine, as long as nobody can sign in and the gateway has
no public address. All others find nothing here, or where to sign in.
"""

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketState

from gateway.call.reception import Reception
from gateway.core import refused
from gateway.ops.apitokens import api_tokens
from gateway.ops.users import Users
from gateway.settings import Settings, is_loopback
from gateway.web.api import cookies
from gateway.web.api.answers import answered
from gateway.web.api.endpoint import Access, Endpoint, Handler, Socket, Who
from gateway.web.api.origin import is_foreign, is_local, is_unsafe
from gateway.web.api.sessions import Session, Sessions
from gateway.web.sockets import abort

SIGNED_OUT = 4401
"""The code with which a socket is closed whose session has ended."""
TIDY_S = 5.0
"""So long what is behind a socket may tidy up then."""
NOBODY = "nobody"
"""As what is counted who finds nothing and is not told why."""

_Answer = Callable[[Request], Awaitable[Response]]


class Refusal(HTTPException):
    """Who asks is not let through."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        """``reason``: the word of docs/addresses.md; empty for what a stranger is not told."""
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        super().__init__(status, text, {**headers, refused.HEADER: reason} if reason else headers)


class Gate:
    """Lets through whoever may do what they ask for."""

    def __init__(
        self,
        settings: Settings,
        reception: Reception,
        users: Users | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        """``users`` = None: only the admin of the settings can sign in, if there is one."""
        self._has_token = settings.api_token is not None
        names = ["token"] * self._has_token
        self._tokens = [each.encode() for each in api_tokens(settings)]
        self._bearers = [
            Who(name, "admin") for name in names + ["cli"] * (len(self._tokens) - len(names))
        ]
        self._public_url = settings.public_url
        self._is_public = bool(settings.public_url) and not is_loopback(settings.public_url)
        self._reception = reception
        self.users = Users(settings) if users is None else users
        self.sessions = Sessions(self.users) if sessions is None else sessions
        self._home: Session | None = None
        """Of those on this machine, while it is open to them: ends their sockets with that."""

    def route(self, each: Endpoint | Socket) -> BaseRoute:
        """The route of an endpoint, with the gate before it."""
        if isinstance(each, Socket):
            return WebSocketRoute(each.path, self._socket(each))
        return Route(each.path, self.before(each.role, each.handler), methods=[each.method])

    def before(self, role: Access, handler: Handler) -> _Answer:
        """A handler with the gate before it, for a route beside the API."""

        async def answer(request: Request) -> Response:
            try:
                who, session = await self._admit(request, role)
                request.state.who, request.state.session = who, session
                result = await handler(request)
                response = result if isinstance(result, Response) else answered(result)
            except HTTPException as refusal:
                headers = dict(refusal.headers or {})
                reason = headers.get(refused.HEADER)
                if reason or isinstance(refusal, Refusal):
                    self._reception.rejected(reason or NOBODY)
                # Whoever is refused may still be sending: the connection goes, too.
                headers["Connection"] = "close"
                return answered({"error": refusal.detail}, refusal.status_code, headers)
            if session is not None and (secret := self.sessions.renewed(session)) is not None:
                cookies.give(response, secret, cookies.name_in(request))
            return response

        return answer

    def shell(self, handler: _Answer) -> _Answer:
        """A handler of pages that say nothing of calls: for those who may sign in, too."""

        async def answer(request: Request) -> Response:
            await self.users.look()
            if self.users or self._is_at_home(request):
                return await handler(request)
            self._reception.rejected(NOBODY)
            return answered({"error": "Not Found"}, 404, {"Connection": "close"})

        return answer

    def _socket(self, socket: Socket) -> Callable[[WebSocket], Awaitable[None]]:
        async def answer(websocket: WebSocket) -> None:
            try:
                who, session = await self._admit(websocket, socket.role)
            except Refusal as refusal:
                status, headers = refusal.status_code, dict(refusal.headers or {})
                self._reception.rejected(headers.get(refused.HEADER, NOBODY))
                await websocket.send_denial_response(Response(status_code=status, headers=headers))
                return
            if who.via == "local":
                session = self._home = self._home or Session(who, None, 0, 0, 0)
            if session is None:
                await socket.handler(websocket, who)
            else:
                await self._in_session(websocket, session, socket.handler(websocket, who))

        return answer

    async def _in_session(
        self, websocket: WebSocket, session: Session, handling: Awaitable[None]
    ) -> None:
        """Goes on until the handler has ended, or the session."""
        received = websocket._receive

        async def receive() -> Message:
            message = await received()
            self.sessions.touch(session)
            return message

        websocket._receive = receive
        task = asyncio.ensure_future(handling)
        over = asyncio.ensure_future(session.over.wait())
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=TIDY_S)
                await _close(websocket)
        finally:
            over.cancel()
            task.cancel()
        if task.done() and not task.cancelled():
            task.result()

    async def _admit(self, asked: HTTPConnection, role: Access) -> tuple[Who, Session | None]:
        """Who asks. Raises Refusal for those who may not."""
        who, session = await self._who(asked)
        if who is None:
            if not self.users:
                raise Refusal(404, "", "Not Found")
            if role != "anyone":
                raise Refusal(401, "not_signed_in", "sign in first, or send a token")
            who = Who("unknown", "viewer", "session")
        # Browsers send the cookie whoever's page asks, and say whose it is.
        must_say = session is not None and is_unsafe(asked)
        if is_foreign(asked, self._public_url, must_say=must_say):
            raise Refusal(403, "foreign_origin", "asked by a page that is not the gateway's own")
        if not who.may(role):
            raise Refusal(403, "role", f"needs the role {role}; {who.name} is {who.role}")
        return who, session

    async def _who(self, asked: HTTPConnection) -> tuple[Who | None, Session | None]:
        if "authorization" in asked.headers:
            return self._bearer(asked.headers["authorization"]), None
        await self.users.look()
        if self.users and self._home is not None:
            self.sessions.end(self._home)
            self._home = None
        secret = cookies.secret_in(asked)
        if secret and (session := self.sessions.of(secret)) is not None:
            return session.who, session
        at_home = not self.users and self._is_at_home(asked)
        return (Who("local", "admin", "local") if at_home else None), None

    def _is_at_home(self, asked: HTTPConnection) -> bool:
        return not self._is_public and is_local(asked)

    def _bearer(self, authorization: str) -> Who:
        """Who has the token. Raises Refusal for one that is nobody's."""
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode()
        right = [hmac.compare_digest(given, each) for each in self._tokens]
        if any(right) and scheme.lower() == "bearer":
            return self._bearers[right.index(True)]
        if not self._has_token:
            raise Refusal(403, "api_token", "closed: GATEWAY_API_TOKEN is not set")
        raise Refusal(401, "api_token", "needs Authorization: Bearer <GATEWAY_API_TOKEN>")


async def _close(websocket: WebSocket) -> None:
    if websocket.application_state is WebSocketState.DISCONNECTED:
        return
    # The other side may have gone just then, or take nothing: the close would wait behind that.
    with contextlib.suppress(RuntimeError, OSError, TimeoutError):
        async with asyncio.timeout(TIDY_S):
            await websocket.close(SIGNED_OUT, "signed out")
            return
    abort(websocket)
