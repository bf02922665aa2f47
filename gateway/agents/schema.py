"""What may stand in an agent's file: keys, types and ranges, each with the words that name it.

The SDK's own names throughout. What needs other files to be judged is judged elsewhere.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

AudioFormat = Literal["g711_ulaw", "g711_alaw", "pcm16"]
WIRE_FORMATS: dict[str, str] = {
    "g711_ulaw": "audio/pcmu",
    "g711_alaw": "audio/pcma",
    "pcm16": "audio/pcm",
}
"""The names a file uses and those of the wire."""

TEXT, OTHER = Tag("<text>"), Tag("<other>")
"""The two shapes a value may have. No key looks like these tags."""


def _shape(value: Any) -> str:
    return (TEXT if isinstance(value, str) else OTHER).tag


EITHER = Discriminator(_shape)
"""A text of one kind or something else of another: only the one meant is judged."""
_OFF = Annotated[Literal["off"], TEXT]


class Table(BaseModel):
    """A TOML table with known keys. A field's description completes “must be …”."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )


class Handoff(Table):
    """Another agent the conversation may be handed to."""

    agent: str = Field(description="an agent's name")
    tool_name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="1 to 64 letters, digits, '-' and '_'",
    )
    description: str | None = Field(
        default=None, min_length=1, description="a text that is not empty"
    )


class CustomVoice(Table):
    """A voice made by the account's owner."""

    id: str = Field(min_length=1, description="a voice's ID")


class Transcription(Table):
    """Words of the caller for transcripts; the model itself hears the audio."""

    model: str | None = Field(default=None, min_length=1, description="the name of a model")
    language: str | None = Field(default=None, min_length=1, description='a language such as "en"')
    prompt: str | None = Field(default=None, description="a text")
    keywords: list[str] | None = Field(default=None, description="a list of words")
    languages: list[str] | None = Field(
        default=None, description='a list of languages such as "en"'
    )
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = Field(
        default=None, description='"minimal", "low", "medium", "high" or "xhigh"'
    )


class NoiseReduction(Table):
    """What the model's server does to the caller's audio first."""

    type: Literal["near_field", "far_field"] = Field(description='"near_field" or "far_field"')


class TurnDetection(Table):
    """Who decides that the caller is done. Ranges: the OpenAPI description of the Realtime API."""

    type: Literal["server_vad", "semantic_vad"] = Field(
        default="server_vad", description='"server_vad" or "semantic_vad"'
    )
    threshold: float | None = Field(default=None, ge=0, le=1, description="a number from 0 to 1")
    prefix_padding_ms: int | None = Field(
        default=None, ge=0, le=10_000, description="a whole number from 0 to 10000"
    )
    silence_duration_ms: int | None = Field(
        default=None, ge=0, le=10_000, description="a whole number from 0 to 10000"
    )
    idle_timeout_ms: int | None = Field(
        default=None, ge=5_000, le=30_000, description="a whole number from 5000 to 30000"
    )
    eagerness: Literal["auto", "low", "medium", "high"] | None = Field(
        default=None, description='"auto", "low", "medium" or "high"'
    )
    interrupt_response: bool | None = Field(default=None, description="true or false")
    create_response: bool | None = Field(default=None, description="true or false")
    model_version: str | None = Field(
        default=None, min_length=1, description="a text that is not empty"
    )


class Prompt(Table):
    """A prompt kept at OpenAI."""

    id: str = Field(min_length=1, description="a prompt's ID")
    version: str | None = Field(default=None, description="a text")
    variables: dict[str, str] | None = Field(default=None, description="a table of texts")


