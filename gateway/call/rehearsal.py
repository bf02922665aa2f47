"""A conversation that nobody has, before the first call: what the SDK makes at first use is made
by then.

Most of it are pydantic's validators, which cost the first caller 70 ms in which no call of the
process is heard (measured). Nothing leaves the process, and no agent of the user's is run.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from agents import FunctionTool
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.config import RealtimeRunConfig
from agents.realtime.model import RealtimeModelConfig

from gateway.call.link import ModelLink
from gateway.call.model import TelephonyModel

_TOOL = "look_up"
_TURNS = 20
_SETTINGS: RealtimeModelConfig = {
    "api_key": "none",
    "initial_model_settings": {
        "model_name": "gpt-realtime",
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
        "turn_detection": {"type": "server_vad", "interrupt_response": True},
    },
}
_SESSION = {
    "type": "realtime",
    "model": "gpt-realtime",
    "audio": {
        "input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}},
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
    },
}
_CALLER = {
    "id": "item_1",
    "type": "message",
    "role": "user",
    "status": "completed",
    "content": [{"type": "input_audio", "transcript": None}],
}
_TOOL_CALL = {
    "id": "item_2",
    "type": "function_call",
    "status": "completed",
    "name": _TOOL,
    "call_id": "call_1",
    "arguments": "{}",
}
_AGENT = {
    "id": "item_3",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_audio", "transcript": "Hello."}],
}
_TOKENS = {"text_tokens": 1, "audio_tokens": 1, "image_tokens": 0}
_USAGE = {
    "total_tokens": 4,
    "input_tokens": 2,
    "output_tokens": 2,
    "input_token_details": {**_TOKENS, "cached_tokens": 0, "cached_tokens_details": _TOKENS},
    "output_token_details": {"text_tokens": 1, "audio_tokens": 1},
}


async def rehearse() -> None:
    """Has the SDK hold a conversation with itself: a turn, a tool, an answer."""
    agent = RealtimeAgent[None](name="rehearsal", instructions="", tools=[_tool()])
    model = TelephonyModel(_dial, lambda _event: None, lambda _tool, _output: True)
    quiet: RealtimeRunConfig = {"tracing_disabled": True}
    runner = RealtimeRunner(agent, model=model, config=quiet)
    session = await runner.run(model_config=_SETTINGS)
    async with session:
        async for _event in session:
            pass


class _Stage:
    """Stands where the link stands, and plays the model's part."""

    def __init__(self) -> None:
        self._events = _play()

    async def send(self, _message: str) -> None:
        """To nobody."""

    async def close(self) -> None:
        """The play is over."""

    def __aiter__(self) -> "_Stage":
        return self

    async def __anext__(self) -> bytes:
        for _ in range(_TURNS):  # as over a network: what an event starts comes first
            await asyncio.sleep(0)
        for event in self._events:
            return json.dumps(event).encode()
        raise StopAsyncIteration


def _play() -> Iterator[dict[str, Any]]:
    """What a model says, in the order in which it says it (the GA protocol)."""
    yield _event("session.created", session={**_SESSION, "id": "sess_1"})
    yield _event("session.updated", session={**_SESSION, "id": "sess_1"})
    yield _event("conversation.item.added", previous_item_id=None, item=_CALLER)
    usage = {"type": "duration", "seconds": 1}
    heard = {"item_id": "item_1", "content_index": 0, "transcript": "Hello?", "usage": usage}
    yield _event("conversation.item.input_audio_transcription.completed", **heard)
    for response_id, item in (("resp_1", _TOOL_CALL), ("resp_2", _AGENT)):
        response = {"object": "realtime.response", "id": response_id, "output": []}
        yield _event("response.created", response={**response, "status": "in_progress"})
        made = {"response_id": response_id, "output_index": 0, "item": item}
        begun = {**made, "item": {**item, "status": "in_progress"}}
        yield _event("response.output_item.added", **begun)
        yield _event("response.output_item.done", **made)
        done = {**response, "status": "completed", "output": [item], "usage": _USAGE}
        yield _event("response.done", response=done)


def _event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": "event_1", **fields}


async def _dial(_url: str, _headers: Mapping[str, str]) -> ModelLink:
    return cast(ModelLink, _Stage())


def _tool() -> FunctionTool:
    async def answer(_context: Any, _arguments: str) -> str:
        return "found"

    return FunctionTool(
        name=_TOOL,
        description="",
        params_json_schema={"type": "object", "properties": {}, "additionalProperties": False},
        on_invoke_tool=answer,
    )
