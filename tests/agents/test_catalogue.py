"""From a folder to what answers a call."""

from pathlib import Path
from typing import Any

import pytest
from agents import FunctionTool, function_tool

from gateway.agents import Catalogue, McpServers, load
from gateway.call.session import AgentPlan
from gateway.call.tools import ToolRunner
from gateway.errors import ConfigError
from gateway.settings import Settings
from tests.agents.conftest import Load
from tests.agents.folders import OURS, SHIPPED, THEIRS, offer, settings, write
from tests.call.contexts import context
from tests.web.carrier import new_call_sid
from tests.web.running import running

HOOKS = """
from agents import GuardrailFunctionOutput, output_guardrail

@output_guardrail
def calm(context, agent, output):
    return GuardrailFunctionOutput(None, tripwire_triggered=False)

heard = []

def event(call, event):
    heard.append(event)

def refused(arguments):
    return f"{arguments} is not allowed"

def build(call):
    pass
"""
CRM = '[crm]\ncommand = "crm-server"\n[spare]\ncommand = "spare-server"'


def test_an_empty_file_is_an_agent(loaded: Load) -> None:
    """Everything has a default; the instructions are the Markdown file of the same name."""
    catalogue = loaded()
    plan = catalogue.plan(offer())
    assert catalogue.names() == ["a"]
    assert catalogue.problems == ()
    assert (plan.name, plan.greeting, plan.greeting_request()) == ("a", None, None)
    assert plan.run_config == {"tracing_disabled": True}
    assert (plan.credentials, plan.audience, plan.guarded) == (None, None, False)


@pytest.mark.asyncio
async def test_texts_are_of_their_call(loaded: Load) -> None:
    """Instructions of every agent it may be handed to, and the greeting."""
    catalogue = loaded(
        a_toml='greeting = "Greet {{ caller }} in {{ language }}."\nhandoffs = ["b"]',
        a_md="You are {{ data.company }}.",
        b_toml="",
        b_md="{{ called }}",
        routes_toml=f'[default]\ndata = {{ company = "?" }}\n[[route]]\nnumber = "{OURS}"\n'
        'language = "de"\ndata = { company = "Beispiel AG" }',
    )
    plan = catalogue.plan(offer())
    assert f"Greet {THEIRS} in de.".encode() in (plan.greeting_request() or b"")
    agent = await plan.build(context())
    assert agent.instructions == "You are Beispiel AG."
    other = await agent.handoffs[0].on_invoke_handoff(None, "")  # type: ignore[union-attr,arg-type]
    assert other.instructions == OURS
    assert plan.route.name == OURS


def test_the_route_chooses_the_agent(loaded: Load) -> None:
    """Unless one is asked for by name; the route's circumstances hold either way."""
    catalogue = loaded(
        b_toml="", routes_toml='[[route]]\ncampaign = "spring"\nagent = "b"\nmax_calls = 3'
    )
    call = offer(campaign="spring")
    assert catalogue.plan(offer()).name == "a"
    assert catalogue.plan(call).name == "b"
    named = catalogue.plan_for("a", call)
    assert (named.name, named.route.max_calls) == ("a", 3)
    assert catalogue.route(call).name == "spring"
    asked = catalogue.plan(offer(campaign="spring", agent="a"))
    assert (asked.name, asked.route.name, asked.route.max_calls) == ("a", "spring", 3)
    assert catalogue.numbers("b") == []


def test_data_is_each_calls_own(loaded: Load) -> None:
    """A tool that changes it changes nobody else's."""
    catalogue = loaded(routes_toml="[default]\ndata = { seats = [1, 2] }")
    first: Any = catalogue.plan(offer()).route.data
    first["seats"].append(3)
    assert catalogue.plan(offer()).route.data == {"seats": [1, 2]}


@pytest.mark.parametrize(
    ("files", "guarded"),
    [
        ({"b_toml": ""}, False),
        ({"b_toml": 'output_guardrails = ["hooks.calm"]'}, True),
        ({"b_toml": 'build = "hooks.build"'}, True),
    ],
)
def test_guarded_is_said_when_it_may_be(loaded: Load, files: dict[str, str], guarded: bool) -> None:
    """By any agent a call may be handed to; what a function makes may have guardrails."""
    catalogue = loaded(a_toml='handoffs = ["b"]', hooks_py=HOOKS, **files)
    assert catalogue.plan(offer()).guarded is guarded


@pytest.mark.parametrize("key", ["on_event", "on_model_event"])
def test_who_listens_is_an_audience(loaded: Load, key: str) -> None:
    """One of the two is enough."""
    assert loaded(a_toml=f'{key} = "hooks.event"', hooks_py=HOOKS).plan(offer()).audience


@pytest.mark.asyncio
async def test_words_of_a_refusal_are_the_agents(loaded: Load) -> None:
    """Its function runs away from the call loop."""
    text = '[run]\ntool_error_formatter = "hooks.refused"'
    formatter: Any = (
        loaded(a_toml=text, hooks_py=HOOKS).plan(offer()).run_config.get("tool_error_formatter")
    )
    assert await formatter("update_seat") == "update_seat is not allowed"


def test_an_unknown_agent_is_told_with_the_known_ones(loaded: Load, folder: Path) -> None:
    """Whoever asks by name sees what there is."""
    with pytest.raises(ConfigError) as wrong:
        loaded(b_toml="").plan_for("../c", offer())
    assert str(wrong.value) == f"no agent '../c' in {folder} (there are: a, b)"


