"""The carrier's side of one media socket: frames in, audio, marks and clear out.

Owns the socket (a picows transport) and the wire rules: text frames only, the size cap, the oddity
limit. Knows nothing of models. Sends are synchronous, so a ``clear`` leaves in the very callback
that learned of the interruption.
"""

import asyncio
import time
from typing import Protocol, cast

import structlog
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from gateway.core import mediastreams
from gateway.core.mediastreams import Dtmf, Mark, Media, Start, Stop
from gateway.errors import CarrierProtocolError, Rejected

_TEXT = WSMsgType.TEXT
MAX_SENT_BYTES = 8192
"""See `CarrierSocket.send`."""
MAX_FRAME_BYTES = 64 * 1024
"""A Twilio frame is under 500 bytes and a ``start`` a few KB; uvicorn's default would be 16 MiB."""

_ODDITIES_ALLOWED = 20
"""Malformed frames per socket before it is closed with 1008."""

_CLOSE_LIMIT_S = 2.0
"""How long the peer may take to answer our close."""

_log = structlog.get_logger()


class CarrierEvents(Protocol):
    """What a call hears from its carrier socket."""

    def carrier_frame(self, media: Media, read_at: float) -> None:
        """Caller audio; ``read_at`` is when it was read, not yet decoded (monotonic, s)."""

    def carrier_mark(self, name: str) -> None:
        """A mark came back."""

    def carrier_digit(self, digit: str) -> None:
        """A key was pressed."""

    def carrier_oddity(self, kind: str) -> None:
        """A frame was left out because it was unknown or malformed."""

    def carrier_gone(self, reason: str) -> None:
        """The stream is over: ``stop`` or ``socket_lost``."""


class Admission(Protocol):
    """Who decides whether a stream may become a call."""

    def admit(self, start: Start, socket: "CarrierSocket") -> CarrierEvents:
        """The call this stream belongs to; raises Rejected."""

    def rejected(self, reason: str) -> None:
        """A stream was turned away."""


class CarrierSocket(WSListener):
    """One accepted media socket, from upgrade to close."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._transport: WSTransport | None = None
        self._call: CarrierEvents | None = None
        self._oddities = 0
        loop = asyncio.get_running_loop()
        self._over = False
        self._decided: asyncio.Future[None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()

    # From the socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is done; nothing may be sent before ``start`` names the stream."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame; picows has unmasked it and answers pings by itself."""
        if transport.is_close_frame_sent and frame.msg_type != WSMsgType.CLOSE:
            return  # over for us; a frame too long may still be completed after picows refused it
        kind = frame.msg_type
        if kind is _TEXT and frame.fin:
            try:
                self._message(frame.get_payload_as_bytes(), time.monotonic())
            except CarrierProtocolError as error:
                self._odd(error.kind)
            except Rejected as error:
                self._admission.rejected(error.reason)
                self.refuse()
        elif kind == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind != WSMsgType.PONG:
            # Twilio sends whole text frames only; binary and fragments are somebody else's.
            self._odd("not_text")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The TCP connection is gone."""
        self._lost("socket_lost")
        self._decide()
        if not self._gone.done():
            self._gone.set_result(None)
        # Lets an ended call's memory go at once, not when the collector next looks.
        self._call = self._transport = None

    def pause_writing(self) -> None:
        """The peer does not read and 64 KiB wait for it: it is as good as gone.

        Measured: a stalled peer swallows minutes of audio before a send would block.
        """
        _log.warning("carrier.stalled")
        self.abort()

    def resume_writing(self) -> None:
        """Nothing to do: a stalled socket is not waited for."""

    # To the socket

    def send(self, message: bytes) -> None:
        """Writes one text frame at once; silently nothing when the socket is gone.

        At most ``MAX_SENT_BYTES``. Longer ones picows 2.3 gives to uvloop in two parts, the header
        in a buffer it uses again: behind a peer that reads slowly the stream is garbled (measured).
        """
        if self._transport is not None:
            self._transport.send(_TEXT, message)

    def close(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Closes in order: what was written still leaves, and the peer may answer the close.

        Closing the TCP connection at once, with caller frames unread, would reset it and could
        lose the last message on its way; so that comes with the peer's close, or after a moment.
        """
        self._over = True
        if self._transport is not None and not self._transport.is_close_frame_sent:
            self._transport.send_close(code)
            asyncio.get_running_loop().call_later(_CLOSE_LIMIT_S, self.abort)

    def abort(self) -> None:
        """Drops the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def hang_up(self, code: int) -> None:
        """Ends the call as if the caller had hung up, and closes: whoever is there may not be."""
        self._lost("caller_hung_up")
        self.close(cast(WSCloseCode, code))  # picows takes any code; its types name the usual ones

    def refuse(self) -> None:
        """Closes with 1008: policy violation."""
        self.close(WSCloseCode.POLICY_VIOLATION)

    async def wait_decided(self) -> None:
        """Returns when ``start`` was admitted, or when the socket is closed."""
        await asyncio.shield(self._decided)

    async def wait_gone(self) -> None:
        """Returns when the TCP connection is gone."""
        await asyncio.shield(self._gone)

    # Inside

    def _message(self, raw: bytes, read_at: float) -> None:
        if self._over:
            return
        message = mediastreams.decode(raw)
        call = self._call
        if type(message) is Media and call is not None:
            call.carrier_frame(message, read_at)
        elif call is None:
            if isinstance(message, Start):
                self._call = self._admission.admit(message, self)
                self._decide()
            elif isinstance(message, Media | Mark | Dtmf | Stop):
                raise Rejected("media_before_start")
        elif isinstance(message, Mark):
            call.carrier_mark(message.name)
        elif isinstance(message, Dtmf):
            call.carrier_digit(message.digit)
        elif isinstance(message, Stop):
            self._lost("caller_hung_up")
        elif isinstance(message, Start):
            self._odd("second_start")
        elif message is None:
            call.carrier_oddity("unknown_event")

    def _odd(self, kind: str) -> None:
        self._oddities += 1
        if self._call is not None:
            self._call.carrier_oddity(kind)
        if self._call is None or self._oddities > _ODDITIES_ALLOWED:
            self._admission.rejected(kind)
            self._lost("carrier_garbage")
            self.refuse()

    def _lost(self, reason: str) -> None:
        if not self._over:
            self._over = True
            if self._call is not None:
                self._call.carrier_gone(reason)

    def _decide(self) -> None:
        if not self._decided.done():
            self._decided.set_result(None)
