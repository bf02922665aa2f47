"""Owns what a response is asked to be: `response.create` over the session's configuration. Pure."""

from dataclasses import dataclass
from typing import Any

from gateway.sim.realtime import errors
from gateway.sim.realtime.config import SessionConfig, voice_id
from gateway.sim.realtime.formats import FORMATS, AudioFormat


@dataclass(frozen=True, slots=True)
class ResponseSettings:
    """What a response was asked to be: the session's configuration under `response.create`."""

    conversation_id: str | None
    output_modalities: tuple[str, ...]
    max_output_tokens: int | str
    form: AudioFormat
    voice: str
    metadata: dict[str, str] | None = None
    instructions: str = ""
    tools: tuple[Any, ...] = ()
    tool_choice: Any = "auto"

    @property
    def tool_names(self) -> set[str]:
        """Tools the response may call."""
        if self.tool_choice == "none":
            return set()
        return {tool["name"] for tool in self.tools}


def settings_for(
    config: SessionConfig, asked: dict[str, Any], conversation_id: str, *, has_audio: bool
) -> ResponseSettings:
    """`asked` is the checked `response` of the client's event, {} when it sent none."""
    output = asked.get("audio", {}).get("output", {})
    voice = voice_id(output["voice"]) if "voice" in output else config.voice
    if has_audio and voice != config.voice:
        raise errors.voice_locked()
    modalities = asked.get("output_modalities", config["output_modalities"])
    if len(modalities) != 1:
        raise errors.bad_modalities(modalities, "response.output_modalities")
    form = FORMATS[output["format"]["type"]] if "format" in output else config.output_format
    return ResponseSettings(
        conversation_id=None if asked.get("conversation") == "none" else conversation_id,
        output_modalities=tuple(modalities),
        max_output_tokens=asked.get("max_output_tokens", config["max_output_tokens"]),
        form=form,
        voice=voice,
        metadata=asked.get("metadata"),
        instructions=asked.get("instructions", config["instructions"]),
        tools=tuple(asked.get("tools", config["tools"])),
        tool_choice=asked.get("tool_choice", config["tool_choice"]),
    )
