"""Owns the few OpenAI Realtime (GA) messages we send ourselves, as bytes ready for the socket.

**Nothing that came from the carrier as text is ever spliced into a message.** `append` takes bytes
that were decoded before and writes their base64 itself; ids and texts go through a JSON encoder.
"""

from binascii import b2a_base64
from typing import Final

import msgspec

_encode: Final = msgspec.json.encode
_APPEND: Final = b'{"type":"input_audio_buffer.append","audio":"'
_END: Final = b'"}'
ASKED: Final = "gateway_asked"
"""The ``event_id`` of what asks for an answer: the server names it when it refuses."""


def append(payload: bytes) -> bytes:
    """Caller audio for the model.

    `payload` is audio as bytes, so whatever text the carrier sent was decoded on the way here: the
    base64 between the quotes is ours and cannot end the string, let alone begin another event.
    """
    return _APPEND + b2a_base64(payload, newline=False) + _END


def commit() -> bytes:
    """Ends the caller's turn by hand: what was appended becomes an item of the conversation."""
    return b'{"type":"input_audio_buffer.commit"}'


def truncate(item_id: str, content_index: int, audio_end_ms: int) -> bytes:
    """Cuts an agent item at the millisecond the caller heard; never beyond what it has."""
    heard = {"item_id": item_id, "content_index": content_index, "audio_end_ms": audio_end_ms}
    return _encode({"type": "conversation.item.truncate"} | heard)


def delete_item(item_id: str) -> bytes:
    """Removes an item from the conversation, as if it had never been said."""
    return _encode({"type": "conversation.item.delete", "item_id": item_id})


def cancel(response_id: str | None = None) -> bytes:
    """Stops the named response, or the active one of the conversation."""
    return _encode({"type": "response.cancel"} | _given(response_id=response_id))


def create_response(
    instructions: str | None = None,
    tool_choice: str | None = None,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """Asks for an answer; what is given holds for that one response only."""
    response = _given(instructions=instructions, tool_choice=tool_choice, metadata=metadata)
    asked = {"type": "response.create", "event_id": ASKED}
    return _encode(asked | ({"response": response} if response else {}))


def user_text(text: str) -> bytes:
    """Adds `text` to the conversation as the caller's; it asks for no answer."""
    return _text_item("user", text)


def system_text(text: str) -> bytes:
    """Adds `text` to the conversation as an instruction; it asks for no answer."""
    return _text_item("system", text)


def assistant_text(text: str, item_id: str | None = None) -> bytes:
    """Adds `text` to the conversation as said by the agent; it asks for no answer.

    With an `item_id` (at most 32 characters) the item can be deleted again. Audio cannot be added
    this way: the server wants text in an assistant's item.
    """
    return _text_item("assistant", text, "output_text", item_id)


def _text_item(role: str, text: str, kind: str = "input_text", item_id: str | None = None) -> bytes:
    content = [{"type": kind, "text": text}]
    item = _given(id=item_id) | {"type": "message", "role": role, "content": content}
    return _encode({"type": "conversation.item.create", "item": item})


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
