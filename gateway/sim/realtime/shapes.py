"""Owns the shapes of everything a client may send: events, sessions, items, responses. Data only.

Source: the client event types of `openai` 3.5x, and the live server's own error texts.
"""

from collections.abc import Mapping
from typing import Final

from gateway.sim.realtime.schema import (
    Check,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Obj,
    OneOf,
    Tagged,
    Text,
    WordOr,
    anything,
    boolean,
)

VOICES: Final = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)
TRANSCRIBERS: Final = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-realtime-whisper",
)
CLIENT_EVENT_TYPES: Final = (
    "session.update",
    "session.close",
    "input_audio_buffer.append",
    "session.input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "response.create",
    "response.cancel",
)
"""As the live server lists them. Two belong to translation sessions only."""
FOREIGN_EVENT_TYPES: Final = ("session.close", "session.input_audio_buffer.append")

_ID: Final = Text(longest=32)
_NAME: Final = Text(longest=64, pattern="[a-zA-Z0-9_-]+")
_STRING: Final = Text()
_MAX_TOKENS: Final = WordOr(OneOf("inf"), Number(1, 4096))
_METADATA: Final = MapOf(Text(longest=512))

_FORMAT: Final = Tagged(
    "type",
    {
        "audio/pcm": Obj({"type": anything, "rate": Number(24000, 24000)}),
        "audio/pcmu": Obj({"type": anything}),
        "audio/pcma": Obj({"type": anything}),
    },
)
_TURN_DETECTION: Final = Tagged(
    "type",
    {
        "server_vad": Obj(
            {
                "type": anything,
                "threshold": Number(0, 1, decimal=True),
                "prefix_padding_ms": Number(0),
                "silence_duration_ms": Number(0),
                "idle_timeout_ms": Nullable(Number(5000, 30000)),
                "create_response": boolean,
                "interrupt_response": boolean,
            }
        ),
        "semantic_vad": Obj(
            {
                "type": anything,
                "eagerness": OneOf("low", "medium", "high", "auto"),
                "create_response": boolean,
                "interrupt_response": boolean,
            }
        ),
    },
)
_NOISE_REDUCTION: Final = Obj(
    {"type": OneOf("near_field", "far_field"), "strength": Number(0, 1, decimal=True)}
)
_TRANSCRIPTION: Final = Obj(
    {
        "model": OneOf(*TRANSCRIBERS),
        "language": Nullable(_STRING),
        "languages": ListOf(_STRING),
        "prompt": Nullable(_STRING),
        "keywords": ListOf(_STRING),
        "delay": OneOf("minimal", "low", "medium", "high", "xhigh"),
    }
)


def voice(value: object, path: str) -> None:
    """A known voice, or a custom one as `{"id": …}` or by its id."""
    if isinstance(value, dict):
        Obj({"id": _STRING}, required=("id",))(value, path)
    elif not (isinstance(value, str) and value.startswith("voice_")):
        OneOf(*VOICES)(value, path)


_AUDIO: Final = Obj(
    {
        "input": Obj(
            {
                "format": _FORMAT,
                "transcription": Nullable(_TRANSCRIPTION),
                "noise_reduction": Nullable(_NOISE_REDUCTION),
                "turn_detection": Nullable(_TURN_DETECTION),
            }
        ),
        "output": Obj(
            {"format": _FORMAT, "voice": voice, "speed": Number(0.25, 1.5, decimal=True)}
        ),
    }
)
_TOOL: Final = Tagged(
    "type",
    {
        "function": Obj(
            {
                "type": anything,
                "name": _NAME,
                "description": _STRING,
                "parameters": MapOf(anything),
            },
            required=("name",),
        )
    },
)
_TOOL_CHOICE: Final = WordOr(
    OneOf("auto", "none", "required"),
    Tagged("type", {"function": Obj({"type": anything, "name": _NAME}, required=("name",))}),
)
_TRACING: Final = WordOr(
    OneOf("auto"),
    Obj({"workflow_name": _STRING, "group_id": _STRING, "metadata": MapOf(anything)}),
)
_TRUNCATION: Final = WordOr(
    OneOf("auto", "disabled"),
    Tagged(
        "type",
        {
            "retention_ratio": Obj(
                {
                    "type": anything,
                    "retention_ratio": Number(0, 1, decimal=True),
                    "token_limits": Obj({"post_instructions": Number(0)}),
                },
                required=("retention_ratio",),
            )
        },
    ),
)
_PROMPT: Final = Obj(
    {"id": _STRING, "version": Nullable(_STRING), "variables": Nullable(MapOf(anything))},
    required=("id",),
)
_REASONING: Final = Obj({"effort": OneOf("minimal", "low", "medium", "high", "xhigh")})

