"""Server events of the Realtime protocol as a test needs them, grown from the golden examples."""

import base64
import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

Event = dict[str, Any]
_GOLDEN = Path(__file__).parents[1] / "fixtures" / "realtime" / "server"

CALLER_ITEM = "item_caller"


@cache
def _example(name: str) -> Event:
    event: Event = json.loads((_GOLDEN / f"{name}.json").read_bytes())
    return event


def golden_events() -> list[Event]:
    """Every golden example of a server event."""
    return [json.loads(path.read_bytes()) for path in sorted(_GOLDEN.glob("*.json"))]


def golden(name: str, **fields: Any) -> Event:
    """A golden example with some of its fields replaced."""
    return {**copy.deepcopy(_example(name)), **fields}


def wire(event: Event) -> bytes:
    """The event as the server writes it: compact, `type` first."""
    return json.dumps(event, separators=(",", ":")).encode()


def session_created() -> Event:
    return golden("session.created")


def session_updated(
    input_format: str = "audio/pcmu",
    output_format: str = "audio/pcmu",
    *,
    interrupts: bool = True,
    silence_ms: int = 500,
) -> Event:
    event = golden("session.updated")
    audio = event["session"]["audio"]
    audio["input"]["format"] = {"type": input_format}
    audio["output"]["format"] = {"type": output_format}
    audio["input"]["turn_detection"]["interrupt_response"] = interrupts
    audio["input"]["turn_detection"]["silence_duration_ms"] = silence_ms
    return event


def response_created(response: str = "resp_1") -> Event:
    event = golden("response.created")
    event["response"]["id"] = response
    return event


def item_announced(response: str = "resp_1", item: str = "item_1", kind: str = "message") -> Event:
    name = {"message": "message.assistant", "function_call": "function_call"}[kind]
    event = golden(f"response.output_item.added.{name}.in_progress", response_id=response)
    event["item"]["id"] = item
    return event


def item_added(item: str = "item_1", kind: str = "message") -> Event:
    name = {"message": "message.assistant", "function_call": "function_call"}[kind]
    event = golden(f"conversation.item.added.{name}.in_progress")
    event["item"]["id"] = item
    return event


def delta(
    audio: bytes, response: str = "resp_1", item: str = "item_1", content_index: int = 0
) -> Event:
    return golden(
        "response.output_audio.delta",
        response_id=response,
        item_id=item,
        content_index=content_index,
        delta=base64.b64encode(audio).decode(),
    )


def audio_done(response: str = "resp_1", item: str = "item_1", content_index: int = 0) -> Event:
    return golden(
        "response.output_audio.done",
        response_id=response,
        item_id=item,
        content_index=content_index,
    )


def words_delta(text: str, response: str = "resp_1", item: str = "item_1") -> Event:
    return golden(
        "response.output_audio_transcript.delta", response_id=response, item_id=item, delta=text
    )


def words_done(text: str, response: str = "resp_1", item: str = "item_1") -> Event:
    return golden(
        "response.output_audio_transcript.done",
        response_id=response,
        item_id=item,
        transcript=text,
    )


def call_done(
    tool: str,
    arguments: str = "{}",
    response: str = "resp_1",
    item: str = "item_call",
    call: str = "call_1",
) -> Event:
    """The model has decided on a function call."""
    event = golden("response.output_item.done.function_call.completed", response_id=response)
    event["item"] |= {"id": item, "name": tool, "call_id": call, "arguments": arguments}
    return event


def response_done(
    response: str = "resp_1", status: str = "completed", code: str | None = None
) -> Event:
    name = {
        "completed": "response.done",
        "cancelled": "response.done.cancelled.turn_detected",
        "failed": "response.done.failed.server_error",
    }[status]
    event = golden(name)
    event["response"]["id"] = response
    event["response"]["output"] = []
    if status == "failed":
        event["response"]["status_details"]["error"] |= {"code": code}
    return event


def speech_started(at_ms: int = 100) -> Event:
    return golden("input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=CALLER_ITEM)


def speech_stopped(at_ms: int = 900) -> Event:
    return golden("input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=CALLER_ITEM)


def committed(item: str = CALLER_ITEM) -> Event:
    return golden("input_audio_buffer.committed", item_id=item)


def nobody_spoke(item: str = CALLER_ITEM) -> Event:
    return golden("input_audio_buffer.timeout_triggered", item_id=item)


def caller_words(text: str) -> Event:
    name = "conversation.item.input_audio_transcription.completed"
    return golden(name, item_id=CALLER_ITEM, transcript=text)


def error(code: str | None, kind: str = "invalid_request_error") -> Event:
    event = golden("error")
    event["error"] |= {"type": kind, "code": code}
    return event


def spoken(audio: bytes, response: str = "resp_1", item: str = "item_1") -> list[Event]:
    """A whole answer of one message, from its creation to its end."""
    return [
        response_created(response),
        item_announced(response, item),
        item_added(item),
        delta(audio, response, item),
        audio_done(response, item),
        response_done(response),
    ]
