"""The gateway's web room on a real socket, with the offline model behind it.

`running` starts the very server that `gateway serve` starts, in this process, and gives a
:class:`Gateway`: the carrier's side of it, and what only an insider could know.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agents.realtime import RealtimeAgent
from agents.realtime.config import RealtimeSessionModelSettings
from agents.realtime.model import RealtimeModelConfig
from starlette.applications import Starlette

from gateway.call.approvals import Approvals
from gateway.call.call import Call, Line, Offer
from gateway.call.context import CallContext
from gateway.call.link import Dialler, LinkEvents, ModelLink
from gateway.call.reception import Reception
from gateway.call.recorded import Phrase, phrase
from gateway.call.session import AgentPlan
from gateway.core.events import CallEvent, CallOffered, Listener
from gateway.observe.live.board import Board
from gateway.observe.metrics import Metrics
from gateway.ops.placing.placing import Placing
from gateway.settings import Settings, load_settings
from gateway.sim.realtime import RealtimeServer
from gateway.web.app import build_app
from gateway.web.parts import Parts
from gateway.web.server import DrainingServer, build_server
from tests.call.contexts import ready
from tests.sim.realtime.harness import options
from tests.web.carrier import ACCOUNT, LIMIT_S, TOKEN, Carrier, Stream, new_call_sid

SECRET = b"a made-up ticket secret"
QUIET = """
name = "quiet"
voice = "tones"
[otherwise]
say = "else"
"""
"""An agent that speaks only when it is spoken to."""


_call_sid: ContextVar[str] = ContextVar("call_sid", default="")
"""Whose call the running task belongs to: tasks inherit it from the webhook."""


class Gateway(Carrier):
    """A running gateway: its carrier, and what only an insider could know."""

    def __init__(self, settings: Settings, model: RealtimeServer) -> None:
        super().__init__(settings.port, settings.public_url)
        self.settings = settings
        self.model = model
        self.reception: Reception
        self.server: DrainingServer
        self.serving: asyncio.Task[None]
        self.events: list[tuple[str, CallEvent]] = []
        self.board = Board(lambda words, asked: words)
        self.dialled: set[str] = set()
        """CallSids whose one attempt to reach the model is over."""
        self.also: Listener = lambda call_sid, event: None
        """Who else is told of events."""
        self._news = asyncio.Event()

    async def call(self, call_sid: str = "") -> Stream:
        """A call that got in: announced, its socket open, its ticket redeemed."""
        call_sid = call_sid or new_call_sid()
        ticket = await self.ticket(call_sid)
        stream = await self.socket()
        await stream.start(call_sid, ticket)
        await self.admitted(call_sid)
        return stream

    async def admitted(self, call_sid: str) -> None:
        """Returns when the stream of a call has redeemed its ticket."""
        await self.until(lambda: self.live(call_sid).state != "offered")

    def live(self, call_sid: str) -> Call:
        """The call of that CallSid, which lives."""
        call = self.reception.registry.get(call_sid)
        assert call is not None
        return call

    def gone(self, call_sid: str) -> bool:
        """True when a call was announced, has ended, and everything of it is closed."""
        living = self.reception.registry.get(call_sid) is not None
        return not living and self.reception.outcome(call_sid) is not None

    def of(self, kind: type[Any], call_sid: str | None = None) -> list[Any]:
        """Events of that kind, of one call or of all."""
        return [e for sid, e in self.events if isinstance(e, kind) and call_sid in (None, sid)]

    def listen(self, call_sid: str, event: CallEvent) -> None:
        """What the gateway tells of its calls."""
        self.events.append((call_sid, event))
        self.also(call_sid, event)
        self.board.hear(call_sid, event)
        self._news.set()

    def look(self) -> None:
        """Something happened: whoever waits for a condition looks again."""
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition holds; looked at whenever something happened."""
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def ended(self, call_sid: str) -> str:
        """Waits for the end of a call, when everything of it is closed; why it ended."""
        await self.until(lambda: self.gone(call_sid))
        return str(self.reception.outcome(call_sid))

    def counted(self) -> Counter[str]:
        """The refusals so far."""
        return Counter(self.reception.rejections)

    @contextmanager
    def refuses(self, **reasons: int) -> Iterator[None]:
        """Exactly these refusals are counted meanwhile."""
        before = self.counted()
        yield
        assert dict(self.counted() - before) == reasons

    @asynccontextmanager
    async def dials(self, times: int) -> AsyncIterator[None]:
        """Exactly so many connections reach the model meanwhile."""
        await self._settle()
        before = self.model.connections
        yield
        await self._settle()
        assert self.model.connections - before == times

    @asynccontextmanager
    async def turns_away(self, **reasons: int) -> AsyncIterator[None]:
        """Exactly these refusals are counted meanwhile, and nothing reaches the model."""
        async with self.dials(0):
            with self.refuses(**reasons):
                yield

    async def _settle(self) -> None:
        """Every call that was offered so far has dialled, or has ended first."""
        await self.until(
            lambda: all(
                sid in self.dialled or self.gone(sid)
                for sid, event in self.events
                if isinstance(event, CallOffered)
            )
        )
        await self.http.get("/healthz")


