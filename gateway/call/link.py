"""The model link: our own connection to the Realtime server, under the SDK's model.

Owns the socket: connect with one deadline, fragments, size cap, pings, close. It is what
``TelephonyModel`` gives the SDK in place of a ``websockets`` connection, so it answers ``send``,
``close`` and async iteration, and ends as ``websockets`` would (agents-sdk facts, section 3.1).
Every frame is shown to the call in the read callback, before any queue; only
frames it does not keep go on to the SDK.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)
from python_socks import ProxyError
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from gateway import __version__
from gateway.errors import ModelError
from gateway.settings import is_loopback

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
_TEXT = WSMsgType.TEXT
_MAX_UNSENT_BYTES = 1024 * 1024
"""Two minutes of caller audio the server did not read: it is not there any more."""
_READ_BUFFER_BYTES = 4096
"""Of each link; an audio delta has about 2 KB, and it grows when a longer message comes."""
_CLOSE_DEADLINE_S = 1.0
"""The server may never answer a close; tear-down does not wait for it."""


class LinkEvents(Protocol):
    """What a call hears from its model link."""

    def model_frame(self, frame: bytes) -> bool:
        """Sees each message in the read callback; True = the SDK gets it too."""

    def model_configured(self) -> None:
        """The SDK's first ``session.update`` has been written."""

    def model_closed(self) -> None:
        """The connection is gone."""


