"""The two addresses Twilio knows, as Starlette on uvicorn serves them: what the yardsticks share.

A yardstick is a coroutine that takes a media socket whose signature is right and that is not yet
accepted. Everything else of the contract is here, so that yardsticks differ in their call path
only.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Connect, VoiceResponse

Answer = Callable[[WebSocket], Awaitable[None]]
"""Accepts a media socket and carries its call to the end."""


async def messages(websocket: WebSocket) -> AsyncIterator[dict[str, Any]]:
    """Twilio's messages until the socket is gone."""
    with suppress(WebSocketDisconnect):
        while True:
            yield json.loads(await websocket.receive_text())


class Phone:
    """Answers the signed webhook and hands signed media sockets to `answer`."""

    def __init__(self, public_url: str, auth_token: str, answer: Answer) -> None:
        self._url = public_url.rstrip("/")
        self._media_url = self._url.replace("http", "ws", 1) + "/twilio/media"
        self._validator = RequestValidator(auth_token)
        self._answer = answer

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
        await self._answer(websocket)


def app(answer: Answer) -> Starlette:
    """The application, configured from the environment."""
    phone = Phone(os.environ["GATEWAY_PUBLIC_URL"], os.environ["TWILIO_AUTH_TOKEN"], answer)
    return Starlette(
        routes=[
            Route("/twilio/voice", phone.voice, methods=["POST"]),
            WebSocketRoute("/twilio/media", phone.media),
        ]
    )


def serve(name: str, about: str | None, answer: Answer) -> None:
    """`python -m NAME --port N`: the fastest way uvicorn has, quiet but for warnings."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=about)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("GATEWAY_PORT", "8000")))
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    uvicorn.run(
        app(answer),
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
