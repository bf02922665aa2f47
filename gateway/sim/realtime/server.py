"""Owns the listening socket of the offline Realtime server and the list of its sessions.

A real WebSocket server that speaks OpenAI's GA protocol: the same bytes go to the stock clients as
to the gateway. It listens on loopback unless told otherwise and needs neither key nor network.
"""

import asyncio
from pathlib import Path
from typing import Any, cast

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response as HttpResponse
from websockets.typing import Subprotocol

from gateway.errors import ConfigError
from gateway.sim.realtime import admission, errors
from gateway.sim.realtime.ids import IdMint
from gateway.sim.realtime.options import RealtimeOptions
from gateway.sim.realtime.script import Script, has_script, load_script
from gateway.sim.realtime.session import Session

_DEFAULTS = RealtimeOptions()
_MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_STOP_S = 1.0


class RealtimeServer:
    """The offline Realtime server; `options` may be replaced for the connections to come."""

    def __init__(self, options: RealtimeOptions = _DEFAULTS) -> None:
        self.options = options
        self.sessions: list[Session] = []
        """All sessions that were let in, oldest first; those that have ended, if they are kept."""
        self._let_in = 0
        self.connections = 0
        """Every TCP connection ever made, refused ones too."""
        self.url = ""
        self._server: Server | None = None
        self._scripts: dict[tuple[Path, str, Path], Script] = {}
        self._arrived = asyncio.Event()
        self._stopping = asyncio.Event()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; `ConfigError` when the script is wrong, `OSError` when the port is taken."""
        self._script(self.options.script)
        options = self.options
        self._stopping.clear()
        self._server = await serve(
            self._serve,
            host,
            port,
            subprotocols=[Subprotocol("realtime")],
            select_subprotocol=_select_subprotocol,
            process_request=self._process_request,
            open_timeout=None,
            ping_interval=options.ping_interval_s,
            ping_timeout=options.ping_timeout_s,
            close_timeout=None if options.never_answer_close else 10,
            max_size=_MAX_MESSAGE_BYTES,
            create_connection=self._connection_class(),
        )
        bound = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://{f'[{host}]' if ':' in host else host}:{bound}{admission.PATH}"

    async def stop(self) -> None:
        """Closes all sessions with 1001 and everything else by force after a second."""
        server = self._server
        if server is None:
            return
        self._server = None
        self._stopping.set()
        connections = list(server.handlers)
        server.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await server.wait_closed()
        except TimeoutError:
            for connection in connections:
                connection.transport.abort()
            await server.wait_closed()

    async def wait_session(self, n: int = 1, timeout_s: float = 5) -> Session:
        """The n-th session (from 1), as soon as there is one; `TimeoutError` otherwise."""
        async with asyncio.timeout(timeout_s):
            while len(self.sessions) < n:
                self._arrived.clear()
                await self._arrived.wait()
        return self.sessions[n - 1]

    # --- one connection ---

    async def _process_request(
        self, ws: ServerConnection, request: HttpRequest
    ) -> HttpResponse | None:
        options = self.options
        await self._hold(ws, options.connect_delay_ms / 1000)
        if options.http_status is not None:
            return self._refuse(ws, options)
        asked = admission.Request.of(request.path, request.headers)
        if asked.path != admission.PATH:
            return ws.respond(404, f"no such path: {asked.path}\n")
        if "intent" in asked.query or "call_id" in asked.query:
            return ws.respond(501, "only speech sessions over WebSocket are offered offline\n")
        try:
            self._script_for(asked)
        except ConfigError as wrong:
            return ws.respond(400, f"{wrong}\n")
        return None

    async def _hold(self, ws: ServerConnection, delay_s: float) -> None:
        """Waits before the 101, but not for a client that has left nor beyond `stop`."""
        if delay_s > 0:
            ends = [
                asyncio.ensure_future(what) for what in (self._stopping.wait(), ws.wait_closed())
            ]
            await asyncio.wait(ends, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()

    def _refuse(self, ws: ServerConnection, options: RealtimeOptions) -> HttpResponse:
        response = ws.respond(options.http_status or 500, "refused by the offline server\n")
        if options.http_retry_after_s is not None:
            response.headers["Retry-After"] = str(options.http_retry_after_s)
        return response

    async def _serve(self, ws: ServerConnection) -> None:
        options, http = self.options, cast(HttpRequest, ws.request)
        asked = admission.Request.of(http.path, http.headers)
        try:
            model = admission.admit(asked, options)
        except errors.Refusal as refusal:
            await _turn_away(ws, refusal)
            return
        script = self._script_for(asked)
        session = Session(options, http.headers, model, script, self._let_in)
        self._let_in += 1
        self.sessions.append(session)
        self._arrived.set()
        try:
            await session.run(ws)
        finally:
            if not options.keep_sessions:
                self.sessions.remove(session)

    def _script_for(self, asked: admission.Request) -> Script:
        """`script=` must exist; an `agent=` without one speaks the server's own."""
        name = asked.query.get("script")
        if name is None:
            agent = asked.query.get("agent", "")
            known = has_script(self.options.scripts_dir, agent)
            name = agent if known else self.options.script
        return self._script(name)

    def _script(self, name: str) -> Script:
        wanted = (self.options.scripts_dir, name, self.options.speech_dir)
        if wanted not in self._scripts:
            self._scripts[wanted] = load_script(*wanted)
        return self._scripts[wanted]

    def _connection_class(self) -> type[ServerConnection]:
        server = self

        class Connection(ServerConnection):
            """Counts connections; can leave a client's CLOSE unanswered, as seen in public."""

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                server.connections += 1
                super().connection_made(transport)

            def send_data(self) -> None:
                if server.options.never_answer_close and self.protocol.close_rcvd is not None:
                    self.protocol.data_to_send()
                else:
                    super().send_data()

        return Connection


def _select_subprotocol(ws: ServerConnection, offered: Any) -> Subprotocol | None:
    wanted = Subprotocol("realtime")
    return wanted if wanted in offered else None


async def _turn_away(ws: ServerConnection, refusal: errors.Refusal) -> None:
    event = {
        "type": "error",
        "event_id": IdMint().new("event"),
        "error": refusal.payload(None),
    }
    try:
        await ws.send(msgspec.json.encode(event), text=True)
    except ConnectionClosed:
        return
    await ws.close(refusal.close_code, refusal.close_reason)
