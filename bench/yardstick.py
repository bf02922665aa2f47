"""The yardstick: the same call path written plainly on the SDK's stock model and
`session.send_audio`.

What a good developer writes in an afternoon: Starlette on uvicorn with uvloop, one RealtimeRunner
per call, mu-law on both sides, every 20 ms frame passed on at once, a mark behind every piece of
audio, a playback tracker fed by the marks that return. No tricks and no sabotage; known faults of
this way of writing it are the SDK's own.

    python -m bench.yardstick --port 8000        (the same environment variables as the gateway)
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
from contextlib import suppress
from typing import Any

from agents.realtime import (
    RealtimeAgent,
    RealtimePlaybackTracker,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
)
from starlette.websockets import WebSocket, WebSocketDisconnect

from bench.phone import messages, serve

logger = logging.getLogger("yardstick")

AGENT: RealtimeAgent[Any] = RealtimeAgent(
    name="Assistant",
    instructions="You are a friendly phone assistant. Keep your answers short.",
)


class PhoneCall:
    """One call: a media stream and a realtime session."""

    def __init__(self, websocket: WebSocket, stream_sid: str) -> None:
        self._websocket = websocket
        self._stream_sid = stream_sid
        self._tracker = RealtimePlaybackTracker()
        self._marks: dict[str, tuple[str, int, bytes]] = {}
        self._mark_number = 0

    async def run(self) -> None:
        """Lives as long as the media stream."""
        runner = RealtimeRunner(AGENT)
        session = await runner.run(
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
            await session.send_message("Greet the caller.")
            agent = asyncio.create_task(self._listen_to_agent(session))
            try:
                await self._listen_to_caller(session)
            finally:
                agent.cancel()
                with suppress(asyncio.CancelledError):
                    await agent

    async def _listen_to_caller(self, session: RealtimeSession) -> None:
        async for message in messages(self._websocket):
            event = message["event"]
            if event == "media":
                await session.send_audio(base64.b64decode(message["media"]["payload"]))
            elif event == "mark":
                played = self._marks.pop(message["mark"]["name"], None)
                if played is not None:
                    self._tracker.on_play_bytes(*played)
            elif event == "stop":
                return

    async def _listen_to_agent(self, session: RealtimeSession) -> None:
        try:
            async for event in session:
                await self._on_event(event)
        except WebSocketDisconnect:
            logger.debug("the caller hung up")

    async def _on_event(self, event: RealtimeSessionEvent) -> None:
        if event.type == "audio":
            audio = event.audio
            payload = base64.b64encode(audio.data).decode("ascii")
            await self._send({"event": "media", "media": {"payload": payload}})
            self._mark_number += 1
            name = str(self._mark_number)
            self._marks[name] = (audio.item_id, audio.content_index, audio.data)
            await self._send({"event": "mark", "mark": {"name": name}})
        elif event.type == "audio_interrupted":
            await self._send({"event": "clear"})
            self._marks.clear()
        elif event.type == "error":
            logger.warning("realtime error: %s", event.error)

    async def _send(self, message: dict[str, Any]) -> None:
        message["streamSid"] = self._stream_sid
        await self._websocket.send_text(json.dumps(message))


async def answer(websocket: WebSocket) -> None:
    """One media socket from accept to hang-up."""
    await websocket.accept()
    async for message in messages(websocket):
        if message["event"] == "start":
            await PhoneCall(websocket, message["start"]["streamSid"]).run()
            return


if __name__ == "__main__":
    serve("bench.yardstick", __doc__, answer)
