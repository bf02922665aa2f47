"""What an agent's files say is what the model's server is asked for, over whole phone calls."""

import asyncio
import json
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.agents import schema
from gateway.core.events import ApprovalAsked, GuardrailTripped, ToolEnded
from gateway.sim.realtime import RealtimeServer
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import Dtmf, HangUp, Step, WaitForAgent, WaitForSilence
from tests.agents.folders import write
from tests.call.bare_server import BareServer
from tests.e2e.harness import NUMBER, House, house, told
from tests.sim.realtime.harness import options

CALLER = "+12025550123"
GONE: Final = object()
"""The message does not have it at all."""
SCRIPT = """
name = "test"
voice = "tones"
[greeting]
say = "hello"
[[on_text]]
match = "pressed.*: 1$"
call = [{ name = "first" }, { name = "second" }]
[[on_text]]
match = "pressed.*: 2$"
call = { name = "change", arguments = { seat = "12A" } }
[[on_text]]
match = "pressed.*: 3$"
call = { name = "transfer_to_b" }
[[on_text]]
match = "pressed.*: 4$"
call = { name = "transfer_to_a" }
[[on_text]]
match = "pressed.*: 5$"
call = { name = "add", arguments = { a = 2, b = 40 } }
[after_tool.transfer_to_b]
say = "bye"
[otherwise]
say = "else"
"""
ANSWERED: Final = (WaitForAgent(heard_ms=60), HangUp())
"""A caller who hears the agent begin, and that is enough."""

TOOLS = '''"""Tools, guardrails and functions for tests."""

import asyncio

from agents import (
    GuardrailFunctionOutput,
    ToolGuardrailFunctionOutput,
    function_tool,
    output_guardrail,
    tool_input_guardrail,
)
from agents.realtime import RealtimeAgent

_both = asyncio.Event()


@function_tool
async def first() -> str:
    """Wait for the other."""
    try:
        await asyncio.wait_for(_both.wait(), 1)
    except TimeoutError:
        return "alone"
    return "together"


@function_tool
async def second() -> str:
    """Come to the other."""
    _both.set()
    return "here"


@tool_input_guardrail
def strangers(data):
    return ToolGuardrailFunctionOutput.reject_content("Not for strangers.")


@function_tool(needs_approval=True)
async def change(seat: str) -> str:
    """Change the seat."""
    return f"changed to {seat}"


@function_tool(needs_approval=True, tool_input_guardrails=[strangers], name_override="change")
async def change_for_friends(seat: str) -> str:
    """Change the seat of a friend."""
    return f"changed to {seat}"


def refused(arguments):
    return f"{arguments.tool_name}: ask again tomorrow."


@output_guardrail
async def only_anything_else(context, agent, output):
    return GuardrailFunctionOutput(None, tripwire_triggered=not output.startswith("Any"))


_asked = 0


def token():
    global _asked
    _asked += 1
    return f"token-{_asked}"


async def build(call):
    guards = [only_anything_else]
    other = RealtimeAgent(name="b", instructions="Say goodbye.", output_guardrails=guards)
    words = f"Serve {call.caller} for {call.data['company']}."
    return RealtimeAgent(name="made", instructions=words, tools=[first, second], handoffs=[other])
'''


def agent(head: str = "", **files: str) -> dict[str, str]:
    """Agent `a`, who greets, with these keys and tables, and what is beside it."""
    return {"a_toml": f'greeting = "Greet."\n{head}', "tools_py": TOOLS, **files}


@asynccontextmanager
async def line(folder: Path, files: dict[str, str], **settings: Any) -> AsyncIterator[House]:
    """A gateway whose agents are these files, and a model that answers at once."""
    agents = folder / "agents"
    agents.mkdir()
    write(agents, **files)
    async with house(options(folder, SCRIPT), agents_dir=agents, agent="a", **settings) as running:
        yield running


