"""The floor: bytes spliced between two sockets, without any SDK and without anything else.

The least a Python process can do and still carry a call: both sockets are picows on uvloop, the
payload of a message is found by `bytes.find` and put between two constants. Nothing is decoded,
nothing checked, nothing paced or remembered: no ledger, no history, no tools, and on an
interruption a bare `clear` that tells the model nothing. What a gateway costs more than this is
what it does more.

    python -m bench.rawrelay --port 8000        (the same environment variables as the gateway)

The webhook has the port; media sockets come to a second one, which the TwiML names.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
from collections.abc import Callable, Coroutine
from urllib.parse import parse_qsl
from xml.sax.saxutils import quoteattr

import uvloop
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

APPEND, APPEND_END = b'{"type":"input_audio_buffer.append","audio":"', b'"}'
PAYLOAD, DELTA = b'"payload":"', b'"delta":"'
IS_MEDIA, IS_START = b'{"event":"media"', b'{"event":"start"'
IS_DELTA = b'{"type":"response.output_audio.delta"'
IS_SPEECH = b'{"type":"input_audio_buffer.speech_started"'
SESSION_UPDATE = (
    b'{"type":"session.update","session":{"type":"realtime","model":"gpt-realtime",'
    b'"instructions":"You are a friendly phone assistant. Keep your answers short.",'
    b'"output_modalities":["audio"],"audio":{"input":{"format":{"type":"audio/pcmu"},'
    b'"turn_detection":{"type":"semantic_vad","create_response":true,"interrupt_response":true}},'
    b'"output":{"format":{"type":"audio/pcmu"}}}}}'
)
GREET = b'{"type":"response.create"}'


class Carrier(WSListener):
    """The media socket of one call."""

    def __init__(self, dial: Callable[[Carrier], Coroutine[None, None, None]]) -> None:
        self.to_caller: WSTransport | None = None
        self.to_model: WSTransport | None = None
        self.media = self.mark = self.clear = b""
        """What the model's side writes to the caller: made once, the stream has one name."""
        self.early: list[bytes] = []
        """Appends written before the model's connection was up."""
        self._dial = dial
        self._dialling: asyncio.Task[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.to_caller = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is not WSMsgType.TEXT:
            transport.disconnect()
            return
        message = frame.get_payload_as_bytes()
        if message.startswith(IS_MEDIA):
            at = message.find(PAYLOAD) + len(PAYLOAD)
            append = APPEND + message[at : message.find(b'"', at)] + APPEND_END
            if self.to_model is not None:
                self.to_model.send(WSMsgType.TEXT, append)
            else:
                self.early.append(append)
        elif message.startswith(IS_START):
            self.open(json.loads(message)["streamSid"].encode())
            self._dialling = asyncio.get_running_loop().create_task(self._dial(self))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.to_caller = None
        if self.to_model is not None:
            self.to_model.disconnect()

    def open(self, sid: bytes) -> None:
        """The stream has this name."""
        self.media = b'{"event":"media","streamSid":"%b","media":{"payload":"' % sid
        self.mark = b'{"event":"mark","streamSid":"%b","mark":{"name":"m"}}' % sid
        self.clear = b'{"event":"clear","streamSid":"%b"}' % sid


class Model(WSListener):
    """The model connection of one call."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def on_ws_connected(self, transport: WSTransport) -> None:
        for message in (SESSION_UPDATE, GREET, *self._carrier.early):
            transport.send(WSMsgType.TEXT, message)
        self._carrier.early.clear()
        self._carrier.to_model = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is not WSMsgType.TEXT:
            transport.disconnect()
            return
        message, carrier = frame.get_payload_as_bytes(), self._carrier
        caller = carrier.to_caller
        if caller is None:
            transport.disconnect()
        elif message.startswith(IS_DELTA):
            at = message.find(DELTA) + len(DELTA)
            media = carrier.media + message[at : message.find(b'"', at)] + b'"}}'
            caller.send(WSMsgType.TEXT, media)
            caller.send(WSMsgType.TEXT, carrier.mark)
        elif message.startswith(IS_SPEECH):
            caller.send(WSMsgType.TEXT, carrier.clear)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._carrier.to_caller is not None:
            self._carrier.to_caller.disconnect()


class Switchboard:
    """The signed webhook, the signed upgrade, and where calls go from there."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._voice_url = environment["GATEWAY_PUBLIC_URL"] + "/twilio/voice"
        self._validator = RequestValidator(environment["TWILIO_AUTH_TOKEN"])
        self._realtime_url = environment["GATEWAY_REALTIME_URL"]
        self._headers = {"Authorization": f"Bearer {environment['OPENAI_API_KEY']}"}
        self._tls = ssl.create_default_context()
        self._media_url = ""

    async def serve(self, host: str, port: int) -> None:
        """Until the process ends."""
        media = await ws_create_server(self._accept, host, 0)
        self._media_url = f"ws://{host}:{media.sockets[0].getsockname()[1]}/twilio/media"
        voice = await asyncio.start_server(self._voice, host, port)
        async with media, voice:
            await voice.serve_forever()

    async def _voice(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:  # somebody only looked whether the port is open
            writer.close()
            return
        headers = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        params = dict(parse_qsl(body.decode(), keep_blank_values=True))
        signature = headers.get("x-twilio-signature", "")
        stream = f"<Stream url={quoteattr(self._media_url)}/>"
        status, twiml = "200 OK", f"<Response><Connect>{stream}</Connect></Response>"
        if not self._validator.validate(self._voice_url, params, signature):
            status, twiml = "403 Forbidden", ""
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nConnection: close\r\n"
            f"Content-Length: {len(twiml)}\r\n\r\n{twiml}".encode()
        )
        await writer.drain()
        writer.close()

    def _accept(self, request: WSUpgradeRequest) -> WSListener | None:
        signature = request.headers.get("X-Twilio-Signature", "")
        if not self._validator.validate(self._media_url, {}, signature):
            return None
        return Carrier(self._dial)

    async def _dial(self, carrier: Carrier) -> None:
        await ws_connect(
            lambda: Model(carrier),
            self._realtime_url,
            ssl_context=self._tls,
            extra_headers=self._headers,
        )


def main() -> None:
    """Serves with the settings of the environment."""
    parser = argparse.ArgumentParser(prog="python -m bench.rawrelay", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("GATEWAY_PORT", "8000")))
    options = parser.parse_args()
    uvloop.run(Switchboard(dict(os.environ)).serve(options.host, options.port))


if __name__ == "__main__":
    main()