class ModelLink(WSListener):
    """One upstream connection. Made by :func:`dial`."""

    def __init__(self, events: LinkEvents) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self.session_update: str | None = None
        """The SDK's newest ``session.update``: what a second connection would have to replay."""
        self._events = events
        self._transport: WSTransport | None = None
        self._fragments: list[bytes] = []
        self._fragment_bytes = 0
        self._inbox: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None
        self._closed = asyncio.get_running_loop().create_future()

    # From the socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        transport.underlying_transport.set_write_buffer_limits(high=_MAX_UNSENT_BYTES)
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame; whole text messages take the short way (picows answers pings by itself)."""
        kind = frame.msg_type
        if transport.is_close_frame_sent and kind != WSMsgType.CLOSE:
            return  # over for us; a frame too long may still be completed after picows refused it
        if kind is _TEXT and frame.fin:
            self._message(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            payload = frame.get_payload_as_bytes()
            if len(payload) >= 2:
                self.close_code = int.from_bytes(payload[:2], "big")
                self.close_reason = payload[2:].decode(errors="replace")
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._fragment(transport, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The TCP connection is gone."""
        if not self._closed.done():
            self._closed.set_result(None)
        self._transport = None  # the buffers of the connection go with it, at once
        self._wake()
        self._events.model_closed()

    def pause_writing(self) -> None:
        """So much waits for a server that does not read."""
        self.close_reason = "the server stopped reading"
        self.abort()

    def resume_writing(self) -> None:
        """Nothing to do: the connection is given up by then."""

    # To the socket

    def write(self, message: bytes) -> None:
        """Writes one text message at once; silently nothing when the link is closed."""
        if self._transport is not None:
            self._transport.send(_TEXT, message)

    def abort(self) -> None:
        """Drops the connection without waiting for anything."""
        transport, self._transport = self._transport, None  # nothing is written behind it
        if transport is not None:
            transport.disconnect(graceful=False)

    @property
    def closed(self) -> bool:
        """True when nothing more can come."""
        return self._closed.done()

    # What the SDK calls

    async def send(self, message: str) -> None:
        """As ``websockets``: raises ConnectionClosedError when the link is closed."""
        if self._closed.done():
            raise self._closed_error()
        self.write(message.encode())
        if '"type":"session.update"' in message:
            first, self.session_update = self.session_update is None, message
            if first:
                self._events.model_configured()

    async def close(self) -> None:
        """Says goodbye; after one second without an answer the connection is dropped."""
        if self._transport is None or self._closed.done():
            return
        self._transport.send_close(WSCloseCode.OK)
        try:
            async with asyncio.timeout(_CLOSE_DEADLINE_S):
                await asyncio.shield(self._closed)
        except TimeoutError:
            self.abort()

    def __aiter__(self) -> "ModelLink":
        return self

    async def __anext__(self) -> bytes:
        if self._inbox:
            # The SDK takes up to half a millisecond for each: what came for other calls goes first.
            await asyncio.sleep(0)
        while not self._inbox:
            if self._closed.done():
                if self.close_code in (1000, 1001):
                    raise StopAsyncIteration
                raise self._closed_error()
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._inbox.pop(0)

    # Inside

    def _message(self, message: bytes) -> None:
        if self._events.model_frame(message):
            self._inbox.append(message)
            self._wake()

    def _fragment(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.CONTINUATION:
            self._fragments, self._fragment_bytes = [], 0
        part = frame.get_payload_as_bytes()
        self._fragments.append(part)
        self._fragment_bytes += len(part)
        if self._fragment_bytes > MAX_MESSAGE_BYTES:
            self.close_reason = "message over 8 MiB"
            transport.send_close(WSCloseCode.MESSAGE_TOO_BIG)
            self.abort()
        elif frame.fin:
            message = b"".join(self._fragments)
            self._fragments, self._fragment_bytes = [], 0
            self._message(message)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _closed_error(self) -> ConnectionClosedError:
        received = None if self.close_code is None else Close(self.close_code, self.close_reason)
        return ConnectionClosedError(received, None)


class Dialler:
    """Opens model links; owns what connections share (TLS context, deadlines)."""

    def __init__(self, *, connect_timeout_s: float, ping_interval_s: float) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._ping_interval_s = ping_interval_s
        # Loading the CA bundle costs tens of milliseconds: once per process, not per call.
        self._tls = ssl.create_default_context()

    async def dial(self, url: str, headers: Mapping[str, str], events: LinkEvents) -> ModelLink:
        """Connects within one deadline over DNS, TCP, TLS and handshake.

        Raises ModelError with the reason ``model_auth`` (HTTP 401 or 403), ``model_refused``
        (another HTTP status) or ``model_unreachable``; never with a header in its text. Redirects
        are refused: they would carry the key to another host.
        """
        attempt = _Attempt(events)
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, link = await ws_connect(
                    attempt.link,
                    url,
                    ssl_context=self._tls,
                    extra_headers={"User-Agent": f"gateway/{__version__}", **headers},
                    max_redirects=0,
                    max_frame_size=MAX_MESSAGE_BYTES,
                    websocket_handshake_timeout=self._connect_timeout_s,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=self._ping_interval_s,
                    auto_ping_reply_timeout=self._ping_interval_s,
                    proxy=_proxy_for(url),
                    read_buffer_init_size=_READ_BUFFER_BYTES,
                    use_aiofastnet=False,  # uvloop's own transport: as fast here, 5 KB less
                )
        except TimeoutError:
            attempt.give_up()
            raise ModelError("model_unreachable", "no connection in time") from None
        except asyncio.CancelledError:
            attempt.give_up()
            raise
        except WSHandshakeError as error:
            raise _refusal(error) from None
        except (OSError, WSError, ProxyError) as error:
            raise ModelError("model_unreachable", type(error).__name__) from None
        if not isinstance(link, ModelLink):  # picows: the connection closed before any answer
            raise ModelError("model_unreachable", "closed during the handshake")
        return link


class _Attempt:
    """One attempt to connect, which may be given up while the handshake is under way.

    picows shields the handshake from cancellation, so the connection of a call that ended
    meanwhile would come up and stay: it is dropped the moment it does.
    """

    def __init__(self, events: LinkEvents) -> None:
        self._events = events
        self._made: ModelLink | None = None
        self._given_up = False

    def link(self) -> ModelLink:
        """Called by picows when the server has agreed to the upgrade."""
        self._made = ModelLink(self._events)
        if self._given_up:
            asyncio.get_running_loop().call_soon(self._made.abort)
        return self._made

    def give_up(self) -> None:
        """Nobody waits for this connection any more."""
        self._given_up = True
        if self._made is not None:
            self._made.abort()


def _refusal(error: WSHandshakeError) -> ModelError:
    status = None if error.response is None else int(error.response.status)
    if status in (401, 403):
        return ModelError("model_auth", f"HTTP {status}")
    return ModelError("model_refused", "no WebSocket" if status is None else f"HTTP {status}")


def _proxy_for(url: str) -> str | None:
    """The proxy the environment names for this address; never for loopback."""
    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get("https" if parts.scheme == "wss" else "http") or proxies.get("all")
    # Environments often name a proxy by host and port alone.
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"
