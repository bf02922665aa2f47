"""The yardstick beside it: the pattern of the SDK's own Twilio example, in our words.

What distinguishes it from `bench.yardstick`: the session is entered before the socket is accepted;
caller audio is collected until it makes 50 ms and then sent in one piece; agent audio passes
through a buffer of the same size with its marks behind it; every 50 ms a task looks for audio that
has waited for twice as long; a returned mark tells the playback tracker as many bytes as were sent;
on an interruption what is buffered is sent before the `clear`. One thing is added, because the
load expects it: the agent is asked to greet.

    python -m bench.example --port 8000        (the same environment variables as the gateway)
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from contextlib import suppress
from typing import Any

from agents.realtime import (
    RealtimePlaybackTracker,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
)
from starlette.websockets import WebSocket, WebSocketDisconnect

from bench.phone import messages, serve
from bench.yardstick import AGENT

CHUNK_S = 0.05
CHUNK_BYTES = int(8000 * CHUNK_S)
STALE_S = 2 * CHUNK_S


class BufferedCall:
    """One call with a buffer in each direction."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._tracker = RealtimePlaybackTracker()
        self._stream_sid = ""
        self._inbound = bytearray()
        self._inbound_at = time.time()
        self._outbound = bytearray()
        self._outbound_at = time.time()
        self._waiting: list[str] = []
        self._sent: dict[str, tuple[str, int, int]] = {}
        self._marks = 0

    async def run(self) -> None:
        """Connects the model, then accepts, and lives as long as the media stream."""
        session = await RealtimeRunner(AGENT).run(
            model_config={
                "api_key": os.environ["OPENAI_API_KEY"],
                "url": os.environ["GATEWAY_REALTIME_URL"],
                "initial_model_settings": {
                    "input_audio_format": "g711_ulaw",
                    "output_audio_format": "g711_ulaw",
                    "turn_detection": {
                        "type": "semantic_vad",
                        "interrupt_response": True,
                        "create_response": True,
                    },
                },
                "playback_tracker": self._tracker,
            }
        )
        async with session:
            await self._websocket.accept()
            beside = [
                asyncio.create_task(self._listen_to_agent(session)),
                asyncio.create_task(self._flush_stale(session)),
            ]
            try:
                await self._listen_to_caller(session)
            finally:
                for task in beside:
                    task.cancel()
                for task in beside:
                    with suppress(asyncio.CancelledError):
                        await task

    async def _listen_to_caller(self, session: RealtimeSession) -> None:
        async for message in messages(self._websocket):
            event = message["event"]
            if event == "media":
                self._inbound += base64.b64decode(message["media"]["payload"])
                if len(self._inbound) >= CHUNK_BYTES:
                    await self._flush_inbound(session)
            elif event == "mark":
                self._played(message["mark"]["name"])
            elif event == "start":
                self._stream_sid = message["start"]["streamSid"]
                await session.send_message("Greet the caller.")
            elif event == "stop":
                return

    def _played(self, name: str) -> None:
        sent = self._sent.pop(name, None)
        if sent is not None:
            item_id, content_index, length = sent
            self._tracker.on_play_bytes(item_id, content_index, bytes(length))

    async def _listen_to_agent(self, session: RealtimeSession) -> None:
        with suppress(WebSocketDisconnect):
            async for event in session:
                await self._on_event(event)

    async def _on_event(self, event: RealtimeSessionEvent) -> None:
        if event.type == "audio":
            audio = event.audio
            self._outbound += audio.data
            self._marks += 1
            name = str(self._marks)
            self._sent[name] = (audio.item_id, audio.content_index, len(audio.data))
            self._waiting.append(name)
            if len(self._outbound) >= CHUNK_BYTES:
                await self._flush_outbound()
        elif event.type == "audio_interrupted":
            await self._flush_outbound()
            await self._send({"event": "clear"})
        elif event.type == "audio_end":
            await self._flush_outbound()

    async def _flush_stale(self, session: RealtimeSession) -> None:
        while True:
            await asyncio.sleep(CHUNK_S)
            now = time.time()
            if now - self._inbound_at > STALE_S:
                await self._flush_inbound(session)
            if now - self._outbound_at > STALE_S:
                await self._flush_outbound()

    async def _flush_inbound(self, session: RealtimeSession) -> None:
        if self._inbound:
            audio, self._inbound = bytes(self._inbound), bytearray()
            self._inbound_at = time.time()
            await session.send_audio(audio)

    async def _flush_outbound(self) -> None:
        if not self._outbound:
            return
        payload, names = base64.b64encode(self._outbound).decode("ascii"), self._waiting
        self._outbound, self._waiting = bytearray(), []
        self._outbound_at = time.time()
        await self._send({"event": "media", "media": {"payload": payload}})
        for name in names:
            await self._send({"event": "mark", "mark": {"name": name}})

    async def _send(self, message: dict[str, Any]) -> None:
        message["streamSid"] = self._stream_sid
        await self._websocket.send_text(json.dumps(message))


async def answer(websocket: WebSocket) -> None:
    """One media socket from its signed upgrade to hang-up."""
    await BufferedCall(websocket).run()


if __name__ == "__main__":
    serve("bench.example", __doc__, answer)
