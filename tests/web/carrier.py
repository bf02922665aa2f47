"""The carrier as the gateway's web room sees it: signed webhooks, and media sockets.

A :class:`Stream` is as polite or as rude as a test wants it to be.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree

import httpx2
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ACCOUNT = "AC" + "0" * 32
TOKEN = "a made-up token"
STREAM_SID = "MZ" + "1" * 32
LIMIT_S = 10.0
"""Nothing here takes as long; whoever waits longer has failed."""
FORM_TYPE = "application/x-www-form-urlencoded"


def new_call_sid() -> str:
    """A CallSid as Twilio makes them."""
    return f"CA{uuid4().hex}"


def voice_form(call_sid: str, **changes: str) -> dict[str, str]:
    """What Twilio posts for an incoming call."""
    return {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "CallSid": call_sid,
        "CallStatus": "ringing",
        "CallerName": "",
        "Direction": "inbound",
        "From": "+15550100",
        "To": "+15550001000",
        **changes,
    }


class Carrier:
    """Twilio, for one gateway that listens on a loopback port."""

    def __init__(self, port: int, public_url: str = "", token: str = TOKEN) -> None:
        self.port = port
        self.public_url = public_url or f"http://127.0.0.1:{port}"
        """What the gateway is called in public, and what is signed."""
        self.token = token
        self.http = httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=LIMIT_S, trust_env=False
        )

    @property
    def stream_url(self) -> str:
        """The media socket's public address."""
        return f"ws{self.public_url.removeprefix('http')}/twilio/media"

    def sign(self, url: str, form: Mapping[str, Any], token: str | None = None) -> str:
        """Twilio's signature over an absolute address and a form."""
        validator = RequestValidator(self.token if token is None else token)
        signature: str = validator.compute_signature(url, form)
        return signature

    # Webhooks

    async def post(self, path: str, form: Mapping[str, str], **headers: str) -> httpx2.Response:
        """A signed request; `headers` (underscores for dashes) come on top or instead."""
        signature = self.sign(self.public_url + path, form)
        return await self.post_body(
            path, urlencode(form), **{"X_Twilio_Signature": signature, **headers}
        )

    async def post_body(self, path: str, body: str | bytes, **headers: str) -> httpx2.Response:
        """Any body, with these headers; a form unless they say otherwise."""
        sent = {"Content_Type": FORM_TYPE, **headers}
        named = {name.replace("_", "-"): value for name, value in sent.items()}
        return await self.http.post(path, content=body, headers=named)

    async def announce(self, call_sid: str, **changes: str) -> httpx2.Response:
        """The voice webhook of a call."""
        return await self.post("/twilio/voice", voice_form(call_sid, **changes))

    async def ticket(self, call_sid: str, **changes: str) -> str:
        """Announces a call; the ticket in the answer."""
        return ticket_in((await self.announce(call_sid, **changes)).text)

    async def connect_ended(self, call_sid: str, status: str = "in-progress") -> list[str]:
        """What the carrier is told to do after the stream: the verbs."""
        form = voice_form(call_sid, CallStatus=status)
        answer = await self.post("/twilio/connect-ended", form)
        assert answer.status_code == 200
        return verbs(answer.text)

    async def raw(self, *segments: bytes, until: bytes = b"\r\n\r\n") -> bytes:
        """What comes back, up to `until`, for bytes sent in so many TCP segments."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(LIMIT_S):
                for segment in segments:
                    writer.write(segment)
                    await writer.drain()
                    # An answer to a later request on another connection: the segment was read.
                    await self.http.get("/healthz")
                return await reader.readuntil(until)
        finally:
            writer.close()

    # Media sockets

    def upgrade_signature(self, url: str | None = None, token: str | None = None) -> str:
        """The signature of a media socket's upgrade."""
        return self.sign(self.stream_url if url is None else url, {}, token)

    async def socket(
        self,
        *,
        path: str = "/twilio/media",
        signature: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        **kwargs: Any,
    ) -> "Stream":
        """A media socket as Twilio opens it; rightly signed unless told how ("" = not at all)."""
        given = self.upgrade_signature() if signature is None else signature
        ws = await connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers={**headers, **({"X-Twilio-Signature": given} if given else {})},
            user_agent_header="Twilio.TmeWs/1.0",
            open_timeout=LIMIT_S,
            ping_interval=None,
            max_size=None,
            proxy=None,
            **{"compression": None, "close_timeout": 2, **kwargs},
        )
        return Stream(ws)


