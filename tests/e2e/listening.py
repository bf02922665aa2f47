"""People who listen to live calls, over the gateway's own socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.call.watching import until
from tests.e2e.harness import API_TOKEN, House


class Heard:
    """What one listener got, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.audio = bytearray()
        """Interleaved, as it came."""
        self.told: list[dict[str, Any]] = []
        self.close_code: int | None = None

    @property
    def caller(self) -> bytes:
        """The left channel."""
        return bytes(self.audio[0::2])

    @property
    def agent(self) -> bytes:
        """The right channel."""
        return bytes(self.audio[1::2])

    @property
    def kinds(self) -> list[str]:
        """What was told, by type."""
        return [each["type"] for each in self.told]

    async def until(self, wanted: Callable[["Heard"], bool]) -> None:
        """Returns when that is so."""
        await until(lambda: wanted(self), 30)

    async def listen(self) -> None:
        """Takes everything until the socket is closed."""
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    self.audio += message
                else:
                    self.told.append(json.loads(message))
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code


@asynccontextmanager
async def listening(running: House, call_sid: str, **options: Any) -> AsyncIterator[Heard]:
    """One who listens, and takes what comes."""
    async with connecting(running, call_sid, **options) as heard:
        task = asyncio.ensure_future(heard.listen())
        await heard.until(lambda it: bool(it.told))
        try:
            yield heard
        finally:
            await heard.socket.close()
            await task


@asynccontextmanager
async def connecting(running: House, call_sid: str, **options: Any) -> AsyncIterator[Heard]:
    """One who is connected, and takes nothing yet."""
    url = running.base.replace("http", "ws", 1) + f"/api/live/calls/{call_sid}/listen"
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    async with connect(url, additional_headers=headers, proxy=None, **options) as socket:
        yield Heard(socket)
