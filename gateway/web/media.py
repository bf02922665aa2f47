"""Sockets that become calls' streams: let through first, then handed over.

An endpoint lives as long as the call's socket, so the server knows what is still open.
"""

import asyncio

from picows import WSCloseCode, WSTransport
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketState

from gateway.call.carrier import Admission, CarrierSocket
from gateway.call.reception import Reception
from gateway.core import refused
from gateway.errors import Rejected
from gateway.settings import Settings
from gateway.web.api.gate import SIGNED_OUT
from gateway.web.signature import Signatures
from gateway.web.sockets import EXTENSION

MAX_STRANGERS = 64
"""Sockets that have not presented a ticket yet; a flood of them costs this much and no more."""


_VIOLATIONS = {
    WSCloseCode.MESSAGE_TOO_BIG: "frame_too_large",
    WSCloseCode.PROTOCOL_ERROR: "bad_frame",
}
"""Closes that picows sends by itself, before the frame is anybody's."""


class Streams:
    """Takes sockets that may speak Media Streams, and waits until they are gone."""

    def __init__(self, admission: Admission, start_timeout_s: float) -> None:
        self._admission = admission
        self._start_timeout_s = start_timeout_s
        self._strangers = 0

    async def serve(self, websocket: WebSocket) -> None:
        """Hands the socket over and waits until it is gone; or refuses when there is no room.

        Cancelled, when whoever is there may not be any more, the call ends as if they had hung up.
        """
        reason = self._refusal(websocket)
        if reason is not None:
            await self.refuse(websocket, reason)
            return
        socket = CarrierSocket(self._admission)
        try:
            transport = websocket.scope["extensions"][EXTENSION]["hand_over"](socket)
            await self._ticket_in_time(socket, transport)
            await socket.wait_gone()
        except Rejected as refusal:
            self._admission.rejected(refusal.reason)
            return
        except asyncio.CancelledError:
            socket.hang_up(SIGNED_OUT)
            await socket.wait_gone()
            raise
        finally:
            # It was never Starlette's to close.
            websocket.application_state = WebSocketState.DISCONNECTED
        self._count_violation(transport)

    async def refuse(self, websocket: WebSocket, reason: str) -> None:
        """Answers 403 before accept."""
        self._admission.rejected(reason)
        answer = Response(status_code=403, headers={refused.HEADER: reason})
        await websocket.send_denial_response(answer)

    def _refusal(self, websocket: WebSocket) -> str | None:
        if EXTENSION not in websocket.scope.get("extensions", {}):
            return "not_the_media_server"
        if self._strangers >= MAX_STRANGERS:
            return "too_many_strangers"
        return None

    async def _ticket_in_time(self, socket: CarrierSocket, transport: WSTransport) -> None:
        self._strangers += 1
        try:
            async with asyncio.timeout(self._start_timeout_s):
                await socket.wait_decided()
        except TimeoutError:
            # Who was refused already, and is slow to leave, is not counted twice.
            if not transport.is_close_frame_sent:
                self._admission.rejected("no_start")
                socket.refuse()
        finally:
            self._strangers -= 1

    def _count_violation(self, transport: WSTransport) -> None:
        closing = transport.close_handshake
        if closing is not None and closing.sent is not None and closing.sent.code in _VIOLATIONS:
            self._admission.rejected(_VIOLATIONS[closing.sent.code])


class MediaSocket:
    """The WebSocket endpoint ``/twilio/media``: signature before accept."""

    def __init__(self, settings: Settings, reception: Reception, signatures: Signatures) -> None:
        self._streams = Streams(reception, settings.start_timeout_s)
        self._signatures = signatures

    async def endpoint(self, websocket: WebSocket) -> None:
        """Refuses with 403, or hands the socket over and waits until it is gone."""
        if not self._signatures.upgrade(websocket.headers.get("x-twilio-signature")):
            await self._streams.refuse(websocket, "upgrade_signature")
        else:
            await self._streams.serve(websocket)
