"""A gateway of the tests' own: a webhook that answers what it is told, and a media socket.

It greets with a tone, marks it, interrupts itself when the caller speaks, answers when the caller
is silent again, and keeps everything it was told.
"""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.core.g711 import audioop
from gateway.sim.twilio.signing import signature

ACCOUNT = "AC" + "0" * 32
TOKEN = "made-up"
TONE = b"\x10\x90" * 80 * 20
"""400 ms."""


@dataclass(slots=True)
class Peer:
    """What it is told to do, and what it was told."""

    url: str = ""
    status: int = 200
    twiml: str | None = None
    """In place of `<Connect><Stream>`."""
    next_twiml: str = "<Response><Hangup/></Response>"
    """After the stream."""
    tone: bytes = TONE
    """What it says."""
    mute: bool = False
    """It never speaks."""
    refuses: bool = False
    """The upgrade."""
    closes: int | None = None
    """With this code, after the first frames."""
    nonsense: str = ""
    """Sent once, as it is."""
    forms: list[dict[str, str]] = field(default_factory=list)
    starts: list[dict[str, Any]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    """Everything on the media socket, in order."""
    nexts: list[dict[str, str]] = field(default_factory=list)
    badly_signed: int = 0
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one kind."""
        return [message for message in self.heard if message["event"] == kind]

    async def until_started(self, streams: int) -> None:
        """Returns when so many streams have begun."""
        async with self.news:
            await self.news.wait_for(lambda: len(self.starts) >= streams)

    async def voice(self, request: Request) -> Response:
        """The voice webhook."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        self._check(request.headers.get("X-Twilio-Signature"), f"{self.url}/voice", form)
        self.forms.append(form)
        ws = self.url.replace("http", "ws", 1)
        stream = f'<Stream url="{ws}/media"><Parameter name="ticket" value="t&amp;1"/></Stream>'
        twiml = f'<Response><Connect action="/next">{stream}</Connect></Response>'
        return Response(self.twiml or twiml, self.status, media_type="text/xml")

    async def next(self, request: Request) -> Response:
        """What comes after the stream."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        self._check(request.headers.get("X-Twilio-Signature"), f"{self.url}/next", form)
        self.nexts.append(form)
        return Response(self.next_twiml, media_type="text/xml")

    async def media(self, websocket: WebSocket) -> None:
        """The media socket."""
        url = self.url.replace("http", "ws", 1) + "/media"
        self._check(websocket.headers.get("X-Twilio-Signature"), url, {})
        if self.refuses:
            await websocket.close()
            return
        await websocket.accept()
        with suppress(WebSocketDisconnect):
            await self._talk(websocket)

    async def _talk(self, websocket: WebSocket) -> None:
        sid, speaking, quiet, frames = "", False, 0, 0
        while True:
            message = json.loads(await websocket.receive_text())
            self.heard.append(message)
            if message["event"] == "start":
                async with self.news:
                    self.starts.append(message["start"])
                    self.news.notify_all()
                sid = message["streamSid"]
                await self._say(websocket, sid)
                if self.nonsense:
                    await websocket.send_text(self.nonsense)
            if message["event"] != "media":
                continue
            frames += 1
            if self.closes is not None and frames > 5:
                await websocket.close(self.closes)
                return
            if is_loud(message):
                if not speaking:
                    await websocket.send_json({"event": "clear", "streamSid": sid})
                speaking, quiet = True, 0
            elif speaking:
                quiet += 1
                if quiet == 5:
                    speaking = False
                    await self._say(websocket, sid)

    async def _say(self, websocket: WebSocket, sid: str) -> None:
        if self.mute:
            return
        payload = base64.b64encode(self.tone).decode()
        await websocket.send_json(
            {"event": "media", "streamSid": sid, "media": {"payload": payload}}
        )
        await websocket.send_json({"event": "mark", "streamSid": sid, "mark": {"name": "said"}})

    def _check(self, given: str | None, url: str, form: dict[str, str]) -> None:
        self.badly_signed += given != signature(TOKEN, url, form.items())


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are pytest's."""
        yield


def is_loud(message: dict[str, Any]) -> bool:
    """Whether this frame is speech."""
    payload = base64.b64decode(message["media"]["payload"])
    return audioop.rms(audioop.ulaw2lin(payload, 2), 2) > 1000


@asynccontextmanager
async def listening(peer: Peer) -> AsyncIterator[Peer]:
    """The peer on a port of its own."""
    app = Starlette(
        routes=[
            Route("/voice", peer.voice, methods=["POST"]),
            Route("/next", peer.next, methods=["POST"]),
            WebSocketRoute("/media", peer.media),
        ]
    )
    config = uvicorn.Config(app, log_level="error", ws="websockets-sansio", lifespan="off")
    server = _Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield peer
        finally:
            server.should_exit = True
            server.force_exit = True
            await serving
