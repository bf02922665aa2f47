"""What `[model]` and `[run]` become: the session asked for on the wire, and its contradictions."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from agents.realtime.openai_realtime import OpenAIRealtimeSIPModel

from gateway.agents import schema
from gateway.agents.catalogue import Catalogue
from gateway.agents.model import floor_rules, model_problems, model_settings, run_config
from gateway.agents.problems import Problem
from gateway.agents.tomlfile import read_toml
from gateway.call.session import AgentPlan
from gateway.core.floor import FloorRules
from tests.agents.conftest import Load
from tests.agents.folders import offer
from tests.call.contexts import context


def model_of(text: str) -> schema.Model:
    """`[model]` with these lines."""
    return agent_of(f"[model]\n{text}").model


def agent_of(text: str) -> schema.Agent:
    """An agent's table."""
    return schema.Agent.model_validate(tomllib.loads(text))


async def told(plan: AgentPlan) -> dict[str, Any]:
    """The session the SDK asks the server for, as JSON."""
    payload = await OpenAIRealtimeSIPModel.build_initial_session_payload(
        await plan.build(context()),
        context=context(),
        model_config=plan.model_config,
        run_config=plan.run_config,
    )
    session: dict[str, Any] = payload.model_dump(mode="json", exclude_unset=True)
    return session


RICH = """
tools = ["tools.look_up"]
[model]
model_name = "gpt-realtime-2.1-mini"
voice = { id = "voice_1234" }
output_modalities = ["audio"]
speed = 1.1
max_output_tokens = 800
tool_choice = "look_up"
parallel_tool_calls = true
reasoning = { effort = "low" }
prompt = { id = "pmpt_1", version = "3", variables = { company = "Example" } }
tracing = { workflow_name = "phone", group_id = "g", metadata = { line = 1 } }
input_audio_format = "g711_alaw"
output_audio_format = "pcm16"
turn_detection = { type = "semantic_vad", eagerness = "high", interrupt_response = false }
input_audio_noise_reduction = "off"
[model.input_audio_transcription]
model = "gpt-transcribe"
languages = ["en", "fr"]
keywords = ["Contoso"]
prompt = "Names of airlines."
"""


@pytest.mark.asyncio
async def test_everything_set_reaches_the_wire(loaded: Load) -> None:
    """As the Realtime API spells it."""
    plan = loaded(a_toml=RICH).plan(offer())
    session = await told(plan)
    heard, said = session["audio"]["input"], session["audio"]["output"]
    assert session["model"] == "gpt-realtime-2.1-mini"
    assert said == {"voice": {"id": "voice_1234"}, "speed": 1.1, "format": said["format"]}
    assert heard["format"] == {"type": "audio/pcma"}
    assert said["format"]["type"] == "audio/pcm"
    assert heard["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "high",
        "interrupt_response": False,
        "create_response": True,
    }
    assert heard["transcription"] == {
        "model": "gpt-transcribe",
        "languages": ["en", "fr"],
        "keywords": ["Contoso"],
        "prompt": "Names of airlines.",
    }
    assert heard["noise_reduction"] is None
    assert session["tool_choice"] == {"type": "function", "name": "look_up"}
    assert session["prompt"]["variables"] == {"company": "Example"}
    assert (session["max_output_tokens"], session["parallel_tool_calls"]) == (800, True)
    assert (session["reasoning"], session["output_modalities"]) == ({"effort": "low"}, ["audio"])
    assert (plan.input_format, plan.output_format) == ("audio/pcma", "audio/pcm")
    assert plan.run_config == {"tracing_disabled": False}


@pytest.mark.asyncio
async def test_an_empty_file_tells_the_model_enough(loaded: Load) -> None:
    """The defaults are explicit on the wire, the two decisions about turns among them."""
    plan = loaded().plan(offer())
    session = await told(plan)
    heard, said = session["audio"]["input"], session["audio"]["output"]
    assert heard["format"] == said["format"] == {"type": "audio/pcmu"}
    assert (session["model"], said["voice"]) == ("gpt-realtime-2.1", "marin")
    assert heard["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "silence_duration_ms": 500,
        "interrupt_response": True,
        "create_response": True,
    }
    assert heard["transcription"] == {"model": "gpt-4o-mini-transcribe"}
    assert heard["noise_reduction"] == {"type": "near_field"}
    assert session["output_modalities"] == ["audio"]
    assert (plan.input_format, plan.output_format) == ("audio/pcmu", "audio/pcmu")


@pytest.mark.asyncio
async def test_off_is_off_on_the_wire(loaded: Load) -> None:
    """Null, which clears what the server would do by itself."""
    off = (
        '[model]\nturn_detection = "off"\ninput_audio_transcription = "off"\n'
        'input_audio_noise_reduction = "off"'
    )
    heard = (await told(loaded(a_toml=off).plan(offer())))["audio"]["input"]
    assert (heard["turn_detection"], heard["transcription"]) == (None, None)
    assert heard["noise_reduction"] is None


