"""The packaged scripts fit the agents that come along: their tools, outputs and guardrails."""

import importlib.util
import json
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from agents import RunContextWrapper
from agents.tool_context import ToolContext

from gateway.sim.realtime.director import Director
from gateway.sim.realtime.options import RealtimeOptions
from gateway.sim.realtime.script import Answer, Call, Script, Speech, load_script

AGENTS = Path(__file__).parents[3] / "agents_config"
SCRIPTED = ("assistant", "frontdesk", "notary", "survey")


def script_of(name: str) -> Script:
    shipped = RealtimeOptions()
    return load_script(shipped.scripts_dir, name, shipped.speech_dir)


def agent_file(name: str) -> dict[str, Any]:
    return tomllib.loads((AGENTS / f"{name}.toml").read_text("utf-8"))


def module(name: str) -> Any:
    """A fresh copy of the Python file of that name beside the agents."""
    spec = importlib.util.spec_from_file_location(f"shipped_{name}", AGENTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


async def output_of(tool: Any, caller: str = "+15550100", **arguments: Any) -> str:
    """What the model is given when it calls `tool`."""
    text = json.dumps(arguments)
    call = SimpleNamespace(caller=caller, call_sid="CA1")
    context: Any = ToolContext(call, tool_name=tool.name, tool_call_id="1", tool_arguments=text)
    return str(await tool.on_invoke_tool(context, text))


def answers_of(script: Script) -> list[Answer]:
    entries = [*script.on_text, *(entry for each in script.after_tool.values() for entry in each)]
    return [*script.turns, *(entry.answer for entry in entries)]


def calls_of(script: Script) -> list[Call]:
    parts = [part for answer in answers_of(script) for part in answer.parts]
    return [part for part in parts if isinstance(part, Call)]


def words_of(answer: Answer) -> str:
    return " ".join(part.text for part in answer.parts if isinstance(part, Speech))


def reachable(name: str) -> dict[str, dict[str, Any]]:
    """The files of an agent and of all it can hand over to."""
    found: dict[str, dict[str, Any]] = {}
    left = [name]
    while left:
        each = left.pop()
        if each not in found:
            found[each] = agent_file(each)
            left += found[each].get("handoffs", [])
    return found


@pytest.mark.parametrize("name", SCRIPTED)
def test_a_script_calls_only_what_its_agents_have(name: str) -> None:
    """Each tool of a script is a tool or a handoff of an agent that the call can reach."""
    agents = reachable(name)
    tools = {tool.rpartition(".")[2] for agent in agents.values() for tool in agent["tools"]}
    tools |= {f"transfer_to_{each}" for each in agents if each != name or len(agents) > 1}
    assert {call.name for call in calls_of(script_of(name))} <= tools


@pytest.mark.parametrize("name", ["assistant", "frontdesk", "faq", "booking", "survey", "notary"])
def test_every_agent_can_hang_up_and_is_complete(name: str) -> None:
    """It lists end_call, its instructions exist, and its handoffs are agents too."""
    agent = agent_file(name)
    assert "end_call" in agent["tools"]
    assert (AGENTS / agent["instructions"]).read_text("utf-8")
    assert all((AGENTS / f"{other}.toml").is_file() for other in agent.get("handoffs", []))


@pytest.mark.asyncio
async def test_the_offline_airline_believes_its_tools() -> None:
    """The seat is said to be changed when the tool says so, and at no other output."""
    airline, script = module("airline"), script_of("frontdesk")
    (wanted,) = [json.loads(c.arguments) for c in calls_of(script) if c.name == "update_seat"]
    refusal = airline.refused(SimpleNamespace(tool_name="update_seat"))
    outputs = {
        await output_of(airline.update_seat, **wanted): "Your seat is changed",
        await output_of(airline.update_seat, **{**wanted, "seat": "99Z"}): "I am sorry",
        await output_of(airline.update_seat, seat="12A", confirmation_number="0"): "I am sorry",
        refusal: "I am sorry",
    }
    assert len(outputs) == 4
    director = Director(script)
    for output, words in outputs.items():
        director.tool_answered("update_seat", output)
        assert words_of(director.next_answer(set())).startswith(words)


@pytest.mark.asyncio
async def test_a_booking_is_shown_to_who_knows_its_number() -> None:
    """The caller's number finds a booking and shows nothing of it; a changed seat is kept."""
    airline = module("airline")
    assert airline.update_seat.needs_approval is True
    shown = await output_of(airline.find_booking, confirmation_number="4711")
    assert "23B" in shown
    await output_of(airline.update_seat, confirmation_number="4711", seat="12 a")
    assert "12A" in await output_of(airline.find_booking, confirmation_number="4711")
    by_phone = await output_of(airline.find_booking, caller="+12025550147")
    assert "There is a booking" in by_phone
    assert "12A" not in by_phone
    assert "There is no booking" in await output_of(airline.find_booking)
    assert "There is no booking" in await output_of(airline.find_booking, confirmation_number="0")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How heavy may my bag be?", "23 kilograms"),
        ("When does check-in open?", "24 hours"),
        ("Is there WiFi on the plane?", "free Wi-Fi"),
        ("Which seats have leg room?", "Rows 5 to 8"),
        ("What is the meaning of life?", "There is no answer"),
    ],
)
async def test_general_questions_have_answers(question: str, answer: str) -> None:
    """Each topic is found by the words callers use; anything else is not made up."""
    assert answer in await output_of(module("airline").faq_lookup, question=question)


@pytest.mark.asyncio
@pytest.mark.parametrize(("keys", "words"), [("5", "Thank you"), ("7", "Sorry"), ("12", "Sorry")])
async def test_the_offline_survey_takes_one_to_five(keys: str, words: str) -> None:
    """A key from 1 to 5 is recorded as that number; anything else is asked for again."""
    survey, director = module("survey_answers"), Director(script_of("survey"))
    director.text_came("user", f"The caller pressed these keys on the phone: {keys}")
    answer = director.next_answer({"record_answer", "end_call"})
    for part in answer.parts:
        if isinstance(part, Call):
            arguments = json.loads(part.arguments)
            assert arguments == {"rating": int(keys)}
            director.tool_answered(part.name, await output_of(survey.record_answer, **arguments))
            answer = director.next_answer({"record_answer", "end_call"})
    assert words_of(answer).startswith(words)
    director.tool_answered("record_answer", await output_of(survey.record_answer, rating=6))
    assert words_of(director.next_answer(set())).startswith("Sorry")


@pytest.mark.asyncio
async def test_the_notarys_guardrail_trips_at_advice_alone() -> None:
    """The first hundred characters of the advice are enough; nothing else it says trips it."""
    guardrail, script = module("guards").no_legal_advice, script_of("notary")
    advice, *others = answers_of(script)

    async def trips(words: str) -> bool:
        context: Any = RunContextWrapper(None)
        result = await guardrail.run(context, None, words)
        return bool(result.output.tripwire_triggered)

    assert await trips(words_of(advice)[:100])
    assert not await trips(words_of(advice)[:70])
    for other in others:
        assert not await trips(words_of(other))
    assert guardrail.get_name() == "no_legal_advice"
