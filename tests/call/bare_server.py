"""A Realtime server's socket by hand: plain TCP, so that a test can do what no library would.

Owns handshake and framing of RFC 6455 as far as the tests need them. Knows no Realtime protocol.
"""

import asyncio
import base64
import hashlib
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.call.watching import Chronicle, soon

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Frame:
    """One frame that the client sent, unmasked."""

    opcode: int
    payload: bytes
    fin: bool = True

    @property
    def close_code(self) -> int:
        """The code of a CLOSE frame."""
        return int.from_bytes(self.payload[:2], "big")


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    """A server's frame on the wire."""
    head = bytes([opcode | (0x80 if fin else 0)])
    size = len(payload)
    if size < 126:
        head += bytes([size])
    elif size < 65536:
        head += b"\x7e" + struct.pack(">H", size)
    else:
        head += b"\x7f" + struct.pack(">Q", size)
    return head + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A server's CLOSE."""
    return frame(struct.pack(">H", code) + reason.encode(), CLOSE)


class Connection:
    """One accepted TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = b""
        self.frames: Chronicle[Frame] = Chronicle()
        self.gone = asyncio.get_running_loop().create_future()
        """Done when the client's end of the TCP connection is closed."""
        self._reader = reader
        self._writer = writer

    def header(self, name: str) -> str | None:
        """A header of the upgrade request."""
        for line in self.request.decode().split("\r\n")[1:]:
            found, _, value = line.partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return None

    async def read_request(self) -> None:
        """The upgrade request, whole."""
        self.request = await self._reader.readuntil(b"\r\n\r\n")

    async def accept(self) -> None:
        """Answers the upgrade and reads frames from then on."""
        key = (self.header("Sec-WebSocket-Key") or "").encode()
        token = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        self.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {token}\r\n\r\n"
        )

    def answer(self, status: str, *headers: str) -> None:
        """A plain HTTP answer and the end of the connection."""
        self.write("\r\n".join([f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "", ""]))
        self._writer.close()

    def write(self, data: str | bytes) -> None:
        """Bytes as they are."""
        self._writer.write(data.encode() if isinstance(data, str) else data)

    def eof(self) -> None:
        """Ends the TCP connection in order."""
        self._writer.close()

    def reset(self) -> None:
        """Ends the TCP connection with a reset."""
        self._writer.transport.abort()

    async def read_frames(self) -> None:
        """Collects the client's frames until it is gone."""
        try:
            while True:
                self.frames.add(await self._frame())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    async def read_to_end(self) -> bytes:
        """Whatever else comes, until the client's end of the TCP connection is closed."""
        try:
            return await self._reader.read()
        except ConnectionError:
            return b""

    async def _frame(self) -> Frame:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await self._reader.readexactly(8))
        assert second & 0x80, "a client must mask"
        mask = await self._reader.readexactly(4)
        masked = await self._reader.readexactly(size)
        payload = bytes(byte ^ mask[n % 4] for n, byte in enumerate(masked))
        return Frame(first & 0x0F, payload, bool(first & 0x80))


Serve = Callable[[Connection], Awaitable[None]]


async def upgrade(connection: Connection) -> None:
    """Does what an orderly server does: accepts and reads."""
    await connection.read_request()
    await connection.accept()
    await connection.read_frames()


class BareServer:
    """A server on loopback; `serve` says what each connection meets with."""

    def __init__(self, serve: Serve = upgrade, tls: ssl.SSLContext | None = None) -> None:
        self.connections: Chronicle[Connection] = Chronicle()
        self.port = 0
        self._serve = serve
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "ws" if self._tls is None else "wss"
        return f"{scheme}://127.0.0.1:{self.port}/v1/realtime?model=m"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self.connections:
            connection.reset()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await soon(asyncio.ensure_future(self._server.wait_closed()))

    async def connection(self, n: int = 1) -> Connection:
        """The n-th connection, as soon as there is one."""
        return (await self.connections.until(lambda rows: len(rows) >= n))[n - 1]

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections.add(connection)
        task = asyncio.get_running_loop().create_task(self._run(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, connection: Connection) -> None:
        try:
            await self._serve(connection)
            await connection.read_to_end()
        finally:
            if not connection.gone.done():
                connection.gone.set_result(None)
            connection.eof()


async def status_500(connection: Connection) -> None:
    """A server that refuses."""
    await connection.read_request()
    connection.answer("500 Internal Server Error")
