"""The Agents SDK's stock model holds a whole conversation with the offline server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeRunner,
    RealtimeSession,
    realtime_handoff,
)
from openai.types.responses import ToolChoiceFunction

from tests.sim.realtime.harness import KEY, MODEL, offline, silence, tone

SCRIPT = """
name = "test"
voice = "tones"
[greeting]
say = "hello"
[[turn]]
heard = "Where is my order?"
say = "wait"
call = { name = "lookup_order", arguments = { order_id = "A-1042" } }
[[turn]]
heard = "Let me talk to billing."
call = { name = "transfer_to_billing" }
[[turn]]
heard = "Stop."
say = "bye"
[after_tool.lookup_order]
say = "else"
[after_tool.transfer_to_billing]
say = "story"
[otherwise]
say = "else"
"""


class Listener:
    """Reads a session to its end and wakes whoever waits for an event."""

    def __init__(self, session: RealtimeSession) -> None:
        self.events: list[Any] = []
        self._session = session
        self._came = asyncio.Condition()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self._session:
            async with self._came:
                self.events.append(event)
                self._came.notify_all()

    async def nth(self, kind: str, n: int = 1) -> Any:
        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: self._task.done() or len(self.of(kind)) >= n)
            return self.of(kind)[n - 1]

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def runner(asked: list[str], **changes: Any) -> RealtimeRunner:
    @function_tool
    def lookup_order(order_id: str) -> str:
        """Looks up an order."""
        asked.append(order_id)
        return "shipped"

    billing = RealtimeAgent(name="billing", instructions="You do the billing.")
    front = RealtimeAgent(
        name="front",
        instructions="You answer the phone.",
        tools=[lookup_order],
        handoffs=[realtime_handoff(billing, tool_name_override="transfer_to_billing")],
    )
    settings: Any = {
        "model_name": MODEL,
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "turn_detection": {"type": "server_vad", "interrupt_response": True},
        **changes,
    }
    return RealtimeRunner(
        front,
        model=OpenAIRealtimeWebSocketModel(),
        config={"model_settings": settings},
    )


@pytest.mark.asyncio
async def test_a_conversation(tmp_path: Path) -> None:
    """Audio both ways, a tool, a handoff, an interruption: no error on the way."""
    asked: list[str] = []
    async with offline(tmp_path, SCRIPT, api_key=KEY, speed=4.5) as server:
        url = f"{server.url}?model={MODEL}"
        config: RealtimeModelConfig = {"api_key": KEY, "url": url}
        session = await runner(asked).run(model_config=config)
        async with session:
            listener = Listener(session)
            ours = await server.wait_session()
            await ours.seen("session.updated", 2)

            await session.send_audio(silence(320) + tone(640) + silence(320))
            tool = await listener.nth("tool_end")
            assert (asked, tool.output) == (["A-1042"], "shipped")
            await ours.seen("response.done", 2)

            await session.send_audio(tone(640) + silence(320))
            handoff = await listener.nth("handoff")
            assert handoff.to_agent.name == "billing"
            await ours.seen("response.output_audio.delta", 9)

            await session.send_audio(tone(320))
            await listener.nth("audio_interrupted", 1)
            await session.send_audio(tone(320) + silence(320))
            await ours.seen("response.done", 5)
            await session.send_message("hi")
            await ours.seen("response.done", 6)
            await listener.nth("agent_end", 6)
            await listener.end()
    assert listener.of("error") == []
    statuses = [
        row["event"]["response"]["status"]
        for row in ours.trace
        if row.get("event", {}).get("type") == "response.done"
    ]
    assert statuses == ["completed"] * 3 + ["cancelled"] + ["completed"] * 2
    sent = {row["event"]["type"] for row in ours.trace if row["dir"] == "C" and "event" in row}
    assert "conversation.item.truncate" in sent
    assert "response.cancel" not in sent
    assert ours.config["instructions"] == "You do the billing."
    assert ours.close_code == 1000


EVERYTHING: Any = {
    "model_name": MODEL,
    "voice": {"id": "voice_1234"},
    "speed": 1.1,
    "max_output_tokens": 800,
    # As a plain dict the SDK would send the same, and pydantic would warn of it.
    "tool_choice": ToolChoiceFunction(type="function", name="lookup_order"),
    "parallel_tool_calls": True,
    "reasoning": {"effort": "low"},
    "prompt": {"id": "pmpt_123", "version": "3", "variables": {"company": "Example"}},
    "tracing": {"workflow_name": "phone", "group_id": "1", "metadata": {"line": "2"}},
    "input_audio_format": "g711_alaw",
    "output_audio_format": "pcm16",
    "input_audio_transcription": {
        "model": "gpt-transcribe",
        "language": "en",
        "prompt": "orders",
        "keywords": ["Contoso"],
    },
    "input_audio_noise_reduction": {"type": "far_field"},
    "turn_detection": {
        "type": "server_vad",
        "interrupt_response": True,
        "create_response": True,
        "idle_timeout_ms": 20000,
    },
}


@pytest.mark.asyncio
async def test_every_setting_of_the_sdk_reaches_the_session(tmp_path: Path) -> None:
    """None is refused, each is in force, and a caller who stays silent is told to the SDK."""
    async with offline(tmp_path, SCRIPT, api_key=KEY, idle_scale=0.001) as server:
        url = f"{server.url}?model={MODEL}"
        config: RealtimeModelConfig = {"api_key": KEY, "url": url}
        session = await runner([], **EVERYTHING).run(model_config=config)
        async with session:
            listener = Listener(session)
            ours = await server.wait_session()
            await ours.seen("session.updated", 2)
            await session.send_message("Where is it?")
            await listener.nth("input_audio_timeout_triggered")
            await listener.end()
    assert listener.of("error") == []
    effective = ours.config.wire()
    for name in ("max_output_tokens", "parallel_tool_calls", "reasoning", "prompt", "tracing"):
        assert effective[name] == EVERYTHING[name]
    assert effective["tool_choice"] == {"type": "function", "name": "lookup_order"}
    heard, spoken = effective["audio"]["input"], effective["audio"]["output"]
    assert heard["format"] == {"type": "audio/pcma"}
    assert heard["transcription"] == EVERYTHING["input_audio_transcription"]
    assert heard["noise_reduction"] == {"type": "far_field"}
    assert heard["turn_detection"]["idle_timeout_ms"] == 20000
    assert (spoken["format"]["type"], spoken["speed"]) == ("audio/pcm", 1.1)
    assert spoken["voice"] == "voice_1234"
