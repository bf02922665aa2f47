"""The gateway between its two far ends, all real, in one loop: what end-to-end tests drive."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import httpx2

from gateway.agents import AgentFolder, McpServers
from gateway.call.approvals import Approvals
from gateway.call.call import Line
from gateway.call.link import Dialler
from gateway.call.meter import tariff_of
from gateway.call.reception import Reception
from gateway.call.tools import ToolRunner
from gateway.core.events import CallEnded, CallEvent
from gateway.core.g711 import FRAME_BYTES
from gateway.core.prices import Prices
from gateway.observe.lag import Lag
from gateway.observe.live.board import Board
from gateway.observe.metrics import Metrics
from gateway.observe.traces import open_traces
from gateway.ops.consulting.consults import Consults, open_consults
from gateway.ops.consulting.waits import Waits as ConsultWaits
from gateway.ops.placing.book import utc_now
from gateway.ops.placing.office import open_placing
from gateway.ops.placing.placing import Placing
from gateway.ops.placing.tally import Tallies
from gateway.ops.placing.waits import Waits
from gateway.settings import Settings, load_settings
from gateway.sim.realtime import RealtimeOptions, RealtimeServer
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import (
    Callee,
    Network,
    PhoneNumber,
    Step,
    TwilioOptions,
    TwilioTwin,
    TwinCall,
)
from gateway.store.archive import Archive
from gateway.store.patterns import redactor
from gateway.store.pricefile import read_prices
from gateway.store.recordings.audio import read_stereo, recording_path
from gateway.store.recordings.vault import open_vault
from gateway.store.records.outcomes import outcome_of
from gateway.store.records.reader import open_reader
from gateway.store.records.readingroom import ReadingRoom
from gateway.store.spent import Spent
from gateway.web.app import build_app
from gateway.web.parts import Parts
from gateway.web.server import build_server

ROOT = Path(__file__).parent.parent.parent
CALLS = ROOT / "tests" / "fixtures" / "calls"
SPEECH = ROOT / "gateway" / "sim" / "speech" / "assistant"
PHRASES = ROOT / "gateway" / "call" / "phrases"
NUMBER = "+15550001000"
ACCOUNT = "AC" + "0" * 32
TOKEN = "a made-up token"
API_TOKEN = "a-made-up-api-token"
LIMIT_S = 45.0


class House:
    """A running gateway with its twins and everything they know."""

    def __init__(
        self, base: str, reception: Reception, model: RealtimeServer, twin: TwilioTwin
    ) -> None:
        self.base = base
        """Where the gateway is."""
        self.reception = reception
        self.model = model
        self.twin = twin
        self.events: list[tuple[str, CallEvent]] = []
        self.archive: Archive | None = None
        self.placing: Placing | None = None
        self.consults: Consults
        self.settings: Settings
        self.spending_known = asyncio.Event()
        """Set when what was spent before is counted."""
        self._news = asyncio.Event()

    def heard_event(self, call_sid: str, event: CallEvent) -> None:
        """The listener the gateway tells its call events."""
        self.events.append((call_sid, event))
        self._news.set()

    def of(self, kind: type[Any], call_sid: str | None = None) -> list[Any]:
        """Events of that kind, of one call or of all."""
        return [e for sid, e in self.events if isinstance(e, kind) and call_sid in (None, sid)]

    async def until(self, condition: Callable[[], bool], timeout_s: float = LIMIT_S) -> None:
        """Returns when the condition holds; looked at whenever a call event comes."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def place(self, *steps: Step, network: Network | None = None) -> TwinCall:
        """The twin calls the gateway's number."""
        return self.twin.place_call(NUMBER, caller=steps, network=network)

    async def ended(self, call: TwinCall) -> CallEnded:
        """Waits for both sides of the end of a call."""
        await call.wait(LIMIT_S)
        await self.until(lambda: bool(self.of(CallEnded, call.sid)))
        ended: CallEnded = self.of(CallEnded, call.sid)[0]
        return ended

    async def record(self, call: TwinCall) -> dict[str, Any]:
        """Everything the records have of a call, once it was written."""
        assert self.archive is not None
        async with asyncio.timeout(LIMIT_S):
            while self.archive.status().backlog:  # noqa: ASYNC110 written on another thread
                await asyncio.sleep(0.02)
        async with open_reader(self.settings) as reader:
            assert reader is not None
            record = await reader.record(call.sid)
        assert record is not None
        return record

    def recording(self, record: dict[str, Any]) -> tuple[bytes, bytes]:
        """What a call's recording has of caller and agent (mu-law)."""
        path = recording_path(self.settings.data_dir / "recordings", record["call"]["recording"])
        stereo = read_stereo(path, open_vault(self.settings))
        return stereo[0::2], stereo[1::2]

    async def api(self, method: str, path: str, **request: Any) -> Any:
        """One request to the gateway's API with its token; the JSON of the answer."""
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        async with httpx2.AsyncClient(
            base_url=self.base, headers=headers, trust_env=False
        ) as client:
            answer = await client.request(method, path, **request)
            answer.raise_for_status()
            return answer.json()