class _Dialler(Dialler):
    """The dialler, which also tells the test when it is done with a call."""

    def __init__(self, gateway: Gateway, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._gateway = gateway

    async def dial(self, url: str, headers: Mapping[str, str], events: LinkEvents) -> ModelLink:
        try:
            return await super().dial(url, headers, events)
        finally:
            self._gateway.dialled.add(_call_sid.get())
            self._gateway.look()


class _Reception(Reception):
    """The reception, which also tells the test whose call it is, and of every refusal."""

    def __init__(self, gateway: Gateway, *args: Any) -> None:
        super().__init__(*args)
        self._gateway = gateway

    def offer(self, offer: Offer) -> Call:
        token = _call_sid.set(offer.call_sid)
        try:
            return super().offer(offer)
        finally:
            _call_sid.reset(token)

    def rejected(self, reason: str) -> None:
        super().rejected(reason)
        self._gateway.look()


def brief_agent(settings: Settings, greeting: str | None = None) -> AgentPlan:
    """An agent without tools, on the offline model."""
    turns: Any = {"type": "server_vad", "interrupt_response": True, "create_response": True}
    model = RealtimeSessionModelSettings(
        model_name="gpt-realtime-2.1",
        voice="marin",
        input_audio_format="g711_ulaw",
        output_audio_format="g711_ulaw",
        turn_detection=turns,
    )
    config = RealtimeModelConfig(
        initial_model_settings=model,
        url=f"{settings.realtime_url}?model=gpt-realtime-2.1",
        api_key="offline",
    )
    agent = RealtimeAgent[CallContext](name="assistant", instructions="Be brief.")
    return AgentPlan("assistant", ready(agent), config, {"tracing_disabled": True}, greeting)


def short_phrase(name: Phrase) -> bytes:
    """A quarter of a second of a recorded phrase, in whole frames, unlike that of any other."""
    return phrase(name)[4000:6080]


@asynccontextmanager
async def running(
    folder: Path,
    *,
    script: str = QUIET,
    model: Mapping[str, Any] | None = None,
    agent: Callable[[Settings], AgentPlan] = brief_agent,
    extend: Callable[[Starlette], None] = lambda _app: None,
    placing: Placing | None = None,
    metrics: Metrics | None = None,
    parts: Mapping[str, Any] = MappingProxyType({}),
    **changes: Any,
) -> AsyncIterator[Gateway]:
    """Starts model and gateway, and stops both; `changes` are settings, `extend` gets the app,
    `placing` knows the calls we placed, `parts` are more of the gateway's,
    `metrics` counts.
    """
    peer = RealtimeServer(options(folder, script, **(model or {})))
    await peer.start()
    listener = socket.create_server(("127.0.0.1", 0))
    settings = settings_for(listener.getsockname()[1], peer.url, **changes)
    gateway = Gateway(settings, peer)
    timeout_s = settings.connect_timeout_s
    dialler = _Dialler(gateway, connect_timeout_s=timeout_s, ping_interval_s=20)
    plan = agent(settings)

    def plan_for(_offer: Offer) -> AgentPlan:
        return plan

    line = Line(settings, dialler, gateway.listen, Approvals(timeout_s=30))
    gateway.reception = _Reception(gateway, line, plan_for, SECRET)
    if metrics is not None:
        gateway.also = metrics.hear
        metrics.tell_of(line, gateway.reception)
    more = {"board": gateway.board, "metrics": metrics, **parts}
    app = build_app(Parts(settings, gateway.reception, placing=placing, **more))
    extend(app)
    gateway.server = build_server(app, settings, gateway.reception)
    gateway.serving = asyncio.create_task(gateway.server.serve(sockets=[listener]))
    try:
        assert (await gateway.http.get("/healthz")).status_code == 200
        yield gateway
    finally:
        await gateway.http.aclose()
        for call in gateway.reception.registry:
            call.end("test_over")
        async with asyncio.timeout(LIMIT_S):
            await gateway.reception.registry.wait_empty()
            gateway.server.should_exit = True
            await gateway.serving
        await peer.stop()


def settings_for(port: int, realtime_url: str, **changes: Any) -> Settings:
    """Settings that depend on nothing but what is said here."""
    ours = {
        "port": port,
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "public_url": f"http://127.0.0.1:{port}",
        "realtime_url": realtime_url,
    }
    return load_settings(_env_file=None, **{**ours, **changes})
