"""The gateway's web room on a real socket, with the offline model behind it.

What the tests of `web` share: `running` starts the very server `gateway serve` starts; `Gateway`
plays Twilio's part of the HTTP side; `Stream` is one media socket, as polite or as rude as wanted.
"""

import asyncio
import base64
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree

import httpx2
from agents.realtime import RealtimeAgent
from agents.realtime.config import RealtimeSessionModelSettings
from agents.realtime.model import RealtimeModelConfig
from starlette.applications import Starlette
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.call.call import Line, Offer
from gateway.call.link import Dialler
from gateway.call.reception import Reception
from gateway.call.session import AgentPlan
from gateway.call.tools import CallContext
from gateway.core.events import CallEvent
from gateway.settings import Settings, load_settings
from gateway.sim.realtime import RealtimeServer
from gateway.web.app import build_app
from gateway.web.server import DrainingServer, build_server
from tests.sim.realtime.harness import options

ACCOUNT = "AC" + "0" * 32
TOKEN = "a made-up token"
SECRET = b"a made-up ticket secret"
STREAM_SID = "MZ" + "1" * 32
LIMIT_S = 10.0
"""Nothing here takes as long; whoever waits longer has failed."""


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


class Gateway:
    """A running gateway, and the carrier's HTTP side of it."""

    def __init__(self, settings: Settings, reception: Reception, model: RealtimeServer) -> None:
        self.settings = settings
        self.reception = reception
        self.model = model
        self.server: DrainingServer
        self.serving: asyncio.Task[None]
        self.events: list[tuple[str, CallEvent]] = []
        self.base = f"http://127.0.0.1:{settings.port}"
        """Where it listens; what it is called in public is `settings.public_url`."""
        self.http = httpx2.AsyncClient(base_url=self.base, timeout=LIMIT_S, trust_env=False)
        self._news = asyncio.Event()

    # The HTTP side

    def sign(self, url: str, form: Mapping[str, Any], token: str = TOKEN) -> str:
        """The carrier's signature over an absolute address and a form."""
        signature: str = RequestValidator(token).compute_signature(url, form)
        return signature

    async def post(self, path: str, form: Mapping[str, str], **headers: str) -> httpx2.Response:
        """A signed request; `headers` (underscores for dashes) come on top or instead."""
        signature = self.sign(self.settings.public_url + path, form)
        sent = {"X-Twilio-Signature": signature, **_dashed(headers)}
        return await self.http.post(path, data=dict(form), headers=sent)

    async def post_raw(self, path: str, body: str | bytes, **headers: str) -> httpx2.Response:
        """Any body with exactly these headers."""
        form = {"Content-Type": "application/x-www-form-urlencoded", **_dashed(headers)}
        return await self.http.post(path, content=body, headers=form)

    async def announce(self, call_sid: str, **changes: str) -> httpx2.Response:
        """The voice webhook of a call."""
        return await self.post("/twilio/voice", voice_form(call_sid, **changes))

    async def ticket(self, call_sid: str, **changes: str) -> str:
        """Announces a call; the ticket in the answer."""
        return ticket_in((await self.announce(call_sid, **changes)).text)

    async def connect_ended(self, call_sid: str, status: str = "in-progress") -> str:
        """What the carrier is told to do after the stream: the verbs."""
        form = voice_form(call_sid, CallStatus=status)
        answer = await self.post("/twilio/connect-ended", form)
        assert answer.status_code == 200
        return " ".join(verbs(answer.text))

    # The media side

    def upgrade_signature(self, url: str | None = None, token: str = TOKEN) -> str:
        """The signature of the media socket's upgrade."""
        return self.sign(self.settings.stream_url if url is None else url, {}, token)

    async def socket(
        self, *, path: str = "/twilio/media", signature: str | None = None, **kwargs: Any
    ) -> "Stream":
        """A media socket as the carrier opens it; signed unless told how."""
        given = self.upgrade_signature() if signature is None else signature
        headers = {"X-Twilio-Signature": given} if given else {}
        ws = await connect(
            f"ws://127.0.0.1:{self.settings.port}{path}",
            additional_headers=headers,
            user_agent_header="Twilio.TmeWs/1.0",
            open_timeout=LIMIT_S,
            ping_interval=None,
            max_size=None,
            proxy=None,
            **{"compression": None, "close_timeout": 2, **kwargs},
        )
        return Stream(ws)

    async def call(self, call_sid: str = "") -> "Stream":
        """A call that has got in: announced, its socket open, its ticket redeemed."""
        call_sid = call_sid or new_call_sid()
        ticket = await self.ticket(call_sid)
        stream = await self.socket()
        await stream.start(call_sid, ticket)
        await self.until(lambda: self.state_of(call_sid) in ("answered", "live"))
        return stream

    # What it knows

    def state_of(self, call_sid: str) -> str | None:
        """The state of a call; None when there is none."""
        call = self.reception.registry.get(call_sid)
        return None if call is None else call.state

    def listen(self, call_sid: str, event: CallEvent) -> None:
        """The listener the gateway tells its call events."""
        self.events.append((call_sid, event))
        self._news.set()

    def rejected(self, reason: str) -> None:
        """A refusal was counted."""
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition holds; looked at whenever something happened."""
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    @contextmanager
    def refuses(self, **reasons: int) -> Iterator[None]:
        """Exactly these refusals are counted meanwhile."""
        before = Counter(self.reception.rejections)
        yield
        assert dict(self.reception.rejections - before) == reasons

    @contextmanager
    def dials(self, times: int) -> Iterator[None]:
        """Exactly so many connections reach the model meanwhile."""
        before = self.model.connections
        yield
        assert self.model.connections - before == times


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

    async def close_code(self) -> int | None:
        """Reads on until the gateway closes; its code."""
        async with asyncio.timeout(LIMIT_S):
            try:
                while True:
                    await self.ws.recv()
            except ConnectionClosed:
                return self.ws.close_code

    async def heard(self, n_bytes: int) -> bytes:
        """The next audio for the caller, at least so much of it."""
        audio = b""
        async with asyncio.timeout(LIMIT_S):
            while len(audio) < n_bytes:
                message = json.loads(await self.ws.recv())
                if message["event"] == "media":
                    audio += base64.b64decode(message["media"]["payload"])
                elif message["event"] == "mark":
                    await self.send({**message, "sequenceNumber": "9"})
        return audio


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


def verbs(twiml: str) -> list[str]:
    """The names of a document's verbs, in order."""
    return [verb.tag for verb in ElementTree.fromstring(twiml)]


