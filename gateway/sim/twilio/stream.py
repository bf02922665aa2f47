"""Owns one bidirectional media stream: what the caller says goes out, what the gateway sends is
played.

The carrier's end of Media Streams over a real socket. All rules of the wire are in `wire.py`, all
rules of playing in `playout.py`; here they meet time and network. Nothing is awaited per frame.
"""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed

from gateway.sim.twilio import debugger
from gateway.sim.twilio.debugger import TwilioFault
from gateway.sim.twilio.network import Lane, Network, Schedule
from gateway.sim.twilio.options import TwilioOptions
from gateway.sim.twilio.playout import BYTES_PER_S, PlayoutBuffer
from gateway.sim.twilio.upgrade import open_socket, stream_url
from gateway.sim.twilio.wire import CONNECTED, Clear, Mark, Media, StreamWriter, read

FRAME_MS: Final = 20
_SILENCE_FRAME: Final = b"\xff" * 160
_SHORTEST_WAIT_S: Final = 0.001

EndKind = Literal["stopped", "server-closed", "lost", "protocol-error", "aborted"]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What `<Stream>` asks for."""

    url: str
    name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    status_callback: str = ""
    status_callback_method: str = "POST"


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended; `code` is 0 when nothing went into the debugger for it."""

    kind: EndKind
    code: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StreamContext:
    """What a stream has from its call."""

    sid: str
    call_sid: str
    options: TwilioOptions
    network: Network
    rng: random.Random
    report: Callable[[int, str], None]
    """Told every refusal, once per code, as Twilio's debugger is."""