async def called(running: House, *steps: Step, query: str = "") -> Session:
    """A whole call with these steps; what the model's server saw of it."""
    number = len(running.model.sessions)
    url = f"{running.base}/twilio/voice{query}" if query else None
    call = running.twin.place_call(NUMBER, CALLER, steps or ANSWERED, voice_url=url)
    await running.ended(call)
    return running.model.sessions[number]


def asked(session: Session) -> list[dict[str, Any]]:
    """The settings the server was sent, one update after the other."""
    return [event["session"] for event in told(session, "C", "session.update")]


def at(settings: Any, path: str) -> Any:
    """What stands at a dotted path."""
    for part in path.split("."):
        settings = settings.get(part, GONE) if isinstance(settings, dict) else GONE
    return settings


def outputs(session: Session) -> list[str]:
    """What tools answered the model."""
    items = [event["item"] for event in told(session, "C", "conversation.item.create")]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


# [model]

TURNS: Final = {"interrupt_response": True, "create_response": True}
IN, OUT = "audio.input", "audio.output"
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "left out": (
        "",
        {
            "model": "gpt-realtime-2.1",
            "output_modalities": ["audio"],
            "instructions": "Be brief.",
            f"{OUT}.voice": "marin",
            f"{OUT}.format": {"type": "audio/pcmu"},
            f"{IN}.format": {"type": "audio/pcmu"},
            f"{IN}.noise_reduction": {"type": "near_field"},
            f"{IN}.transcription": {"model": "gpt-4o-mini-transcribe"},
            f"{IN}.turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "silence_duration_ms": 500,
                **TURNS,
            },
            **dict.fromkeys(["tracing", "prompt", "reasoning", "tool_choice"], GONE),
            **dict.fromkeys(["max_output_tokens", "parallel_tool_calls"], GONE),
            f"{OUT}.speed": GONE,
        },
    ),
    "voice and pace": (
        (
            'model_name = "gpt-realtime-2.1-mini"\nvoice = "cedar"\nspeed = 1.25\n'
            'max_output_tokens = 800\nparallel_tool_calls = false\nreasoning = { effort = "low" }\n'
            'output_modalities = ["audio"]\ntool_choice = "required"'
        ),
        {
            "model": "gpt-realtime-2.1-mini",
            f"{OUT}.voice": "cedar",
            f"{OUT}.speed": 1.25,
            "max_output_tokens": 800,
            "parallel_tool_calls": False,
            "reasoning": {"effort": "low"},
            "output_modalities": ["audio"],
            "tool_choice": "required",
        },
    ),
    "a voice of one's own": (
        (
            'voice = { id = "voice_1234" }\nmax_output_tokens = "inf"\nmodalities = ["audio"]\n'
            'tool_choice = "first"\nparallel_tool_calls = true'
        ),
        {
            f"{OUT}.voice": {"id": "voice_1234"},
            "max_output_tokens": "inf",
            "output_modalities": ["audio"],
            "tool_choice": {"type": "function", "name": "first"},
            "parallel_tool_calls": True,
        },
    ),
    "a prompt kept at OpenAI": (
        (
            'prompt = { id = "pmpt_1", version = "3", variables = { company = "Example" } }\n'
            'tool_choice = "none"'
        ),
        {
            "prompt": {"id": "pmpt_1", "version": "3", "variables": {"company": "Example"}},
            "tool_choice": "none",
        },
    ),
    "g711 a-law": (
        'input_audio_format = "g711_alaw"\noutput_audio_format = "g711_alaw"',
        {f"{IN}.format": {"type": "audio/pcma"}, f"{OUT}.format": {"type": "audio/pcma"}},
    ),
    "pcm16": (
        'input_audio_format = "pcm16"\noutput_audio_format = "pcm16"',
        {
            f"{IN}.format": {"type": "audio/pcm", "rate": 24000},
            f"{OUT}.format": {"type": "audio/pcm", "rate": 24000},
        },
    ),
    "one format in, another out": (
        'input_audio_format = "g711_ulaw"\noutput_audio_format = "pcm16"',
        {
            f"{IN}.format": {"type": "audio/pcmu"},
            f"{OUT}.format": {"type": "audio/pcm", "rate": 24000},
        },
    ),
    "switched off": (
        (
            'input_audio_transcription = "off"\ninput_audio_noise_reduction = "off"\n'
            'turn_detection = "off"'
        ),
        {f"{IN}.transcription": None, f"{IN}.noise_reduction": None, f"{IN}.turn_detection": None},
    ),
    "transcription with a prompt": (
        (
            'input_audio_transcription = { model = "gpt-4o-transcribe", language = "de", '
            'prompt = "Seats and flights." }\ninput_audio_noise_reduction = { type = "far_field" }'
        ),
        {
            f"{IN}.transcription": {
                "model": "gpt-4o-transcribe",
                "language": "de",
                "prompt": "Seats and flights.",
            },
            f"{IN}.noise_reduction": {"type": "far_field"},
        },
    ),
    "transcription with keywords": (
        (
            'input_audio_transcription = { model = "gpt-transcribe", keywords = ["Lisbon"], '
            'languages = ["en", "pt"] }'
        ),
        {
            f"{IN}.transcription": {
                "model": "gpt-transcribe",
                "keywords": ["Lisbon"],
                "languages": ["en", "pt"],
            }
        },
    ),
    "transcription with a delay": (
        'input_audio_transcription = { model = "gpt-realtime-whisper", delay = "low" }',
        {f"{IN}.transcription": {"model": "gpt-realtime-whisper", "delay": "low"}},
    ),
    "turns by silence": (
        (
            'turn_detection = { type = "server_vad", threshold = 0.7, prefix_padding_ms = 200, '
            "silence_duration_ms = 800, idle_timeout_ms = 6000, interrupt_response = false, "
            "create_response = true }"
        ),
        {
            f"{IN}.turn_detection": {
                "type": "server_vad",
                "threshold": 0.7,
                "prefix_padding_ms": 200,
                "silence_duration_ms": 800,
                "idle_timeout_ms": 6000,
                "interrupt_response": False,
                "create_response": True,
            }
        },
    ),
    "turns by meaning": (
        'turn_detection = { type = "semantic_vad", eagerness = "high" }',
        {f"{IN}.turn_detection": {"type": "semantic_vad", "eagerness": "high", **TURNS}},
    ),
}
"""Lines of `[model]`, and what the server is sent, by path."""
CIRCUMSTANCE = {"agent": "a", "route": "default", "direction": "inbound"}
TRACING: dict[str, tuple[str, Any]] = {
    "auto": (
        'tracing = "auto"',
        {"workflow_name": "a", "group_id": "{sid}", "metadata": CIRCUMSTANCE},
    ),
    "in detail": (
        'tracing = { workflow_name = "phone", group_id = "g", metadata = { floor = "2" } }',
        {"workflow_name": "phone", "group_id": "g", "metadata": {**CIRCUMSTANCE, "floor": "2"}},
    ),
    "in part": (
        'tracing = { metadata = { agent = "ours" } }',
        {
            "workflow_name": "a",
            "group_id": "{sid}",
            "metadata": {**CIRCUMSTANCE, "agent": "ours"},
        },
    ),
}
"""Lines of `[model]`, and what the server is sent; ``{sid}`` is the CallSid, which the metadata
have, too.
"""
VERSION = 'turn_detection = { type = "semantic_vad", model_version = "2" }'


