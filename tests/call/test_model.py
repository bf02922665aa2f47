"""The seam under the SDK, pinned: what we override, and that everything else still arrives.

Against the offline Realtime server over the wire, through a whole call. Written for openai-agents
0.24; when one of these fails after an upgrade, the seam has moved.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from agents import FunctionTool, GuardrailFunctionOutput, OutputGuardrail, function_tool
from agents.realtime import RealtimeAgent, openai_realtime
from agents.realtime.events import (
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimeRawModelEvent,
    RealtimeSessionEvent,
    RealtimeToolEnd,
)
from agents.realtime.items import AssistantMessageItem, RealtimeMessageItem
from agents.realtime.model_events import RealtimeModelEvent, RealtimeModelRawServerEvent
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel, _ConversionHelper
from pydantic import TypeAdapter

from gateway.call.context import CallContext
from gateway.call.control import end_call
from gateway.call.link import ModelLink
from gateway.call.model import (
    ONLY_AHEAD,
    ONLY_FOR_GUARDRAILS,
    UNUSED_BY_SDK,
    TelephonyModel,
)
from gateway.call.narrator import Narrator
from gateway.call.session import AgentPlan
from gateway.core.events import (
    BargeIn,
    CallLive,
    GuardrailTripped,
    Handoff,
    ModelErrorReported,
    ToolEnded,
    ToolStarted,
    TurnDone,
)
from gateway.sim.realtime import RealtimeServer
from gateway.sim.realtime.session import Session
from tests.call.calls import LiveCall, heard, live, media, plan, session_of
from tests.call.carriers import SilentCarrier
from tests.call.model_events import golden_events
from tests.call.watching import Chronicle, soon
from tests.sim.realtime.harness import options, silence, tone

SCRIPT = """
name = "test"
voice = "tones"
[greeting]
say = "hello"
[[turn]]
heard = "Where is my order?"
{first}
[[turn]]
heard = "And then?"
say = "else"
[after_tool.lookup_order]
say = "wait"
[after_tool.transfer_to_orders]
say = "wait"
[[on_text]]
match = "guardrail triggered"
say = "bye"
[otherwise]
say = "else"
"""
LOOKUP = 'call = { name = "lookup_order", arguments = { order_id = "A-1042" } }'
TRANSFER = 'call = { name = "transfer_to_orders" }'
STORY = 'say = "story"'


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Chronicle[RealtimeSessionEvent]:
    """Every event of the call's `RealtimeSession`, as its one consumer gets them."""
    seen: Chronicle[RealtimeSessionEvent] = Chronicle()
    tell = Narrator.tell

    def told(self: Narrator, event: RealtimeSessionEvent) -> None:
        seen.add(event)
        tell(self, event)

    monkeypatch.setattr(Narrator, "tell", told)
    return seen


class OnLine:
    """A call that talks to the offline server."""

    def __init__(self, running: LiveCall, session: Session) -> None:
        self.running = running
        self.session = session
        self._clock_ms = 0

    def speak(self, *payloads: bytes) -> None:
        """The caller says something, in frames, as fast as it goes."""
        payload = b"".join(payloads)
        for begin in range(0, len(payload), 160):
            self._clock_ms += 20
            self.running.call.downstream.carrier_frame(
                media(payload[begin : begin + 160], self._clock_ms)
            )

    def ask(self) -> None:
        """A whole turn of the caller."""
        self.speak(tone(600), silence(700))

    def sent(self, *kinds: str) -> list[dict[str, Any]]:
        """What the gateway sent, of these types, in order."""
        rows = (row["event"] for row in self.session.trace if row["dir"] == "C" and "event" in row)
        return [event for event in rows if not kinds or event["type"] in kinds]

    def errors(self) -> list[str]:
        """Complaints of the server."""
        rows = (row["event"] for row in self.session.trace if "event" in row)
        return [event["error"]["message"] for event in rows if event["type"] == "error"]


