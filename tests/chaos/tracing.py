"""strace on a running process, which makes system calls of it fail."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.chaos.clerks import clerk_at_work

WRITES = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename")
_ATTACH_LIMIT_S = 20.0
_LEAVE_S = 1.0


class Injected:
    """The faults a process met."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def counts(self) -> Counter[str]:
        """How many of which system call."""
        said = self._log.read_text() if self._log.exists() else ""
        return Counter(re.findall(r"(\w+)\([^\n]*\(INJECTED\)", said))


@asynccontextmanager
async def failing(
    pid: int,
    error: str,
    when: str,
    log: Path,
    *,
    calls: Sequence[str] = WRITES,
    paths: Sequence[Path] = (),
) -> AsyncIterator[Injected]:
    """These calls of a gateway, and of the process that writes its records, fail with that error;
    ``when`` is strace's, counted by thread.

    ``paths``: only those on these files, which need not be there yet.
    """
    names = ",".join(calls)
    pids = [str(pid), str(await clerk_at_work(pid))]
    words = ["-f", "-o", str(log), "-y", "-e", f"trace={names}"]
    words += [word for each in pids for word in ("-p", each)]
    words += ["-e", f"inject={names}:error={error}:when={when}"]
    words += [word for path in paths for word in ("-P", str(path))]
    tracer = await asyncio.create_subprocess_exec(
        "strace", *words, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    assert tracer.stderr is not None
    try:
        async with asyncio.timeout(_ATTACH_LIMIT_S):
            for each in pids:
                await _attached(tracer.stderr, each)
        reading = asyncio.create_task(tracer.stderr.read())
        yield Injected(log)
    finally:
        await _left(tracer)
    await reading


async def _left(tracer: asyncio.subprocess.Process) -> None:
    """It leaves with the process it looks at, or when it is told to. One that waits for a thread
    which is gone already does neither; what it looked at goes on in any case.
    """
    for leave in (tracer.terminate, tracer.kill):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await tracer.wait()
                return
        leave()
    await tracer.wait()


async def _attached(stderr: asyncio.StreamReader, pid: str) -> None:
    said = b""
    while f"Process {pid} attached".encode() not in said:
        line = await stderr.readline()
        assert line, f"strace cannot attach: {said.decode()}"
        said += line
