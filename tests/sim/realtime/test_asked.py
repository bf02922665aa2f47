"""A response is what was asked for, and otherwise what the session says."""

from typing import Any

import pytest

from gateway.sim.realtime.asked import ResponseSettings, settings_for
from gateway.sim.realtime.config import SessionConfig
from gateway.sim.realtime.errors import ClientFault
from gateway.sim.realtime.formats import PCM, PCMA
from tests.sim.realtime.harness import TOOL


def settings(asked: dict[str, Any], *, has_audio: bool = False) -> ResponseSettings:
    config = SessionConfig("sess_1", "gpt-realtime", 0)
    config.update({"type": "realtime", "tools": [TOOL]}, has_audio=False, busy=False)
    return settings_for(config, asked, "conv_1", has_audio=has_audio)


def test_the_session_answers_for_what_is_not_asked() -> None:
    """Conversation, modality, limit, format, voice and tools."""
    made = settings({})
    assert made.conversation_id == "conv_1"
    assert made.output_modalities == ("audio",)
    assert (made.max_output_tokens, made.form, made.voice) == ("inf", PCM, "alloy")
    assert made.tool_names == {"lookup_order"}


def test_what_is_asked_wins() -> None:
    """Also over the session's tools, and out of its conversation."""
    output = {"format": {"type": "audio/pcma"}, "voice": {"id": "voice_1"}}
    made = settings(
        {
            "conversation": "none",
            "output_modalities": ["text"],
            "tools": [],
            "audio": {"output": output},
            "metadata": {"a": "b"},
        }
    )
    assert made.conversation_id is None
    assert made.output_modalities == ("text",)
    assert (made.form, made.voice, made.metadata) == (PCMA, "voice_1", {"a": "b"})
    assert made.tool_names == set()
    assert settings({"tool_choice": "none"}).tool_names == set()


def test_what_cannot_be_had() -> None:
    """Two modalities, none, and another voice once one was heard."""
    for modalities in ([], ["text", "audio"]):
        with pytest.raises(ClientFault, match="Invalid modalities"):
            settings({"output_modalities": modalities})
    asked = {"audio": {"output": {"voice": "echo"}}}
    assert settings(asked).voice == "echo"
    with pytest.raises(ClientFault, match="Cannot update a conversation's voice"):
        settings(asked, has_audio=True)
