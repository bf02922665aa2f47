"""One agent's file with everything it names found; mistakes are in tests/fixtures/broken_agents."""

import pytest
from agents import FunctionTool
from agents.handoffs import Handoff as SdkHandoff
from agents.realtime import RealtimeAgent

from gateway.agents.agent import BUILT_IN, handoff_tool
from gateway.agents.schema import Handoff
from gateway.call.control import CALL_CONTROL
from tests.agents.conftest import Load
from tests.agents.folders import offer

HOOKS = """
from agents import GuardrailFunctionOutput, output_guardrail

@output_guardrail
def calm(context, agent, output):
    return GuardrailFunctionOutput(None, tripwire_triggered=False)

def event(call, event):
    pass

async def refused(arguments):
    return "Not allowed."

class Builder:
    def __call__(self, call, extra=None):
        pass

build = Builder()
"""
FULL = """
instructions = "b.md"
greeting = "Say hello."
tools = ["tools.look_up", "end_call", "tools.plain"]
handoffs = ["b", { agent = "c", tool_name = "to_c", description = "Seats." }]
handoff_description = "Knows all."
output_guardrails = ["hooks.calm"]
on_event = "hooks.event"
on_model_event = "hooks.event"
[run]
tool_error_formatter = "hooks.refused"
"""


def test_a_file_names_what_is_found(loaded: Load) -> None:
    """Texts, tools by position, handoffs in the long form, guardrails and functions."""
    agent = loaded(a_toml=FULL, b_toml="", c_md="", c_toml="", hooks_py=HOOKS).agent("a")
    assert [type(tool) for tool in agent.tools.values()] == [FunctionTool, str, FunctionTool]
    assert agent.named_tools() == [
        (("tools", 0), "look_up"),
        (("tools", 1), "end_call"),
        (("tools", 2), "plain"),
        (("handoffs", 0), "transfer_to_b"),
        (("handoffs", 1), "to_c"),
    ]
    assert [handoff.agent for handoff in agent.handoffs()] == ["b", "c"]
    assert [guardrail.get_name() for guardrail in agent.guardrails] == ["calm"]
    assert agent.on_event is agent.on_model_event is not None
    assert agent.tool_error_formatter is not None
    assert agent.instructions_file.name == "b.md"


def test_anything_callable_is_a_function(loaded: Load) -> None:
    """An object with the right arguments, optional ones besides."""
    agent = loaded(a_toml='build = "hooks.build"', hooks_py=HOOKS).agent("a")
    assert callable(agent.build)


def test_what_says_nothing_of_its_arguments_is_taken(loaded: Load) -> None:
    """Some functions written in C."""
    assert loaded(a_toml='on_event = "builtins.max"').agent("a").on_event is max


def test_a_prompt_kept_elsewhere_needs_no_instructions(loaded: Load) -> None:
    """Unless the file names some."""
    prompt = '[model]\nprompt = { id = "pmpt_1" }'
    plan = loaded(c_toml=prompt).plan_for("c", offer())
    assert plan.name == "c"
    assert loaded(c_toml=prompt).agent("c").instructions is None


def test_a_builder_needs_no_instructions(loaded: Load) -> None:
    """It makes the agent with its own; the file may still greet."""
    agent = loaded(c_toml='build = "hooks.build"\ngreeting = "Hello."', hooks_py=HOOKS).agent("c")
    assert agent.instructions is None
    assert agent.greeting is not None


def test_the_built_in_tools_are_the_calls_own() -> None:
    """Those that every call has, and the one made from its route's directory."""
    assert set(BUILT_IN) == {*CALL_CONTROL, "transfer_call"}


@pytest.mark.parametrize("name", ["b", "front-desk", "Booking_2"])
def test_a_handoff_is_called_as_the_sdk_calls_it(name: str) -> None:
    """So that checks see the names the model sees."""
    sdk = SdkHandoff.default_tool_name(RealtimeAgent(name=name))
    assert handoff_tool(Handoff(agent=name)) == sdk