def keys(table: Any) -> set[str]:
    """Every key of a TOML table, at any depth."""
    if not isinstance(table, dict):
        return set()
    return set(table).union(*(keys(value) for value in table.values()))


def test_every_setting_of_the_model_is_tried_here() -> None:
    """No key of `[model]` is without a phone call that proves it."""
    texts = [VERSION, *(text for text, _ in [*SETTINGS.values(), *TRACING.values()])]
    tables = (
        schema.Model,
        schema.CustomVoice,
        schema.Transcription,
        schema.NoiseReduction,
        schema.TurnDetection,
        schema.Prompt,
        schema.Reasoning,
        schema.Tracing,
    )
    wanted = {key for table in tables for key in table.model_fields}
    assert wanted <= set().union(*(keys(tomllib.loads(text)) for text in texts))


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SETTINGS)
async def test_a_setting_of_the_model_is_what_its_server_is_asked_for(
    name: str, tmp_path: Path
) -> None:
    """The server is sent exactly what stands under [model], takes it, and the agent is heard."""
    text, expected = SETTINGS[name]
    files = agent(f'tools = ["tools.first", "tools.second"]\n[model]\n{text}')
    async with line(tmp_path, files) as running:
        session = await called(running)
    (settings,) = asked(session)
    assert {path: at(settings, path) for path in expected} == expected
    assert told(session, "S", "session.updated")
    assert told(session, "S", "error") == []


