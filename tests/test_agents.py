"""Agents from files: what the model is told over the wire, and every mistake by file and key."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agents.realtime import RealtimeAgent

from gateway.agents import AgentFiles, with_model
from gateway.call.session import AgentPlan
from gateway.call.tools import CALL_CONTROL, ToolRunner
from gateway.errors import ConfigError
from gateway.settings import Settings
from tests.web.carrier import new_call_sid
from tests.web.running import running, settings_for

SHIPPED = Path(__file__).parent.parent / "agents_config"
TOOLS = '''
from agents import function_tool

@function_tool
async def look_up(order_id: str) -> str:
    """Look up an order.

    Args:
        order_id: Its number.
    """
    return "shipped"

@function_tool(timeout=3)
async def slow(seconds: int) -> str:
    """Take a while."""
    return "done"

@function_tool
def plain(word: str) -> str:
    """Not async."""
    return word

not_a_tool = 5
'''
Load = Callable[..., AgentPlan]


@pytest.fixture(autouse=True)
def no_keys_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests decides what they see."""
    for name in list(os.environ):
        if name.startswith(("GATEWAY_", "TWILIO_", "OPENAI_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def runner() -> Iterator[ToolRunner]:
    """Where tools run; one for all tests."""
    made = ToolRunner(threads=1, timeout_s=7)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of agents with instructions and tools, and no agent yet."""
    made = tmp_path / "agents"
    made.mkdir()
    (made / "a.md").write_text("Be brief.")
    (made / "b.md").write_text("Be kind.")
    (made / "tools.py").write_text(TOOLS)
    return made


@pytest.fixture
def load(folder: Path, runner: ToolRunner) -> Load:
    """Writes agents (file name without `.toml` = content) and loads `a`."""

    def loaded(a: str = "", name: str = "a", **others: str) -> AgentPlan:
        for stem, text in {"a": a, **others}.items():
            (folder / f"{stem}.toml").write_text(text)
        return AgentFiles(folder, settings(), runner).plan(name)

    return loaded


def settings(**changes: Any) -> Settings:
    """Settings with a model server of our own and a key."""
    return settings_for(8000, "ws://127.0.0.1:9/v1/realtime", openai_api_key="sk-x", **changes)


# Good files


def test_an_empty_file_is_an_agent(load: Load) -> None:
    """Everything has a default; the instructions are the Markdown file of the same name."""
    plan = load("")
    assert (plan.name, plan.greeting, plan.greeting_request()) == ("a", None, None)
    assert plan.agent.instructions == "Be brief."
    assert plan.agent.tools == []
    assert plan.run_config == {"tracing_disabled": True}


def test_a_full_file_is_followed(load: Load) -> None:
    """Other instructions, a greeting, tools of both kinds, handoffs there and back."""
    plan = load(
        'instructions = "b.md"\ngreeting = "Say hello."\n'
        'tools = ["tools.look_up", "tools.plain", "end_call"]\nhandoffs = ["b"]',
        b='handoffs = ["a"]\nhandoff_description = "Knows about orders."',
    )
    agent = plan.agent
    assert agent.instructions == "Be kind."
    assert [tool.name for tool in agent.tools] == ["look_up", "plain", "end_call"]
    assert b"Say hello." in (plan.greeting_request() or b"")
    other = agent.handoffs[0]
    assert isinstance(other, RealtimeAgent)
    assert (other.name, other.handoff_description) == ("b", "Knows about orders.")
    assert other.handoffs == [agent]


def test_tools_run_elsewhere_with_a_limit(load: Load) -> None:
    """A tool has its own timeout or the deployment's; call control stays on the call's loop."""
    limits = {
        tool.name: getattr(tool, "timeout_seconds", None)
        for tool in load('tools = ["tools.look_up", "tools.slow", "tools.plain"]').agent.tools
    }
    assert limits == {"look_up": 7, "slow": 3, "plain": 7}
    assert CALL_CONTROL["end_call"] in load('tools = ["end_call"]').agent.tools


def test_tools_may_lie_in_packages(load: Load, folder: Path) -> None:
    """module.name, with as many dots as folders."""
    (folder / "shop").mkdir()
    (folder / "shop" / "orders.py").write_text(TOOLS)
    assert [t.name for t in load('tools = ["shop.orders.look_up"]').agent.tools] == ["look_up"]


def test_a_tool_module_is_run_once(load: Load, folder: Path) -> None:
    """Two agents with tools of one module share it."""
    (folder / "tools.py").write_text(f"import pathlib\n{TOOLS}\n" + COUNTING)
    load('tools = ["tools.look_up"]\nhandoffs = ["b"]', b='tools = ["tools.slow"]')
    assert (folder / "ran").read_text() == "x"


COUNTING = """
with (pathlib.Path(__file__).parent / "ran").open("a") as file:
    file.write("x")
"""


def test_the_agents_of_a_folder_are_listed(folder: Path, runner: ToolRunner) -> None:
    """By name, without the routes and other files."""
    for name in ("b.toml", "a.toml", "routes.toml", "notes.txt"):
        (folder / name).write_text("")
    assert AgentFiles(folder, settings(), runner).names() == ["a", "b"]


def test_the_shipped_agent_loads(runner: ToolRunner) -> None:
    """What a fresh clone answers with."""
    plan = AgentFiles(SHIPPED, settings(), runner).plan("assistant")
    assert [tool.name for tool in plan.agent.tools] == ["lookup_order", "end_call"]
    assert plan.greeting


# The model


def test_the_connection_is_the_deployments(load: Load, folder: Path, runner: ToolRunner) -> None:
    """Key, headers and address come from the settings, the model's name from the agent."""
    config = load('[model]\nmodel_name = "gpt-realtime-mini"').model_config
    assert config.get("api_key") == "sk-x"
    assert config.get("url") == "ws://127.0.0.1:9/v1/realtime?model=gpt-realtime-mini"
    assert "headers" not in config
    azure = settings_for(
        8000,
        "wss://r.openai.azure.com/openai/v1/realtime?model=deployed",
        realtime_headers='{"api-key": "k"}',
    )
    config = AgentFiles(folder, azure, runner).plan("a").model_config
    assert config.get("headers") == {"api-key": "k"}
    assert "api_key" not in config
    assert config.get("url") == "wss://r.openai.azure.com/openai/v1/realtime?model=deployed"
    openai = settings_for(8000, "", openai_api_key="sk-x")
    assert "url" not in AgentFiles(folder, openai, runner).plan("a").model_config


@pytest.mark.parametrize(
    ("url", "with_name"),
    [
        ("wss://h/v1/realtime", "wss://h/v1/realtime?model=m+1"),
        ("wss://h/v1/realtime?a=b", "wss://h/v1/realtime?a=b&model=m+1"),
        ("wss://h/v1/realtime?model=other", "wss://h/v1/realtime?model=other"),
        ("wss://h/v1/realtime?a=b&model=other", "wss://h/v1/realtime?a=b&model=other"),
    ],
)
def test_an_address_names_the_model(url: str, with_name: str) -> None:
    """Unless it names one already, as Azure deployments do."""
    assert with_model(url, "m 1") == with_name


RICH = """
greeting = "Greet."
tools = ["tools.look_up", "end_call"]
handoffs = ["b"]
[model]
model_name = "gpt-realtime-2.1"
voice = "cedar"
speed = 1.1
turn_detection = { type = "server_vad", threshold = 0.6, silence_duration_ms = 400 }
input_audio_transcription = { model = "gpt-4o-mini-transcribe", language = "en" }
input_audio_noise_reduction = { type = "far_field" }
"""


async def told(folder: Path, load: Load, text: str) -> dict[str, Any]:
    """The session the model is asked for when agent `a` takes a call."""
    load(text, b="")
    runner = ToolRunner(threads=1, timeout_s=1)
    runner.start()
    try:
        async with running(
            folder, agent=lambda s: AgentFiles(folder, s, runner).plan("a"), openai_api_key="sk-x"
        ) as gateway:
            await gateway.ticket(new_call_sid())
            model = await gateway.model.wait_session(1)
            update = await model.seen("session.update")
            await model.seen("session.updated")
            found: dict[str, Any] = update["session"]
            return found
    finally:
        runner.stop()


@pytest.mark.asyncio
async def test_the_model_is_told_what_the_file_says(folder: Path, load: Load) -> None:
    """The first session.update: mu-law both ways, voice, turns, transcription, noise, tools."""
    session = await told(folder, load, RICH)
    heard, said = session["audio"]["input"], session["audio"]["output"]
    assert heard["format"] == said["format"] == {"type": "audio/pcmu"}
    assert (said["voice"], said["speed"]) == ("cedar", 1.1)
    assert heard["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.6,
        "silence_duration_ms": 400,
        "interrupt_response": True,
        "create_response": True,
    }
    assert heard["transcription"] == {"model": "gpt-4o-mini-transcribe", "language": "en"}
    assert heard["noise_reduction"] == {"type": "far_field"}
    assert session["instructions"] == "Be brief."
    assert {tool["name"] for tool in session["tools"]} == {"look_up", "end_call", "transfer_to_b"}
    assert session["output_modalities"] == ["audio"]


@pytest.mark.asyncio
async def test_an_empty_file_tells_the_model_enough(folder: Path, load: Load) -> None:
    """The defaults are explicit on the wire, the two decisions about turns among them."""
    session = await told(folder, load, "")
    heard, said = session["audio"]["input"], session["audio"]["output"]
    assert heard["format"] == said["format"] == {"type": "audio/pcmu"}
    assert said["voice"] == "marin"
    assert heard["turn_detection"]["interrupt_response"] is True
    assert heard["turn_detection"]["create_response"] is True
    assert heard["transcription"] == {"model": "gpt-4o-mini-transcribe"}
    assert heard["noise_reduction"] == {"type": "near_field"}


@pytest.mark.asyncio
async def test_what_a_file_says_of_turns_stands(folder: Path, load: Load) -> None:
    """A file may leave both decisions to the gateway, and choose the other detector."""
    turns = 'type = "semantic_vad", interrupt_response = false, create_response = false'
    session = await told(folder, load, f"[model]\nturn_detection = {{ {turns} }}")
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "interrupt_response": False,
        "create_response": False,
    }


# Mistakes


MISTAKES = {
    "unknown key": ('instruction = "a.md"', "unknown key instruction (did you mean instructions?)"),
    "far from any key": ("qqqqqq = 1", "unknown key qqqqqq"),
    "unknown model key": (
        "[model]\nvoise = 1",
        "unknown key model.voise (did you mean model.voice?)",
    ),
    "formats are not for files": (
        '[model]\ninput_audio_format = "pcm16"',
        "model.input_audio_format",
    ),
    "no TOML": ("greeting = \n", "line 1"),
    "model is no table": ("model = 5", "model must be a table"),
    "no instructions": ('instructions = "c.md"', "instructions: no file"),
    "instructions are a folder": ('instructions = "."', "instructions"),
    "instructions by number": ("instructions = 5", "instructions must be"),
    "greeting by number": ("greeting = 5", "greeting must be"),
    "greeting as list": ('greeting = ["Hello."]', "greeting must be"),
    "description by number": ("handoff_description = 5", "handoff_description must be"),
    "tools as word": ('tools = "end_call"', "tools must be a list of names"),
    "tools by number": ("tools = [1]", "tools must be a list of names"),
    "handoffs as word": ('handoffs = "b"', "handoffs must be a list of names"),
    "model name by number": ("[model]\nmodel_name = 5", "model.model_name must be"),
    "voice by number": ("[model]\nvoice = 5", "model.voice must be"),
    "speed by word": ('[model]\nspeed = "fast"', "model.speed must be"),
    "speed by truth": ("[model]\nspeed = true", "model.speed must be"),
    "tokens by table": ("[model]\nmax_output_tokens = {}", "model.max_output_tokens must be"),
    "turns by word": ('[model]\nturn_detection = "server_vad"', "model.turn_detection must be"),
    "transcription by word": (
        '[model]\ninput_audio_transcription = "whisper-1"',
        "model.input_audio_transcription must be",
    ),
    "noise by word": (
        '[model]\ninput_audio_noise_reduction = "near_field"',
        "model.input_audio_noise_reduction must be",
    ),
    "parallel by word": (
        '[model]\nparallel_tool_calls = "yes"',
        "model.parallel_tool_calls must be",
    ),
    "nearly a built-in tool": (
        'tools = ["end_cal"]',
        "tools: no built-in tool 'end_cal' (did you mean 'end_call')",
    ),
    "no built-in tool": ('tools = ["weather"]', "tools: no built-in tool 'weather'"),
    "no module": ('tools = ["shop.look_up"]', "tools: no module"),
    "no such tool": (
        'tools = ["tools.look_down"]',
        "tools: 'tools.look_down' is not a function tool",
    ),
    "not a tool": (
        'tools = ["tools.not_a_tool"]',
        "tools: 'tools.not_a_tool' is not a function tool",
    ),
    "only dots": ('tools = [".."]', "tools"),
    "handoff to nobody": ('handoffs = ["c"]', "handoffs: no agent 'c'"),
    "handoff out of the folder": ('handoffs = ["../c"]', "handoffs: agent name '../c'"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_told_by_file_and_key(load: Load, folder: Path, what: str) -> None:
    """One line that says where to look and what is wrong."""
    text, why = MISTAKES[what]
    with pytest.raises(ConfigError) as wrong:
        load(text)
    line = str(wrong.value)
    assert line.startswith(f"{folder / 'a.toml'}: ")
    assert why in line
    assert "\n" not in line


def test_a_mistake_in_another_agent_names_its_file(load: Load, folder: Path) -> None:
    """Found while following a handoff."""
    with pytest.raises(ConfigError) as wrong:
        load('handoffs = ["b"]', b="voise = 1")
    assert str(folder / "b.toml") in str(wrong.value)
    assert "voise" in str(wrong.value)


MODULES = {
    "a syntax error": ("def f(:\n", "SyntaxError", "line 1"),
    "a missing package": ("import no_such_package_here\n", "ModuleNotFoundError", "no_such"),
    "an undefined name": ("undefined\n", "NameError", "undefined"),
    "a wrong attribute": ("import os\nos.nothing\n", "AttributeError", "nothing"),
    "a missing key": ("import os\nos.environ['NO_SUCH_VARIABLE']\n", "KeyError", "NO_SUCH"),
    "a division": ("1 / 0\n", "ZeroDivisionError", "division"),
    "a missing file": ("open('no such file')\n", "FileNotFoundError", "no such file"),
    "a failed check": ("assert False, 'not today'\n", "AssertionError", "not today"),
    "a tool the SDK refuses": (TOOLS.replace("timeout=3", "timeout=-1"), "Error", "timeout"),
}


@pytest.mark.parametrize("what", MODULES)
def test_a_tool_module_that_fails_is_named(load: Load, folder: Path, what: str) -> None:
    """The file, the kind of error and its words, in one line."""
    text, kind, words = MODULES[what]
    (folder / "tools.py").write_text(text)
    with pytest.raises(ConfigError) as wrong:
        load('tools = ["tools.f"]')
    line = str(wrong.value)
    assert line.startswith(f"{folder / 'tools.py'}: ")
    assert kind in line
    assert words in line
    assert "\n" not in line


def test_a_repaired_module_is_read_again(load: Load, folder: Path) -> None:
    """A failure leaves nothing half loaded behind."""
    (folder / "tools.py").write_text("1 / 0\n")
    with pytest.raises(ConfigError):
        load('tools = ["tools.look_up"]')
    (folder / "tools.py").write_text(TOOLS)
    assert load('tools = ["tools.look_up"]').agent.tools


@pytest.mark.parametrize(
    "name", ["../a", "a/b", "..", ".", "", "a.toml", "a\\b", "a\0", "/a", "a b"]
)
def test_a_name_is_no_path(load: Load, name: str) -> None:
    """Agents are looked for in their folder, nowhere else."""
    with pytest.raises(ConfigError, match="agent name"):
        load(name=name)


def test_an_unknown_agent_is_told_with_the_known_ones(load: Load, folder: Path) -> None:
    """Whoever sets GATEWAY_AGENT sees what there is."""
    with pytest.raises(ConfigError) as wrong:
        load(name="c", b="")
    assert str(wrong.value) == f"no agent 'c' in {folder} (there are: a, b)"


def test_a_missing_folder_is_told_by_its_variable(tmp_path: Path, runner: ToolRunner) -> None:
    """Nothing to list, nothing to plan."""
    files = AgentFiles(tmp_path / "nowhere", settings(), runner)
    with pytest.raises(ConfigError, match=r"^GATEWAY_AGENTS_DIR: no folder"):
        files.names()
    with pytest.raises(ConfigError, match=r"^GATEWAY_AGENTS_DIR: no folder"):
        files.plan("a")


@pytest.mark.parametrize("file", ["a.toml", "a.md"])
def test_files_are_utf_8(load: Load, folder: Path, runner: ToolRunner, file: str) -> None:
    """Another encoding is told with the file's name."""
    load("")
    (folder / file).write_bytes('greeting = "Grüß Gott"'.encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8") as wrong:
        AgentFiles(folder, settings(), runner).plan("a")
    assert str(folder / file) in str(wrong.value)