class Reasoning(Table):
    """How long the model thinks."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] = Field(
        description='"minimal", "low", "medium", "high" or "xhigh"'
    )


class Tracing(Table):
    """How the trace of a call is filed at OpenAI."""

    workflow_name: str | None = Field(default=None, description="a text")
    group_id: str | None = Field(default=None, description="a text")
    metadata: dict[str, Any] | None = Field(default=None, description="a table")


class Model(Table):
    """``[model]``: the session the model is asked for."""

    model_name: str | None = Field(default=None, min_length=1, description="the name of a model")
    voice: Annotated[Annotated[str, TEXT] | Annotated[CustomVoice, OTHER], EITHER] | None = Field(
        default=None, description="the name of a voice or { id = … }"
    )
    modalities: list[Literal["audio", "text"]] | None = Field(default=None, description='["audio"]')
    output_modalities: list[Literal["audio", "text"]] | None = Field(
        default=None, description='["audio"]'
    )
    speed: float | None = Field(
        default=None, ge=0.25, le=1.5, description="a number from 0.25 to 1.5"
    )
    max_output_tokens: (
        Annotated[
            Annotated[Literal["inf"], TEXT] | Annotated[int, Field(ge=1, le=4096), OTHER], EITHER
        ]
        | None
    ) = Field(default=None, description='a whole number from 1 to 4096 or "inf"')
    tool_choice: str | None = Field(
        default=None, min_length=1, description='"auto", "none", "required" or the name of a tool'
    )
    parallel_tool_calls: bool | None = Field(default=None, description="true or false")
    reasoning: Reasoning | None = Field(default=None, description="a table { effort = … }")
    prompt: Prompt | None = Field(default=None, description="a table { id = …, version = … }")
    tracing: (
        Annotated[Annotated[Literal["auto"], TEXT] | Annotated[Tracing, OTHER], EITHER] | None
    ) = Field(
        default=None,
        description='"auto" or a table { workflow_name = …, group_id = …, metadata = … }',
    )
    input_audio_format: AudioFormat = Field(
        default="g711_ulaw", description='"g711_ulaw", "g711_alaw" or "pcm16"'
    )
    output_audio_format: AudioFormat = Field(
        default="g711_ulaw", description='"g711_ulaw", "g711_alaw" or "pcm16"'
    )
    input_audio_transcription: Annotated[_OFF | Annotated[Transcription, OTHER], EITHER] | None = (
        Field(default=None, description='a table { model = …, language = … } or "off"')
    )
    input_audio_noise_reduction: (
        Annotated[_OFF | Annotated[NoiseReduction, OTHER], EITHER] | None
    ) = Field(default=None, description='a table { type = "near_field" } or "off"')
    turn_detection: Annotated[_OFF | Annotated[TurnDetection, OTHER], EITHER] | None = Field(
        default=None, description='a table { type = "server_vad", … } or "off"'
    )


class Guardrails(Table):
    """When output guardrails look."""

    debounce_text_length: int | None = Field(
        default=None, ge=1, description="a whole number of characters, at least 1"
    )


class ToolExecution(Table):
    """What happens around a tool."""

    pre_approval_tool_input_guardrails: bool | None = Field(
        default=None, description="true or false"
    )


class Run(Table):
    """``[run]``: how the SDK runs the session."""

    async_tool_calls: bool | None = Field(default=None, description="true or false")
    guardrails_settings: Guardrails | None = Field(
        default=None, description="a table { debounce_text_length = … }"
    )
    tool_error_formatter: str | None = Field(default=None, description="a function as module.name")
    tool_execution: ToolExecution | None = Field(
        default=None, description="a table { pre_approval_tool_input_guardrails = … }"
    )


class Provider(Table):
    """``[provider]``: where the model is and how we prove who we are."""

    url: str | None = Field(default=None, min_length=1, description="an address (wss://…)")
    headers: dict[str, str] = Field(default={}, description="a table of texts")
    api_key_env: str | None = Field(
        default=None, min_length=1, description="the name of an environment variable"
    )
    api_key_file: str | None = Field(default=None, min_length=1, description="the path of a file")
    api_key_from: str | None = Field(default=None, description="a function as module.name")
    auth: Literal["bearer", "api-key"] | None = Field(
        default=None, description='"bearer" or "api-key"'
    )


class Turns(Table):
    """``[turns]``: how the gateway decides who has the floor."""

    min_speech_ms: int | None = Field(
        default=None, ge=100, le=2000, description="a whole number from 100 to 2000"
    )
    backchannel_ms: int | None = Field(
        default=None, ge=0, le=3000, description="a whole number from 0 to 3000"
    )
    voice_dbfs: float | None = Field(
        default=None, ge=-70, le=-10, description="a number from -70 to -10"
    )
    uninterruptible: list[Literal["greeting"]] | None = Field(
        default=None, description='["greeting"]'
    )


class Idle(Table):
    """``[idle]``: a caller who says nothing."""

    after_s: float = Field(ge=1, le=300, description="a number of seconds from 1 to 300")
    asks: int | None = Field(default=None, ge=0, le=10, description="a whole number from 0 to 10")
    ask: str | None = Field(default=None, min_length=1, description="a text that is not empty")
    goodbye: str | None = Field(default=None, min_length=1, description="a text that is not empty")


class Filler(Table):
    """``[filler]``: the silence of a slow tool."""

    after_s: float | None = Field(
        default=None, ge=0.2, le=30, description="a number of seconds from 0.2 to 30"
    )
    audio: str | None = Field(default=None, min_length=1, description="a .wav or .ulaw file")


class Agent(Table):
    """An agent's file."""

    instructions: str | None = Field(default=None, description="the name of a Markdown file")
    greeting: str | None = Field(default=None, min_length=1, description="a text that is not empty")
    tools: list[str] = Field(default=[], description="a list of names")
    handoffs: list[Annotated[Annotated[str, TEXT] | Annotated[Handoff, OTHER], EITHER]] = Field(
        default=[],
        description="a list of names or tables { agent = …, tool_name = …, description = … }",
    )
    handoff_description: str | None = Field(default=None, description="a text")
    output_guardrails: list[str] = Field(default=[], description="a list of names as module.name")
    mcp_servers: list[str] = Field(default=[], description="a list of names")
    on_event: str | None = Field(default=None, description="a function as module.name")
    on_model_event: str | None = Field(default=None, description="a function as module.name")
    build: str | None = Field(default=None, description="a function as module.name")
    interruption: Literal["server", "gateway"] = Field(
        default="server", description='"server" or "gateway"'
    )
    turns: Turns | None = Field(default=None, description="a table { min_speech_ms = …, … }")
    greeting_audio: str | None = Field(
        default=None, min_length=1, description="a .wav or .ulaw file"
    )
    greeting_text: str | None = Field(
        default=None, min_length=1, description="the words of greeting_audio"
    )
    idle: Idle | None = Field(default=None, description="a table { after_s = …, … }")
    filler: Filler | None = Field(default=None, description="a table { after_s = …, audio = … }")
    model: Model = Field(default=Model(), description="a table")
    run: Run = Field(default=Run(), description="a table")
    provider: Provider | None = Field(default=None, description="a table")