@pytest.mark.asyncio
async def test_a_version_of_the_turn_detection_is_passed_on(tmp_path: Path) -> None:
    """The SDK's `model_version` reaches the server as it is; the offline one does not know it."""
    async with line(tmp_path, agent(f"[model]\n{VERSION}")) as running:
        call = running.place()
        session = await running.model.wait_session()
        settings = (await session.seen("session.update"))["session"]
        assert "model_version" in (await session.seen("error"))["error"]["message"]
        call.hang_up()
        await running.ended(call)
    turns = {"type": "semantic_vad", "model_version": "2", **TURNS}
    assert at(settings, f"{IN}.turn_detection") == turns


@pytest.mark.asyncio
@pytest.mark.parametrize("name", TRACING)
async def test_traces_are_asked_for_when_the_file_says_so(name: str, tmp_path: Path) -> None:
    """An update of its own carries `tracing`, with what makes the call found at OpenAI; left out,
    no update does (the table above).
    """
    text, expected = TRACING[name]
    async with line(tmp_path, agent(f"[model]\n{text}")) as running:
        session = await called(running)
        (offered,) = {call_sid for call_sid, _ in running.events}
    traced = [settings["tracing"] for settings in asked(session) if "tracing" in settings]
    wanted = {**expected, "group_id": expected["group_id"].replace("{sid}", offered)}
    assert traced == [{**wanted, "metadata": {**expected["metadata"], "call_sid": offered}}]
    assert told(session, "S", "error") == []


# Texts, tools, handoffs

CIRCUMSTANCES = """
[default]
data = { company = "Nobody" }
[directory]
office = { number = "+12025550199", description = "Weekdays from 9 to 17" }
[[route]]
number = "+15550001000"
language = "de-DE"
timezone = "Europe/Berlin"
data = { company = "Example" }
[[route]]
campaign = "spring"
agent = "a"
data = { company = "Spring" }
"""
TEXT = (
    "{{ caller }} {{ called }} {{ direction }} {{ language }} {{ now.tzinfo }} {{ data.company }}"
)


@pytest.mark.asyncio
async def test_texts_are_rendered_for_the_call(tmp_path: Path) -> None:
    """Instructions and greeting carry caller, numbers, language, time zone and the route's data."""
    files = {
        "a_toml": 'tools = ["transfer_call"]\ngreeting = "Greet {{ caller }} in {{ language }}."',
        "a_md": TEXT,
        "routes_toml": CIRCUMSTANCES,
    }
    async with line(tmp_path, files) as running:
        session = await called(running)
    (settings,) = asked(session)
    expected = f"{CALLER} {NUMBER} inbound de-DE Europe/Berlin Example"
    assert settings["instructions"] == expected
    assert at(settings, f"{IN}.transcription.language") == "de"
    (greeting, *_) = told(session, "C", "response.create")
    assert greeting["response"]["instructions"] == f"Greet {CALLER} in de-DE."