class Stream:
    """One media socket, from the carrier's end."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.frames = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.ws.close()

    async def send(self, message: Mapping[str, Any]) -> None:
        """One JSON message in one text frame."""
        await self.ws.send(json.dumps(message))

    async def start(self, call_sid: str, ticket: str | None, **changes: Any) -> None:
        """The first two messages of every stream; `changes` go into `start`."""
        await self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await self.send(start_message(call_sid, ticket, **changes))

    async def media(self, payload: bytes) -> None:
        """One frame of the caller's voice."""
        await self.send(media_message(self.frames, payload))
        self.frames += 1

    async def key(self, digit: str) -> None:
        """The caller presses a key."""
        await self.send({"event": "dtmf", "streamSid": STREAM_SID, "dtmf": {"digit": digit}})

    async def stop(self, call_sid: str) -> None:
        """The caller hung up."""
        stop = {"accountSid": ACCOUNT, "callSid": call_sid}
        await self.send({"event": "stop", "streamSid": STREAM_SID, "stop": stop})

    async def close_code(self) -> int | None:
        """Plays along until the gateway closes; its code."""
        await self.listen()
        return self.ws.close_code

    async def listen(self) -> bytes:
        """Plays along until the gateway closes: all audio that came; marks return at once."""
        audio = b""
        async with asyncio.timeout(LIMIT_S):
            try:
                while True:
                    audio += await self._next()
            except ConnectionClosed:
                return audio

    async def hear(self, n_bytes: int) -> bytes:
        """At least so much of the agent's voice; marks return at once."""
        audio = b""
        async with asyncio.timeout(LIMIT_S):
            while len(audio) < n_bytes:
                audio += await self._next()
        return audio

    async def _next(self) -> bytes:
        message = json.loads(await self.ws.recv())
        if message["event"] == "mark":
            await self.send({**message, "sequenceNumber": "9"})
        if message["event"] != "media":
            return b""
        return base64.b64decode(message["media"]["payload"])


def start_message(call_sid: str, ticket: str | None, **changes: Any) -> dict[str, Any]:
    """The message that names the stream and carries the ticket."""
    start = {
        "accountSid": ACCOUNT,
        "callSid": call_sid,
        "streamSid": STREAM_SID,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {} if ticket is None else {"ticket": ticket},
        **changes,
    }
    return {"event": "start", "sequenceNumber": "1", "start": start, "streamSid": STREAM_SID}


def media_message(number: int, payload: bytes) -> dict[str, Any]:
    """The `number`-th frame (from 0) of a stream."""
    return {
        "event": "media",
        "sequenceNumber": str(number + 2),
        "media": {
            "track": "inbound",
            "chunk": str(number + 1),
            "timestamp": str(155 + 20 * number),
            "payload": base64.b64encode(payload).decode(),
        },
        "streamSid": STREAM_SID,
    }


def quiet_frame(number: int) -> bytes:
    """20 ms that nobody hears and no other frame is like: the number, in two kinds of zero."""
    bits = f"{number:0160b}"
    return bits.encode().translate(bytes.maketrans(b"01", b"\xff\x7f"))


def verbs(twiml: str) -> list[str]:
    """The names of a document's verbs, in order."""
    return [verb.tag for verb in ElementTree.fromstring(twiml)]


def ticket_in(twiml: str) -> str:
    """The ticket in a document that opens a stream."""
    parameter = ElementTree.fromstring(twiml).find("./Connect/Stream/Parameter[@name='ticket']")
    assert parameter is not None, twiml
    return parameter.get("value", "")