def test_a_text_that_fails_for_one_call_is_told(loaded: Load, folder: Path) -> None:
    """With its place, and without what the caller sent."""
    catalogue = loaded(a_md="Hello\n{{ 1 / (0 if caller == 'anonymous' else 1) }}")
    assert catalogue.plan(offer())
    with pytest.raises(ConfigError) as wrong:
        catalogue.plan(offer(caller="anonymous"))
    assert str(wrong.value) == (
        f"{folder / 'a.md'}:2: cannot be rendered for this call: ZeroDivisionError"
    )


def test_all_errors_are_raised_at_once(loaded: Load, folder: Path) -> None:
    """One a line, warnings left out."""
    with pytest.raises(ConfigError) as wrong:
        loaded(a_toml='tools = ["end_cal"]\n[model]\nturn_detection = "off"', b_toml="voise = 1")
    assert [line.split(": ")[0] for line in str(wrong.value).splitlines()] == [
        f"{folder / 'a.toml'}:1",
        f"{folder / 'b.toml'}:1",
    ]


def test_warnings_remain(loaded: Load) -> None:
    """For pages and logs to show."""
    (problem,) = loaded(a_toml='[model]\nturn_detection = "off"').problems
    assert problem.severity == "warning"


def test_only_servers_in_use_are_started(loaded: Load) -> None:
    """As values, by name."""
    catalogue = loaded(a_toml='mcp_servers = ["crm"]', mcp_toml=CRM)
    assert {name: each.command for name, each in catalogue.mcp_servers.items()} == {
        "crm": "crm-server"
    }


class FewServers(McpServers):
    """Servers that are never started, with tools all the same."""

    def tools(self, name: str) -> list[FunctionTool]:
        @function_tool(name_override=f"{name}_find")
        def find() -> str:
            """Find something."""
            return "found"

        @function_tool
        def look_up() -> str:
            """The name of another tool."""
            return "theirs"

        return [find, look_up]


@pytest.mark.asyncio
async def test_tools_of_servers_follow_the_agents_own(
    folder: Path, tool_runner: ToolRunner
) -> None:
    """One of a name that is taken is a clash, and left out should it come up later."""
    text = 'tools = ["tools.look_up"]\nmcp_servers = ["crm"]'
    write(folder, a_toml=text, mcp_toml=CRM)
    catalogue = load(folder, settings(), tool_runner, FewServers(tool_runner))
    agent = await catalogue.plan(offer()).build(context())
    assert [tool.name for tool in agent.tools] == ["look_up", "crm_find"]
    assert [str(each) for each in catalogue.clashes()] == [
        f"{folder / 'a.toml'}:2: mcp_servers: there is a tool 'look_up' already"
    ]


def test_a_tool_module_is_run_once(loaded: Load, folder: Path) -> None:
    """Two agents with tools of one module share it."""
    counting = "import pathlib\nwith (pathlib.Path(__file__).parent / 'ran').open('a') as file:\n"
    tools = (folder / "tools.py").read_text()
    loaded(
        a_toml='tools = ["tools.look_up"]\nhandoffs = ["b"]',
        b_toml='tools = ["tools.slow"]',
        tools_py=f"{counting}    file.write('x')\n{tools}",
    )
    assert (folder / "ran").read_text() == "x"


def test_a_repaired_module_is_read_again(loaded: Load) -> None:
    """A failure leaves nothing half loaded behind."""
    text = 'tools = ["tools.look_up"]'
    with pytest.raises(ConfigError):
        loaded(a_toml=text, tools_py="1 / 0\n")
    assert loaded(a_toml=text).agent("a").tools


def test_the_shipped_agents_load(tool_runner: ToolRunner, clean_environment: None) -> None:
    """What a fresh clone answers with."""
    used = settings(agent="assistant")
    catalogue: Catalogue = load(SHIPPED, used, tool_runner, McpServers(tool_runner))
    assert {"assistant", "frontdesk", "faq", "booking"} <= set(catalogue.names())
    plan = catalogue.plan(offer())
    assert (plan.name, plan.greeting is not None) == ("assistant", True)


RICH = """
greeting = "Greet."
tools = ["tools.look_up", "end_call"]
handoffs = ["b"]
[model]
voice = "cedar"
speed = 1.1
turn_detection = { type = "server_vad", threshold = 0.6, silence_duration_ms = 400 }
input_audio_transcription = { model = "gpt-4o-mini-transcribe", language = "en" }
input_audio_noise_reduction = { type = "far_field" }
"""


@pytest.mark.asyncio
async def test_the_model_is_told_what_the_file_says(
    folder: Path, tmp_path: Path, tool_runner: ToolRunner
) -> None:
    """The first session.update of a real call: formats, voice, turns, transcription, tools."""
    write(folder, a_toml=RICH, b_toml="", routes_toml='[default]\nagent = "a"')

    def planned(used: Settings) -> AgentPlan:
        return load(folder, used, tool_runner, McpServers(tool_runner)).plan(offer())

    async with running(tmp_path, agent=planned, openai_api_key="sk-x") as gateway:
        await gateway.ticket(new_call_sid())
        model = await gateway.model.wait_session(1)
        update = await model.seen("session.update")
        await model.seen("session.updated")
        session = update["session"]
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
