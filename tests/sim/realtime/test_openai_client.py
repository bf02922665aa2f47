"""The stock `openai` package holds a whole conversation with the offline server."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from tests.sim.realtime.harness import KEY, LINES, MODEL, PCMU, TOOL, offline, silence, tone


class Talk:
    """A conversation through the official connection object."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.audio: dict[str, bytes] = {}

    async def until(self, kind: str) -> Any:
        """The next event of a type; speech on the way is kept by item."""
        async with asyncio.timeout(5):
            while True:
                event = await self.connection.recv()
                if event.type == "response.output_audio.delta":
                    data = base64.b64decode(event.delta)
                    self.audio[event.item_id] = self.audio.get(event.item_id, b"") + data
                if event.type == kind:
                    return event

    async def speak(self, payload: bytes) -> None:
        for start in range(0, len(payload), 160):
            chunk = base64.b64encode(payload[start : start + 160]).decode()
            await self.connection.input_audio_buffer.append(audio=chunk)


@pytest.mark.asyncio
async def test_a_conversation(tmp_path: Path) -> None:
    """Greeting, a spoken turn with a tool, a barge-in with truncation, a written turn."""
    async with offline(tmp_path, api_key=KEY, speed=4.5) as server:
        base = server.url.removesuffix("/realtime")
        client = AsyncOpenAI(api_key=KEY, websocket_base_url=base)
        async with client.realtime.connect(model=MODEL) as connection:
            talk = Talk(connection)
            await talk.until("session.created")
            await connection.session.update(
                session={
                    "type": "realtime",
                    "instructions": "You answer the phone.",
                    "tools": [TOOL],  # type: ignore[list-item]
                    "audio": {
                        "input": {
                            "format": {"type": "audio/pcmu"},
                            "transcription": {"model": "gpt-4o-mini-transcribe"},
                            "turn_detection": {"type": "server_vad"},
                        },
                        "output": PCMU,  # type: ignore[typeddict-item]
                    },
                }
            )
            updated = await talk.until("session.updated")
            assert updated.session.audio.input.turn_detection.interrupt_response is True

            await connection.response.create()
            greeting = (await talk.until("response.done")).response
            assert talk.audio[greeting.output[0].id] == tone(LINES["hello"][1], hz=300)

            await talk.speak(silence(320) + tone(640) + silence(320))
            done = (await talk.until("response.done")).response
            call = done.output[1]
            assert (call.name, call.arguments) == ("lookup_order", '{"order_id":"A-1042"}')

            output = {"type": "function_call_output", "call_id": call.call_id, "output": "{}"}
            await connection.conversation.item.create(item=output)  # type: ignore[arg-type]
            await connection.response.create()
            item_id = (await talk.until("response.output_audio.delta")).item_id
            await talk.speak(tone(640))
            done = (await talk.until("response.done")).response
            assert done.status_details.reason == "turn_detected"
            await connection.conversation.item.truncate(
                item_id=item_id, content_index=0, audio_end_ms=20
            )
            assert (await talk.until("conversation.item.truncated")).audio_end_ms == 20
            await talk.speak(silence(320))
            done = (await talk.until("response.done")).response
            assert done.output[0].content[0].transcript == LINES["story"][0]

            text = {"type": "input_text", "text": "Caller pressed 5"}
            item = {"type": "message", "role": "user", "content": [text]}
            await connection.conversation.item.create(item=item)  # type: ignore[arg-type]
            await connection.response.create(response={"output_modalities": ["text"]})
            assert (await talk.until("response.output_text.done")).text == LINES["wait"][0]
            assert (await talk.until("response.done")).response.usage.total_tokens > 0
        session = await server.wait_session()
        await asyncio.wait_for(session.closed.wait(), 5)
        assert session.conversation[5].audio_ms == 20
        assert [item.transcript for item in session.conversation if item.role == "user"] == [
            "Where is my order?",
            "Sorry?",
            None,
        ]


@pytest.mark.asyncio
async def test_a_wrong_key_shows_as_an_error_event(tmp_path: Path) -> None:
    """Connecting succeeds; the first event says what is wrong."""
    async with offline(tmp_path, api_key=KEY) as server:
        client = AsyncOpenAI(
            api_key="sk-wrong", websocket_base_url=server.url.removesuffix("/realtime")
        )
        async with client.realtime.connect(model=MODEL) as connection:
            event = await connection.recv()
            assert event.type == "error"
            assert event.error.code == "invalid_api_key"
