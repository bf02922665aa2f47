"""What stands in front of a gateway: a small TLS proxy over real sockets, with faults as data."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

HEAD = b"\r\n\r\n"
LIMIT_BYTES = 256 * 1024


@dataclass(frozen=True)
class Faults:
    """What a proxy does to requests and answers; nothing, as it is."""

    only: str = ""
    """The faults are for paths that begin so."""
    drops: str = ""
    """A header that does not get through (in small letters)."""
    eats_upgrade: bool = False
    """`Upgrade` and `Connection` do not get through, as with a proxy that was not told to."""
    moves: tuple[str, str] = ("", "")
    """The beginning of a path, and what it becomes."""
    adds: str = ""
    """A query that every request gets."""
    answers: int = 0
    """Answers by itself, with this status."""
    says: str = ""
    """The body of that answer."""
    location: str = ""
    """Where that answer redirects to."""
    date: str = ""
    """Its own `Date`, in place of what is behind it."""
    kind: str = ""
    """The content type of every answer."""
    silent: bool = False
    """Takes connections and says nothing."""
    elsewhere: tuple[str, int] = ("", 0)
    """Passes the requests on to another place."""
    binary: bool = False
    """WebSocket frames of the server are marked as binary ones."""


class Front:
    """One proxy; where it passes requests on to, and its faults, may change at any time."""

    def __init__(self, tls: ssl.SSLContext | None, host: str = "localhost") -> None:
        self.target = ("127.0.0.1", 1)
        self.faults = Faults()
        self.seen: list[str] = []
        """First lines of the requests, oldest first."""
        self._tls = tls
        self._host = host
        self._server: asyncio.Server
        self._at_work: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Its public address."""
        return f"http{'s' if self._tls else ''}://{self._host}:{self.port}"

    def point(self, base: str) -> None:
        """Passes requests on to this address."""
        parts = urlsplit(base)
        assert parts.hostname is not None
        assert parts.port is not None
        self.target = (parts.hostname, parts.port)

    async def start(self) -> None:
        """Listens on a free port of loopback."""
        # Without TLS at first: so no connection is known to asyncio alone, who would not close it.
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=LIMIT_BYTES)

    async def stop(self) -> None:
        """Closes everything."""
        self._server.close()
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # No coroutine: asyncio (3.11) logs those of its own that are cancelled.
        task = asyncio.get_running_loop().create_task(self._connected(reader, writer))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):
                if self._tls is not None:
                    await writer.start_tls(self._tls)
                await self._request(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._tls and not self.faults.silent:
            if (begins := await reader.readexactly(1)) == b"\x16":  # somebody's TLS
                writer.write(_own_answer(replace(self.faults, answers=400)))
                return
        else:
            begins = b""
        head = begins + await reader.readuntil(HEAD)
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        self.seen.append(first)
        method, target, version = first.split(" ")
        headers = dict(_split(line) for line in lines)
        faults = self.faults if target.startswith(self.faults.only) else Faults()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if faults.silent:
            await reader.read()
            return
        if faults.answers:
            writer.write(_own_answer(faults))
            await writer.drain()
            return
        old, new = faults.moves
        if old and target.startswith(old):
            target = new + target.removeprefix(old)
        if faults.adds:
            target += f"{'&' if '?' in target else '?'}{faults.adds}"
        upgrade = "upgrade" in headers and not faults.eats_upgrade
        if not upgrade:
            headers.pop("upgrade", None)
            headers["connection"] = "close"
        headers.pop(faults.drops, None)
        sent = "\r\n".join(
            [f"{method} {target} {version}", *(f"{k}: {v}" for k, v in headers.items())]
        )
        await self._pass_on(faults, sent.encode("latin-1") + HEAD + body, reader, writer)

    async def _pass_on(
        self,
        faults: Faults,
        request: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        host, port = faults.elsewhere if faults.elsewhere[0] else self.target
        try:
            behind, ahead = await asyncio.open_connection(host, port, limit=LIMIT_BYTES)
        except OSError:
            writer.write(_own_answer(replace(faults, answers=502, says="<h1>Bad Gateway</h1>")))
            await writer.drain()
            return
        try:
            ahead.write(request)
            head = (await behind.readuntil(HEAD)).decode("latin-1")
            writer.write(_changed(head, faults).encode("latin-1"))
            async with asyncio.TaskGroup() as group:
                there = group.create_task(_pump(reader, ahead, b"", b""))
                group.create_task(
                    _pump(behind, writer, *((b"\x81", b"\x82") if faults.binary else (b"", b"")))
                ).add_done_callback(lambda _: there.cancel())
        finally:
            ahead.close()


async def _pump(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, old: bytes, new: bytes
) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(64 * 1024):
            sink.write(new + data[1:] if old and data.startswith(old) else data)
            await sink.drain()


def _split(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _own_answer(faults: Faults) -> bytes:
    lines = [
        f"HTTP/1.1 {faults.answers} No",
        "Server: front/1.0",
        "Content-Type: text/html",
        f"Content-Length: {len(faults.says.encode())}",
        "Connection: close",
    ]
    if faults.location:
        lines.append(f"Location: {faults.location}")
    return "\r\n".join([*lines, "", faults.says]).encode()


def _changed(head: str, faults: Faults) -> str:
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    changes = {"date": faults.date, "content-type": faults.kind}
    kept = [line for line in lines if not changes.get(_split(line)[0])]
    added = [f"{name}: {value}" for name, value in changes.items() if value]
    return "\r\n".join([first, *kept, *added]) + "\r\n\r\n"


@asynccontextmanager
async def front(
    tls: ssl.SSLContext | None, base: str, faults: Faults = Faults()
) -> AsyncIterator[Front]:
    """A proxy in front of an address."""
    found = Front(tls)
    found.faults = faults
    await found.start()
    found.point(base)
    try:
        yield found
    finally:
        await found.stop()