@pytest.mark.asyncio
async def test_without_a_greeting_the_caller_speaks_first(tmp_path: Path) -> None:
    """Nothing is asked of the model before the caller did something."""
    async with line(tmp_path, {"a_toml": ""}) as running:
        call = running.place()
        session = await running.model.wait_session()
        await session.seen("session.updated")  # a greeting is asked for before
        call.hang_up()
        await running.ended(call)
    assert told(session, "C", "response.create") == []


@pytest.mark.asyncio
async def test_tools_and_handoffs_are_what_the_model_sees(tmp_path: Path) -> None:
    """Each has its name, its description and its parameters; transfer_call knows its directory."""
    head = (
        'tools = ["tools.change", "end_call", "transfer_call", "send_dtmf", "hold"]\n'
        'handoffs = ["b", { agent = "c", tool_name = "to_c", description = "Sings." }]'
    )
    files = agent(head, b_toml='handoff_description = "Knows it all."', c_toml="", c_md="Sing.")
    async with line(tmp_path, {**files, "routes_toml": CIRCUMSTANCES}) as running:
        session = await called(running)
    tools = {tool["name"]: tool for tool in asked(session)[0]["tools"]}
    assert list(tools) == [
        *("change", "end_call", "transfer_call", "send_dtmf", "hold"),
        *("transfer_to_b", "to_c"),
    ]
    assert tools["change"]["description"] == "Change the seat."
    assert tools["change"]["parameters"]["required"] == ["seat"]
    assert tools["transfer_call"]["parameters"]["properties"]["destination"]["enum"] == ["office"]
    assert "Knows it all." in tools["transfer_to_b"]["description"]
    assert tools["to_c"]["description"] == "Sings."


@pytest.mark.asyncio
async def test_tools_of_a_server_are_what_the_model_sees_and_calls(tmp_path: Path) -> None:
    """An MCP server's tool is offered to the model, and its answer reaches the model."""
    program = Path(__file__).parents[1] / "agents" / "mcp_server.py"
    table = f"[shop]\ncommand = {json.dumps(sys.executable)}\nargs = [{json.dumps(str(program))}]"
    files = agent('mcp_servers = ["shop"]', mcp_toml=table)
    async with line(tmp_path, files) as running:
        steps = (*PRESS_5, WaitForAgent(heard_ms=60), HangUp())
        session = await called(running, *steps)
    assert "add" in [tool["name"] for tool in asked(session)[0]["tools"]]
    assert outputs(session) == ["42"]


def press(digit: str) -> tuple[Step, ...]:
    """Hears the agent begin and end, then presses a key."""
    return WaitForAgent(heard_ms=60), WaitForSilence(ms=100), Dtmf(f"{digit}#", gap_ms=40)


PRESS_1, PRESS_2, PRESS_3, PRESS_4, PRESS_5 = (press(digit) for digit in "12345")


@pytest.mark.asyncio
async def test_a_calls_instructions_are_its_own_and_stay_as_they_are(tmp_path: Path) -> None:
    """Two calls at once on routes with other data: each keeps its words over a handoff and back."""
    files = {
        **agent('handoffs = ["b"]', b_toml='handoffs = ["a"]', routes_toml=CIRCUMSTANCES),
        "a_md": "You work for {{ data.company }}. It is {{ now.isoformat() }}.",
        "b_md": "B of {{ data.company }} at {{ now.isoformat() }}.",
    }
    steps = (*PRESS_3, *PRESS_4, WaitForAgent(heard_ms=60), HangUp())
    async with line(tmp_path, files) as running:
        await asyncio.gather(
            called(running, *steps), called(running, *steps, query="?campaign=spring")
        )
        sessions = running.model.sessions
    first = {words(session)[0].partition(". ")[0] for session in sessions}
    assert first == {"You work for Example", "You work for Spring"}
    for session in sessions:
        at_first, of_b, at_last = words(session)
        assert at_first == at_last
        company = "Example" if "Example" in at_first else "Spring"
        assert of_b.startswith(f"B of {company} at ")


def words(session: Session) -> list[str]:
    """The instructions of each update."""
    return [settings["instructions"] for settings in asked(session)]


