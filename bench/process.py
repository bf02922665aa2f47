"""The gateway under test: a process of its own on a core of its own, and what that process costs.

Linux only: affinity, /proc, and the CPU clock of another process (nanoseconds, all its threads).
"""

from __future__ import annotations

import asyncio
import os
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.webhook import Account

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
_AT = "--host 127.0.0.1 --port {port}"
COMMANDS = {
    "gateway": f"{{python}} -m gateway serve {_AT}",
    "plain": f"{{python}} -m bench.yardstick {_AT}",
    "example": f"{{python}} -m bench.example {_AT}",
    "relay": f"{{python}} -m bench.rawrelay {_AT}",
}
"""Every variant the benchmark knows, with what starts it."""
_FOREIGN = ("GATEWAY_", "OPENAI_", "TWILIO_")


class GatewayFailed(Exception):
    """The gateway did not start, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core carries what. With a single core both share it (and the figures say so)."""

    gateway: int
    load: int

    @classmethod
    def choose(cls) -> Cores:
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[0], allowed[-1])


def allow_sockets() -> None:
    """As many open files as this user may have, for this process and those it starts.

    A call takes two sockets on either side, and the usual limit is 1024.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """This process (and what it starts meanwhile) runs on `core` alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Gateway:
    """One started gateway. `command` may use {python} and {port}."""

    command: str
    realtime_url: str
    scratch: Path
    core: int
    max_calls: int
    environment: dict[str, str] = field(default_factory=dict)
    """What it gets beside the settings of the benchmark."""
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def account(self) -> Account:
        return Account(f"AC{'be' * 16}", "bench-token-0123456789abcdef", self.public_url)

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Returns when the port accepts connections. Raises GatewayFailed."""
        self._process = self._spawn()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not await self._listening():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise GatewayFailed(f"{self.command!r} did not start:\n{self.log_tail()}")
            await asyncio.sleep(0.1)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        words = shlex.split(self.command.format(python=sys.executable, port=self.port))
        environment = self._settings() | self.environment
        with pinned(self.core), self._log.open("wb") as log:
            return subprocess.Popen(
                words, env=environment, cwd=self.scratch, stdout=log, stderr=log
            )

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when that was not enough."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self._process.poll() is None:
            if time.monotonic() > deadline:
                self._process.kill()
            await asyncio.sleep(0.05)

    def check(self) -> None:
        """Raises GatewayFailed when the process is gone."""
        code = None if self._process is None else self._process.poll()
        if self._process is None or code is not None:
            ended = f"{self.command!r} ended by itself with exit code {code}"
            raise GatewayFailed(f"{ended}:\n{self.log_tail()}")

    def cpu_ns(self) -> int:
        """User and system time so far, of all threads and of child processes."""
        return sum(time.clock_gettime_ns(_cpu_clock(pid)) for pid in self._pids())

    def waited_ns(self) -> int:
        """Time so far in which its main thread could have run and something else had the core."""
        return int(_proc(self._pids()[0], "schedstat").split()[1])

    def threads_ns(self) -> int:
        """CPU time so far of all threads but the main one, and of child processes."""
        return self.cpu_ns() - int(_proc(self._pids()[0], "schedstat").split()[0])

    def rss_kb(self) -> float:
        """Resident memory now."""
        page_kb = os.sysconf("SC_PAGE_SIZE") / 1024
        return sum(int(_proc(pid, "statm").split()[1]) * page_kb for pid in self._pids())

    def log_tail(self, lines: int = 15) -> str:
        """The last lines the gateway wrote."""
        text = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    @property
    def data(self) -> Path:
        """Where it keeps its files."""
        return self.scratch / "data"

    @property
    def _log(self) -> Path:
        return self.scratch / "gateway.log"

    def _settings(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "TWILIO_ACCOUNT_SID": self.account.sid,
            "TWILIO_AUTH_TOKEN": self.account.token,
            "OPENAI_API_KEY": "sk-bench",
            "GATEWAY_PUBLIC_URL": self.public_url,
            "GATEWAY_REALTIME_URL": self.realtime_url,
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "GATEWAY_MAX_CALLS": str(self.max_calls),
            "GATEWAY_MAX_LAG_MS": "0",  # how late it is is measured here, and everybody is taken
            "GATEWAY_DATA_DIR": str(self.data),
            "GATEWAY_AGENTS_DIR": str(ROOT / "agents_config"),
        }

    def _pids(self) -> list[int]:
        if self._process is None:
            return []
        found = [self._process.pid]
        for pid in found:  # grows while it is walked: children of children
            for task in Path(f"/proc/{pid}/task").iterdir():
                with suppress(FileNotFoundError):  # a thread may end meanwhile
                    found += [int(child) for child in (task / "children").read_text().split()]
        return found

    async def _listening(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


def _cpu_clock(pid: int) -> int:
    """The kernel's id of another process's CPU clock, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | 2


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text("utf-8")
