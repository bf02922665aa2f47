"""``WS /api/live/calls/{call_sid}/listen``: both sides of a live call, for one who listens.

Binary frames are interleaved mu-law at 8 kHz, the caller's byte first; text frames are JSON and
tell what happens to the sound (docs/supervision.md). The call waits for no listener: what one does
not take is left out for them, and who takes nothing is let go.
"""

import asyncio
import json
from collections import deque
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.call.call import Call
from gateway.call.registry import Registry
from gateway.call.wiretap import News, TooMany
from gateway.core.g711 import BYTES_PER_MS, SAMPLE_RATE
from gateway.store.audit import AuditLog
from gateway.web.api.endpoint import Socket, Who
from gateway.web.sockets import abort

PATH = "/api/live/calls/{call_sid}/listen"
MOST_BEHIND_MS = 2000
"""What is kept for a listener who is slow; then all of it is left out, and they hear the call as it
is now.
"""
TAKE_LIMIT_S = 30.0
"""A listener who takes nothing for so long has gone away."""
NOT_LIVE, FULL = 4404, 4409
"""Close codes: 4000 and the status a request would have got."""
_STEREO_BYTES_PER_MS = 2 * BYTES_PER_MS


class Earpiece:
    """What one listener has not taken yet; see :class:`gateway.call.wiretap.Listener`."""

    def __init__(self) -> None:
        self._waiting: deque[bytes | str] = deque()
        self._audio_bytes = 0
        self._skipped_bytes = 0
        self._news = asyncio.Event()
        self._over = False

    # What the call tells

    def audio(self, stereo: bytes) -> None:
        """What was said; too much of it is left out."""
        if self._audio_bytes + len(stereo) > MOST_BEHIND_MS * _STEREO_BYTES_PER_MS:
            self._skip()
        self._waiting.append(stereo)
        self._audio_bytes += len(stereo)
        self._news.set()

    def told(self, news: News, at_ms: float) -> None:
        """The sound stops, or goes on."""
        self._say({"type": news, "at_ms": round(at_ms, 3)})

    def ended(self, reason: str) -> None:
        """The call is over."""
        self._say({"type": "ended", "reason": reason})
        self._over = True

    # What the listener takes

    async def take(self) -> bytes | str | None:
        """The next piece, as soon as there is one; None after the last."""
        while not (self._waiting or self._skipped_bytes):
            if self._over:
                return None
            self._news.clear()
            await self._news.wait()
        if self._skipped_bytes:
            skipped, self._skipped_bytes = self._skipped_bytes, 0
            return json.dumps({"type": "skipped", "ms": skipped / _STEREO_BYTES_PER_MS})
        piece = self._waiting.popleft()
        if isinstance(piece, bytes):
            self._audio_bytes -= len(piece)
        return piece

    def _skip(self) -> None:
        self._waiting = deque(each for each in self._waiting if isinstance(each, str))
        self._skipped_bytes += self._audio_bytes
        self._audio_bytes = 0

    def _say(self, message: dict[str, Any]) -> None:
        self._waiting.append(json.dumps(message))
        self._news.set()


class ListenSocket:
    """Lets people listen to calls."""

    def __init__(self, registry: Registry, audit: AuditLog | None) -> None:
        self._registry = registry
        self._audit = audit

    def sockets(self) -> list[Socket]:
        """The address."""
        return [
            Socket(PATH, "operator", self.listen, "Both sides of a live call as they are heard")
        ]

    async def listen(self, websocket: WebSocket, who: Who) -> None:
        """From now until the call, or the listener, is gone."""
        call_sid = websocket.path_params["call_sid"]
        call = self._registry.get(call_sid)
        await websocket.accept()
        if call is None or call.outcome is not None:
            await _refuse(websocket, NOT_LIVE, "there is no live call with this ID")
            return
        earpiece = Earpiece()
        try:
            call.wiretap.join(earpiece)
        except TooMany as error:
            await _refuse(websocket, FULL, str(error))
            return
        self._note(who, "listen.started", call_sid)
        try:
            await _serve(websocket, earpiece, _started(call))
        finally:
            call.wiretap.leave(earpiece)
            self._note(who, "listen.ended", call_sid)

    def _note(self, who: Who, action: str, call_sid: str) -> None:
        if self._audit is not None:
            self._audit.note(who, action, call_sid=call_sid)


async def _serve(websocket: WebSocket, earpiece: Earpiece, started: str) -> None:
    """Until either side has had enough."""
    tasks = {
        asyncio.ensure_future(_send(websocket, earpiece, started)),
        asyncio.ensure_future(_gone(websocket)),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(websocket: WebSocket, earpiece: Earpiece, started: str) -> None:
    piece: bytes | str | None = started
    try:
        while piece is not None:
            async with asyncio.timeout(TAKE_LIMIT_S):
                await _put(websocket, piece)
            piece = await earpiece.take()
        await websocket.close()
    except TimeoutError:
        abort(websocket)
    except WebSocketDisconnect:
        pass  # gone while something was being sent


async def _put(websocket: WebSocket, piece: bytes | str) -> None:
    if isinstance(piece, str):
        await websocket.send_text(piece)
    else:
        await websocket.send_bytes(piece)


async def _gone(websocket: WebSocket) -> None:
    """Until the listener has left; what they say meanwhile is nobody's business."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _refuse(websocket: WebSocket, code: int, why: str) -> None:
    await websocket.send_text(json.dumps({"type": "refused", "error": why}))
    await websocket.close(code)


def _started(call: Call) -> str:
    return json.dumps(
        {
            "type": "started",
            "call_sid": call.offer.call_sid,
            "at_ms": round(call.wiretap.at_ms, 3),
            "away": call.wiretap.away,
            "encoding": "audio/x-mulaw",
            "rate": SAMPLE_RATE,
            "channels": ["caller", "agent"],
        }
    )
