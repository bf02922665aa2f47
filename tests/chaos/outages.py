"""Ways in which a database is not there for a while, each as a context: inside it, it is away."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg

from gateway.store.tables import metadata
from tests.store.postgres import ROLE, Postgres, postgres

SLOW_S = 3.0
_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


class Place:
    """Where a gateway's records are, and what can be done to them."""

    def __init__(self, data_dir: Path, server: Postgres | None, proxy: "Proxy | None") -> None:
        self.url: str | None = None
        """What the gateway is told."""
        self.direct_url: str | None = None
        """The way past the proxy."""
        self._data_dir = data_dir
        self._server = server
        self._proxy = proxy
        if server is not None and proxy is not None:
            self.direct_url = server.empty()
            name = self.direct_url.rpartition("/")[2]
            self.url = f"postgresql://{ROLE}@127.0.0.1:{proxy.port}/{name}"

    # The outages

    @asynccontextmanager
    async def none(self) -> AsyncIterator[None]:
        """The same without an outage, to compare with."""
        yield

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """The server is not running."""
        assert self._server is not None
        await asyncio.to_thread(self._server.stop)
        try:
            yield
        finally:
            await asyncio.to_thread(self._server.start)

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Somebody has locked every table, and forgot about it."""
        connection = await asyncpg.connect(self.direct_url)
        try:
            names = ", ".join(table.name for table in metadata.sorted_tables)
            async with connection.transaction():
                await connection.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
                yield
        finally:
            await connection.close()

    @asynccontextmanager
    async def slow(self) -> AsyncIterator[None]:
        """Whatever the server says comes three seconds late."""
        assert self._proxy is not None
        self._proxy.delay_s = SLOW_S
        try:
            yield
        finally:
            self._proxy.delay_s = 0.0

    @asynccontextmanager
    async def read_only(self) -> AsyncIterator[None]:
        """The database takes no writes, from sessions that begin now; the old ones are ended.

        Those that began meanwhile stay as they are: it is up to the gateway to notice.
        """
        assert self.direct_url is not None
        name = self.direct_url.rpartition("/")[2]
        await self._alter(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await self._alter(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )
        try:
            yield
        finally:
            await self._alter(f"ALTER DATABASE {name} RESET default_transaction_read_only")

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Another process has SQLite's one and only turn to write."""
        holder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _HOLD, str(self._data_dir / "calls.db")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            holder.stdin.close()
            await holder.wait()

    async def _alter(self, statement: str) -> None:
        assert self._server is not None
        connection = await asyncpg.connect(self._server.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


Outage = Callable[[Place], AbstractAsyncContextManager[None]]

POSTGRESQL: dict[str, Outage] = {
    "stopped": Place.stopped,
    "locked": Place.locked,
    "slow": Place.slow,
    "read_only": Place.read_only,
}
SQLITE: dict[str, Outage] = {"held": Place.held}
ALL = POSTGRESQL | SQLITE


@asynccontextmanager
async def place_of(data_dir: Path, kind: str) -> AsyncIterator[Place]:
    """An empty database: ``sqlite`` in the data directory, or ``postgresql`` behind a proxy."""
    if kind == "sqlite":
        yield Place(data_dir, None, None)
        return
    with postgres() as server:
        async with proxied(server.port) as proxy:
            yield Place(data_dir, server, proxy)


class Proxy:
    """A way to the server that can be made long."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self.delay_s = 0.0
        """What the server says arrives so much later."""
        self._server_port = server_port
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(
                    "127.0.0.1", self._server_port
                )
                await self._both(reader, writer, far_reader, far_writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        """Ends all connections."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _both(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        there = asyncio.create_task(_copy(reader, far_writer, lambda: 0.0))
        back = asyncio.create_task(_copy(far_reader, writer, lambda: self.delay_s))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (there, back):
                each.cancel()
            await asyncio.wait({there, back})
            far_writer.close()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: Callable[[], float]
) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            await asyncio.sleep(delay_s())
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def proxied(server_port: int) -> AsyncIterator[Proxy]:
    """A proxy that runs."""
    proxy = Proxy(server_port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
