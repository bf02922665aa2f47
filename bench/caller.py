"""One caller: Twilio's side of a media stream, with a frame every 20 ms and a true playout buffer.

Strict like the carrier: a message with a missing or extra field, of an unknown kind or with another
streamSid is a problem of the gateway (error 31951) and makes the run a failure.
"""

from __future__ import annotations

import asyncio
import binascii
import socket
from itertools import count
from time import perf_counter_ns
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from picows.url import WSParsedURL

from bench.record import CallRecord, Exchange
from bench.stamps import end_base64, head_base64
from bench.webhook import Account, Stream, request_stream
from gateway.ops.load.clock import Clock

FRAME_NS = 20_000_000
FIRST_TIMESTAMP_MS = 155  # Twilio's first timestamp is not 0
_call_sids = count(1)


class _Media(msgspec.Struct, forbid_unknown_fields=True):
    payload: str


class _Mark(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class _Outbound(msgspec.Struct, forbid_unknown_fields=True):
    """media, mark or clear, as a gateway may send them."""

    event: Literal["media", "mark", "clear"]
    streamSid: str
    media: _Media | None = None
    mark: _Mark | None = None


class Caller(WSListener):
    """A caller on the line. `place` it, later `stop_talking` and `hang_up`."""

    def __init__(self, record: CallRecord, exchange: Exchange, clock: Clock) -> None:
        self.record = record
        self.closed = asyncio.get_running_loop().create_future()
        number = next(_call_sids)
        self.call_sid = f"CA{number:032x}"
        self.stream_sid = f"MZ{number:032x}"
        self._head = head_base64(record.number, 0)
        self._media_end = b'"},"streamSid":"%b"}' % self.stream_sid.encode()
        self._account_sid = ""
        self._exchange = exchange
        self._clock = clock
        self._decode = msgspec.json.Decoder(_Outbound).decode
        self._stream = Stream("", {})
        self._transport: WSTransport | None = None
        self._messages = 0
        self._phase_ns = 0
        self._talking = False
        self._leaving = False

    async def place(
        self, account: Account, phase_ns: int, via: tuple[str, int] | None = None
    ) -> None:
        """Webhook, signed upgrade, `start`, then frames at `phase_ns` of each 20 ms.

        `via` is the address of a relay to connect through. Raises what webhook and upgrade raise.
        """
        self._account_sid, self._phase_ns = account.sid, phase_ns
        self._stream = await request_stream(account, self.call_sid, self.record.number)
        headers = {
            "X-Twilio-Signature": account.sign(self._stream.url, {}),
            "User-Agent": "Twilio.TmeWs/1.0",
        }
        parts = urlsplit(self._stream.url)
        address = via or (parts.hostname or "", parts.port or 80)

        async def connected(_: WSParsedURL) -> socket.socket:
            raw = socket.socket()
            raw.setblocking(False)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(raw, address)
            return raw

        await ws_connect(
            lambda: self, self._stream.url, extra_headers=headers, socket_factory=connected
        )
        if self._transport is None:
            raise ConnectionError("the media socket was closed during its upgrade")

    def stop_talking(self) -> None:
        """No more frames."""
        self._talking = False

    def hang_up(self) -> None:
        """`stop`, then the socket is closed."""
        self._leaving = True
        if self._transport is None or self._transport.is_disconnected:
            return
        stop = {"accountSid": self._account_sid, "callSid": self.call_sid}
        self._send("stop", stop=stop)
        self._transport.send_close()

    def drop(self) -> None:
        """Gives up on a gateway that does not close."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # -- the socket -------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        hello = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        transport.send(WSMsgType.TEXT, msgspec.json.encode(hello))
        start = {
            "accountSid": self._account_sid,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": self._stream.parameters,
        }
        self._send("start", start=start)
        self._talking = True
        now = perf_counter_ns()
        self._clock.call_at(now - now % FRAME_NS + FRAME_NS + self._phase_ns, self._speak)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._talking = False
        if not self._leaving:
            self.record.problems.append("the gateway left the call")
        if not self.closed.done():
            self.closed.set_result(None)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = perf_counter_ns()
        if frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type is WSMsgType.TEXT and frame.fin:
            self._read(now, frame.get_payload_as_memoryview())
        elif frame.msg_type not in (WSMsgType.PING, WSMsgType.PONG):
            self.record.problems.append(f"a {frame.msg_type.name} frame (31950 or 31924)")

    def _read(self, now_ns: int, message: memoryview) -> None:
        try:
            outbound = self._decode(message)
        except msgspec.DecodeError as error:
            self.record.problems.append(f"31951: {error}: {bytes(message[:120])!r}")
            return
        if outbound.streamSid != self.stream_sid:
            self.record.problems.append("31951: another streamSid")
        elif outbound.event == "clear":
            self._return_marks(self.record.clear_arrived(now_ns))
        elif outbound.event == "media" and outbound.media is not None:
            self._hear(now_ns, binascii.a2b_base64(outbound.media.payload))
        elif outbound.event == "mark" and outbound.mark is not None:
            due = self.record.ear.playout.mark(now_ns, outbound.mark.name)
            self._clock.call_at(due, self._play_marks)
        else:
            self.record.problems.append(f"31951: {outbound.event} without its content")

    def _hear(self, now_ns: int, payload: bytes) -> None:
        if self.record.session is None:
            self._exchange.greeted(self.record, payload)
        self.record.media_arrived(now_ns, payload)

    def _play_marks(self, _: int) -> None:
        self._return_marks(self.record.ear.playout.played_marks(perf_counter_ns()))

    def _return_marks(self, names: list[str]) -> None:
        for name in names:
            self._send("mark", mark={"name": name})

    def _speak(self, due_ns: int) -> None:
        if not self._talking or self._transport is None:
            return
        self._clock.call_at(due_ns + FRAME_NS, self._speak)
        seq = len(self.record.sent_ns)
        self._messages += 1
        message = (
            b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d",'
            b'"timestamp":"%d","payload":"%b%b%b'
            % (
                self._messages,
                seq + 1,
                FIRST_TIMESTAMP_MS + 20 * seq,
                self._head,
                end_base64(seq),
                self._media_end,
            )
        )
        self.record.frame_sent(perf_counter_ns())
        self._transport.send(WSMsgType.TEXT, message)

    def _send(self, kind: str, **content: object) -> None:
        if self._transport is None or self._transport.is_disconnected:
            return
        self._messages += 1
        message = {"event": kind, "sequenceNumber": str(self._messages), **content}
        message["streamSid"] = self.stream_sid
        self._transport.send(WSMsgType.TEXT, msgspec.json.encode(message))
