"""The carrier's side for the tests: its frames, a socket without a wire, a phone with one."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from picows import WSCloseCode, ws_create_server
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.call.carrier import MAX_FRAME_BYTES, Admission, CarrierEvents, CarrierSocket
from gateway.core.mediastreams import Media, Start
from gateway.errors import Rejected
from tests.call.watching import Chronicle, soon

CALL_SID = "CA0000000000000000000000000000000a"
ACCOUNT_SID = "AC0000000000000000000000000000000b"
STREAM_SID = "MZ0000000000000000000000000000000c"
MULAW = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}

# Frames of Twilio, with everything as text where Twilio has text


def connected_frame() -> str:
    return json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})


def start_frame(
    ticket: str = "", call_sid: str = CALL_SID, media_format: dict[str, Any] | None = None
) -> str:
    start = {
        "accountSid": ACCOUNT_SID,
        "streamSid": STREAM_SID,
        "callSid": call_sid,
        "tracks": ["inbound"],
        "mediaFormat": media_format or MULAW,
        "customParameters": {"ticket": ticket} if ticket else {},
    }
    head = {"event": "start", "sequenceNumber": "1", "streamSid": STREAM_SID}
    return json.dumps({**head, "start": start})


def media_frame(payload: bytes, timestamp_ms: int = 40) -> str:
    media = {
        "track": "inbound",
        "chunk": "1",
        "timestamp": str(timestamp_ms),
        "payload": base64.b64encode(payload).decode(),
    }
    return json.dumps({"event": "media", "streamSid": STREAM_SID, "media": media})


def mark_frame(name: str) -> str:
    return json.dumps({"event": "mark", "streamSid": STREAM_SID, "mark": {"name": name}})


def dtmf_frame(digit: str) -> str:
    dtmf = {"track": "inbound_track", "digit": digit}
    return json.dumps({"event": "dtmf", "streamSid": STREAM_SID, "dtmf": dtmf})


def stop_frame() -> str:
    return json.dumps({"event": "stop", "streamSid": STREAM_SID, "stop": {"callSid": CALL_SID}})


def start(ticket: str = "", call_sid: str = CALL_SID) -> Start:
    """The same `start` as the codec reads it."""
    return Start(
        stream_sid=STREAM_SID,
        call_sid=call_sid,
        account_sid=ACCOUNT_SID,
        parameters={"ticket": ticket} if ticket else {},
    )


class Called:
    """A call as its socket knows it; remembers what it is told, in order."""

    def __init__(self) -> None:
        self.heard: Chronicle[tuple[str, object]] = Chronicle()

    def carrier_frame(self, media: Media, read_at: float) -> None:
        self.heard.add(("frame", media.payload))

    def carrier_mark(self, name: str) -> None:
        self.heard.add(("mark", name))

    def carrier_digit(self, digit: str) -> None:
        self.heard.add(("digit", digit))

    def carrier_oddity(self, kind: str) -> None:
        self.heard.add(("oddity", kind))

    def carrier_gone(self, reason: str) -> None:
        self.heard.add(("gone", reason))


class Door:
    """Admits every stream to one call, or refuses with a reason."""

    def __init__(self, refuse: str | None = None) -> None:
        self.call = Called()
        self.starts: list[Start] = []
        self.rejections: Chronicle[str] = Chronicle()
        self._refuse = refuse

    def admit(self, start: Start, socket: CarrierSocket) -> CarrierEvents:
        if self._refuse is not None:
            raise Rejected(self._refuse)
        self.starts.append(start)
        return self.call

    def rejected(self, reason: str) -> None:
        self.rejections.add(reason)


class SilentCarrier(CarrierSocket):
    """A carrier without a wire: keeps what is sent and, when asked to, plays in no time at all.

    An `instant` carrier returns each mark in the next turn of the loop, as if the audio before it
    had been heard by then.
    """

    def __init__(
        self, *, instant: bool = False, tell: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        super().__init__(Door())
        self.sent: Chronicle[dict[str, Any]] = Chronicle()
        self.closed: Chronicle[WSCloseCode | None] = Chronicle()
        """The code of each close, None for an abort."""
        self.marks: Callable[[str], object] = lambda name: None
        """Where marks go back to."""
        self.instant = instant
        self._tell = tell

    def send(self, message: bytes) -> None:
        event: dict[str, Any] = json.loads(message)
        self.sent.add(event)
        if self._tell is not None:
            self._tell(event)
        if self.instant and event["event"] == "mark":
            asyncio.get_running_loop().call_soon(self.marks, event["mark"]["name"])

    def close(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        self.closed.add(code)

    def abort(self) -> None:
        self.closed.add(None)

    @property
    def kinds(self) -> list[str]:
        """The kinds of what was sent, in order."""
        return [event["event"] for event in self.sent]

    @property
    def audio(self) -> bytes:
        """All audio sent, cleared or not."""
        return b"".join(payload_of(event) for event in self.sent if event["event"] == "media")

    @property
    def mark_names(self) -> list[str]:
        """The names of the marks sent, in order."""
        return [event["mark"]["name"] for event in self.sent if event["event"] == "mark"]


def payload_of(event: dict[str, Any]) -> bytes:
    """The audio of a media message."""
    return base64.b64decode(event["media"]["payload"])


class Phone:
    """Twilio's end of a real media socket."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.heard: Chronicle[dict[str, Any]] = Chronicle()
        """Every message from the gateway."""
        self.gone = asyncio.ensure_future(self._listen())

    async def send(self, *frames: str | bytes) -> None:
        """Frames as they are; those that come too late for the socket are lost, as on a phone."""
        with contextlib.suppress(ConnectionClosed):
            for frame in frames:
                await self.ws.send(frame)

    async def _listen(self) -> int | None:
        with contextlib.suppress(ConnectionClosed):
            async for message in self.ws:
                self.heard.add(json.loads(message))
        return self.ws.close_code


class Exchange:
    """A listening media socket; each connection becomes a `CarrierSocket`."""

    def __init__(self, url: str, sockets: list[CarrierSocket]) -> None:
        self.url = url
        self.sockets = sockets

    @asynccontextmanager
    async def phone(self, **options: Any) -> AsyncIterator[Phone]:
        """One connection from outside."""
        async with connect(self.url, compression=None, proxy=None, **options) as ws:
            phone = Phone(ws)
            yield phone
            phone.ws.transport.abort()
            await soon(phone.gone)


@asynccontextmanager
async def exchange(admission: Admission) -> AsyncIterator[Exchange]:
    """A media socket on loopback, with the limits the gateway's has."""
    sockets: list[CarrierSocket] = []

    def accept(_request: object) -> CarrierSocket:
        sockets.append(CarrierSocket(admission))
        return sockets[-1]

    server = await ws_create_server(accept, "127.0.0.1", 0, max_frame_size=MAX_FRAME_BYTES)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Exchange(f"ws://127.0.0.1:{port}/twilio/media", sockets)
    finally:
        server.close()
        for socket in sockets:
            socket.abort()
        await asyncio.gather(*(socket.wait_gone() for socket in sockets))
        await server.wait_closed()
