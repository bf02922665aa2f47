"""Servers that are told of calls: real sockets on loopback, as polite or rude as a test wants."""

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

LIMIT_S = 20.0
Answer = Response | Callable[["Told"], Awaitable[Response]]


@dataclass(frozen=True)
class Told:
    """One webhook as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Of the delivery."""
        return self.headers["x-gateway-delivery"]


class Receiver:
    """Answers as `answers` say, one after the other, then as `otherwise` says."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/calls?x=1"
        self.told: list[Told] = []
        self.answers: deque[Answer] = deque()
        self.otherwise: Answer = Response(status_code=204)
        self._news = asyncio.Condition()

    @property
    def ids(self) -> list[str]:
        """What was told, in order."""
        return [each.id for each in self.told]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition holds; looked at with every webhook."""
        async with asyncio.timeout(LIMIT_S), self._news:
            await self._news.wait_for(condition)

    async def take(self, request: Request) -> Response:
        """A webhook arrives."""
        told = Told(dict(request.headers), await request.body())
        answer = self.answers.popleft() if self.answers else self.otherwise
        async with self._news:
            self.told.append(told)
            self._news.notify_all()
        return answer if isinstance(answer, Response) else await answer(told)


class _Server(uvicorn.Server):
    """Leaves the signals of the process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    receiver = Receiver(listener.getsockname()[1])
    app = Starlette(routes=[Route("/{path:path}", receiver.take, methods=["GET", "POST"])])
    server = _Server(uvicorn.Config(app, lifespan="off", log_config=None, log_level="critical"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield receiver
    finally:
        server.should_exit = server.force_exit = True
        await serving


@contextlib.asynccontextmanager
async def rude(*pieces: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that reads a request, writes these bytes and is gone; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"}}")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield f"https://localhost:{host.split(':')[1]}" if tls else f"http://{host}"
    finally:
        server.close()
        await server.wait_closed()
