"""Owns a session's configuration: its defaults, the merging of updates, what may not change. Pure.

`session.update` merges only the fields that are present; null, "" and [] clear. A rejected update
changes nothing. What comes back is normalised: every boolean and every default is spelled out.
"""

import copy
from typing import Any, Final

from gateway.sim.realtime import errors, shapes
from gateway.sim.realtime.formats import FORMATS, PCM, AudioFormat
from gateway.sim.realtime.options import SPEECH_MODELS

_DEFAULT_INSTRUCTIONS: Final = (
    "You are a helpful voice assistant. Speak in a natural and friendly tone, keep your answers "
    "short, and use the language of the person you are talking to."
)
_TURN_DETECTION: Final[dict[str, dict[str, Any]]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        # The documentation says 500, the live server echoes 200 (captured).
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}
# What the client types of `openai` 3.5x say is supported by some models only.
_WITHOUT_REASONING: Final = frozenset(SPEECH_MODELS) - {
    "gpt-realtime-2",
    "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini",
}
_FOR_REASONING: Final = ("reasoning", "parallel_tool_calls")
_KEYWORD_TRANSCRIBERS: Final = {"gpt-transcribe", "gpt-live-transcribe"}
_TRANSCRIBERS_WITH: Final[dict[str, set[str]]] = {
    "keywords": _KEYWORD_TRANSCRIBERS,
    "languages": _KEYWORD_TRANSCRIBERS,
    "delay": {"gpt-realtime-whisper"},
    "prompt": set(shapes.TRANSCRIBERS) - {"gpt-realtime-whisper", "gpt-4o-transcribe-diarize"},
}
_CLEARED: Final[dict[str, Any]] = {"instructions": "", "tools": []}


class SessionConfig:
    """The effective configuration of one session."""

    def __init__(self, session_id: str, model: str, expires_at: int) -> None:
        self._wire = _defaults(session_id, model, expires_at)

    def wire(self) -> dict[str, Any]:
        """The whole `session` object, a copy."""
        return copy.deepcopy(self._wire)

    @property
    def turn_detection(self) -> dict[str, Any] | None:
        detection: dict[str, Any] | None = self._wire["audio"]["input"]["turn_detection"]
        return detection

    @property
    def transcription(self) -> dict[str, Any] | None:
        transcription: dict[str, Any] | None = self._wire["audio"]["input"]["transcription"]
        return transcription

    @property
    def input_format(self) -> AudioFormat:
        return FORMATS[self._wire["audio"]["input"]["format"]["type"]]

    @property
    def output_format(self) -> AudioFormat:
        return FORMATS[self._wire["audio"]["output"]["format"]["type"]]

    def __getitem__(self, name: str) -> Any:
        return self._wire[name]

    @property
    def voice(self) -> str:
        return str(self._wire["audio"]["output"]["voice"])

    def update(
        self, patch: dict[str, Any], *, has_audio: bool, busy: bool, keep_formats: bool = False
    ) -> None:
        """Merges a checked `session`; a fault leaves everything as it was.

        `has_audio`: the conversation holds assistant audio. `busy`: a response is running.
        """
        merged = self.wire()
        for name, value in patch.items():
            if name == "audio":
                self._merge_audio(merged["audio"], value, keep_formats=keep_formats)
            else:
                merged[name] = _CLEARED.get(name) if value is None else value
        self._check(merged, has_audio=has_audio, busy=busy)
        self._wire = copy.deepcopy(merged)

    def _merge_audio(
        self, audio: dict[str, Any], patch: dict[str, Any], *, keep_formats: bool
    ) -> None:
        for side in ("input", "output"):
            for name, value in patch.get(side, {}).items():
                if name == "format":
                    if not keep_formats:
                        audio[side][name] = FORMATS[value["type"]].wire()
                else:
                    audio[side][name] = _normalised(name, value, audio[side][name])

    def _check(self, merged: dict[str, Any], *, has_audio: bool, busy: bool) -> None:
        old, output = self._wire, merged["audio"]["output"]
        if merged["model"] != old["model"]:
            raise errors.immutable("model", "")
        if old["tracing"] is not None and merged["tracing"] != old["tracing"]:
            raise errors.immutable("tracing", " once it is enabled")
        if has_audio and output["voice"] != self.voice:
            raise errors.voice_locked()
        if busy and output["speed"] != old["audio"]["output"]["speed"]:
            raise errors.immutable("speed", " while a response is in progress")
        if len(merged["output_modalities"]) != 1:
            raise errors.bad_modalities(merged["output_modalities"])
        for name in _FOR_REASONING:
            if name in merged and merged["model"] in _WITHOUT_REASONING:
                raise errors.unsupported_parameter(f"session.{name}")


def voice_id(voice: str | dict[str, Any]) -> str:
    """Custom voices come as objects; events carry the id (objects fail the official types)."""
    return str(voice["id"]) if isinstance(voice, dict) else voice


def _normalised(name: str, value: Any, current: Any) -> Any:
    if name == "voice":
        return voice_id(value)
    if name == "turn_detection" and value is not None:
        same = current is not None and current["type"] == value["type"]
        return {**(current if same else _TURN_DETECTION[value["type"]]), **value}
    if name == "transcription" and value is not None:
        return _transcription(value, current)
    if name == "noise_reduction" and value is not None:
        # "Omitting strength from a session update preserves the current strength."
        merged = {**(current or {}), **value}
        if "type" not in merged:
            raise errors.missing_parameter("session.audio.input.noise_reduction.type")
        return merged
    return value


def _transcription(value: dict[str, Any], current: dict[str, Any] | None) -> dict[str, Any]:
    """Merged while the model stays the same, for the other options belong to it."""
    merged = {"model": None, "language": None, "prompt": None, **value}
    if current is not None and merged["model"] in (None, current["model"]):
        merged = {**current, **value}
    if merged["model"] is None:
        raise errors.missing_parameter("session.audio.input.transcription.model")
    for name, transcribers in _TRANSCRIBERS_WITH.items():
        if merged.get(name) and merged["model"] not in transcribers:
            raise errors.unsupported_parameter(f"session.audio.input.transcription.{name}")
    return merged


def _defaults(session_id: str, model: str, expires_at: int) -> dict[str, Any]:
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": _DEFAULT_INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": PCM.wire(),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(_TURN_DETECTION["server_vad"]),
            },
            "output": {"format": PCM.wire(), "voice": shapes.VOICES[0], "speed": 1.0},
        },
        "include": None,
    }