class TwinStream:
    """One stream of one call, from the upgrade to its end."""

    def __init__(self, plan: StreamPlan, context: StreamContext) -> None:
        self.sid = context.sid
        self.plan = plan
        self.playout = PlayoutBuffer(0.0)
        self.said = bytearray()
        """The caller's track from the start of the stream's clock (empty when audio is not
        kept)."""
        self.lost_chunks: list[int] = []
        """Chunk numbers of caller frames that were never sent (network loss)."""
        self.dropped_frames = 0
        """Caller frames discarded because the gateway read too slowly."""
        self.refused_messages = 0
        self.start_s = 0.0
        self.ended: asyncio.Future[StreamEnd] = asyncio.get_running_loop().create_future()
        self._options = context.options
        self._report = context.report
        self._reported: set[int] = set()
        self._writer = StreamWriter(context.options.account_sid, context.call_sid, context.sid)
        self._rng = context.rng
        self._loss = context.network.loss
        out, back = (Schedule(context.network, random.Random(self._rng.random())) for _ in "ab")
        self._to_gateway: Lane[str | None] = Lane(out, self._transmit)
        self._from_gateway: Lane[str | bytes | StreamEnd] = Lane(back, self._received)
        self._chunk = 0
        self._timestamp_ms = context.options.first_timestamp_ms
        self._live = False
        self._socket: ClientConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._mark_timer: asyncio.TimerHandle | None = None

    # Life

    async def open(self) -> None:
        """Connects and upgrades; `TwilioFault` when the gateway does not take the stream."""
        options = self._options
        self._socket = await open_socket(
            stream_url(self.plan.url),
            options.auth_token,
            timeout_s=options.stream_timeout_s,
            close_timeout_s=options.close_timeout_s,
        )
        raw = self._socket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.send_buffer_bytes)

    def begin(self, first_frame_s: float) -> None:
        """Sends `connected` and `start`. The first frame is due at `first_frame_s` (monotonic)."""
        options = self._options
        self.start_s = first_frame_s - options.first_timestamp_ms / 1000
        self.playout = PlayoutBuffer(
            self.start_s,
            cap_bytes=options.buffer_cap_s * BYTES_PER_S,
            keep_audio=options.keep_audio,
            return_cleared_marks=options.return_cleared_marks,
            packet_bytes=max(1, options.packet_ms * BYTES_PER_S // 1000),
        )
        if options.keep_audio:
            self.said += b"\xff" * (options.first_timestamp_ms * BYTES_PER_S // 1000)
        self._live = True
        self._to_gateway.put(CONNECTED)
        self._to_gateway.put(self._writer.start(self.plan.parameters))
        self._spawn(self._receive())

    def hang_up(self) -> None:
        """The call is over: `stop`, then close. What was not played yet is never heard."""
        if self._live:
            self._freeze()
            self._to_gateway.put(self._writer.stop())
            self._to_gateway.put(None)

    def abort(self) -> None:
        """The carrier vanishes: the TCP connection is reset, without `stop` and without a close."""
        self._freeze()
        self._to_gateway.close()
        self._from_gateway.close()
        if self._socket is not None:
            self._socket.transport.abort()
        self._finish(StreamEnd("aborted"))

    async def closed(self) -> None:
        """Returns when the socket is closed and nothing of the stream is left running."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._socket = None

    # What the caller does

    def frame(self, payload: bytes | None) -> None:
        """The next 20 ms of the caller's track, 160 bytes; None is silence, which is sent like
        speech."""
        if not self._live:
            return
        audio = payload or _SILENCE_FRAME
        timestamp_ms = self._next_timestamp(audio)
        self._chunk += 1
        if self._loss and self._rng.random() < self._loss:
            self.lost_chunks.append(self._chunk)
        elif self._is_slow_reader():
            self._warn(debugger.SLOW_READER, "caller audio is discarded")
            self.dropped_frames += 1
        else:
            self._to_gateway.put(self._writer.media(self._chunk, timestamp_ms, audio))

    def skip(self) -> None:
        """20 ms in which the carrier sends nothing: the timestamp runs on, the chunk does not."""
        if self._live:
            self._next_timestamp(_SILENCE_FRAME)

    def dtmf(self, digit: str) -> None:
        """The caller pressed a key."""
        if self._live:
            self._to_gateway.put(self._writer.dtmf(digit))

    def listen(self) -> bytes:
        """The agent audio heard since this was last asked."""
        if self._live:
            self._return_marks(self.playout.advance(time.monotonic()))
        return self.playout.take_fresh()

    @property
    def heard(self) -> bytes | bytearray:
        """The agent as the caller heard it, from the start of the stream's clock."""
        return self.playout.track

    # Towards the gateway

    def _next_timestamp(self, audio: bytes) -> int:
        timestamp_ms = self._timestamp_ms
        self._timestamp_ms += FRAME_MS
        if self._options.keep_audio:
            self.said += audio
        return timestamp_ms

    def _is_slow_reader(self) -> bool:
        assert self._socket is not None
        waiting = self._socket.transport.get_write_buffer_size()
        return waiting > self._options.send_buffer_bytes

    def _transmit(self, message: str | None) -> None:
        """What arrives at the gateway now; None closes the socket."""
        if self._socket is None:
            return
        if message is None:
            self._spawn(self._close(self._socket))
        else:
            broadcast((self._socket,), message)

    async def _close(self, connection: ClientConnection) -> None:
        await connection.close()
        self._finish(StreamEnd("stopped"))

    # From the gateway

    async def _receive(self) -> None:
        assert self._socket is not None
        try:
            while True:
                self._from_gateway.put(await self._socket.recv())
        except ConnectionClosed as closed:
            self._from_gateway.put(_end_of(closed))

    def _received(self, message: str | bytes | StreamEnd) -> None:
        """A message reaches the carrier."""
        if not self._live:
            return
        now = time.monotonic()
        if isinstance(message, StreamEnd):
            self._freeze()
            if message.code:
                self._warn(message.code, message.detail)
            self._finish(message)
        elif isinstance(message, bytes):
            self._refuse(TwilioFault(debugger.BINARY_MESSAGE, "a binary frame"))
        else:
            try:
                self._obey(read(message, self.sid), now)
            except TwilioFault as fault:
                self._refuse(fault)

    def _obey(self, message: Media | Mark | Clear, now: float) -> None:
        match message:
            case Media(payload):
                self._play(payload, now)
            case Mark(name):
                self._return_marks(self.playout.mark(name, now))
            case Clear():
                self._return_marks(self.playout.clear(now))
        self._arm_marks(now)

    def _play(self, payload: bytes, now: float) -> None:
        if payload.startswith((b"RIFF", b"ID3", b".snd", b"OggS")):
            self._warn(debugger.TWIN_FILE_HEADER, "raw mu-law is expected")
        if self.playout.audio(payload, now):
            self._warn(debugger.BUFFER_OVERFLOW, f"more than {self._options.buffer_cap_s} s")

    def _return_marks(self, names: list[str]) -> None:
        for name in names:
            self._to_gateway.put(self._writer.mark(name))

    def _arm_marks(self, now: float) -> None:
        if self._mark_timer is not None:
            self._mark_timer.cancel()
            self._mark_timer = None
        due_s = self.playout.next_due_s()
        if due_s is not None:
            wait_s = max(_SHORTEST_WAIT_S, due_s - now)
            loop = asyncio.get_running_loop()
            self._mark_timer = loop.call_later(wait_s, self._marks_due)

    def _marks_due(self) -> None:
        now = time.monotonic()
        self._return_marks(self.playout.advance(now))
        self._arm_marks(now)

    # Ends

    def _refuse(self, fault: TwilioFault) -> None:
        self.refused_messages += 1
        self._warn(fault.code, fault.detail)

    def _warn(self, code: int, detail: str) -> None:
        if code not in self._reported:
            self._reported.add(code)
            self._report(code, detail)

    def _freeze(self) -> None:
        """The stream is over for the caller: what was heard until now is all that will be."""
        if self._live:
            self._return_marks(self.playout.advance(time.monotonic()))
            self._live = False
        if self._mark_timer is not None:
            self._mark_timer.cancel()

    def _finish(self, end: StreamEnd) -> None:
        if not self.ended.done():
            self.ended.set_result(end)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _end_of(closed: ConnectionClosed) -> StreamEnd:
    """Who ended the connection, and how."""
    if closed.rcvd is not None and closed.rcvd_then_sent:
        code, reason = closed.rcvd.code, closed.rcvd.reason
        return StreamEnd("server-closed", debugger.SERVER_CLOSED, f"{code} {reason}".strip())
    if closed.rcvd is None and closed.sent is not None:
        detail = f"{closed.sent.code} {closed.sent.reason}".strip()
        return StreamEnd("protocol-error", debugger.WEBSOCKET_PROTOCOL_ERROR, detail)
    if closed.rcvd is None:
        return StreamEnd("lost", debugger.BROKEN_PIPE, "the connection broke")
    return StreamEnd("stopped")
