"""One call to our own public address, as the carrier makes it: from webhook to hang-up.

It is a call like any other to the gateway, and costs what its greeting costs. It comes from
``client:gateway-doctor``, its CallSid begins with ``CAd0c70000``, and it ends whatever happens.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from gateway.core.g711 import SILENCE_FRAME
from gateway.errors import CarrierProtocolError
from gateway.ops.doctor.answer import Stream, stream_of, verbs_of
from gateway.ops.doctor.carrier import Carrier, NoAnswer, new_call_sid
from gateway.ops.doctor.ear import Ear, judged
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.ops.doctor.wire import CONNECTED, Clear, Mark, Media, Mouth, read

GREETING_S = 10.0
HANG_UP_S = 5.0
"""How long the end of the call may take, whatever went wrong before."""
_FRAME_S = 0.02
_WITHOUT_S = 1.0
"""How long an agent is listened to that does not speak first."""
_QUIET_S = 1.5


@dataclass(frozen=True, slots=True)
class Overheard:
    """What the caller got."""

    call_sid: str
    answered_ms: float
    ear: Ear


class CallChecks:
    """The call, and what was heard in it: two checks."""

    def __init__(
        self, carrier: Carrier, greets: Callable[[], bool], greeting_s: float = GREETING_S
    ) -> None:
        """``greets()``: whether the agent speaks first, or waits for the caller to."""
        self._carrier = carrier
        self._greets = greets
        self._greeting_s = greeting_s
        self._overheard: Overheard | None = None

    async def call(self) -> str:
        """How it went. Raises Wrong where the carrier would have given up."""
        call_sid = new_call_sid()
        try:
            overheard = await self._placed(call_sid)
        finally:
            await self._hung_up(call_sid)
        self._overheard = overheard
        return (
            f"{call_sid} was answered in {overheard.answered_ms:.0f} ms, streamed both ways and "
            "hung up"
        )

    async def greeting(self) -> str:
        """What was heard. Raises Wrong when it was not a voice in mu-law, in time."""
        assert self._overheard is not None
        if not self._greets():
            raise Skipped("not tried: the agent waits for the caller to speak first", blocks=False)
        return judged(self._overheard.ear, self._greeting_s, self._overheard.call_sid)

    # The call

    async def _placed(self, call_sid: str) -> Overheard:
        carrier = self._carrier
        try:
            answer = await carrier.post("/twilio/voice", carrier.form(call_sid, "ringing"))
        except NoAnswer as error:
            raise Wrong(f"the webhook is not answered: {error}", "see the gateway's log") from None
        stream = stream_of(answer, carrier.settings.stream_url)
        ear = await self._streamed(call_sid, stream)
        await self._moved_on(call_sid, stream)
        return Overheard(call_sid, answer.took_ms, ear)

    async def _streamed(self, call_sid: str, stream: Stream) -> Ear:
        stream_sid = f"MZ{uuid4().hex}"
        mouth = Mouth(self._carrier.settings.twilio_account_sid, call_sid, stream_sid)
        try:
            connection = await self._carrier.open(stream.url)
        except (WebSocketException, OSError, EOFError) as error:
            raise Wrong(f"the stream does not open: {error}", "see upgrade") from None
        try:
            await connection.send(CONNECTED)
            await connection.send(mouth.start(stream.parameters))
            ear = Ear(time.monotonic())
            await self._talk(connection, mouth, ear, stream_sid)
            _check_close(connection, ear)
            with contextlib.suppress(ConnectionClosed):
                await connection.send(mouth.stop())
        except ConnectionClosed:
            _check_close(connection, Ear(0))
            raise Wrong("the gateway dropped the stream", "see the gateway's log") from None
        finally:
            await connection.close()
        return ear

    async def _talk(
        self, connection: ClientConnection, mouth: Mouth, ear: Ear, stream_sid: str
    ) -> None:
        """Until enough was heard, time is over, or the gateway hangs up."""
        speaking = asyncio.create_task(_speak(connection, mouth, ear))
        try:
            async with asyncio.timeout(self._greeting_s if self._greets() else _WITHOUT_S):
                while not ear.enough:
                    # A greeting may be short: silence after a voice is its end.
                    async with asyncio.timeout(None if ear.voice_ms is None else _QUIET_S):
                        message = await connection.recv()
                    _play(read(message, stream_sid), ear)
        except (TimeoutError, ConnectionClosed):
            pass
        except CarrierProtocolError as error:
            raise Wrong(
                f"the carrier would refuse what the gateway sends: {error}",
                "let the proxy pass WebSocket messages on unchanged",
            ) from None
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _moved_on(self, call_sid: str, stream: Stream) -> None:
        """The carrier asks what comes after the stream: nothing, for the caller is gone."""
        carrier = self._carrier
        path = stream.action.removeprefix(carrier.base)
        if path == stream.action:
            raise Wrong(
                f"what comes after the stream is asked at {stream.action or 'no address'}, not "
                f"below {carrier.base}",
                "restart `gateway serve` with this GATEWAY_PUBLIC_URL",
            )
        try:
            answer = await carrier.post(path, carrier.form(call_sid, "completed"))
        except NoAnswer as error:
            raise Wrong(f"{path} is not answered: {error}", "see the gateway's log") from None
        verbs_of(answer)

    async def _hung_up(self, call_sid: str) -> None:
        """The carrier's last word: the call is completed. The gateway ends it, come what may."""
        form = self._carrier.form(call_sid, "completed", CallDuration="1")
        with contextlib.suppress(NoAnswer, TimeoutError):
            async with asyncio.timeout(HANG_UP_S):
                await self._carrier.post("/twilio/status", form)


async def _speak(connection: ClientConnection, mouth: Mouth, ear: Ear) -> None:
    """The caller's line: silence every 20 ms, and the marks that are due."""
    due_s = time.monotonic()
    with contextlib.suppress(ConnectionClosed):
        while True:
            for name in ear.due(time.monotonic()):
                await connection.send(mouth.mark(name))
            await connection.send(mouth.media(SILENCE_FRAME))
            due_s += _FRAME_S
            await asyncio.sleep(due_s - time.monotonic())


def _play(message: Media | Mark | Clear, ear: Ear) -> None:
    now_s = time.monotonic()
    match message:
        case Media():
            ear.audio(message.media.payload, now_s)
        case Mark():
            ear.mark(message.mark.name, now_s)
        case Clear():
            ear.clear(now_s)


def _check_close(connection: ClientConnection, ear: Ear) -> None:
    """Raises Wrong when the gateway refused the stream; after it spoke, it may hang up."""
    code = connection.close_code
    if code == 1008:
        raise Wrong(
            "the gateway refused the stream (1008)",
            "see `rejected` in its log (docs/addresses.md has the reasons): several gateways "
            "behind one address need the same GATEWAY_SECRET and calls of one gateway only",
        )
    if code is not None and not ear.messages:
        raise Wrong(f"the stream was closed ({code}) with nothing said", "see the gateway's log")
