"""The Realtime events the scripted model writes and reads. Pure: no socket, no time.

Shapes and field order follow the GA protocol (openai 3.5x types). Built as bytes, because one
process has to play a hundred models beside a hundred callers.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_numbers = count(1)

Json = dict[str, Any]

RATE_LIMITS = [{"name": "tokens", "limit": 15000000, "remaining": 14999716, "reset_seconds": 0.001}]
USAGE = {
    "total_tokens": 320,
    "input_tokens": 132,
    "output_tokens": 188,
    "input_token_details": {
        "text_tokens": 59,
        "audio_tokens": 73,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 64, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 41, "audio_tokens": 147},
}
NO_USAGE = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_token_details": {
        "text_tokens": 0,
        "audio_tokens": 0,
        "image_tokens": 0,
        "cached_tokens": 0,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 0, "audio_tokens": 0},
}


class ClientEvent(msgspec.Struct):
    """What a Realtime client may send, as far as the script looks at it."""

    type: str
    event_id: str | None = None
    audio: str | None = None
    session: Json | None = None
    item: Json | None = None
    item_id: str | None = None
    audio_end_ms: int | None = None
    response_id: str | None = None


def new_id(prefix: str) -> str:
    """An id of the length of the real ones, unique in this process."""
    return f"{prefix}_Bench{next(_numbers):016d}"


def event(kind: str, **fields: Any) -> bytes:
    """One server event with a fresh `event_id`."""
    return _encode({"type": kind, "event_id": new_id("event"), **fields})


def default_session() -> Json:
    """The session as the server starts it: PCM and server VAD (`server/session.created.json`)."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": new_id("sess"),
        "model": "gpt-realtime-2.1",
        "output_modalities": ["audio"],
        "instructions": "You are a helpful, witty and friendly AI.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": 1795170000,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 200,
                    "idle_timeout_ms": None,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": "alloy",
                "speed": 1.0,
            },
        },
        "include": None,
    }


def merge(session: Json, update: Json) -> None:
    """`session.update`: only the fields present change; VAD booleans are always echoed."""
    for key, value in update.items():
        if key in ("audio", "input", "output") and isinstance(value, dict):
            merge(session[key], value)
        elif key == "turn_detection" and isinstance(value, dict):
            session[key] = {"create_response": True, "interrupt_response": True, **value}
        else:
            session[key] = value


def user_item(item_id: str) -> Json:
    """A caller's turn as the server shows it, before its transcription."""
    content = [{"type": "input_audio", "transcript": None}]
    return _message(item_id, "completed", "user", content)


def assistant_item(item_id: str, status: str, transcript: str | None) -> Json:
    """An answer: without content while it is being made, then with its transcript."""
    content = [] if transcript is None else [{"type": "output_audio", "transcript": transcript}]
    return _message(item_id, status, "assistant", content)


def _message(item_id: str, status: str, role: str, content: list[Json]) -> Json:
    return {
        "id": item_id,
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }


def response(
    response_id: str,
    status: str,
    *,
    output: list[Json] | None = None,
    details: Json | None = None,
    usage: Json | None = None,
) -> Json:
    """The response object of `response.created` and `response.done`."""
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": details,
        "output": output or [],
        "conversation_id": "conv_Bench0000000000000001",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcmu"}, "voice": "marin"}},
        "usage": usage,
        "metadata": None,
    }


def error(code: str, message: str, caused_by: str | None) -> bytes:
    """A refusal that leaves the session open."""
    detail = {
        "type": "invalid_request_error",
        "code": code,
        "message": message,
        "param": None,
        "event_id": caused_by,
    }
    return event("error", error=detail)


def audio_delta(response_id: str, item_id: str, index: int, audio_base64: bytes) -> bytes:
    """`response.output_audio.delta`, spelled out: the hottest event of the server."""
    return (
        b'{"type":"response.output_audio.delta","event_id":"event_Bench%016d",'
        b'"response_id":"%b","item_id":"%b","output_index":%d,"content_index":0,"delta":"%b"}'
        % (next(_numbers), response_id.encode(), item_id.encode(), index, audio_base64)
    )


def transcript_delta(response_id: str, item_id: str, index: int, text: str) -> bytes:
    """`response.output_audio_transcript.delta`."""
    return event(
        "response.output_audio_transcript.delta",
        response_id=response_id,
        item_id=item_id,
        output_index=index,
        content_index=0,
        delta=text,
        obfuscation="LBqdwEYsSEHbF",
    )
