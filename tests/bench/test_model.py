"""The scripted model speaks the GA protocol as its clients' types know it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Annotated, Any

import pytest
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from pydantic import Field, TypeAdapter

from bench.model import ScriptedModel
from bench.record import CallRecord, Exchange
from bench.script import Cues
from bench.stamps import Stamp, StampReader, stamped_frame
from gateway.ops.load.clock import Clock

SERVER: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])

ANSWER = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


class Silent:
    """A script in which nothing happens by itself; the test gives the cues."""

    session: Cues

    def begin(self, session: Cues, random: Random) -> None:
        self.session = session


class Client(WSListener):
    """A Realtime client that keeps every event and can wait for one."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._transport: WSTransport | None = None
        self._arrived = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            self.events.append(json.loads(frame.get_payload_as_bytes()))
            self._arrived.set()

    def send(self, **event: Any) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT, json.dumps(event).encode())

    def close(self) -> None:
        assert self._transport is not None
        self._transport.disconnect()

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def until(self, kind: str, times: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while self.kinds().count(kind) < times:
                self._arrived.clear()
                await self._arrived.wait()
        return [event for event in self.events if event["type"] == kind][times - 1]


@asynccontextmanager
async def session() -> AsyncIterator[tuple[Client, Exchange, Silent]]:
    """A connected client whose call is number 5."""
    with Clock(asyncio.get_running_loop()) as clock:
        model, exchange, script = ScriptedModel(clock, seed=1), Exchange(), Silent()
        exchange.calls[5] = CallRecord(5)
        model.take(exchange, script)
        url = f"ws://127.0.0.1:{await model.start()}/v1/realtime"
        client = Client()
        await ws_connect(lambda: client, url)
        try:
            yield client, exchange, script
        finally:
            client.close()
            await model.stop()


def configure(client: Client) -> None:
    pcmu = {"format": {"type": "audio/pcmu"}}
    vad = {"type": "semantic_vad"}
    inputs = pcmu | {"turn_detection": vad, "transcription": {"model": "gpt-4o-mini-transcribe"}}
    audio = {"input": inputs, "output": pcmu}
    client.send(type="session.update", session={"type": "realtime", "audio": audio})


def speak(client: Client, exchange: Exchange, frames: int = 3) -> None:
    """The caller's first frames: they tell the model whose session this is."""
    for seq in range(frames):
        exchange.calls[5].frame_sent(0)
        audio = base64.b64encode(stamped_frame(int(Stamp(5, 0, seq)))).decode()
        client.send(type="input_audio_buffer.append", audio=audio)


def check_types(events: list[dict[str, Any]]) -> None:
    """As the SDK validates them: a null previous item becomes an empty string."""
    for event in events:
        if event.get("previous_item_id", "") is None:
            event = event | {"previous_item_id": ""}
        SERVER.validate_python(event)
    ids = [event["event_id"] for event in events]
    assert len(set(ids)) == len(ids)


@pytest.mark.asyncio
async def test_an_answer_has_the_events_of_the_real_one_in_their_order() -> None:
    """Every event is valid for the client's types, and the audio is whole and stamped."""
    async with session() as (client, exchange, _):
        configure(client)
        client.send(type="response.create")
        await client.until("rate_limits.updated")
        check_types(client.events)
        assert client.kinds()[:2] == ["session.created", "session.updated"]
        assert list(dict.fromkeys(client.kinds()[2:])) == ANSWER
        deltas = [base64.b64decode(e["delta"]) for e in client.events if e["type"] == ANSWER[5]]
        item = exchange.sessions[1][0]
        assert sum(map(len, deltas)) == item.written == item.length
        found = [Stamp.unpack(s) for d in [StampReader()] for p in deltas for s, _ in d.feed(p)]
        assert found == [Stamp(1, 0, seq) for seq in range(item.length // 160)]
        said = "".join(e["delta"] for e in client.events if e["type"] == ANSWER[4])
        assert said == (await client.until("response.output_audio_transcript.done"))["transcript"]


@pytest.mark.asyncio
async def test_the_session_echoes_what_was_set() -> None:
    """Formats and both VAD booleans: without them the SDK cancels by itself."""
    async with session() as (client, _, _):
        configure(client)
        audio = (await client.until("session.updated"))["session"]["audio"]
        assert audio["output"]["format"] == {"type": "audio/pcmu"}
        assert audio["output"]["voice"] == "alloy"
        assert audio["input"]["turn_detection"] == {
            "type": "semantic_vad",
            "create_response": True,
            "interrupt_response": True,
        }


@pytest.mark.asyncio
async def test_an_interrupted_answer_is_closed_and_cancelled() -> None:
    """First speech_started, then the end of the unfinished answer, then the caller's turn."""
    async with session() as (client, exchange, script):
        configure(client)
        speak(client, exchange)
        client.send(type="response.create")
        await client.until("response.output_audio.delta")
        script.session.caller_starts()
        done = (await client.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert done["output"][0]["status"] == "incomplete"
        assert [i.items for i in exchange.calls[5].interruptions] == [exchange.sessions[1]]
        script.session.caller_stops([1600])
        await client.until("response.created", 2)
        await client.until("conversation.item.input_audio_transcription.completed")
        check_types(client.events)
        kinds = client.kinds()
        assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.done")
        turn = kinds.index("input_audio_buffer.speech_stopped")
        assert kinds[turn + 1 : turn + 4] == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]


@pytest.mark.asyncio
async def test_truncations_are_kept_and_impossible_ones_refused() -> None:
    """The model remembers the shortest length it was told, like the real one."""
    async with session() as (client, exchange, _):
        client.send(type="response.create")
        await client.until("response.done")
        item = exchange.sessions[1][0]
        for end_ms in (5000, 400, 600):
            fields = {"item_id": item.item_id, "content_index": 0, "audio_end_ms": end_ms}
            client.send(type="conversation.item.truncate", event_id=f"t{end_ms}", **fields)
        await client.until("error", 2)
        assert item.truncated_ms == 400
        refused = [e["error"]["event_id"] for e in client.events if e["type"] == "error"]
        assert refused == ["t5000", "t600"]
        client.send(type="conversation.item.delete", item_id=item.item_id)
        client.send(type="conversation.item.delete", item_id=item.item_id)
        await client.until("error", 3)
        assert item.deleted
        check_types(client.events)


@pytest.mark.asyncio
async def test_a_second_response_and_an_idle_cancel_are_refused() -> None:
    """With the codes a client knows to be harmless."""
    async with session() as (client, _, _):
        client.send(type="response.create")
        client.send(type="response.create")
        await client.until("error")
        client.send(type="response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status_details"]["reason"] == "client_cancelled"
        client.send(type="response.cancel")
        await client.until("error", 2)
        codes = [e["error"]["code"] for e in client.events if e["type"] == "error"]
        assert codes == ["conversation_already_has_active_response", "response_cancel_not_active"]
        check_types(client.events)


@pytest.mark.asyncio
async def test_items_and_retrievals_are_answered() -> None:
    """What a client adds is shown, what it asks for is returned."""
    async with session() as (client, exchange, _):
        content = [{"type": "input_text", "text": "Hello"}]
        item = {"type": "message", "role": "user", "content": content}
        client.send(type="conversation.item.create", item=item)
        await client.until("conversation.item.done")
        client.send(type="response.create")
        await client.until("response.done")
        client.send(type="conversation.item.retrieve", item_id=exchange.sessions[1][0].item_id)
        client.send(type="conversation.item.retrieve", item_id="item_unknown")
        await client.until("error")
        assert "conversation.item.retrieved" in client.kinds()
        check_types(client.events)


@pytest.mark.asyncio
async def test_caller_audio_finds_its_call() -> None:
    """The session is bound by the first frame, and frames are counted."""
    async with session() as (client, exchange, script):
        speak(client, exchange, frames=4)
        client.send(type="response.create")
        await client.until("response.created")
        record = exchange.calls[5]
        assert record.inbound.next == 4
        assert record.items is exchange.sessions[1]
        assert script.session is not None