@pytest.mark.parametrize(
    ("transcription", "language", "told_language"),
    [
        ("", "en-US", "en"),
        ("", "de", "de"),
        ("", "", None),
        ('{ language = "fr" }', "en", "fr"),
        ('{ languages = ["fr"] }', "en", None),
        ('{ model = "whisper-1" }', "en", "en"),
    ],
)
def test_a_route_lends_its_language(
    transcription: str, language: str, told_language: str | None
) -> None:
    """Where the agent sets none; transcription takes the language without its country."""
    line = f"input_audio_transcription = {transcription}" if transcription else ""
    settings: Any = model_settings(model_of(line), language)
    asked_for = settings["input_audio_transcription"]
    model = "whisper-1" if "whisper" in line else "gpt-4o-mini-transcribe"
    assert (asked_for.get("language"), asked_for["model"]) == (told_language, model)


def test_a_route_lends_nothing_to_what_is_off() -> None:
    """No transcripts, no language."""
    settings = model_settings(model_of('input_audio_transcription = "off"'), "en")
    assert settings["input_audio_transcription"] is None


def test_a_table_of_turns_replaces_the_defaults() -> None:
    """Only the type and the two decisions are filled in."""
    settings = model_settings(model_of("turn_detection = { threshold = 0.7 }"), "")
    assert settings["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.7,
        "interrupt_response": True,
        "create_response": True,
    }


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_a_choice_that_is_no_tool_stays_a_word(choice: str) -> None:
    """The wire has words for these."""
    assert model_settings(model_of(f'tool_choice = "{choice}"'), "")["tool_choice"] == choice


def test_a_run_is_as_the_file_says() -> None:
    """The SDK's own names; no trace leaves unless the file asks for one."""
    text = (
        "[run]\nasync_tool_calls = false\nguardrails_settings = { debounce_text_length = 50 }\n"
        "tool_execution = { pre_approval_tool_input_guardrails = true }"
    )
    assert run_config(agent_of(text)) == {
        "tracing_disabled": True,
        "async_tool_calls": False,
        "guardrails_settings": {"debounce_text_length": 50},
        "tool_execution": {"pre_approval_tool_input_guardrails": True},
    }
    assert run_config(agent_of('[model]\ntracing = "auto"')) == {"tracing_disabled": False}


def test_names_elsewhere_are_not_judged(tmp_path: Path) -> None:
    """A deployment is called as its owner likes."""
    (tmp_path / "a.toml").write_text('[model]\nmodel_name = "my-deployment"\nvoice = "anna"')
    problems: list[Problem] = []
    file = read_toml(tmp_path / "a.toml", schema.Agent, problems)
    assert file is not None
    assert list(model_problems(file, ours=False)) == []
    told = [(p.line, p.key, p.severity) for p in model_problems(file, ours=True)]
    assert told == [(2, "model.model_name", "warning"), (3, "model.voice", "warning")]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('model_name = "gpt-realtime-1.5"\nreasoning = { effort = "low" }', ["model.reasoning"]),
        ("parallel_tool_calls = true", []),
        ('model_name = "of-tomorrow"\nparallel_tool_calls = true', ["model.model_name"]),
        (
            'input_audio_transcription = { keywords = ["x"], prompt = "y" }',
            ["model.input_audio_transcription.keywords"],
        ),
        ('input_audio_transcription = { model = "gpt-transcribe", languages = ["en"] }', []),
    ],
)
def test_what_a_model_does_not_take_is_doubtful(tmp_path: Path, text: str, keys: list[str]) -> None:
    """The server would refuse the session; of models nobody knows nothing is said."""
    (tmp_path / "a.toml").write_text(f"[model]\n{text}")
    file = read_toml(tmp_path / "a.toml", schema.Agent, [])
    assert file is not None
    found = list(model_problems(file, ours=True))
    assert [problem.key for problem in found] == keys
    assert {problem.severity for problem in found} <= {"warning"}


def test_settings_of_two_calls_are_two(loaded: Load) -> None:
    """What the SDK adds to one call's settings is not another call's."""
    catalogue: Catalogue = loaded()
    first: Any = catalogue.plan(offer()).model_config["initial_model_settings"]
    for key in ("turn_detection", "input_audio_transcription", "input_audio_noise_reduction"):
        first[key].clear()
    second: Any = catalogue.plan(offer()).model_config["initial_model_settings"]
    assert second["turn_detection"]["threshold"] == 0.5
    assert second["input_audio_transcription"]
    assert second["input_audio_noise_reduction"]


def test_the_gateway_decides_only_when_the_file_says_so() -> None:
    """Then the model neither interrupts nor answers by itself; the thresholds are the file's."""
    assert floor_rules(agent_of("")) is None
    plain = agent_of('interruption = "gateway"')
    assert floor_rules(plain) == FloorRules()
    settings: Any = model_settings(plain.model, "", gateway_decides=True)
    turns = settings["turn_detection"]
    assert (turns["interrupt_response"], turns["create_response"]) == (False, False)
    table = agent_of(
        'interruption = "gateway"\n[turns]\nmin_speech_ms = 200\nbackchannel_ms = 700\n'
        'voice_dbfs = -40.0\nuninterruptible = ["greeting"]'
    )
    assert floor_rules(table) == FloorRules(200, 700, -40.0, greeting_is_heard=True)
