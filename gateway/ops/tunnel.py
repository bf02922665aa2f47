"""A tunnel: an https address on the internet that leads to this machine.

Owns the process of the tool that makes it, from its start to its end. The tools are cloudflared's
quick tunnels and ngrok; both tell their address in what they print.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from gateway.errors import GatewayError
from gateway.settings import Settings

START_S = 40.0
"""Longest wait for an address: cloudflared gives up on its own service after 15 s."""
STOP_S = 5.0
_SECRET = ("GATEWAY_", "OPENAI_", "TWILIO_")
"""Variables that are no business of somebody else's program."""
_PR_SET_PDEATHSIG = 1
_BOX = re.compile(r"\|\s+(https://[\w.-]+)\s+\|")
"""The address as cloudflared frames it; its own service's name is told without a frame."""
_REGISTERED = re.compile(r"\b[Rr]egistered\b.*\bconnIndex=")
_MISSING = (
    "--tunnel: neither cloudflared nor ngrok is on PATH; install one of them "
    "(https://github.com/cloudflare/cloudflared/releases needs no account, "
    "https://ngrok.com/download needs one), or set GATEWAY_PUBLIC_URL"
)


class TunnelFailed(GatewayError):
    """There is no tunnel; the message says why, and what to do."""


@dataclass(slots=True)
class Heard:
    """What a tool has told of its tunnel so far."""

    url: str = ""
    ready: bool = False
    """The address leads here."""
    trouble: str = ""
    last: str = ""

    @property
    def reason(self) -> str:
        """Why it ended, in the tool's own words."""
        return (self.trouble or self.last or "it said nothing")[:300]


def hear_cloudflared(heard: Heard, line: str) -> None:
    """A line of cloudflared: a frame with the address, then that it is connected.

    As printed by cmd/cloudflared/tunnel/quick_tunnel.go and the issues of cloudflare/cloudflared:
    ``2023-04-18T14:06:49Z INF |  https://buffalo-marco-cardiff-motel.trycloudflare.com  |`` and
    ``… INF Registered tunnel connection connIndex=0 …``.
    """
    if found := _BOX.search(line):
        heard.url = found.group(1)
    elif heard.url and _REGISTERED.search(line):
        heard.ready = True
    elif line.startswith("failed to") or (" ERR " in line and os.devnull not in line):
        heard.trouble = line  # an empty configuration file is what we gave it


def hear_ngrok(heard: Heard, line: str) -> None:
    """A line of ngrok with ``--log-format json``, or one of its errors, which are plain.

    ``{"addr":"http://127.0.0.1:8000","lvl":"info","msg":"started tunnel",…,"url":"https://…"}``;
    ``ERROR:  authentication failed: Usage of ngrok requires a verified account and authtoken.``
    """
    if line.startswith("ERROR:"):
        # The first one says it; those that follow are advice and a number.
        heard.trouble = heard.trouble or line.removeprefix("ERROR:").strip()
        return
    try:
        said = json.loads(line)
    except ValueError:
        return
    if not isinstance(said, dict):
        return
    url = str(said.get("url", ""))
    if said.get("msg") == "started tunnel" and url.startswith("https://"):
        heard.url, heard.ready = url.rstrip("/"), True
    elif said.get("lvl") in ("eror", "crit") and said.get("err"):
        # Its first line alone: the others may quote the account's token.
        heard.trouble = heard.trouble or str(said["err"]).strip().partition("\n")[0].strip()


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that makes tunnels: its arguments before the address here, and its language."""

    name: str
    words: tuple[str, ...]
    hear: Callable[[Heard, str], None]


TOOLS = (
    # Rules of a configuration file would win over `--url`.
    Tool(
        "cloudflared",
        ("tunnel", "--no-autoupdate", "--config", os.devnull, "--url"),
        hear_cloudflared,
    ),
    Tool("ngrok", ("http", "--log", "stdout", "--log-format", "json"), hear_ngrok),
)


@dataclass
class Tunnel:
    """A tunnel that is open, until :meth:`close` or until its tool ends."""

    tool: str
    process: subprocess.Popen[str]
    heard: Heard = field(default_factory=Heard)
    ended: threading.Event = field(default_factory=threading.Event)
    """The tool has ended, whoever ended it."""
    settled: threading.Event = field(default_factory=threading.Event)
    """It is known whether there is a tunnel."""

    @property
    def url(self) -> str:
        """The https address, without a slash at the end."""
        return self.heard.url

    def close(self) -> None:
        """Ends the tool: politely, then not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            if self.ended.wait(STOP_S):
                return


def origin(settings: Settings) -> str:
    """Where the gateway is on this machine. Raises TunnelFailed when nobody knows."""
    if not settings.port:
        raise TunnelFailed("GATEWAY_PORT: 0 is no port that a tunnel could lead to")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


@contextmanager
def open_tunnel(
    address: str, on_end: Callable[[str], None] = lambda reason: None, *, start_s: float = START_S
) -> Iterator[Tunnel]:
    """A tunnel to an address of this machine (``http://host:port``), as long as the block runs.

    Use it in the main thread: Linux ends the tool with the thread that started it. ``on_end`` hears
    from another thread that it ended by itself, and why. Raises TunnelFailed.
    """
    tunnel, closing = _started(address), threading.Event()
    reading = threading.Thread(
        target=_read, args=(tunnel, on_end, closing), name="tunnel", daemon=True
    )
    reading.start()
    try:
        if not tunnel.settled.wait(start_s):
            raise TunnelFailed(
                f"--tunnel: {tunnel.tool} gave no address within {start_s:g} s: "
                f"{tunnel.heard.reason}"
            )
        if not tunnel.heard.ready:
            raise TunnelFailed(f"--tunnel: {tunnel.tool} ended: {tunnel.heard.reason}")
        yield tunnel
    finally:
        closing.set()
        tunnel.close()
        reading.join(STOP_S)


def _started(address: str) -> Tunnel:
    for tool in TOOLS:
        if path := shutil.which(tool.name):
            break
    else:
        raise TunnelFailed(_MISSING)
    try:
        process = subprocess.Popen(
            [path, *tool.words, address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={name: value for name, value in os.environ.items() if not _is_ours(name)},
            start_new_session=True,  # Ctrl-C is for us: calls still need the tunnel while we drain
            preexec_fn=_tie(),
        )
    except OSError as error:
        raise TunnelFailed(f"--tunnel: {path} cannot be run: {error.strerror}") from None
    return Tunnel(tool.name, process)


def _read(tunnel: Tunnel, on_end: Callable[[str], None], closing: threading.Event) -> None:
    """Reads all it prints: a pipe that nobody empties would stop it."""
    hear = next(tool.hear for tool in TOOLS if tool.name == tunnel.tool)
    for line in _lines(tunnel.process.stdout):
        tunnel.heard.last = line
        hear(tunnel.heard, line)
        if tunnel.heard.ready:
            tunnel.settled.set()
    tunnel.process.wait()
    tunnel.ended.set()
    begun = tunnel.settled.is_set()
    tunnel.settled.set()
    if begun and not closing.is_set():
        on_end(tunnel.heard.reason)


def _lines(stream: IO[str] | None) -> Iterator[str]:
    assert stream is not None
    with stream:
        for line in stream:
            if stripped := line.strip():
                yield stripped


def _is_ours(name: str) -> bool:
    return name.upper().startswith(_SECRET)


def _tie() -> Callable[[], None] | None:
    """Ends the child with us, even if we are killed; Linux alone can (prctl(2))."""
    if not sys.platform.startswith("linux"):
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # we were gone already
            os._exit(1)

    return tie