@asynccontextmanager
async def online(
    folder: Path,
    *tools: FunctionTool,
    first: str = STORY,
    carrier: SilentCarrier | None = None,
    agent: RealtimeAgent[CallContext] | None = None,
    run_config: dict[str, Any] | None = None,
    greeting: str | None = None,
    **changes: Any,
) -> AsyncIterator[OnLine]:
    """A live call to an offline server with that script, without a complaint of the server; it
    sends neither `conversation.item.retrieve` nor another format than mu-law.
    """
    server = RealtimeServer(options(folder, SCRIPT.format(first=first), **changes))
    await server.start()
    try:
        chosen: AgentPlan = plan(
            server.url, *tools, agent=agent, greeting=greeting, **(run_config or {})
        )
        async with live(chosen, carrier) as running:
            session = await server.wait_session()
            await running.witness.first(CallLive)
            on = OnLine(running, session)
            yield on
            running.call.downstream.carrier_gone("caller_hung_up")
            await running.ended()
            await soon(asyncio.ensure_future(session.closed.wait()))
            assert on.errors() == []
            assert on.sent("conversation.item.retrieve") == []
            for update in on.sent("session.update"):
                audio = update["session"]["audio"]
                formats = [audio[way]["format"]["type"] for way in ("input", "output")]
                assert formats == ["audio/pcmu", "audio/pcmu"]
    finally:
        await server.stop()


# The seam itself


def test_the_one_private_method_is_where_it_was() -> None:
    """Name, parameters and kind of the method we override in the stock class."""
    stock = OpenAIRealtimeWebSocketModel._create_websocket_connection
    assert inspect.iscoroutinefunction(stock)
    parameters = inspect.signature(stock).parameters
    assert list(parameters) == ["self", "url", "headers", "transport_config"]
    assert parameters["transport_config"].default is None
    ours = inspect.signature(TelephonyModel._create_websocket_connection).parameters
    assert list(ours) == list(parameters)


def test_nothing_else_private_is_overridden() -> None:
    """One private method and the public `send_event`; our own names hide none of the SDK's."""
    overridden = {
        name for name in vars(TelephonyModel) if hasattr(OpenAIRealtimeWebSocketModel, name)
    }
    assert {name for name in overridden if not name.startswith(("__", "_abc_"))} == {
        "_create_websocket_connection",
        "send_event",
    }
    stock = vars(OpenAIRealtimeWebSocketModel()).keys()
    assert not {"_dial", "_interrupt", "_answers_itself"} & stock


def test_the_sdk_makes_its_validators_once() -> None:
    """It would make one per item, which blocks the loop of all calls; when it no longer asks for
    one where it did, what we put there can go.
    """
    made = vars(openai_realtime)["TypeAdapter"]
    one = made(RealtimeMessageItem)
    assert made(RealtimeMessageItem) is one
    assert isinstance(one, TypeAdapter)
    for place in (
        OpenAIRealtimeWebSocketModel._handle_output_item,
        OpenAIRealtimeWebSocketModel._handle_ws_event,
        _ConversionHelper.conversation_item_to_realtime_message_item,
    ):
        assert "TypeAdapter(RealtimeMessageItem)" in inspect.getsource(place)


@pytest.mark.asyncio
async def test_our_connection_is_the_one_that_is_used(tmp_path: Path) -> None:
    """The SDK's model works on the link of the call, and on nothing else."""
    async with online(tmp_path) as on:
        model = session_of(on.running).model
        assert isinstance(model, TelephonyModel)
        connection: object = model._websocket
        assert isinstance(connection, ModelLink)
        assert on.session.headers["User-Agent"].startswith("gateway/")


# What is withheld


class Sink:
    """A connection that only remembers what the SDK wants to send."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, message: str) -> None:
        self.sent.append(message)


class Overheard:
    """Listens to the stock model."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def on_event(self, event: RealtimeModelEvent) -> None:
        self.events.append(event.type)


