"""What a caller hears while a tool takes its time, and how it makes way."""

import asyncio
from typing import Any

import pytest
from agents import FunctionTool, function_tool
from agents.realtime.model import RealtimeModelListener

from gateway.call.control import hold
from gateway.call.filler import FillerRules
from gateway.call.outbound import FILLER
from gateway.core import tones
from gateway.core.events import BargeIn, CallerStarted, ToolEnded, ToolStarted
from gateway.core.floor import FloorRules
from tests.call import model_events as said
from tests.call.calls import LiveCall, live, plan, served, session_of, speech
from tests.call.carriers import SilentCarrier, payload_of
from tests.call.hand_model import HandModel, ModelEnd
from tests.call.watching import until

pytestmark = pytest.mark.asyncio
PHRASE = b"\x33" * 1600
TONE = tones.hold_tone(300)


class Slow:
    """A tool that answers when the test lets it."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

        @function_tool
        async def slow() -> str:
            """Takes its time."""
            await self.may_end.wait()
            return "done"

        self.tool: FunctionTool = slow


def filled(model: HandModel, *tools: Any, audio: bytes | None = PHRASE, **more: Any) -> Any:
    """An agent without a greeting whose slow tools are filled."""
    rules = FillerRules(after_s=0.05, audio=audio)
    return plan(model.url, *tools, greeting=None, more={"filler": rules, **more})


async def call_tool(end: ModelEnd, tool: str = "slow", arguments: str = "{}") -> None:
    """The model calls a tool and says nothing."""
    await end.send(
        said.response_created(), said.call_done(tool, arguments=arguments), said.response_done()
    )


async def playing(running: LiveCall, audio: bytes) -> None:
    """Returns when the caller is sent that."""
    await running.carrier.sent.until(lambda _: audio in running.carrier.audio)


def to_model(end: ModelEnd) -> list[str]:
    """What the model was told, settings left out."""
    return end.kinds("session.update", "input_audio_buffer.append")


async def test_a_phrase_then_a_tone_until_the_tool_is_done() -> None:
    """Once the phrase; the tone goes with a clear as soon as the tool has answered. The model
    learns of the tool's answer and of nothing else.
    """
    slow, carrier = Slow(), SilentCarrier()
    async with HandModel() as model, live(filled(model, slow.tool), carrier) as running:
        end = await served(model, running)
        await call_tool(end)
        await playing(running, PHRASE)
        await playing(running, TONE)
        assert carrier.audio.count(PHRASE) == 1
        assert carrier.audio.startswith(PHRASE + TONE[:160])
        slow.may_end.set()
        await running.witness.first(ToolEnded)
        assert carrier.kinds[-1] == "clear"
        assert running.call.dialogue.outbound.ledger.find(FILLER) is None
        await end.seen("response.create")
        assert to_model(end) == ["conversation.item.create", "response.create"]
        assert running.witness.all(BargeIn) == []


async def test_without_a_phrase_the_tone_comes_first() -> None:
    """An agent that has no recording still shows that the line is alive."""
    slow, carrier = Slow(), SilentCarrier()
    async with HandModel() as model, live(filled(model, slow.tool, audio=None), carrier) as running:
        end = await served(model, running)
        await call_tool(end)
        await playing(running, TONE)
        assert carrier.audio.startswith(TONE)


async def test_the_agents_first_audio_replaces_it() -> None:
    """The clear, and the agent's first frame as the very next audio: nothing waits behind it."""
    slow, carrier = Slow(), SilentCarrier()
    async with HandModel() as model, live(filled(model, slow.tool), carrier) as running:
        end = await served(model, running)
        await call_tool(end)
        await playing(running, PHRASE[:160])
        n = len(carrier.sent)
        await end.send(*said.spoken(speech(100), "resp_2", "item_2"))
        await playing(running, speech(100))
        rest = list(carrier.sent)[n:]
        cleared = [event["event"] for event in rest].index("clear")
        after = [payload_of(event) for event in rest[cleared:] if event["event"] == "media"]
        assert b"".join(after) == speech(100)
        assert to_model(end) == []
        assert running.witness.all(BargeIn) == []


@pytest.mark.parametrize("decides", ["server", "gateway"])
async def test_the_caller_who_speaks_ends_it_without_a_trace(decides: str) -> None:
    """One clear; nothing is truncated, deleted or cancelled, it is no barge-in, and nobody who
    listens to the session learns of an interruption.
    """
    slow, carrier = Slow(), SilentCarrier()
    floor = FloorRules() if decides == "gateway" else None
    heard: list[str] = []
    async with (
        HandModel() as model,
        live(filled(model, slow.tool, floor=floor), carrier) as running,
    ):
        end = await served(model, running)
        listen(running, heard)
        await call_tool(end)
        await playing(running, PHRASE[:160])
        n = len(carrier.sent)
        await end.send(said.speech_started())
        await running.witness.first(CallerStarted)
        assert [event["event"] for event in list(carrier.sent)[n:]].count("clear") == 1
        assert running.call.dialogue.outbound.ledger.find(FILLER) is None
        assert to_model(end) == []
        assert running.witness.all(BargeIn) == []
        assert running.call.dialogue.interruptions == 0
        assert "audio_interrupted" not in heard


def listen(running: LiveCall, heard: list[str]) -> None:
    """Writes down the model events the session's listeners see."""

    class Listener(RealtimeModelListener):
        async def on_event(self, event: Any) -> None:
            heard.append(event.type)

    session_of(running).model.add_listener(Listener())


async def test_a_key_ends_it_without_a_trace() -> None:
    """As speech does."""
    slow, carrier = Slow(), SilentCarrier()
    async with HandModel() as model, live(filled(model, slow.tool), carrier) as running:
        end = await served(model, running)
        await call_tool(end)
        await playing(running, PHRASE[:160])
        running.call.downstream.carrier_digit("5")
        assert carrier.kinds[-1] == "clear"
        assert running.witness.all(BargeIn) == []
        assert to_model(end) == []


async def test_a_phrase_that_has_begun_is_finished() -> None:
    """The tool is done meanwhile, and the agent has nothing to say yet."""
    slow, carrier = Slow(), SilentCarrier()
    long = b"\x33" * 4000
    async with HandModel() as model, live(filled(model, slow.tool, audio=long), carrier) as running:
        end = await served(model, running)
        await call_tool(end)
        await playing(running, long[:160])
        slow.may_end.set()
        await running.witness.first(ToolEnded)
        await playing(running, long)
        assert "clear" not in carrier.kinds


async def test_tools_that_act_on_the_call_are_not_filled() -> None:
    """A caller on hold hears the hold tone and nothing else."""
    carrier = SilentCarrier()
    async with HandModel() as model, live(filled(model, hold), carrier) as running:
        end = await served(model, running)
        await call_tool(end, "hold", '{"seconds":2}')
        await running.witness.first(ToolStarted)
        await until(lambda: len(carrier.audio) > 3000)
        assert PHRASE[:160] not in carrier.audio


async def test_nothing_begins_while_the_agent_still_speaks() -> None:
    """What it says about the tool is heard to its end first."""
    slow, carrier = Slow(), SilentCarrier()
    async with HandModel() as model, live(filled(model, slow.tool), carrier) as running:
        end = await served(model, running)
        await end.send(*said.spoken(speech(300))[:-1])
        await end.send(said.call_done("slow"), said.response_done())
        await playing(running, PHRASE)
        assert carrier.audio.startswith(speech(300) + PHRASE)
        assert "clear" not in carrier.kinds
