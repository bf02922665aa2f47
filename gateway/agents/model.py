"""``[model]`` and ``[run]``: what they mean to the SDK, and what in them contradicts itself."""

import copy
from collections.abc import Iterator
from typing import Any, cast

from agents.realtime.config import RealtimeRunConfig, RealtimeSessionModelSettings
from openai.types.responses import ToolChoiceFunction

from gateway.agents import schema
from gateway.agents.known import (
    MODELS,
    REASONING_MODELS,
    TRANSCRIBERS,
    TRANSCRIBERS_WITH,
    VOICES,
)
from gateway.agents.problems import Problem, nearest
from gateway.agents.tomlfile import TomlFile
from gateway.core.floor import FloorRules

CHOICES = ("auto", "none", "required")
"""Values of ``tool_choice`` that are no tool's name."""

DEFAULT_MODEL = "gpt-realtime-2.1"
_TRANSCRIBER = "gpt-4o-mini-transcribe"
_DEFAULTS: dict[str, Any] = {
    "model_name": DEFAULT_MODEL,
    "voice": "marin",
    "input_audio_transcription": {},
    "input_audio_noise_reduction": {"type": "near_field"},
    "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500},
}
_SERVER_VAD_ONLY = (
    "threshold",
    "prefix_padding_ms",
    "silence_duration_ms",
    "idle_timeout_ms",
)
_MUST_ANSWER = (
    'nothing would ask for an answer; with interruption = "gateway" the gateway asks, and turns '
    "this off by itself"
)
_OURS_NOW = 'is off with interruption = "gateway", which decides and asks itself: leave it out'
_FOR_GATEWAY = 'belongs to interruption = "gateway"; the model decides by itself what interrupts'


def model_settings(
    model: schema.Model, language: str, *, gateway_decides: bool = False
) -> RealtimeSessionModelSettings:
    """The session the model is asked for. A route's language is used when the file has none.

    ``gateway_decides``: the model neither interrupts nor answers by itself.
    """
    settings = {**copy.deepcopy(_DEFAULTS), **model.model_dump(exclude_unset=True)}
    settings["input_audio_format"] = model.input_audio_format
    settings["output_audio_format"] = model.output_audio_format
    for key in ("input_audio_transcription", "input_audio_noise_reduction", "turn_detection"):
        if settings[key] == "off":
            settings[key] = None
    turns = settings["turn_detection"]
    settings["turn_detection"] = _explicit_turns(turns, by_itself=not gateway_decides)
    settings["input_audio_transcription"] = _transcription(
        settings["input_audio_transcription"], language
    )
    if model.tool_choice is not None and model.tool_choice not in CHOICES:
        # The SDK passes a name on as it is; the wire wants the tool as an object.
        settings["tool_choice"] = ToolChoiceFunction(type="function", name=model.tool_choice)
    return cast(RealtimeSessionModelSettings, settings)


def run_config(table: schema.Agent) -> RealtimeRunConfig:
    """How the SDK runs the session. Traces leave the house only when the file asks for them."""
    run = table.run.model_dump(exclude_unset=True, exclude={"tool_error_formatter"})
    return cast(RealtimeRunConfig, {"tracing_disabled": table.model.tracing is None, **run})


def model_problems(file: TomlFile[schema.Agent], *, ours: bool) -> Iterator[Problem]:
    """Contradictions and names to look at. ``ours`` = the server is OpenAI's, so names are known.

    Elsewhere a model is called as its deployment is.
    """
    model = file.table.model
    yield from _modality_problems(file)
    yield from _floor_problems(file)
    if not isinstance(model.turn_detection, str) and model.turn_detection is not None:
        yield from _turn_problems(file, model.turn_detection)
    elif model.turn_detection == "off":
        yield file.problem(
            ("model", "turn_detection"), "off: only keys end the caller's turn", "warning"
        )
    if ours:
        yield from _name_problems(file)
        yield from _support_problems(file)


def _modality_problems(file: TomlFile[schema.Agent]) -> Iterator[Problem]:
    model = file.table.model
    if model.modalities is not None and model.output_modalities is not None:
        yield file.problem(
            ("model", "output_modalities"), "is the same as modalities: leave one of them out"
        )
    for key in ("modalities", "output_modalities"):
        value = getattr(model, key)
        if value is not None and value != ["audio"]:
            yield file.problem(("model", key), 'must be ["audio"]: a phone has no screen for text')


