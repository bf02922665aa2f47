"""Owns what the tests of the offline Realtime server share: sounds, scripts, a plain client.

Every server that leaves `offline` has had all its traces checked: each event against the official
types, each sequence against the rules of the real server.
"""

import asyncio
import base64
import math
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.core.g711 import audioop
from gateway.sim.realtime import RealtimeOptions, RealtimeServer
from tests.fixtures.realtime.check import lint_sequence, validate_client, validate_server

KEY = "sk-offline-0123456789"
MODEL = "gpt-realtime-2.1"
PCMU = {"format": {"type": "audio/pcmu"}}
LINES = {
    "hello": ("Hello, how can I help?", 600),
    "wait": ("One moment, please.", 400),
    "story": ("Once upon a time there was a very long answer that went on and on.", 4000),
    "bye": ("Goodbye.", 300),
    "else": ("Anything else?", 350),
}
"""Line name: its text and how long its recording lasts, in ms."""
SCRIPT = """
name = "test"
voice = "tones"
[greeting]
say = "hello"
[[turn]]
heard = "Where is my order?"
say = "wait"
call = { name = "lookup_order", arguments = { order_id = "A-1042" } }
[[turn]]
heard = "Sorry?"
say = "story"
[[turn]]
heard = "Thank you."
say = "bye"
[[on_text]]
match = "pressed"
say = "wait"
[after_tool.lookup_order]
say = "story"
[otherwise]
say = "else"
"""
TOOL = {
    "type": "function",
    "name": "lookup_order",
    "description": "Looks up an order.",
    "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}},
}
FAST: dict[str, Any] = {
    "session_delay_ms": 0,
    "update_delay_ms": 0,
    "first_audio_ms": 20,
    "speed": 60,
    "transcription_ms": (20, 40),
    "rate_limits_ms": 1,
}


