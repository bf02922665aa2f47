"""A gateway of a few lines, with faults on demand: what the benchmark is tested against.

It lives in the test's own process, passes mu-law through between carrier and model, and cuts an
interrupted item at a fixed millisecond, so that the benchmark's verdict on it is known beforehand.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_connect,
    ws_create_server,
)
from twilio.request_validator import RequestValidator

from bench.webhook import Account

TOKEN = "loopback-token"
SESSION_UPDATE = {
    "type": "session.update",
    "session": {
        "type": "realtime",
        "audio": {
            "input": {"format": {"type": "audio/pcmu"}},
            "output": {"format": {"type": "audio/pcmu"}},
        },
    },
}


@dataclass(slots=True)
class Faults:
    """What to do wrong, by number of the caller's frame (of each call)."""

    drop: frozenset[int] = frozenset()
    double: frozenset[int] = frozenset()
    swap: frozenset[int] = frozenset()
    """This frame is held back until the next has passed."""
    truncate_ms: int = 100
    extra_field: bool = False
    stay: bool = False
    """A close is not answered."""


@dataclass(slots=True)
class LoopbackGateway:
    """Satisfies `bench.load.UnderTest`."""

    realtime_url: str
    faults: Faults = field(default_factory=Faults)
    port: int = 0
    refused: int = 0
    servers: list[asyncio.Server] = field(default_factory=list)
    marks_sent: list[tuple[str, str]] = field(default_factory=list)
    marks_returned: list[tuple[str, str]] = field(default_factory=list)
    """(streamSid, name) in order."""

    @property
    def account(self) -> Account:
        return Account("ACloopback", TOKEN, f"http://127.0.0.1:{self.port}")

    async def start(self) -> None:
        http = await asyncio.start_server(self._webhook, "127.0.0.1", 0)
        media = await ws_create_server(lambda request: self._accept(request), "127.0.0.1", 0)
        self.servers = [http, media]
        self.port = http.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for server in self.servers:
            server.close()
            await server.wait_closed()

    @property
    def media_url(self) -> str:
        return f"ws://127.0.0.1:{self.servers[1].sockets[0].getsockname()[1]}/twilio/media"

    def cpu_ns(self) -> int:
        return time.process_time_ns()

    def waited_ns(self) -> int:
        return 0

    def threads_ns(self) -> int:
        return 0

    def rss_kb(self) -> float:
        return 1000.0

    def check(self) -> None:
        """Always alive."""

    async def _webhook(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = (await reader.readexactly(int(headers["Content-Length"]))).decode()
        params = dict(pair.split("=", 1) for pair in body.replace("%2B", "+").split("&"))
        url = f"{self.account.public_url}/twilio/voice"
        signed = RequestValidator(TOKEN).validate(url, params, headers["X-Twilio-Signature"])
        parameter = f'<Parameter name="ticket" value="t-{params["CallSid"]}"/>'
        stream = f"<Stream url={quoteattr(self.media_url)}>{parameter}</Stream>"
        twiml = f"<Response><Connect>{stream}</Connect></Response>"
        status = "200 OK" if signed else "403 Forbidden"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(twiml)}\r\n\r\n{twiml}".encode())
        await writer.drain()
        writer.close()

    def _accept(self, request: WSUpgradeRequest) -> WSListener | None:
        signature = request.headers["X-Twilio-Signature"]
        if RequestValidator(TOKEN).validate(self.media_url, {}, signature):
            return CarrierSide(self)
        self.refused += 1
        return None


class CarrierSide(WSListener):
    """The media socket of one call."""

    def __init__(self, gateway: LoopbackGateway) -> None:
        self.gateway = gateway
        self.transport: WSTransport | None = None
        self.stream_sid = ""
        self._model: ModelSide | None = None
        self._waiting: list[str] = []
        self._held: str | None = None
        self._frames = 0
        self._dialling: asyncio.Task[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is not WSMsgType.TEXT:
            if not self.gateway.faults.stay:
                transport.disconnect()
            return
        message = json.loads(frame.get_payload_as_utf8_text())
        if message["event"] == "start":
            assert message["start"]["customParameters"] == {
                "ticket": f"t-{message['start']['callSid']}"
            }
            self.stream_sid = message["streamSid"]
            self._dialling = asyncio.get_running_loop().create_task(self._dial())
        elif message["event"] == "media":
            self._pass_on(message["media"]["payload"])
        elif message["event"] == "mark":
            mark = (self.stream_sid, message["mark"]["name"])
            self.gateway.marks_returned.append(mark)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._model is not None and self._model.transport is not None:
            self._model.transport.disconnect()

    def send(self, message: dict[str, Any]) -> None:
        assert self.transport is not None
        text = json.dumps(message | {"streamSid": self.stream_sid})
        self.transport.send(WSMsgType.TEXT, text.encode())

    async def _dial(self) -> None:
        model = ModelSide(self)
        await ws_connect(lambda: model, self.gateway.realtime_url)
        self._model = model
        for payload in self._waiting:
            model.append(payload)

    def _pass_on(self, payload: str) -> None:
        faults, number = self.gateway.faults, self._frames
        self._frames += 1
        if number in faults.swap:
            self._held = payload
            return
        copies = 0 if number in faults.drop else 2 if number in faults.double else 1
        for audio in [payload] * copies + ([self._held] if self._held else []):
            if self._model is None:
                self._waiting.append(audio)
            else:
                self._model.append(audio)
        self._held = None


class ModelSide(WSListener):
    """The model connection of one call."""

    def __init__(self, carrier: CarrierSide) -> None:
        self.transport: WSTransport | None = None
        self._carrier = carrier
        self._item: str | None = None
        self._marks = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self._send(SESSION_UPDATE)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is not WSMsgType.TEXT:
            transport.disconnect()
            return
        event = json.loads(frame.get_payload_as_utf8_text())
        if event["type"] == "response.output_audio.delta":
            self._item = event["item_id"]
            self._carrier.send({"event": "media", "media": {"payload": event["delta"]}})
            self._marks += 1
            mark: dict[str, Any] = {"event": "mark", "mark": {"name": str(self._marks)}}
            if self._carrier.gateway.faults.extra_field:
                mark["track"] = "outbound"
            self._carrier.send(mark)
            self._carrier.gateway.marks_sent.append((self._carrier.stream_sid, str(self._marks)))
        elif event["type"] == "input_audio_buffer.speech_started" and self._item:
            self._carrier.send({"event": "clear"})
            cut = {"item_id": self._item, "content_index": 0}
            cut["audio_end_ms"] = self._carrier.gateway.faults.truncate_ms
            self._send({"type": "conversation.item.truncate", **cut})

    def append(self, payload: str) -> None:
        base64.b64decode(payload, validate=True)
        self._send({"type": "input_audio_buffer.append", "audio": payload})

    def _send(self, message: dict[str, Any]) -> None:
        assert self.transport is not None
        self.transport.send(WSMsgType.TEXT, json.dumps(message).encode())
