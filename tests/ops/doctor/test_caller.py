"""The doctor's call: whole, like the carrier's, and over in any case."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.core import twiml
from gateway.core.events import CallEnded, CallOffered
from gateway.core.g711 import SILENCE_FRAME, silence
from gateway.core.mediastreams import Outbound
from gateway.ops.doctor.caller import CallChecks
from gateway.ops.doctor.carrier import CALLER, Carrier
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.settings import load_settings
from gateway.sim.realtime import RealtimeOptions
from tests.e2e.harness import ACCOUNT, NUMBER, SPEECH, TOKEN, House, house
from tests.ports import free_port

VOICE = (SPEECH / "greeting.ulaw").read_bytes()


def calling(running: House, **changes: Any) -> Carrier:
    """The carrier of a gateway."""
    return Carrier(running.settings.model_copy(update={"twilio_phone_number": NUMBER, **changes}))


@pytest.mark.asyncio
async def test_a_call_is_whole_and_leaves_nothing() -> None:
    """Offered, answered, greeted, hung up; neither gateway nor model keeps anything of it."""
    async with house() as running, calling(running) as carrier:
        checks = CallChecks(carrier, lambda: True)
        told = await checks.call()
        assert "streamed both ways and hung up" in told
        assert "mu-law" in await checks.greeting()
        (offered,) = running.of(CallOffered)
        assert offered.caller == CALLER
        await running.until(lambda: bool(running.of(CallEnded)))
        (ended,) = running.of(CallEnded)
        assert ended.reason == "caller_hung_up"
        await running.reception.registry.wait_empty()
        assert not running.reception.rejections
        (session,) = running.model.sessions
        assert len(session.input_audio) >= 160


@pytest.mark.asyncio
async def test_an_agent_that_waits_for_the_caller_is_not_waited_for() -> None:
    """Nothing can be said of its voice."""
    options = RealtimeOptions(never_respond=True)
    async with house(options) as running, calling(running) as carrier:
        checks = CallChecks(carrier, lambda: False, 60)
        await checks.call()
        with pytest.raises(Skipped, match="waits for the caller"):
            await checks.greeting()


@pytest.mark.asyncio
async def test_a_call_that_is_broken_off_ends_all_the_same() -> None:
    """As when somebody presses Ctrl-C, or its time is over."""
    options = RealtimeOptions(never_respond=True)
    async with house(options) as running, calling(running) as carrier:
        looking = asyncio.create_task(CallChecks(carrier, lambda: True, 60).call())
        await running.until(lambda: bool(running.model.sessions and running.of(CallOffered)))
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await running.until(lambda: bool(running.of(CallEnded)))
        async with asyncio.timeout(10):
            await running.reception.registry.wait_empty()


@pytest.mark.asyncio
async def test_a_call_whose_stream_never_opens_ends_all_the_same() -> None:
    """The model that was dialled for it is hung up on at once, not when nobody came."""
    async with house(no_stream_timeout_s=60) as running:
        checks = CallChecks(Deaf(calling(running).settings), lambda: True)
        with pytest.raises(Wrong, match="the stream does not open"):
            await checks.call()
        async with asyncio.timeout(10):
            await running.reception.registry.wait_empty()


class Deaf(Carrier):
    """A carrier whose sockets lead nowhere."""

    async def open(self, url: str) -> Any:
        return await super().open(f"ws://127.0.0.1:{free_port()}/twilio/media")


# Gateways that are none


class Imitation:
    """Answers a call like a gateway, and then behaves as it was told."""

    def __init__(self, talk: Callable[[WebSocket, str], Any]) -> None:
        self.posted: list[tuple[str, str]] = []
        """Path and CallStatus of every webhook."""
        self.received: list[dict[str, Any]] = []
        """The messages of the stream."""
        self.action = "/twilio/connect-ended"
        self.base = ""
        self._talk = talk

    async def voice(self, request: Request) -> Response:
        """Any webhook."""
        form = parse_qs((await request.body()).decode())
        self.posted.append((request.url.path, form["CallStatus"][0]))
        if request.url.path != "/twilio/voice":
            return Response(twiml.hangup(), media_type="text/xml")
        action = self.action if "://" in self.action else f"{self.base}{self.action}"
        document = twiml.connect_stream(
            stream_url=f"ws{self.base.removeprefix('http')}/twilio/media",
            action_url=action,
            status_url=f"{self.base}/twilio/stream-status",
            call_sid=form["CallSid"][0],
            parameters={"ticket": "t"},
        )
        return Response(document, media_type="text/xml")

    async def media(self, websocket: WebSocket) -> None:
        """The stream."""
        await websocket.accept()
        listening = None
        try:
            while not listening:
                message = json.loads(await websocket.receive_text())
                self.received.append(message)
                if message["event"] == "start":
                    listening = asyncio.create_task(self._listen(websocket))
                    await self._talk(websocket, message["streamSid"])
            await listening
        except (WebSocketDisconnect, RuntimeError):
            pass

    async def _listen(self, websocket: WebSocket) -> None:
        try:
            while True:
                self.received.append(json.loads(await websocket.receive_text()))
        except (WebSocketDisconnect, RuntimeError, KeyError):
            pass

    def events(self) -> list[str]:
        """What came, one of each in a row."""
        kinds = [message["event"] for message in self.received]
        return [kind for at, kind in enumerate(kinds) if kind != kinds[at - 1] or not at]


@asynccontextmanager
async def imitation(
    talk: Callable[[WebSocket, str], Any], greeting_s: float = 1.0
) -> AsyncIterator[tuple[CallChecks, Imitation]]:
    """Checks that call an imitation."""
    found = Imitation(talk)
    app = Starlette(
        routes=[
            WebSocketRoute("/twilio/media", found.media),
            Route("/twilio/{rest:path}", found.voice, methods=["POST"]),
        ]
    )
    config = uvicorn.Config(
        app, port=0, log_level="critical", lifespan="off", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    found.base = f"http://127.0.0.1:{port}"
    settings = load_settings(
        _env_file=None,
        public_url=found.base,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_phone_number=NUMBER,
    )
    async with Carrier(settings) as carrier:
        yield CallChecks(carrier, lambda: True, greeting_s), found
    server.should_exit = True
    await serving


@pytest.mark.asyncio
async def test_the_carrier_plays_its_part_to_the_end() -> None:
    """Every message of a stream in its order, the marks come back, the webhooks come after it."""

    async def talk(websocket: WebSocket, stream_sid: str) -> None:
        out = Outbound(stream_sid)
        await websocket.send_text(out.media(VOICE[:8000]).decode())
        await websocket.send_text(out.mark("first").decode())
        await websocket.send_text(out.clear().decode())
        returned = asyncio.get_running_loop().time() + 5
        while not found():
            assert asyncio.get_running_loop().time() < returned
            await asyncio.sleep(0.01)
        await websocket.send_text(out.media(VOICE).decode())
        await websocket.send_text(out.mark("never").decode())

    def found() -> list[str]:
        return [m["mark"]["name"] for m in gateway.received if m["event"] == "mark"]

    async with imitation(talk, 5) as (checks, gateway):
        await checks.call()
        await checks.greeting()
    events = gateway.events()
    assert events[:2] == ["connected", "start"]
    assert set(events[2:-1]) == {"media", "mark"}
    assert events[-1] == "stop"
    assert found() == ["first"]
    start = gateway.received[1]["start"]
    assert start["customParameters"] == {"ticket": "t"}
    assert start["callSid"].startswith("CAd0c70000")
    assert gateway.posted == [
        ("/twilio/voice", "ringing"),
        ("/twilio/connect-ended", "completed"),
        ("/twilio/status", "completed"),
    ]


async def quiet(_websocket: WebSocket, _stream_sid: str) -> None:
    """Says nothing."""


async def refused(websocket: WebSocket, _stream_sid: str) -> None:
    """Does not like the ticket."""
    await websocket.close(1008)


async def gone(websocket: WebSocket, _stream_sid: str) -> None:
    """Closes with nothing said."""
    await websocket.close(1011)


async def binary(websocket: WebSocket, stream_sid: str) -> None:
    """Audio as it is."""
    await websocket.send_bytes(SILENCE_FRAME)


async def talkative(websocket: WebSocket, stream_sid: str) -> None:
    """One field too many."""
    message = json.loads(Outbound(stream_sid).media(SILENCE_FRAME))
    await websocket.send_text(json.dumps({**message, "debug": True}))


async def another(websocket: WebSocket, _stream_sid: str) -> None:
    """Talks to another stream."""
    await websocket.send_text(Outbound("MZ" + "9" * 32).media(SILENCE_FRAME).decode())


CALLS = {
    "refused": (refused, "refused the stream (1008)"),
    "gone": (gone, "closed (1011) with nothing said"),
    "binary": (binary, "31950"),
    "talkative": (talkative, "31951"),
    "another": (another, "31951"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", CALLS)
async def test_a_stream_the_carrier_would_not_understand_is_wrong(name: str) -> None:
    """With the number the carrier would log; and the call is completed all the same."""
    talk, says = CALLS[name]
    async with imitation(talk) as (checks, gateway):
        with pytest.raises(Wrong) as wrong:
            await checks.call()
    assert says in wrong.value.detail
    assert gateway.posted[-1] == ("/twilio/status", "completed")


async def pcm(websocket: WebSocket, stream_sid: str) -> None:
    """A voice that nobody made mu-law of."""
    await websocket.send_text(Outbound(stream_sid).media(PCM).decode())


async def hush(websocket: WebSocket, stream_sid: str) -> None:
    """Silence, and much of it."""
    await websocket.send_text(Outbound(stream_sid).media(silence(2000)).decode())


def _pcm() -> bytes:
    from gateway.core.g711 import to_pcm16
    from gateway.core.resample import Upsampler

    return Upsampler().feed(to_pcm16(VOICE))


PCM = _pcm()
SOUNDS = {
    "nothing": (quiet, "nothing was heard within 1 s"),
    "silence": (hush, "it is silence"),
    "another codec": (pcm, "sounds like pcm16"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SOUNDS)
async def test_a_call_that_is_right_may_sound_wrong(name: str) -> None:
    """Then the call is fine, and the greeting is not."""
    talk, says = SOUNDS[name]
    async with imitation(talk) as (checks, _):
        await checks.call()
        with pytest.raises(Wrong) as wrong:
            await checks.greeting()
    assert says in wrong.value.detail


@pytest.mark.asyncio
async def test_what_comes_after_the_stream_must_be_ours() -> None:
    """Another address there is another gateway's setting."""
    async with imitation(quiet) as (checks, gateway):
        gateway.action = "https://old.example.com/twilio/connect-ended"
        with pytest.raises(Wrong, match="not below"):
            await checks.call()