SESSION: Final = Obj(
    {
        "type": OneOf("realtime"),
        "model": _STRING,
        "output_modalities": ListOf(OneOf("text", "audio")),
        "instructions": Nullable(_STRING),
        "tools": Nullable(ListOf(_TOOL)),
        "tool_choice": _TOOL_CHOICE,
        "parallel_tool_calls": boolean,
        "reasoning": _REASONING,
        "max_output_tokens": _MAX_TOKENS,
        "tracing": Nullable(_TRACING),
        "truncation": _TRUNCATION,
        "prompt": Nullable(_PROMPT),
        "audio": _AUDIO,
        "include": Nullable(ListOf(OneOf("item.input_audio_transcription.logprobs"))),
    },
    required=("type",),
)

_HEAD: Final[Mapping[str, Check]] = {
    "type": anything,
    "id": _ID,
    "object": OneOf("realtime.item"),
    "status": OneOf("completed", "incomplete", "in_progress"),
}


def _part(fields: Mapping[str, Check], *required: str) -> Obj:
    return Obj({"type": anything, **fields}, required=required)


def _message(content: Check) -> Obj:
    return Obj({**_HEAD, "role": anything, "content": ListOf(content)}, required=("content",))


_ASSISTANT_PART: Final = Obj(
    {"type": OneOf("output_text"), "text": _STRING}, required=("type", "text")
)
_MESSAGE: Final = Tagged(
    "role",
    {
        "user": _message(
            Tagged(
                "type",
                {
                    "input_text": _part({"text": _STRING}, "text"),
                    "input_audio": _part(
                        {"audio": _STRING, "transcript": Nullable(_STRING)}, "audio"
                    ),
                    "input_image": _part(
                        {"image_url": _STRING, "detail": OneOf("auto", "low", "high")}, "image_url"
                    ),
                },
            )
        ),
        "assistant": _message(_ASSISTANT_PART),
        "system": _message(Tagged("type", {"input_text": _part({"text": _STRING}, "text")})),
    },
)
_FUNCTION_CALL: Final = Obj(
    {**_HEAD, "name": _NAME, "call_id": _NAME, "arguments": _STRING},
    required=("name", "arguments"),
)
_FUNCTION_CALL_OUTPUT: Final = Obj(
    {**_HEAD, "call_id": _NAME, "output": _STRING}, required=("call_id", "output")
)
_REFERENCE: Final = Obj({"type": anything, "id": _ID}, required=("id",))
_ITEM_SHAPES: Final[Mapping[str, Check]] = {
    "message": _MESSAGE,
    "function_call": _FUNCTION_CALL,
    "function_call_output": _FUNCTION_CALL_OUTPUT,
}


def _by_type(shapes: Mapping[str, Check]) -> Check:
    tags = Tagged("type", {name: Obj({}) for name in shapes})

    def check(value: object, path: str) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        shape = shapes.get(kind) if isinstance(kind, str) else None
        (shape or tags)(value, path)

    return check


ITEM: Final = _by_type(_ITEM_SHAPES)
RESPONSE: Final = Obj(
    {
        "conversation": OneOf("auto", "none"),
        "output_modalities": ListOf(OneOf("text", "audio")),
        "instructions": _STRING,
        "audio": Obj({"output": Obj({"format": _FORMAT, "voice": voice})}),
        "tools": ListOf(_TOOL),
        "tool_choice": _TOOL_CHOICE,
        "parallel_tool_calls": boolean,
        "reasoning": _REASONING,
        "max_output_tokens": _MAX_TOKENS,
        "metadata": Nullable(_METADATA),
        "prompt": Nullable(_PROMPT),
        "input": ListOf(_by_type({**_ITEM_SHAPES, "item_reference": _REFERENCE})),
    }
)


def _event(fields: Mapping[str, Check], *required: str) -> Obj:
    return Obj({"type": anything, "event_id": anything, **fields}, required=required)


CLIENT_EVENTS: Final[Mapping[str, Obj]] = {
    "session.update": _event({"session": SESSION}, "session"),
    "input_audio_buffer.append": _event({"audio": Text(longest=15 * 1024 * 1024)}, "audio"),
    "input_audio_buffer.commit": _event({}),
    "input_audio_buffer.clear": _event({}),
    "conversation.item.create": _event(
        {"previous_item_id": Nullable(_STRING), "item": ITEM}, "item"
    ),
    "conversation.item.truncate": _event(
        {"item_id": _STRING, "content_index": Number(0), "audio_end_ms": Number(0)},
        "item_id",
        "content_index",
        "audio_end_ms",
    ),
    "conversation.item.delete": _event({"item_id": _STRING}, "item_id"),
    "conversation.item.retrieve": _event({"item_id": _STRING}, "item_id"),
    "response.create": _event({"response": RESPONSE}),
    "response.cancel": _event({"response_id": _STRING}),
}