def ticket_in(twiml: str) -> str:
    """The ticket in a document that opens a stream."""
    parameter = ElementTree.fromstring(twiml).find("./Connect/Stream/Parameter[@name='ticket']")
    assert parameter is not None, twiml
    return parameter.get("value", "")


def form_body(form: Mapping[str, str]) -> str:
    """A form as it travels."""
    return urlencode(form)


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


QUIET = """
name = "quiet"
voice = "tones"
[otherwise]
say = "else"
"""
"""An agent that speaks only when it is spoken to."""


def plan(settings: Settings, greeting: str | None) -> AgentPlan:
    """An agent without tools, on the offline model."""
    model = RealtimeSessionModelSettings(
        model_name="gpt-realtime-2.1",
        voice="marin",
        input_audio_format="g711_ulaw",
        output_audio_format="g711_ulaw",
        turn_detection={
            "type": "server_vad",
            "interrupt_response": True,
            "create_response": True,
        },
    )
    config = RealtimeModelConfig(
        initial_model_settings=model,
        url=f"{settings.realtime_url}?model=gpt-realtime-2.1",
        api_key="offline",
    )
    agent = RealtimeAgent[CallContext](name="assistant", instructions="Be brief.")
    run_config: Any = {"tracing_disabled": True}
    return AgentPlan("assistant", agent, config, run_config, greeting)


class _Reception(Reception):
    """The reception, which also tells the test of every refusal."""

    heard: Callable[[str], None]

    def rejected(self, reason: str) -> None:
        super().rejected(reason)
        self.heard(reason)


@asynccontextmanager
async def running(
    folder: Path,
    *,
    script: str = QUIET,
    model: Mapping[str, Any] | None = None,
    greeting: str | None = None,
    extend: Callable[[Starlette], None] = lambda _app: None,
    secret: bytes = SECRET,
    **changes: Any,
) -> AsyncIterator[Gateway]:
    """Starts model and gateway, and stops both; `changes` are settings, `extend` gets the app."""
    peer = RealtimeServer(options(folder, script, **(model or {})))
    await peer.start()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = load_settings(
        **{
            "port": port,
            "twilio_account_sid": ACCOUNT,
            "twilio_auth_token": TOKEN,
            "public_url": f"http://127.0.0.1:{port}",
            "realtime_url": peer.url,
            **changes,
        }
    )
    told: list[Gateway] = []
    dialler = Dialler(connect_timeout_s=settings.connect_timeout_s, ping_interval_s=20)
    line = Line(settings, dialler, lambda sid, event: told[0].listen(sid, event))
    agent = plan(settings, greeting)

    def plan_for(_offer: Offer) -> AgentPlan:
        return agent

    reception = _Reception(line, plan_for, secret)
    gateway = Gateway(settings, reception, peer)
    told.append(gateway)
    reception.heard = gateway.rejected
    app = build_app(settings, reception)
    extend(app)
    gateway.server = build_server(app, settings, reception)
    gateway.serving = asyncio.create_task(gateway.server.serve(sockets=[listener]))
    try:
        assert (await gateway.http.get("/healthz")).status_code == 200
        yield gateway
    finally:
        await gateway.http.aclose()
        for call in reception.registry:
            call.end("test_over")
        async with asyncio.timeout(LIMIT_S):
            await reception.registry.wait_empty()
            gateway.server.should_exit = True
            await gateway.serving
        await peer.stop()