def told(session: Session, side: str, kind: str) -> list[dict[str, Any]]:
    """Events of a type in a model session, of the server (``S``) or of the gateway (``C``)."""
    events = [row["event"] for row in session.trace if row["dir"] == side and "event" in row]
    return [event for event in events if event["type"] == kind]


class Hears(Protocol):
    """Whoever was called."""

    @property
    def heard(self) -> bytes:
        """All of it."""


class Part(NamedTuple):
    """What the caller heard of a recording, from its beginning; in bytes."""

    size: int
    """Of the recording; without the gaps in which a busy machine had nothing more to play."""
    begin: int
    """Where it begins in all that was heard."""
    end: int
    """Where it was over there."""


def heard_part(call: Hears, recording: bytes, behind: int = 0) -> Part:
    """The first of it behind a byte of what was heard; nothing = a size of 0."""
    heard, size = call.heard, len(recording) - len(recording.lstrip(b"\xff"))
    begin = at = end = heard.find(recording[size : size + FRAME_BYTES], behind)
    if begin < 0:
        return Part(0, 0, 0)
    while at >= 0 and size < len(recording):
        if heard[at : at + 1] == recording[size : size + 1]:
            at, size = at + 1, size + 1
            end = at
            continue
        goes_on = heard.find(recording[size : size + FRAME_BYTES], at)
        at = goes_on if goes_on > at and not heard[at:goes_on].strip(b"\xff") else -1
    return Part(size, begin, end)


def heard_ms(call: Hears, recording: bytes) -> float:
    """How much of a recording the caller heard the first time."""
    return heard_part(call, recording).size / 8


def heard_whole(call: Hears, recording: bytes) -> list[Part]:
    """Each time the caller heard all of a recording."""
    whole, part = [], heard_part(call, recording)
    while part.size:
        if part.size == len(recording):
            whole.append(part)
        part = heard_part(call, recording, part.end)
    return whole


def hears(call: Hears, recording: bytes) -> bool:
    """Whether the caller heard all of a recording."""
    return heard_whole(call, recording) != []


