"""Calls under test: settings, plans, and a call with everything around it watched to its end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from agents import FunctionTool
from agents.realtime import RealtimeAgent, RealtimeSession
from agents.realtime.config import RealtimeRunConfig, RealtimeSessionModelSettings
from agents.realtime.model import RealtimeModelConfig

from gateway.call.approvals import Approvals
from gateway.call.call import Call, Line, Offer
from gateway.call.colleagues import Colleagues
from gateway.call.context import CallContext
from gateway.call.link import Dialler
from gateway.call.session import AgentPlan
from gateway.core.events import CallEnded, CallLive, CallOffered
from gateway.core.g711 import BYTES_PER_MS
from gateway.core.mediastreams import Media
from gateway.settings import Settings
from tests.call import model_events as said
from tests.call.carriers import ACCOUNT_SID, CALL_SID, SilentCarrier, start
from tests.call.contexts import ready
from tests.call.hand_model import HandModel, ModelEnd
from tests.call.watching import Witness, soon, turns, until

KEY = "sk-test-0123456789"
MODEL = "gpt-realtime-2.1"
OFFER = Offer(CALL_SID, ACCOUNT_SID, caller="+15550002222", called="+15550001111")
GREETING = "Greet the caller."


def settings(**changes: Any) -> Settings:
    """Settings that read nothing from the machine but what a test asks for."""
    return Settings(**{"_env_file": None, "openai_api_key": KEY, **changes})


def plan(
    url: str,
    *tools: FunctionTool,
    agent: RealtimeAgent[CallContext] | None = None,
    greeting: str | None = GREETING,
    model_settings: dict[str, Any] | None = None,
    more: dict[str, Any] | None = None,
    **run_config: Any,
) -> AgentPlan:
    """An agent on the line to the server at `url`; `more` are other fields of the plan."""
    turns = {"type": "server_vad", "interrupt_response": True, "create_response": True}
    of_model: dict[str, Any] = {
        "model_name": MODEL,
        "voice": "marin",
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
        "turn_detection": turns,
        **(model_settings or {}),
    }
    config = RealtimeModelConfig(
        url=f"{url.partition('?')[0]}?model={MODEL}",
        api_key=KEY,
        initial_model_settings=cast(RealtimeSessionModelSettings, of_model),
    )
    return AgentPlan(
        name="assistant",
        build=ready(agent or RealtimeAgent(name="assistant", instructions="Help.", tools=[*tools])),
        model_config=config,
        run_config=cast(RealtimeRunConfig, {"tracing_disabled": True, **run_config}),
        greeting=greeting,
        **{"guarded": "output_guardrails" in run_config, **(more or {})},
    )


def line(witness: Witness, *, colleagues: Colleagues | None = None, **changes: Any) -> Line:
    """What all calls share, and who listens; `colleagues` can be asked to take a call."""
    chosen = settings(**changes)
    dialler = Dialler(connect_timeout_s=chosen.connect_timeout_s, ping_interval_s=20)
    return Line(chosen, dialler, witness, Approvals(timeout_s=30), colleagues=colleagues)


class LiveCall:
    """One running call, its carrier and its witness."""

    def __init__(self, plan: AgentPlan, carrier: SilentCarrier, **changes: Any) -> None:
        self.witness = Witness()
        self.carrier = carrier
        self.call = Call(OFFER, plan, line(self.witness, **changes))
        carrier.marks = self.call.downstream.carrier_mark
        self.task = asyncio.get_running_loop().create_task(self.call.run())

    def answer(self) -> None:
        """The carrier's stream is open."""
        self.call.attach(start(), self.carrier)

    async def ended(self) -> CallEnded:
        """How the call ended, as soon as everything of it is closed."""
        reason = await soon(self.task)
        ended = self.witness.all(CallEnded)
        assert [event.reason for event in ended] == [reason]
        return ended[0]


@asynccontextmanager
async def live(
    plan: AgentPlan,
    carrier: SilentCarrier | None = None,
    *,
    answered: bool = True,
    **changes: Any,
) -> AsyncIterator[LiveCall]:
    """A call, hung up on at the end of the test at the latest; nothing of it may be left then.

    Every test that uses this also tests the end: no task stays, the event of the end comes exactly
    once and is the last one, and the carrier's socket was closed if there was one.
    """
    before = asyncio.all_tasks()
    running = LiveCall(plan, carrier or SilentCarrier(instant=True), **changes)
    try:
        await running.witness.first(CallOffered)
        await turns()  # it is told before the call's own task has begun
        if answered:
            running.answer()
        yield running
    finally:
        running.call.end("test_over")
        await asyncio.wait({running.task}, timeout=5)
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)
    await until(lambda: not asyncio.all_tasks() - before)
    assert running.call.state == "ended"
    assert [isinstance(event, CallEnded) for event in running.witness.events].count(True) == 1
    assert isinstance(running.witness.events[-1], CallEnded)
    if running.call.dialogue.opened_at is not None:
        assert len(running.carrier.closed) == 1


def speech(ms: int) -> bytes:
    return b"\x55" * (ms * BYTES_PER_MS)


def media(payload: bytes = b"\xff" * 160, timestamp_ms: int = 20) -> Media:
    return Media(payload, timestamp_ms)


async def served(model: HandModel, running: LiveCall) -> ModelEnd:
    """The model's end, its session confirmed."""
    end = await model.session()
    await end.ready()
    await running.witness.first(CallLive)
    return end


async def say(end: ModelEnd, ms: int, *, whole: bool = True, response: str = "resp_1") -> None:
    """The agent says something, to its end or not."""
    item = response.replace("resp", "item")
    events = said.spoken(speech(ms), response, item)
    await end.send(*(events if whole else events[:4]))


async def heard(running: LiveCall, ms: int) -> None:
    """Returns when the caller has heard that much."""
    ledger = running.call.dialogue.outbound.ledger
    await until(lambda: ledger.heard_bytes(time.monotonic()) >= ms * BYTES_PER_MS)


def session_of(running: LiveCall) -> RealtimeSession:
    """The SDK's session under the call."""
    session = running.call._upstream._session
    assert session is not None
    return session


def tail(carrier: SilentCarrier, n_bytes: int) -> bytes:
    """The last audio the carrier got."""
    return carrier.audio[-n_bytes:]
