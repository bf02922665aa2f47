"""The application at the other end of the twin: a real server that answers TwiML and takes streams.

Every request's signature is checked with Twilio's own validator. What a test wants to be different
is data (`answers`) or a coroutine (`on_media`).
"""

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator

from gateway.sim.twilio import PhoneNumber, TwilioOptions, TwilioTwin

ACCOUNT = "AC" + "0123" * 8
TOKEN = "twin-auth-token"
NUMBER = "+15550001111"
CALLER = "+15550002222"


@dataclass(frozen=True)
class Hook:
    """One webhook as it came."""

    path: str
    method: str
    form: dict[str, str]
    headers: dict[str, str]
    signed: bool


class Stream:
    """One media stream at the peer's end."""

    def __init__(self, socket_: WebSocket, news: asyncio.Condition) -> None:
        self.socket = socket_
        self.news = news
        self.messages: list[dict[str, Any]] = []
        self.sid = ""

    async def start(self) -> dict[str, Any]:
        """Accepts and reads up to `start`, whose content is returned."""
        await self.socket.accept()
        await self.until("start")
        start: dict[str, Any] = self.messages[-1]["start"]
        self.sid = start["streamSid"]
        return start

    async def read(self) -> dict[str, Any] | None:
        """The next message; None when the stream is over."""
        try:
            message: dict[str, Any] = json.loads(await self.socket.receive_text())
        except WebSocketDisconnect:
            return None
        async with self.news:
            self.messages.append(message)
            self.news.notify_all()
        return message

    async def until(self, event: str, count: int = 1) -> dict[str, Any] | None:
        """Reads until `count` messages of this event have come (from now on)."""
        message = None
        while count:
            message = await self.read()
            if message is None:
                return None
            count -= message["event"] == event
        return message

    async def drain(self) -> None:
        """Reads until the stream is over."""
        while await self.read():
            pass

    async def media(self, payload: bytes) -> None:
        """Sends audio."""
        text = base64.b64encode(payload).decode()
        await self.send({"event": "media", "streamSid": self.sid, "media": {"payload": text}})

    async def mark(self, name: str) -> None:
        """Sends a mark."""
        await self.send({"event": "mark", "streamSid": self.sid, "mark": {"name": name}})

    async def clear(self) -> None:
        """Sends a clear."""
        await self.send({"event": "clear", "streamSid": self.sid})

    async def send(self, message: object) -> None:
        """Sends anything."""
        await self.socket.send_text(json.dumps(message))

    def of(self, event: str) -> list[dict[str, Any]]:
        """The messages of one event so far."""
        return [message for message in self.messages if message["event"] == event]


async def drain(stream: Stream) -> None:
    """A peer that only listens."""
    await stream.start()
    await stream.drain()


async def echo(stream: Stream) -> None:
    """A peer that says what it hears."""
    await stream.start()
    while message := await stream.read():
        if message["event"] == "media":
            await stream.media(base64.b64decode(message["media"]["payload"]))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leave = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        if tasks := set(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=1)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


Answer = str | Response | Callable[[dict[str, str]], str | Response]


class Peer:
    """The server. `answers` maps paths to TwiML; anything else is answered 204."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.streams: list[Stream] = []
        self.answers: dict[str, Answer] = {}
        self.on_media: Callable[[Stream], Awaitable[None]] = drain
        self.news = asyncio.Condition()
        self.host = ""
        self.upgrades: list[dict[str, str]] = []
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Of its webhooks."""
        return f"http://{self.host}"

    @property
    def media_url(self) -> str:
        """Of its media socket."""
        return f"ws://{self.host}/media"

    def connect(
        self, *, action: str = "", stream: str = "", inner: str = "", after: str = ""
    ) -> str:
        """TwiML with a stream to this peer."""
        connect = f' action="{action}"' if action else ""
        url = "" if "url=" in stream else f' url="{self.media_url}"'
        return (
            f"<Response><Connect{connect}><Stream{url} {stream}>{inner}</Stream></Connect>"
            f"{after}</Response>"
        )

    async def start(self) -> None:
        """Listens on a free port."""
        app = Starlette(
            routes=[
                WebSocketRoute("/media", self._media),
                Route("/{path:path}", self._hook, methods=["GET", "POST"]),
            ]
        )
        listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            log_level="critical",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            date_header=False,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def stop(self) -> None:
        """Stops listening."""
        assert self._server is not None
        assert self._task is not None
        self._server.leave.set()
        await self._task

    async def hook(self, path: str, **fields: str) -> Hook:
        """Waits for a webhook on this path with these fields."""
        found: Hook | None = None

        def there() -> bool:
            nonlocal found
            for hook in self.hooks:
                if hook.path == path and fields.items() <= hook.form.items():
                    found = hook
            return found is not None

        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(there)
        assert found is not None
        return found

    async def frames(self, count: int) -> None:
        """Waits until the newest stream has read so many frames."""
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(
                lambda: bool(self.streams) and len(self.streams[-1].of("media")) >= count
            )

    def paths(self) -> list[str]:
        """The paths of all webhooks so far."""
        return [hook.path for hook in self.hooks]

    async def _hook(self, request: Request) -> Response:
        form = await request.form()
        validator = RequestValidator(TOKEN)
        signature = request.headers.get("x-twilio-signature", "")
        fields = {key: str(value) for key, value in form.multi_items()}
        hook = Hook(
            path=request.url.path,
            method=request.method,
            form=fields or dict(request.query_params),
            headers=dict(request.headers),
            signed=bool(validator.validate(str(request.url), form, signature)),
        )
        async with self.news:
            self.hooks.append(hook)
            self.news.notify_all()
        answer = self.answers.get(request.url.path)
        if callable(answer) and not isinstance(answer, Response):
            answer = answer(hook.form)
        if isinstance(answer, Response):
            return answer
        return Response(status_code=204) if answer is None else twiml(answer)

    async def _media(self, socket_: WebSocket) -> None:
        self.upgrades.append(dict(socket_.headers))
        stream = Stream(socket_, self.news)
        self.streams.append(stream)
        await self.on_media(stream)


def twiml(text: str) -> Response:
    """An answer with TwiML."""
    return Response(text, media_type="text/xml")


@contextlib.asynccontextmanager
async def peer_and_twin(
    *, fallback: bool = False, **options: Any
) -> AsyncIterator[tuple[Peer, TwilioTwin]]:
    """Both ends; the twin's number asks the peer's /voice and reports to /status.

    With `fallback` it has a fallback URL, /fallback.
    """
    peer = Peer()
    await peer.start()
    number = PhoneNumber(
        NUMBER,
        voice_url=f"{peer.url}/voice",
        status_callback=f"{peer.url}/status",
        fallback=f"{peer.url}/fallback" if fallback else "",
    )
    options.setdefault("numbers", (number,))
    options.setdefault("say_ms_per_character", 1.0)
    twin = TwilioTwin(TwilioOptions(ACCOUNT, TOKEN, **options))
    await twin.start()
    try:
        yield peer, twin
    finally:
        await asyncio.gather(twin.stop(), peer.stop())


def codes(twin: TwilioTwin) -> list[int]:
    """The codes in the debugger, in order."""
    return [entry.code for entry in twin.debugger]


def kinds(timeline: Any) -> list[str]:
    """The kinds of a timeline's entries."""
    return [entry.kind for entry in timeline]
