"""Owns the objects inside server events that more than one event carries. Pure.

Field order follows the captures. An event itself is `type`, `event_id`, then its own fields.
"""

import random
import string
from typing import Any, Final

from gateway.sim.realtime.asked import ResponseSettings

_OBFUSCATION: Final = string.ascii_letters + string.digits


def response_object(
    response_id: str,
    settings: ResponseSettings,
    *,
    status: str = "in_progress",
    details: dict[str, Any] | None = None,
    output: list[dict[str, Any]] | None = None,
    usage: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """`response` of `response.created` and `response.done`."""
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": details,
        "output": output or [],
        "conversation_id": settings.conversation_id,
        "output_modalities": list(settings.output_modalities),
        "max_output_tokens": settings.max_output_tokens,
        "audio": {"output": {"format": settings.form.wire(), "voice": settings.voice}},
        "usage": usage,
        "metadata": settings.metadata,
    }


def obfuscation(delta: str) -> str:
    """Padding of text deltas; hides their length on the real wire."""
    return "".join(random.choices(_OBFUSCATION, k=max(1, 16 - len(delta) % 16)))
