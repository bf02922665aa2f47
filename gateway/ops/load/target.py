"""What a process of this machine uses, with its children: CPU, memory, file descriptors (/proc).

A target elsewhere has none of this, and whoever asks gets None.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LISTEN: Final = "0A"
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 2**20
_GONE: Final = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True)
class Usage:
    """At one moment, a process and its children together."""

    at_s: float
    """Monotonic clock."""
    cpu_s: float
    rss_mb: float
    fds: int
    fds_most: int
    """How many one of them may have."""


def usage_of(pid: int) -> Usage | None:
    """What a process uses; None when it is gone or not ours to look at."""
    cpu_s, rss_mb, fds, most = 0.0, 0.0, 0, 0
    with suppress(*_GONE):
        for each in _family(pid):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            cpu_s += (int(fields[11]) + int(fields[12])) / _TICKS
            rss_mb += int(fields[21]) * _PAGE_MB
            fds += len(os.listdir(f"/proc/{each}/fd"))
            most = max(most, _fd_limit(each))
        return Usage(time.monotonic(), cpu_s, rss_mb, fds, most)
    return None


def listener_of(port: int) -> int | None:
    """The process that listens on this TCP port of this machine, if it is ours to see."""
    inodes = {inode for name in ("tcp", "tcp6") for inode in _listening(name, port)}
    if not inodes:
        return None
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _holds(entry, inodes):
            return int(entry.name)
    return None


def memory_free_mb() -> float:
    """How much memory this machine can still give."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:  # grows while it is walked: children of children
        for task in Path(f"/proc/{each}/task").iterdir():
            with suppress(*_GONE):
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _fd_limit(pid: int) -> int:
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith("Max open files"):
            return int(line.split()[3])
    return 0


def _listening(name: str, port: int) -> Iterator[str]:
    with suppress(*_GONE):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _holds(process: Path, inodes: set[str]) -> bool:
    with suppress(*_GONE, OSError):
        for fd in (process / "fd").iterdir():
            found = _SOCKET.fullmatch(os.readlink(fd))
            if found is not None and found[1] in inodes:
                return True
    return False