@pytest.mark.asyncio
async def test_an_agent_made_in_python_is_as_good_as_one_of_a_file(tmp_path: Path) -> None:
    """Its instructions, tools, handoff and the other agent's guardrail all work in one call."""
    files = agent(
        'build = "tools.build"\n[run]\nguardrails_settings = { debounce_text_length = 4 }',
        routes_toml=CIRCUMSTANCES,
    )
    async with line(tmp_path, files) as running:
        steps = (*PRESS_1, *PRESS_3, WaitForAgent(heard_ms=60), WaitForSilence(ms=200), HangUp())
        session = await called(running, *steps)
        tripped = running.of(GuardrailTripped)
        ran = [event.tool for event in running.of(ToolEnded)]
    assert words(session) == [f"Serve {CALLER} for Example.", "Say goodbye."]
    tools = [tool["name"] for tool in asked(session)[0]["tools"]]
    assert tools == ["first", "second", "transfer_to_b"]
    assert sorted(ran) == ["first", "second"]
    assert outputs(session)[:2] in (["together", "here"], ["here", "together"])
    assert [event.guardrail for event in tripped] == ["only_anything_else"]


# [run]


@pytest.mark.asyncio
@pytest.mark.parametrize(("wish", "expected"), [("true", "together"), ("false", "alone")])
async def test_tools_of_one_answer_run_together_unless_the_file_says_no(
    wish: str, expected: str, tmp_path: Path
) -> None:
    """With async_tool_calls = false the second waits until the first is done."""
    files = agent(f'tools = ["tools.first", "tools.second"]\n[run]\nasync_tool_calls = {wish}')
    async with line(tmp_path, files) as running:
        session = await called(running, *PRESS_1, WaitForAgent(heard_ms=60), HangUp())
    assert sorted(outputs(session)) == sorted([expected, "here"])


@pytest.mark.asyncio
@pytest.mark.parametrize(("length", "trips"), [(4, True), (1000, False)])
async def test_guardrails_look_after_so_many_characters(
    length: int, trips: bool, tmp_path: Path
) -> None:
    """A short sentence is judged with a short debounce_text_length, and not with a long one."""
    run = f"[run]\nguardrails_settings = {{ debounce_text_length = {length} }}"
    files = agent(f'output_guardrails = ["tools.only_anything_else"]\n{run}')
    async with line(tmp_path, files) as running:
        quiet = WaitForSilence(ms=300)
        session = await called(running, WaitForAgent(heard_ms=60), quiet, HangUp())
        tripped = running.of(GuardrailTripped)
    assert bool(tripped) == trips
    said = told(session, "C", "conversation.item.create")
    assert any("guardrail" in json.dumps(event) for event in said) == trips


@pytest.mark.asyncio
async def test_a_refused_tool_call_is_told_in_the_words_of_the_file(tmp_path: Path) -> None:
    """The model reads what tool_error_formatter made of it."""
    files = agent('tools = ["tools.change"]\n[run]\ntool_error_formatter = "tools.refused"')
    async with line(tmp_path, files) as running:
        call = running.place(*PRESS_2, WaitForAgent(heard_ms=60), HangUp())
        await running.until(lambda: bool(running.of(ApprovalAsked)))
        (request,) = running.reception.approvals.pending()
        assert running.reception.approvals.decide(request.tool_call_id, approve=False)
        await running.ended(call)
        assert outputs(running.model.sessions[0]) == ["change: ask again tomorrow."]