@lru_cache(maxsize=64)
def samples(ms: int, hz: float = 440, dbfs: float = -20, rate: int = 8000) -> bytes:
    """A sine as 16-bit samples; `dbfs` is its RMS level."""
    peak = 32768 * math.sqrt(2) * 10 ** (dbfs / 20)
    values = (peak * math.sin(2 * math.pi * hz * n / rate) for n in range(ms * rate // 1000))
    return b"".join(int(value).to_bytes(2, "little", signed=True) for value in values)


def tone(ms: int, hz: float = 440, dbfs: float = -20) -> bytes:
    """The same as mu-law: what counts as speech here."""
    return audioop.lin2ulaw(samples(ms, hz, dbfs), 2)


def silence(ms: int) -> bytes:
    return b"\xff" * (8 * ms)


def noise(ms: int, dbfs: float, seed: int = 7) -> bytes:
    """White noise as mu-law."""
    rng, scale = random.Random(seed), 32768 * 10 ** (dbfs / 20)
    values = (max(-32768, min(32767, int(rng.gauss(0, scale)))) for _ in range(8 * ms))
    return audioop.lin2ulaw(b"".join(v.to_bytes(2, "little", signed=True) for v in values), 2)


def write_voice(folder: Path, lines: dict[str, tuple[str, int]] = LINES) -> None:
    """A voice made of tones, under `folder`/speech/tones."""
    voice = folder / "speech" / "tones"
    voice.mkdir(parents=True, exist_ok=True)
    listed = "".join(f'{name} = "{text}"\n' for name, (text, _) in lines.items())
    (voice / "lines.toml").write_text(listed)
    for number, (name, (_, ms)) in enumerate(lines.items()):
        (voice / f"{name}.ulaw").write_bytes(tone(ms, hz=300 + 50 * number))


def write_script(folder: Path, text: str = SCRIPT, name: str = "test") -> None:
    (folder / "scripts").mkdir(exist_ok=True)
    (folder / "scripts" / f"{name}.toml").write_text(text)


def options(folder: Path, script: str = SCRIPT, **changes: Any) -> RealtimeOptions:
    """Quick options for a script and a voice written below `folder`."""
    write_voice(folder)
    write_script(folder, script)
    places = {"scripts_dir": folder / "scripts", "speech_dir": folder / "speech"}
    return RealtimeOptions(**{"script": "test", **places, **FAST, **changes})


@asynccontextmanager
async def offline(
    folder: Path, script: str = SCRIPT, **changes: Any
) -> AsyncIterator[RealtimeServer]:
    """A running server; its traces are checked when it stops."""
    server = RealtimeServer(options(folder, script, **changes))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
    for session in server.sessions:
        check_trace(session.trace)


def check_trace(rows: list[dict[str, Any]]) -> None:
    """Every server event is what the official types say, in an order the real server keeps."""
    for row in rows:
        if row["dir"] == "S" and "event" in row:
            validate_server(row["event"])
    assert lint_sequence(rows) == []


class Peer:
    """A plain client that remembers every event it got."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.events: list[dict[str, Any]] = []
        self._seen: dict[str, int] = {}

    @classmethod
    async def open(
        cls, server: RealtimeServer, query: str = f"?model={MODEL}", **kwargs: Any
    ) -> Self:
        headers = kwargs.pop("headers", {"Authorization": f"Bearer {KEY}"})
        ws = await connect(
            server.url + query, additional_headers=headers, max_size=None, proxy=None, **kwargs
        )
        return cls(ws)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.ws.close()

    async def send(self, kind: str, *, valid: bool = True, **fields: Any) -> None:
        """One client event; a `valid` one is checked against the official types first."""
        event = {"type": kind, **fields}
        if valid:
            validate_client(event)
        await self.ws.send(msgspec.json.encode(event), text=True)

    async def next(self, timeout_s: float = 5) -> dict[str, Any]:
        async with asyncio.timeout(timeout_s):
            message = await self.ws.recv()
        event: dict[str, Any] = msgspec.json.decode(message)
        self.events.append(event)
        return event

    async def until(self, kind: str, timeout_s: float = 5) -> dict[str, Any]:
        """The next event of type `kind`: the first one not asked for yet."""
        n = self._seen.get(kind, 0)
        async with asyncio.timeout(timeout_s):
            while len(found := [e for e in self.events if e["type"] == kind]) <= n:
                await self.next(timeout_s)
        self._seen[kind] = n + 1
        return found[n]

    async def closing(self, timeout_s: float = 5) -> tuple[int | None, str | None]:
        """Reads on until the server closes; its code and reason."""
        try:
            while True:
                await self.next(timeout_s)
        except ConnectionClosed:
            return self.ws.close_code, self.ws.close_reason

    async def configure(self, **session: Any) -> dict[str, Any]:
        """session.update, answered; `audio` defaults to mu-law both ways."""
        session.setdefault("audio", {"input": PCMU, "output": PCMU})
        await self.send("session.update", session={"type": "realtime", **session})
        updated = await self.until("session.updated")
        effective: dict[str, Any] = updated["session"]
        return effective

    async def error(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Sends something wrong; the `error` object that answers it."""
        await self.send(kind, valid=False, **fields)
        return await self.fault()

    async def fault(self) -> dict[str, Any]:
        error: dict[str, Any] = (await self.until("error"))["error"]
        return error

    async def speak(self, *payloads: bytes, chunk: int = 160) -> None:
        """Appends audio as fast as it goes."""
        data = b"".join(payloads)
        for start in range(0, len(data), chunk):
            audio = base64.b64encode(data[start : start + chunk]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def say(self, text: str, role: str = "user") -> None:
        """A written message."""
        part = {"type": "input_text", "text": text}
        item = {"type": "message", "role": role, "content": [part]}
        await self.send("conversation.item.create", item=item)

    def kinds(self) -> list[str]:
        """Event types in order, runs of the same one folded."""
        return folded(event["type"] for event in self.events)

    def audio(self, item_id: str | None = None) -> bytes:
        """All speech received, of one item or of all."""
        deltas = (e for e in self.events if e["type"] == "response.output_audio.delta")
        wanted = (e for e in deltas if item_id in (None, e["item_id"]))
        return b"".join(base64.b64decode(event["delta"]) for event in wanted)


def folded(kinds: Iterable[str]) -> list[str]:
    """Without repetitions in a row."""
    out: list[str] = []
    for kind in kinds:
        if not out or out[-1] != kind:
            out.append(kind)
    return out
