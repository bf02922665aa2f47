"""Owns the way out of one session: events in order, perhaps a CLOSE, and a cut on purpose."""

import asyncio
from collections import deque
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway.sim.realtime.options import RealtimeOptions


class Outbox:
    """The queue of one socket; `put` never waits."""

    def __init__(self, options: RealtimeOptions) -> None:
        self.stalled = False
        self._abort_after = options.fail_after_audio_bytes
        self._audio_bytes = 0
        self._events: deque[dict[str, Any]] = deque()
        self._close: tuple[int, str] | None = None
        self._ready = asyncio.Event()

    def put(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        self._ready.set()

    def close(self, code: int, reason: str) -> None:
        """A CLOSE, behind everything that was put."""
        if self._close is None:
            self._close = (code, reason)
            self._ready.set()

    async def run(self, ws: ServerConnection) -> None:
        """Writes until the socket is closed, from either side."""
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                await self._flush(ws)
                if self._close is not None and not self.stalled:
                    await ws.close(*self._close)
                    return
        except ConnectionClosed:
            return

    async def _flush(self, ws: ServerConnection) -> None:
        while self._events and not self.stalled:
            event = self._events.popleft()
            await ws.send(msgspec.json.encode(event), text=True)
            if self._abort_after is not None and event["type"] == "response.output_audio.delta":
                delta = event["delta"]
                self._audio_bytes += len(delta) * 3 // 4 - delta.count("=")
                if self._audio_bytes >= self._abort_after:
                    ws.transport.abort()
