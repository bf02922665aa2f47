"""``/api/live``: the calls of this moment, to be asked for or watched; see docs/live.md.

A viewer's socket has two tasks, one that reads what it wants and one that tells. Nothing is queued
for it: when it has taken a message, it is told what changed since. So a slow one costs nothing but
its own messages, and one that takes nothing is dropped.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gateway.observe.live.board import Beside
from gateway.observe.live.desk import EVERY_S, Desk, Sources, Watch
from gateway.web.api.answers import answered_text
from gateway.web.api.approvals import waiting
from gateway.web.api.endpoint import Endpoint, Socket, Who
from gateway.web.parts import Parts
from gateway.web.sockets import abort

MOST_VIEWERS = 200
STUCK_S = 30.0
"""A viewer that takes nothing for so long is dropped."""
FIRST_S = 10.0
"""So long a viewer may take to say what it watches."""
_TOPICS = ("calls", "health", "approvals")
_CALL = re.compile(r"call:([A-Za-z0-9_-]{1,64})")
_EXPECTED = 'expected {"watch": ["calls", "health", "approvals", "call:CA…"]}'
_NO_BOARD = "this gateway keeps no live board"
_NONE = "no such call lives here (any more); see /api/records"


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    watch: Annotated[list[str], msgspec.Meta(max_length=10)]


class Goodbye(NamedTuple):
    """How a socket is closed."""

    code: int
    reason: str


class LiveHandlers:
    """The live board, for people and programs."""

    def __init__(self, desk: Desk | None) -> None:
        """None = there is no board."""
        self._desk = desk

    def endpoints(self) -> list[Endpoint | Socket]:
        """The addresses."""
        path = "/api/live/calls"
        return [
            Endpoint("GET", path, "viewer", self.calls, "The calls of this moment"),
            Endpoint(
                "GET", f"{path}/{{call_sid}}", "viewer", self.call, "One of them and its timeline"
            ),
            Socket("/api/live", "viewer", self.watch, "Tells what changes in them"),
        ]

    async def calls(self, _request: Request) -> list[dict[str, Any]]:
        """Every live call, the oldest first."""
        desk = self._there()
        desk.look()
        return [desk.board.view(call) for call in desk.board.calls()]

    async def call(self, request: Request) -> Response:
        """One call with its timeline, while it lives and a minute longer."""
        desk = self._there()
        text = await desk.whole(request.path_params["call_sid"])
        if text is None:
            raise HTTPException(404, _NONE)
        return answered_text(text)

    async def watch(self, websocket: WebSocket, _who: Who) -> None:
        """Tells a viewer until it leaves."""
        await websocket.accept()
        desk = self._desk
        if desk is None:
            await websocket.close(1011, _NO_BOARD)
        elif desk.viewers >= MOST_VIEWERS:
            await websocket.close(1013, f"there are {MOST_VIEWERS} viewers already")
        else:
            async with desk.viewing():
                await Viewer(websocket, desk).serve()

    def _there(self) -> Desk:
        if self._desk is None:
            raise HTTPException(503, _NO_BOARD)
        return self._desk


class Viewer:
    """One viewer's socket, accepted."""

    def __init__(self, websocket: WebSocket, desk: Desk) -> None:
        self._websocket = websocket
        self._desk = desk
        self._watch: Watch | None = None
        self._told = asyncio.Event()

    async def serve(self) -> None:
        """Until either side has had enough; the socket is closed then."""
        tasks = {asyncio.ensure_future(self._read()), asyncio.ensure_future(self._tell())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            goodbye = task.result()
            if goodbye is not None and self._is_open:
                await self._websocket.close(*goodbye)

    @property
    def _is_open(self) -> bool:
        states = (self._websocket.client_state, self._websocket.application_state)
        return all(state is WebSocketState.CONNECTED for state in states)

    async def _read(self) -> Goodbye | None:
        """Takes what the viewer wants; each wish is granted before the next is read."""
        limit_s: float | None = FIRST_S
        while True:
            try:
                async with asyncio.timeout(limit_s):
                    message = await self._websocket.receive()
            except TimeoutError:
                return Goodbye(1008, f"nothing was asked for; {_EXPECTED}")
            if message["type"] == "websocket.disconnect":
                return None
            try:
                self._watch = watch_of(message.get("text"))
            except ValueError as error:
                return Goodbye(1008, str(error))
            limit_s = None
            self._told.clear()
            self._desk.wake()
            await self._told.wait()

    async def _tell(self) -> Goodbye | None:
        watch, told, seen = None, 0, 0
        text: str | None = None
        while True:
            while self._watch is watch and (watch is None or self._desk.edition <= seen):
                await self._desk.news()
            if self._watch is not None and self._watch is not watch:
                watch = self._watch
                text, seen = await self._desk.snapshot(watch)
            elif watch is not None:
                text, seen = self._desk.delta(watch, told), self._desk.edition
            if text is not None:
                told = seen  # what the viewer knows; a delta names it
                if not await self._sent(text):
                    return None
            self._told.set()

    async def _sent(self, text: str) -> bool:
        """Sends when the viewer has taken what it was sent; False when it is gone, or is now."""
        try:
            async with asyncio.timeout(STUCK_S):
                await self._websocket.send_text(text)
        except TimeoutError:
            abort(self._websocket)
            return False
        except WebSocketDisconnect:
            return False
        await asyncio.sleep(EVERY_S)
        return True


def watch_of(text: str | None) -> Watch:
    """What a viewer's message asks for. Raises ValueError with the reason to close with."""
    try:
        topics = msgspec.json.decode(text or "", type=_Asked).watch
    except ValueError:
        raise ValueError(_EXPECTED) from None
    named = [found[1] for each in topics if (found := _CALL.fullmatch(each))]
    if any(each not in _TOPICS and not _CALL.fullmatch(each) for each in topics):
        raise ValueError(f"watch: unknown; {_EXPECTED}")
    if len(set(named)) > 1:
        raise ValueError("watch: one call at a time")
    return Watch(
        calls="calls" in topics,
        health="health" in topics,
        approvals="approvals" in topics,
        call_sid=named[0] if named else "",
    )


def desk_of(parts: Parts, health: Callable[[], Any]) -> Desk | None:
    """What tells viewers of the board; None without one."""
    if parts.board is None:
        return None
    reception = parts.reception

    def beside() -> Callable[[str], Beside]:
        waits = Counter(each.call_sid for each in reception.approvals.pending())

        def of(call_sid: str) -> Beside:
            call = reception.registry.get(call_sid)
            if call is None:
                return Beside("offered")
            return Beside(call.state, call.listeners, waits[call_sid])

        return of

    return Desk(parts.board, Sources(beside, health, lambda: waiting(reception.approvals)))
