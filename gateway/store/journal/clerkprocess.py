"""The clerk in a process of its own, so that what he computes keeps no call waiting.

Threads of one process take turns at the interpreter: while one makes rows of what happened, the
calls' own waits for it after each of its own waits, up to a millisecond each time. A process of its
own waits for the core only, and yields it at once.

Orders and answers go through a pair of sockets, each a length (4 bytes) and that many bytes of
MessagePack. The first message is the address of the database, pickled: as text, a file whose name
is not UTF-8 would have none. When nobody gives orders any more, or the one who did has died, the
process ends.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

import msgspec
from sqlalchemy import URL

from gateway.store.journal.clerk import Away, Clerk, Fault, Written, trouble
from gateway.store.journal.fit import Unfit

_LENGTH_BYTES = 4
_LEAVE_S = 3.0
"""How long a process may take to end that was asked to."""
_ROLLBACK_S = 1.0
NICE = 19
"""Measured with 200 calls on one core: at 10 their p99 is one and a half times that at 19."""
_NICE_AT_FIRST = 10
"""While modules are loaded, half a second of computing: at 19, on a machine that is full, that
takes half a minute, in which nothing of the dead is finished.
"""


class _Order(msgspec.Struct, frozen=True):
    owner: str
    lines: list[bytes]


class _Refused(msgspec.Struct, frozen=True, tag=True):
    kind: str
    why: str


_Answer = Written | _Refused
_KINDS: dict[str, type[Away | Unfit]] = {each.__name__: each for each in (Unfit, Fault, Away)}

_encode = msgspec.msgpack.Encoder().encode
_decode_order = msgspec.msgpack.Decoder(_Order).decode
_decode_answer = msgspec.msgpack.Decoder(_Answer).decode


class ClerkProcess:
    """A :class:`Clerk` elsewhere: the same calls. Belongs to one event loop."""

    def __init__(self, url: URL) -> None:
        """``url`` with its driver, as of :func:`~gateway.store.database.database_url`."""
        self._url = url
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        return None if self._process is None else self._process.pid

    async def ready(self) -> None:
        """Starts the process, which then does what the first transaction would have to wait for."""
        with contextlib.suppress(OSError):
            await self._hire()

    async def write(self, owner: str, lines: Sequence[bytes]) -> Written:
        """See :meth:`Clerk.write`. Raises Unfit, or Away for all other trouble, a process that has
        died among it: the next order starts another.

        Cancelled, it kills the process: nobody would know what it is about.
        """
        answer: _Answer | None = None
        try:
            answer = await self._ask(_encode(_Order(owner, list(lines))))
        except (OSError, EOFError, msgspec.DecodeError) as error:
            raise Away(f"the process that writes is gone ({type(error).__name__})") from None
        finally:
            if answer is None:
                self._dismiss()
        if isinstance(answer, _Refused):
            raise _KINDS[answer.kind](answer.why)
        return answer

    async def close(self) -> None:
        """Lets the process end its connections and itself; kills it when that takes too long."""
        process, writer = self._process, self._writer
        if process is not None and writer is not None:
            with contextlib.suppress(OSError):
                writer.write_eof()
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, _LEAVE_S)
        self._dismiss()

    async def _ask(self, order: bytes) -> _Answer:
        reader, writer = await self._hire()
        await _send(writer, order)
        answer: _Answer = _decode_answer(await _read(reader))
        return answer

    async def _hire(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = _started(theirs.fileno())
            self._reader, self._writer = await asyncio.open_connection(sock=ours)
            await _send(self._writer, pickle.dumps(self._url))
        return self._reader, self._writer

    def _dismiss(self) -> None:
        process, writer = self._process, self._writer
        self._process = self._reader = self._writer = None
        if writer is not None:
            writer.close()
        if process is not None:
            process.kill()
            # On a disk that hangs it may take its time to end.
            threading.Thread(target=process.wait, name="clerk's end", daemon=True).start()


def _started(fd: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", __name__, str(fd)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[fd],
        # The keys that end a program at a terminal are not for it. No session of its own: Linux
        # gives each session the same share, however nice its processes are (sched(7), autogroup).
        process_group=0,
    )


async def _send(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """The next message. Raises EOFError when there will be none."""
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    return await reader.readexactly(length)


# In the process


async def _serve(connection: socket.socket) -> None:
    """Does what it is told until nobody tells it anything."""
    reader, writer = await asyncio.open_connection(sock=connection)
    clerk = Clerk(pickle.loads(await _read(reader)))
    await clerk.ready()
    os.nice(NICE - _NICE_AT_FIRST)
    orders: asyncio.Queue[bytes] = asyncio.Queue()
    working = asyncio.ensure_future(_work(clerk, orders, writer))
    with contextlib.suppress(OSError, EOFError):
        while True:
            orders.put_nowait(await _read(reader))
    working.cancel()
    await asyncio.wait({working}, timeout=_ROLLBACK_S)
    await clerk.close()
    os._exit(0)  # whatever hangs there is left to itself


async def _work(clerk: Clerk, orders: asyncio.Queue[bytes], writer: asyncio.StreamWriter) -> None:
    while True:
        order = _decode_order(await orders.get())
        work = clerk.write(order.owner, order.lines)
        (done,) = await asyncio.gather(work, return_exceptions=True)
        answer: _Answer
        if isinstance(done, BaseException):
            told = trouble(done)
            answer = _Refused(type(told).__name__, str(told))
        else:
            answer = done
        with contextlib.suppress(OSError):
            await _send(writer, _encode(answer))


def main() -> None:
    """The process; its argument is the number of its socket."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # its end is that of the gateway
    logging.disable()  # libraries may quote what people said
    os.nice(_NICE_AT_FIRST)
    connection = socket.socket(fileno=int(sys.argv[1]))
    with connection, contextlib.suppress(OSError, EOFError):
        asyncio.run(_serve(connection))


if __name__ == "__main__":
    main()
