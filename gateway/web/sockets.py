"""The WebSocket protocol class uvicorn is given: picows for calls' audio, stock for all others.

The media socket needs a synchronous send (ASGI's ``send`` is a coroutine, so a ``clear`` could not
leave in the callback that learned of it). Starlette still owns the route: the application sees an
ordinary WebSocket scope with the extension ``gateway.hand_over``; it refuses by closing before
accept (HTTP 403), or accepts by handing the socket to a picows listener. Measured: 27 against 41 µs
per echoed frame.

Stands on uvicorn 0.54's ``WebSocketsSansIOProtocol`` (``handle_connect``, ``data_received``,
``connections``); the tests of this module pin what is used.
"""

import asyncio
import logging
import socket
from typing import Any, cast

from picows import WSAutoPingStrategy, WSCloseCode, WSListener, WSTransport
from picows.picows import WSProtocol  # type: ignore[attr-defined]
from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from gateway.call.carrier import MAX_FRAME_BYTES
from gateway.errors import Rejected

EXTENSION = "gateway.hand_over"
ABORT = "gateway.abort"
"""Extension of every other socket: drops the connection of a peer that takes nothing any more,
which a close would wait for.
"""
MEDIA_PATH = "/twilio/media"
PHONE_PATH = "/api/phone"
STREAM_PATHS = frozenset({MEDIA_PATH, PHONE_PATH})
"""Where calls' audio comes in; their endpoints refuse, or hand over."""

_READ_BUFFER_BYTES = 2048
"""Of each media socket; grows when a longer frame comes (a media frame has about 330 bytes)."""

_UNTAKEN_BYTES = 16 * 1024
"""What may wait for a peer of any other socket in this process and, at most twice as much, in the
kernel: by default that is minutes of speech, and whoever sends would never learn of it.
"""

_log = logging.getLogger("picows.media")


class MediaOrStock(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which can hand an upgrade on a route of calls' audio over to picows."""

    ping_interval_s = 20.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handshake = bytearray()
        self._media: WSTransport | None = None

    def data_received(self, data: bytes) -> None:
        """Keeps the bytes of the handshake, which picows will read again."""
        if not self.handshake_complete:
            self._handshake += data
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        """Adds the extensions to the scope: one to routes of calls' audio, one to all others."""
        super().handle_connect(event)
        if self.response.status_code != 101:
            return
        if self.scope["path"] in STREAM_PATHS:
            self.scope["extensions"][EXTENSION] = {"hand_over": self._hand_over}
        else:
            self.scope["extensions"][ABORT] = {"abort": self.transport.abort}
            self.transport.set_write_buffer_limits(high=_UNTAKEN_BYTES)
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNTAKEN_BYTES)

    def _hand_over(self, listener: WSListener) -> WSTransport:
        """Accepts: picows answers the upgrade and owns the connection from here on.

        Raises Rejected when picows will not have the handshake (it takes 16 KiB of headers, uvicorn
        more): then nobody would ever tell the listener that the connection is gone.
        """
        ping_s = self.ping_interval_s
        protocol = WSProtocol(
            None,
            None,
            False,
            lambda _request: listener,
            _log,
            True,
            5,
            True,
            ping_s,
            ping_s,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            True,
            MAX_FRAME_BYTES,
            None,
            _READ_BUFFER_BYTES,
        )
        self.handshake_complete = True
        handshake = self._forget_handshake()
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        while handshake:
            room = memoryview(protocol.get_buffer(len(handshake)))
            part, handshake = handshake[: len(room)], handshake[len(room) :]
            room[: len(part)] = part
            protocol.buffer_updated(len(part))
        self._media = media = cast(WSTransport, protocol.transport)
        if protocol.listener is None:
            raise Rejected("handshake")
        return media

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The endpoint is done; for a media socket that is the end of the connection."""
        super().on_task_complete(task)
        if self._media is not None:
            self.connections.discard(self)

    def _forget_handshake(self) -> bytes:
        """Returns the handshake and lets go of what this object will not need in a long call."""
        handshake = bytes(self._handshake)
        self._handshake.clear()
        del self.conn, self.request, self.response, self.scope["extensions"][EXTENSION]
        return handshake

    def connection_lost(self, exc: Exception | None) -> None:
        """As the stock class, unless picows owns the connection."""
        if self._media is None:
            super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends, and no call is left: a media socket still open is a stranger's."""
        if self._media is None:
            super().shutdown()
        elif not self._media.is_close_frame_sent:
            self._media.send_close(WSCloseCode.GOING_AWAY)
            self._media.disconnect()


def abort(websocket: WebSocket) -> None:
    """Drops a connection whose other end takes nothing: what is written to it is thrown away.

    A close would wait behind all that for ever, since the other end's kernel still answers. Does
    nothing on a server without this extension.
    """
    extension = websocket.scope.get("extensions", {}).get(ABORT)
    if extension is not None:
        extension["abort"]()


def protocol_class(ping_interval_s: float) -> type[asyncio.Protocol]:
    """The class to give uvicorn as ``ws=``, pinging silent sockets after that time."""
    return type("MediaProtocol", (MediaOrStock,), {"ping_interval_s": ping_interval_s})