async def made_of(kind: str) -> tuple[set[str], list[str]]:
    """What the stock model, which never saw audio, makes of every golden example of that type:
    events for the session besides the raw one, and messages to the server.
    """
    model, sink, overheard = OpenAIRealtimeWebSocketModel(), Sink(), Overheard()
    model._websocket = cast(Any, sink)
    model.add_listener(cast(Any, overheard))
    examples = [example for example in golden_events() if example["type"] == kind]
    assert examples, f"no golden example of {kind}"
    for example in examples:
        await model._handle_ws_event(example)
    assert overheard.events.count("raw_server_event") == len(examples)
    return set(overheard.events) - {"raw_server_event"}, sink.sent


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", sorted(UNUSED_BY_SDK))
async def test_what_the_sdk_is_not_given_it_has_no_use_for(kind: str) -> None:
    """The stock model makes nothing of these events: no event for the session, no message."""
    assert await made_of(kind) == (set(), [])


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", sorted(ONLY_FOR_GUARDRAILS))
async def test_words_in_pieces_are_only_for_guardrails(kind: str) -> None:
    """The stock model passes them to the session as pieces of words and does nothing else."""
    assert await made_of(kind) == ({"transcript_delta"}, [])


@pytest.mark.asyncio
async def test_what_is_told_ahead_says_nothing_that_does_not_come_again() -> None:
    """The stock model makes an empty item of one, and tells that audio is over of the other."""
    made = {kind: await made_of(kind) for kind in ONLY_AHEAD}
    assert made == {
        "response.output_audio.done": ({"audio_done"}, []),
        "response.output_item.added": ({"item_updated"}, []),
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("guarded", [False, True])
async def test_the_history_is_whole_without_the_pieces(
    tmp_path: Path, events: Chronicle[RealtimeSessionEvent], guarded: bool
) -> None:
    """With or without a guardrail the SDK's history ends with the agent's whole words; the pieces
    reach it only when a guardrail reads them.
    """
    run_config = {"output_guardrails": [forbids("never said")]} if guarded else None
    async with online(tmp_path, greeting="Greet.", run_config=run_config) as on:
        await on.session.seen("response.done")

        def words(rows: list[RealtimeSessionEvent]) -> list[str | None]:
            items = {
                item.item_id: item
                for row in rows
                if isinstance(row, RealtimeHistoryUpdated | RealtimeHistoryAdded)
                for item in (row.history if isinstance(row, RealtimeHistoryUpdated) else [row.item])
                if isinstance(item, AssistantMessageItem)
            }
            said = [part for item in items.values() for part in item.content]
            return [getattr(part, "transcript", None) for part in said]

        await events.until(lambda rows: words(rows) == ["Hello, how can I help?"])
        pieces = [
            row
            for row in events
            if isinstance(row, RealtimeRawModelEvent) and row.data.type == "transcript_delta"
        ]
        assert bool(pieces) == guarded


# What still arrives


@pytest.mark.asyncio
async def test_a_tool_call_makes_its_round(
    tmp_path: Path, events: Chronicle[RealtimeSessionEvent]
) -> None:
    """Called with the model's arguments, answered, and the answer to it is heard."""
    asked: list[str] = []

    @function_tool
    async def lookup_order(order_id: str) -> str:
        """Looks up an order."""
        asked.append(order_id)
        return "shipped on Monday"

    async with online(tmp_path, lookup_order, first=LOOKUP) as on:
        on.ask()
        output = await on.session.seen("conversation.item.create")
        assert output["item"]["type"] == "function_call_output"
        assert output["item"]["output"] == "shipped on Monday"
        done = await on.running.witness.first(TurnDone)
        assert asked == ["A-1042"]
        assert done.turn.kind == "reply"
        await events.until(lambda rows: any(isinstance(row, RealtimeToolEnd) for row in rows))
        assert [event.tool for event in on.running.witness.all(ToolStarted)] == ["lookup_order"]
        assert [event.tool for event in on.running.witness.all(ToolEnded)] == ["lookup_order"]
        assert len(on.sent("response.create")) == 1


@pytest.mark.asyncio
async def test_a_handoff_keeps_the_format(tmp_path: Path) -> None:
    """Another agent takes over: its settings go out with mu-law both ways, and what it says is
    heard as it was made.
    """
    orders = RealtimeAgent[CallContext](name="orders", instructions="Know all orders.")
    triage = RealtimeAgent[CallContext](name="triage", instructions="Sort.", handoffs=[orders])
    async with online(tmp_path, first=TRANSFER, agent=triage) as on:
        on.ask()
        handoff = await on.running.witness.first(Handoff)
        assert (handoff.from_agent, handoff.to_agent) == ("triage", "orders")
        await on.session.seen("session.updated", 2)
        await on.running.witness.first(TurnDone)
        updates = [update["session"] for update in on.sent("session.update")]
        assert [each["instructions"] for each in updates] == ["Sort.", "Know all orders."]
        await on.session.seen("response.done", 2)
        wait = (tmp_path / "speech" / "tones" / "wait.ulaw").read_bytes()
        await on.running.carrier.sent.until(lambda _: on.running.carrier.audio == wait)


@pytest.mark.asyncio
async def test_usage_is_counted(tmp_path: Path, events: Chronicle[RealtimeSessionEvent]) -> None:
    """Tokens of an answer add up in the session's context."""
    async with online(tmp_path, greeting="Greet.") as on:
        await on.session.seen("response.done")
        await events.until(lambda rows: bool(rows) and rows[-1].info.context.usage.total_tokens > 0)
        usage = events[-1].info.context.usage
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens


@pytest.mark.asyncio
async def test_history_grows_with_both_sides_words(
    tmp_path: Path, events: Chronicle[RealtimeSessionEvent]
) -> None:
    """Items of caller and agent enter the SDK's history though it never saw audio."""
    async with online(tmp_path, first='say = "wait"') as on:
        on.ask()
        await on.session.seen("conversation.item.input_audio_transcription.completed")
        await on.session.seen("response.done")

        def roles(rows: list[RealtimeSessionEvent]) -> list[Any]:
            added = [row.item for row in rows if isinstance(row, RealtimeHistoryAdded)]
            return [item.role for item in added if item.type == "message"]

        await events.until(lambda rows: roles(rows) == ["user", "assistant"])


@pytest.mark.asyncio
async def test_audio_never_reaches_the_session(
    tmp_path: Path, events: Chronicle[RealtimeSessionEvent]
) -> None:
    """Neither as audio events nor raw: the deltas stay in the gateway."""
    async with online(tmp_path, greeting="Greet.") as on:
        await on.session.seen("response.done")
        await on.running.carrier.sent.until(lambda _: len(on.running.carrier.audio) == 4800)

        def raw(rows: list[RealtimeSessionEvent]) -> set[str]:
            data = [row.data for row in rows if isinstance(row, RealtimeRawModelEvent)]
            return {
                each.data["type"] for each in data if isinstance(each, RealtimeModelRawServerEvent)
            }

        await events.until(lambda rows: "response.done" in raw(rows))
        assert "response.output_item.done" in raw(events.rows)
        assert "response.output_audio.delta" not in raw(events.rows)
        assert not [event for event in events if isinstance(event, RealtimeAudio)]


# Interruptions


@pytest.mark.asyncio
async def test_a_caller_who_interrupts_surfaces_on_the_session(
    tmp_path: Path, events: Chronicle[RealtimeSessionEvent]
) -> None:
    """Speech over the answer: clear, truncate at what was heard, `audio_interrupted` for whoever
    iterates the session; the cancel is the server's own.
    """
    async with online(tmp_path, carrier=SilentCarrier()) as on:
        on.ask()
        await on.session.seen("response.output_audio.delta")
        await heard(on.running, 60)
        on.speak(tone(200))
        barge_in = await on.running.witness.first(BargeIn)
        truncate = await on.session.seen("conversation.item.truncate")
        truncated = await on.session.seen("conversation.item.truncated")
        assert truncated["audio_end_ms"] == truncate["audio_end_ms"] == barge_in.heard_ms
        assert "clear" in on.running.carrier.kinds
        assert on.sent("response.cancel") == []
        rows = await events.until(
            lambda rows: any(isinstance(row, RealtimeAudioInterrupted) for row in rows)
        )
        (interrupted,) = (row for row in rows if isinstance(row, RealtimeAudioInterrupted))
        assert interrupted.item_id == truncate["item_id"] == barge_in.item_id


@pytest.mark.asyncio
async def test_session_interrupt_goes_through_the_door(
    tmp_path: Path, events: Chronicle[RealtimeSessionEvent]
) -> None:
    """An operator's `session.interrupt()`: clear, cancel of the running response, truncate, once;
    the SDK sends nothing of its own.
    """
    async with online(tmp_path, carrier=SilentCarrier(), speed=1) as on:
        on.ask()
        created = await on.session.seen("response.created")
        await on.session.seen("response.output_audio.delta")
        await heard(on.running, 60)
        await session_of(on.running).interrupt()
        assert "clear" in on.running.carrier.kinds
        cancel = await on.session.seen("response.cancel")
        assert cancel["response_id"] == created["response"]["id"]
        await on.session.seen("conversation.item.truncate")
        kinds = [
            event["type"] for event in on.sent("conversation.item.truncate", "response.cancel")
        ]
        assert kinds == ["response.cancel", "conversation.item.truncate"]
        assert [event.cause for event in on.running.witness.all(BargeIn)] == ["operator"]
        await events.until(
            lambda rows: any(isinstance(row, RealtimeAudioInterrupted) for row in rows)
        )
        done = await on.session.seen("response.done")
        assert done["response"]["status"] == "cancelled"


def forbids(word: str) -> OutputGuardrail[Any]:
    """A guardrail that trips on a word."""

    async def check(_context: Any, _agent: Any, text: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=word in text)

    return OutputGuardrail(guardrail_function=check, name="no_stories")


@pytest.mark.asyncio
async def test_a_guardrail_goes_through_the_door(
    tmp_path: Path, events: Chronicle[RealtimeSessionEvent]
) -> None:
    """It trips while the answer is made: clear, cancel, correction, then the recovery message and
    the answer to it, which is heard.
    """
    guarded = {
        "output_guardrails": [forbids("long")],
        "guardrails_settings": {"debounce_text_length": 1},
    }
    async with online(tmp_path, carrier=SilentCarrier(), run_config=guarded, speed=2) as on:
        on.ask()
        tripped = await on.running.witness.first(GuardrailTripped)
        assert tripped.guardrail == "no_stories"
        await on.session.seen("response.created", 2)
        recovery = on.sent("conversation.item.create")[0]["item"]
        assert "no_stories" in recovery["content"][0]["text"]
        order = [event["type"] for event in on.sent()]
        cancel = order.index("response.cancel")
        corrections = {"conversation.item.truncate", "conversation.item.delete"} & set(order)
        assert corrections
        assert cancel < order.index("conversation.item.create") < order.index("response.create")
        assert [event.cause for event in on.running.witness.all(BargeIn)] == ["guardrail"]
        bye = (tmp_path / "speech" / "tones" / "bye.ulaw").read_bytes()
        kinds = on.running.carrier.kinds
        assert kinds.count("clear") == 1
        await on.running.carrier.sent.until(lambda _: on.running.carrier.audio.endswith(bye))
        await events.until(
            lambda rows: any(isinstance(row, RealtimeAudioInterrupted) for row in rows)
        )
        assert on.running.witness.all(ModelErrorReported) == []


@pytest.mark.asyncio
async def test_no_answer_is_asked_for_after_a_spoken_goodbye(tmp_path: Path) -> None:
    """`end_call` in an answer with words: its output is sent, without another `response.create`."""
    first = 'say = "bye"\ncall = { name = "end_call" }'
    async with online(tmp_path, end_call, first=first) as on:
        on.ask()
        output = await on.session.seen("conversation.item.create")
        assert output["item"]["type"] == "function_call_output"
        assert await soon(on.running.task) == "agent_hung_up"
        assert on.sent("response.create") == []