@pytest.mark.asyncio
@pytest.mark.parametrize("before", [True, False])
async def test_a_tools_own_guardrail_can_come_before_the_approval(
    before: bool, tmp_path: Path
) -> None:
    """With pre_approval_tool_input_guardrails nobody is asked for what is not allowed anyway."""
    wish = f"pre_approval_tool_input_guardrails = {str(before).lower()}"
    files = agent(f'tools = ["tools.change_for_friends"]\n[run]\ntool_execution = {{ {wish} }}')
    async with line(tmp_path, files) as running:
        call = running.place(*PRESS_2, WaitForAgent(heard_ms=60), HangUp())
        if not before:
            await running.until(lambda: bool(running.of(ApprovalAsked)))
            (request,) = running.reception.approvals.pending()
            running.reception.approvals.decide(request.tool_call_id, approve=True)
        await running.ended(call)
        assert bool(running.of(ApprovalAsked)) != before
        assert outputs(running.model.sessions[0]) == ["Not for strangers."]


# [provider]


@pytest.mark.asyncio
async def test_without_a_provider_the_gateways_own_key_is_sent(tmp_path: Path) -> None:
    """The key of the settings goes to the address of the settings."""
    async with line(tmp_path, agent()) as running:
        session = await called(running)
    assert session.headers["Authorization"] == "Bearer offline"


@pytest.mark.asyncio
@pytest.mark.parametrize("source", ["env", "file"])
async def test_a_key_of_the_agents_own_is_sent(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a variable or a file it reaches the server as a bearer, with the headers of the file."""
    place = tmp_path / "key"
    place.write_text("key-of-file\n")
    monkeypatch.setenv("KEY_FOR_TESTS", "key-of-env")
    key = "KEY_FOR_TESTS" if source == "env" else str(place)
    table = f'[provider]\napi_key_{source} = {json.dumps(key)}\nheaders = {{ X-Org = "phones" }}'
    async with line(tmp_path, agent(table)) as running:
        session = await called(running)
    assert session.headers["Authorization"] == f"Bearer key-of-{source}"
    assert session.headers["X-Org"] == "phones"


@pytest.mark.asyncio
async def test_a_function_is_asked_for_the_key_at_each_connection(tmp_path: Path) -> None:
    """Two calls get two tokens, and the other headers with each."""
    table = '[provider]\napi_key_from = "tools.token"\nheaders = { X-Org = "phones" }'
    async with line(tmp_path, agent(table)) as running:
        sessions = [await called(running), await called(running)]
    sent = [session.headers["Authorization"] for session in sessions]
    assert sent == ["Bearer token-1", "Bearer token-2"]
    assert [session.headers["X-Org"] for session in sessions] == ["phones", "phones"]


@pytest.mark.asyncio
async def test_an_agent_may_have_a_server_of_its_own(tmp_path: Path) -> None:
    """The call goes to the provider's url, with the agent's name in it, not to the gateway's."""
    theirs = RealtimeServer(options(tmp_path, SCRIPT))
    await theirs.start()
    try:
        table = f'[provider]\nurl = "{theirs.url}?script=test&agent={{agent}}"\n'
        async with line(tmp_path, agent(f'{table}api_key_from = "tools.token"')) as running:
            call = running.place(*ANSWERED)
            session = await theirs.wait_session()
            await running.ended(call)
            assert running.model.sessions == []
        assert session.headers["Authorization"] == "Bearer token-1"
        assert asked(session)[0]["model"] == "gpt-realtime-2.1"
    finally:
        await theirs.stop()


@pytest.mark.asyncio
async def test_a_key_is_sent_as_azure_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """auth = "api-key" sends that header and no Authorization; {agent} is the agent's name."""
    monkeypatch.setenv("KEY_FOR_TESTS", "key-of-azure")
    async with BareServer() as azure:
        table = (
            f'[provider]\nurl = "{azure.url}&for={{agent}}"\n'
            'api_key_env = "KEY_FOR_TESTS"\nauth = "api-key"'
        )
        async with line(tmp_path, agent(table)) as running:
            call = running.place()
            connection = await azure.connection()
            await connection.frames.until(lambda rows: len(rows) >= 1)
            call.hang_up()
            await running.ended(call)
    assert connection.header("api-key") == "key-of-azure"
    assert connection.header("Authorization") is None
    assert connection.request.startswith(b"GET /v1/realtime?model=m&for=a ")