@asynccontextmanager
async def house(
    options: RealtimeOptions | None = None,
    *,
    callees: tuple[Callee, ...] = (),
    packet_ms: int = 0,
    kept_in: Path | None = None,
    prices: Prices | None = None,
    waits: Waits | None = None,
    now: Callable[[], datetime] = utc_now,
    consult_waits: ConsultWaits | None = None,
    carrier: Mapping[str, Any] = MappingProxyType({}),
    **settings_overrides: Any,
) -> AsyncIterator[House]:
    """Starts offline model, gateway and twin on free ports; stops all of them at the end.

    ``callees`` are the people the gateway may send a caller to; ``packet_ms`` is the twin's;
    ``kept_in`` is where records and recordings go, None = nothing is kept; with it the gateway can
    place calls through the twin, as quickly as ``waits`` says, at the time ``now`` tells.
    ``consult_waits`` are those of warm transfers. ``carrier`` are more of the twin's options.
    """
    model = RealtimeServer(options or RealtimeOptions())
    await model.start()
    settings = load_settings(
        **{
            "port": 0,
            "twilio_account_sid": ACCOUNT,
            "twilio_auth_token": TOKEN,
            "openai_api_key": "offline",
            "public_url": "http://127.0.0.1:1",
            "realtime_url": model.url,
            "agents_dir": ROOT / "agents_config",
            "api_token": API_TOKEN,
            **({} if kept_in is None else {"data_dir": kept_in}),
            **settings_overrides,
        },
    )
    listeners: list[Callable[[str, CallEvent], None]] = []
    tools = ToolRunner(threads=4, timeout_s=5)
    tools.start()
    dialler = Dialler(connect_timeout_s=settings.connect_timeout_s, ping_interval_s=20)
    # The public address is known once the socket is bound: bind first, then build on it.
    bound = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{bound.getsockname()[1]}"
    if "public_url" not in settings_overrides:
        settings = settings.model_copy(update={"public_url": base})
    number = PhoneNumber(
        NUMBER,
        voice_url=f"{settings.public_url}/twilio/voice",
        status_callback=f"{settings.public_url}/twilio/status",
    )
    twin = TwilioTwin(
        TwilioOptions(ACCOUNT, TOKEN, (number,), callees=callees, packet_ms=packet_ms, **carrier)
    )
    await twin.start()
    settings = settings.model_copy(update={"twilio_api_url": twin.url})

    def tell(call_sid: str, event: CallEvent) -> None:
        for listener in listeners:
            listener(call_sid, event)

    servers = McpServers(tools)
    agents = AgentFolder(settings.agents_dir, settings, tools, servers)
    await agents.open()
    prices = prices or read_prices(settings)
    tariff = tariff_of(settings, prices)
    archive = None if kept_in is None else Archive(settings, prices)
    traces = open_traces(settings, redactor(settings).text)
    tapes, durable = (archive.tapes, archive.durable) if archive is not None else (None, None)
    consults = open_consults(settings, consult_waits)
    assert consults is not None
    approvals = Approvals(settings.approval_timeout_s)
    line = Line(settings, dialler, tell, approvals, tapes, tariff, consults)
    reception = Reception(line, agents.plan, b"a secret for tests")
    stack = AsyncExitStack()
    placing = None
    if archive is not None:
        tallies = Tallies(tariff)
        listeners.append(tallies.hear)
        plan = agents.plan
        office = open_placing(settings, reception, plan, tariff, tallies, consults, waits, now)
        placing = await stack.enter_async_context(office)
    metrics = Metrics(outcome_of, prices.carrier_usd)
    listeners.append(metrics.hear)
    lag = Lag()
    metrics.observe_lag(lag)
    metrics.tell_of(
        line,
        reception,
        None if archive is None else archive.status,
        None if archive is None else archive.courier,
        None if placing is None else placing.book,
    )
    board = Board(redactor(settings).text, hide_numbers=settings.redact_numbers)
    listeners.append(board.hear)
    audit = None if archive is None else archive.audit
    parts = Parts(settings, reception, durable, placing, consults, audit=audit)
    records = ReadingRoom(settings)
    records.start()
    parts = replace(parts, archive=archive, board=board, records=records, agents=agents)
    app = build_app(replace(parts, lag=lag, metrics=metrics))
    server = build_server(app, settings, reception)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    running = House(base, reception, model, twin)
    running.archive, running.settings, running.placing = archive, settings, placing
    running.consults = consults
    listeners.append(running.heard_event)
    if traces is not None:
        listeners.append(traces.hear)
        traces.start()
    if archive is not None:
        listeners.append(archive.hear)

        def preload(day: date, spent: Sequence[Spent]) -> None:
            tariff.spending.preload(day, spent)
            running.spending_known.set()

        await archive.start(preload)
    if placing is not None:
        placing.start()
    watching = asyncio.create_task(lag.run())
    while not server.started:  # noqa: ASYNC110 uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield running
    finally:
        if placing is not None:  # no phone rings on; its database stays for who still asks
            await placing.stop()
        await twin.stop()
        for call in reception.registry:
            call.end("test_over")
        async with asyncio.timeout(10):
            await reception.registry.wait_empty()
        await consults.close()
        server.should_exit = True
        await serving
        watching.cancel()
        await stack.aclose()
        await model.stop()
        await servers.stop()
        tools.stop()
        if archive is not None:
            await asyncio.to_thread(archive.stop)
        await asyncio.to_thread(records.stop)
        if traces is not None:
            await asyncio.to_thread(traces.stop)