def _floor_problems(file: TomlFile[schema.Agent]) -> Iterator[Problem]:
    table = file.table
    if table.interruption == "server" and table.turns is not None:
        yield file.problem(("turns",), _FOR_GATEWAY)
    if table.interruption == "gateway" and table.model.turn_detection == "off":
        yield file.problem(
            ("model", "turn_detection"),
            'cannot be off with interruption = "gateway": the model tells when the caller is done',
        )


def _turn_problems(file: TomlFile[schema.Agent], turns: schema.TurnDetection) -> Iterator[Problem]:
    place = ("model", "turn_detection")
    if turns.type == "semantic_vad":
        for key in _SERVER_VAD_ONLY:
            if getattr(turns, key) is not None:
                yield file.problem(
                    (*place, key), 'belongs to type = "server_vad"; semantic_vad has eagerness'
                )
    elif turns.eagerness is not None:
        yield file.problem((*place, "eagerness"), 'belongs to type = "semantic_vad"')
    if file.table.interruption == "gateway":
        for key in ("interrupt_response", "create_response"):
            if getattr(turns, key):
                yield file.problem((*place, key), _OURS_NOW)
    elif turns.create_response is False:
        yield file.problem((*place, "create_response"), _MUST_ANSWER)


def _name_problems(file: TomlFile[schema.Agent]) -> Iterator[Problem]:
    model = file.table.model
    transcription = model.input_audio_transcription
    named = [
        (("model", "model_name"), model.model_name, MODELS),
        (("model", "voice"), model.voice, VOICES),
    ]
    if isinstance(transcription, schema.Transcription):
        place = ("model", "input_audio_transcription", "model")
        named.append((place, transcription.model, TRANSCRIBERS))  # type: ignore[arg-type]
    for path, name, known in named:
        if isinstance(name, str) and name not in known:
            yield file.problem(path, f"unknown name {name!r}{nearest(name, known)}", "warning")


def _support_problems(file: TomlFile[schema.Agent]) -> Iterator[Problem]:
    """Settings the named model does not take: the server would refuse the whole session."""
    model, transcription = file.table.model, file.table.model.input_audio_transcription
    name = model.model_name or DEFAULT_MODEL
    for key in ("reasoning", "parallel_tool_calls"):
        if getattr(model, key) is not None and name in MODELS - REASONING_MODELS:
            yield file.problem(("model", key), f"{name} does not take it", "warning")
    if not isinstance(transcription, schema.Transcription):
        return
    transcriber = transcription.model or _TRANSCRIBER
    for key, takers in TRANSCRIBERS_WITH.items():
        if getattr(transcription, key) is not None and transcriber in TRANSCRIBERS - takers:
            path = ("model", "input_audio_transcription", key)
            yield file.problem(path, f"{transcriber} does not take it", "warning")


def _explicit_turns(turns: Any, *, by_itself: bool) -> Any:
    """The SDK reads the echoed booleans back, and only an explicit one is sure to be echoed."""
    if not isinstance(turns, dict):
        return turns
    return {
        "type": "server_vad",
        "interrupt_response": by_itself,
        "create_response": by_itself,
        **turns,
    }


def floor_rules(table: schema.Agent) -> FloorRules | None:
    """How the gateway decides who has the floor; None when the model does."""
    if table.interruption == "server":
        return None
    turns = (table.turns or schema.Turns()).model_dump(exclude_none=True)
    heard = "greeting" in turns.pop("uninterruptible", ())
    return FloorRules(greeting_is_heard=heard, **turns)


def _transcription(table: Any, language: str) -> Any:
    """With the model the wire demands, and the route's language where the file has none.

    Transcription takes ISO 639-1: ``en`` of ``en-US`` (Realtime API, input transcription).
    """
    if not isinstance(table, dict):
        return table
    if language and "language" not in table and "languages" not in table:
        table = {**table, "language": language.split("-")[0].lower()}
    return {"model": _TRANSCRIBER, **table}
