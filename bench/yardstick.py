"""The yardstick: the same call path written plainly on the SDK's stock model and
`session.send_audio`.

What a good developer writes in an afternoon: Starlette on uvicorn with uvloop, one RealtimeRunner
per call, mu-law on both sides, every 20 ms frame passed on at once, a mark behind every piece of
audio, a playback tracker fed by the marks that return. No tricks and no sabotage; known faults of
this way of writing it are the SDK's own.

    python -m bench.yardstick --port 8000        (the same environment variables as the gateway)
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from agents.realtime import (
    RealtimeAgent,
    RealtimePlaybackTracker,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Connect, VoiceResponse

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


async def messages(websocket: WebSocket) -> AsyncIterator[dict[str, Any]]:
    """Twilio's messages until the socket is gone."""
    with suppress(WebSocketDisconnect):
        while True:
            yield json.loads(await websocket.receive_text())


class Phone:
    """The two addresses Twilio knows."""

    def __init__(self, public_url: str, auth_token: str) -> None:
        self._url = public_url.rstrip("/")
        self._media_url = self._url.replace("http", "ws", 1) + "/twilio/media"
        self._validator = RequestValidator(auth_token)

    async def voice(self, request: Request) -> Response:
        form = await request.form()
        signature = request.headers.get("X-Twilio-Signature", "")
        if not self._validator.validate(f"{self._url}/twilio/voice", form, signature):
            return Response(status_code=403)
        twiml = VoiceResponse()
        connect = Connect()
        connect.stream(url=self._media_url)
        twiml.append(connect)
        return Response(str(twiml), media_type="text/xml")

    async def media(self, websocket: WebSocket) -> None:
        signature = websocket.headers.get("X-Twilio-Signature", "")
        if not self._validator.validate(self._media_url, {}, signature):
            await websocket.close(1008)
            return
        await websocket.accept()
        async for message in messages(websocket):
            if message["event"] == "start":
                await PhoneCall(websocket, message["start"]["streamSid"]).run()
                return


@asynccontextmanager
async def warm(_: Starlette) -> AsyncIterator[None]:
    logger.info("ready")
    yield


def app() -> Starlette:
    """The application, configured from the environment."""
    phone = Phone(os.environ["GATEWAY_PUBLIC_URL"], os.environ["TWILIO_AUTH_TOKEN"])
    return Starlette(
        lifespan=warm,
        routes=[
            Route("/twilio/voice", phone.voice, methods=["POST"]),
            WebSocketRoute("/twilio/media", phone.media),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.yardstick", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("GATEWAY_PORT", "8000")))
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    uvicorn.run(
        app(),
        host=options.host,
        port=options.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=65536,
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
