"""A Realtime server that does nothing by itself: the test says every event of it."""

import asyncio
import contextlib
import json
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.call.model_events import Event, session_created, session_updated, wire
from tests.call.watching import Chronicle, soon


class ModelEnd:
    """The server's end of one session."""

    def __init__(self, ws: ServerConnection) -> None:
        self.received: Chronicle[dict[str, Any]] = Chronicle()
        """Every event of the client, in order."""
        self.closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        """The close code, when the session is over from whichever side."""
        self._ws = ws

    async def run(self) -> None:
        """Collects until the end of the socket."""
        with contextlib.suppress(ConnectionClosed):
            async for message in self._ws:
                self.received.add(json.loads(message))
        self.closed.set_result(self._ws.close_code)

    async def send(self, *events: Event | bytes) -> None:
        """Events, or frames that are none."""
        for event in events:
            text = event if isinstance(event, bytes) else wire(event)
            await self._ws.send(text, text=True)

    async def close(self, code: int, reason: str = "") -> None:
        """Closes in order from the server's side."""
        await self._ws.close(code, reason)

    def abort(self) -> None:
        """Breaks the connection."""
        self._ws.transport.abort()

    def kinds(self, *without: str) -> list[str]:
        """Types of what came, in order."""
        return [event["type"] for event in self.received if event["type"] not in without]

    def all(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for event in self.received if event["type"] == kind]

    async def seen(self, kind: str, n: int = 1) -> dict[str, Any]:
        """The n-th event of one type, as soon as it is there."""
        await self.received.until(lambda _: len(self.all(kind)) >= n)
        return self.all(kind)[n - 1]

    async def ready(self) -> None:
        """Plays the beginning: the session is created, and its settings are confirmed."""
        await self.send(session_created())
        await self.seen("session.update")
        await self.send(session_updated())


class HandModel:
    """The listening server; sessions come to it and wait for the test's hand."""

    def __init__(self) -> None:
        self.ends: Chronicle[ModelEnd] = Chronicle()
        self.url = ""
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve, "127.0.0.1", 0, ping_interval=None, close_timeout=1, max_size=None
        )
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/v1/realtime"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        for end in self.ends:
            end.abort()
        self._server.close()
        await soon(asyncio.ensure_future(self._server.wait_closed()))

    async def session(self, n: int = 1) -> ModelEnd:
        """The n-th session, as soon as it is there."""
        return (await self.ends.until(lambda rows: len(rows) >= n))[n - 1]

    async def _serve(self, ws: ServerConnection) -> None:
        end = ModelEnd(ws)
        self.ends.add(end)
        await end.run()
