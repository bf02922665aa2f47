"""Every event of the SDK reaches an agent's own functions, over whole phone calls."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from agents.realtime.events import RealtimeSessionEvent

from gateway.core.events import ApprovalAsked, GuardrailTripped, ModelErrorReported, ModelLost
from gateway.sim.twilio import Play, Step, WaitForAgent, WaitForSilence
from tests.agents.folders import write
from tests.e2e.harness import House, hears, house
from tests.sim.realtime.harness import options, tone

SESSION_EVENTS = {kind.type for kind in get_args(RealtimeSessionEvent)}
SCRIPT = """
name = "test"
voice = "tones"
[greeting]
say = "hello"
[[turn]]
heard = "Tell me a story."
say = "story"
[[turn]]
heard = "Stop."
call = { name = "look_up", arguments = { order_id = "A-1" } }
[after_tool.look_up]
call = { name = "change", arguments = { seat = "12A" } }
[after_tool.change]
call = { name = "transfer_to_b" }
[after_tool.transfer_to_b]
say = "story"
[[on_text]]
match = "guardrail"
say = "else"
[otherwise]
say = "else"
"""
AGENT = """
greeting = "Greet."
tools = ["tools.look_up", "tools.change"]
handoffs = ["b"]
on_event = "hooks.session_event"
on_model_event = "hooks.model_event"
[model]
tracing = "auto"
turn_detection = { type = "server_vad", silence_duration_ms = 200 }
[run]
guardrails_settings = { debounce_text_length = 20 }
"""
PATIENT = """
greeting = "Greet."
on_event = "hooks.session_event"
on_model_event = "hooks.model_event"
[model]
turn_detection = { type = "server_vad", idle_timeout_ms = 5000 }
"""
TOOLS = '''"""Tools and a guardrail."""

from agents import GuardrailFunctionOutput, function_tool, output_guardrail


@function_tool
async def look_up(order_id: str) -> str:
    """Look up an order."""
    return "shipped"


@function_tool(needs_approval=True)
async def change(seat: str) -> str:
    """Change the seat."""
    return f"changed to {seat}"


@output_guardrail
async def no_stories(context, agent, output):
    return GuardrailFunctionOutput(None, tripwire_triggered="Once upon" in output)
'''
HOOKS = '''"""Writes down what is heard, a line of JSON each."""

import json
from pathlib import Path

_HERE = Path(__file__).parent


def session_event(call, event):
    line = {"call": call.call_sid, "type": event.type}
    for name in ("agent", "from_agent", "to_agent", "tool"):
        if hasattr(event, name):
            line[name] = getattr(event, name).name
    for name in ("arguments", "output", "item_id", "message", "call_id"):
        if hasattr(event, name):
            line[name] = str(getattr(event, name))
    if event.type == "audio":
        line["audio"] = event.audio.data.hex()
    if event.type == "error":
        line["error"] = str(event.error)
    if event.type == "history_added":
        line["item"] = event.item.model_dump(mode="json")
    if event.type == "history_updated":
        line["history"] = [item.model_dump(mode="json") for item in event.history]
    if event.type == "guardrail_tripped":
        line["guardrails"] = [each.guardrail.get_name() for each in event.guardrail_results]
    if event.type == "raw_model_event":
        line["data"] = raw(event.data)
    write("session", line)


async def model_event(call, event):
    write("model", {"call": call.call_sid, "type": event.type, "data": raw(event)})


def raw(event):
    return event.data if event.type == "raw_server_event" else {"type": event.type}


def write(name, line):
    with _HERE.joinpath(f"{name}.log").open("a") as file:
        file.write(json.dumps(line) + "\\n")
'''


@dataclass(frozen=True)
class Told:
    """What the functions of one call's agent heard, and how the call went."""

    session: list[dict[str, Any]]
    model: list[dict[str, Any]]
    call_sid: str
    reason: str
    heard: bytes
    """What the caller heard."""

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The session's events of a type."""
        return [event for event in self.session if event["type"] == kind]

    def raw(self) -> list[dict[str, Any]]:
        """The server's own events, as `raw_model_event` carries them."""
        return [event["data"] for event in self.of("raw_model_event")]


Conduct = Callable[[House], Any]


async def listen(folder: Path, agent: str, conduct: Conduct, *steps: Step, **model: Any) -> Told:
    """A call with that agent; ``conduct`` returns when the caller may hang up."""
    agents = folder / "agents"
    agents.mkdir()
    write(
        agents,
        a_toml=agent,
        b_toml='output_guardrails = ["tools.no_stories"]',
        tools_py=TOOLS,
        hooks_py=HOOKS,
    )
    async with house(options(folder, SCRIPT, **model), agents_dir=agents, agent="a") as running:
        call = running.place(*steps)
        await conduct(running)
        call.hang_up()
        ended = await running.ended(call)
    lines = {
        name: [json.loads(line) for line in (agents / f"{name}.log").read_text().splitlines()]
        for name in ("session", "model")
    }
    return Told(lines["session"], lines["model"], call.sid, ended.reason, bytes(call.heard))


async def see_it_through(running: House) -> None:
    """Approves the tool, waits for the guardrail and for the end of the answer it cut off.

    In between the server says two odd things.
    """
    await running.until(lambda: bool(running.of(ApprovalAsked)))
    (request,) = running.reception.approvals.pending()
    running.reception.approvals.decide(request.tool_call_id, approve=True)
    await running.until(lambda: bool(running.of(GuardrailTripped)))
    session = running.model.sessions[0]
    session.emit("gateway.never_heard_of_it", anything={"at": ["all"]})
    error = {"type": "invalid_request_error", "code": "odd", "message": "An odd thing."}
    session.emit("error", error={**error, "param": None, "event_id": None})
    await running.until(lambda: any(each.code == "odd" for each in running.of(ModelErrorReported)))
    heard = running.settings.agents_dir / "session.log"
    await running.until(lambda: '"agent_end", "agent": "b"' in heard.read_text())


async def be_silent(running: House) -> None:
    """Waits until the server has waited long enough for the caller; then it goes away."""
    session = await running.model.wait_session()
    await session.seen("input_audio_buffer.timeout_triggered")
    await session.seen("response.done", 2)
    session.close(1001, "going away")
    await running.until(lambda: bool(running.of(ModelLost)))


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A call with everything in it."""
    steps = (
        WaitForAgent(heard_ms=60),
        WaitForSilence(ms=200),
        Play(payload=tone(400)),
        WaitForAgent(heard_ms=500),
        Play(payload=tone(400)),
    )
    return asyncio.run(listen(tmp_path_factory.mktemp("busy"), AGENT, see_it_through, *steps))


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A call in which the caller says nothing, and the model's server leaves in the end."""
    folder = tmp_path_factory.mktemp("silent")
    return asyncio.run(listen(folder, PATIENT, be_silent, idle_scale=0.05))


def test_every_event_of_the_session_is_heard(busy: Told, silent: Told) -> None:
    """No type of the SDK's union is missing, and each names its call."""
    heard = {event["type"] for event in [*busy.session, *silent.session]}
    assert heard == SESSION_EVENTS
    assert {event["call"] for event in busy.session} == {busy.call_sid}


def test_the_events_of_agents_tools_and_handoffs_say_who_and_what(busy: Told) -> None:
    """Agents by name, tools with arguments and output, the handoff with both sides."""
    assert {event["agent"] for event in busy.of("agent_start")} == {"a", "b"}
    assert {event["agent"] for event in busy.of("agent_end")} == {"a", "b"}
    assert [(e["tool"], e["arguments"]) for e in busy.of("tool_start")] == [
        ("look_up", '{"order_id":"A-1"}'),
        ("change", '{"seat":"12A"}'),
    ]
    ended = [(event["tool"], event["output"]) for event in busy.of("tool_end")]
    assert ended == [("look_up", "shipped"), ("change", "changed to 12A")]
    (handoff,) = busy.of("handoff")
    assert (handoff["from_agent"], handoff["to_agent"]) == ("a", "b")
    (approval,) = busy.of("tool_approval_required")
    assert (approval["tool"], approval["agent"]) == ("change", "a")
    (tripped,) = busy.of("guardrail_tripped")
    assert tripped["guardrails"] == ["no_stories"]
    assert "Once upon" in tripped["message"]


def test_the_audio_events_carry_what_is_played(busy: Told) -> None:
    """The greeting is in them byte for byte; its end and the interruption name their items."""
    audio = busy.of("audio")
    greeting = bytes.fromhex(
        "".join(event["audio"] for event in audio if event["item_id"] == audio[0]["item_id"])
    )
    assert len(greeting) == 600 * 8
    assert hears(busy, greeting)
    assert busy.of("audio_end")[0]["item_id"] == audio[0]["item_id"]
    first, second = busy.of("audio_interrupted")  # by the caller, by the guardrail
    assert first["item_id"] != second["item_id"]
    assert {first["item_id"], second["item_id"]} <= {event["item_id"] for event in audio}


def test_the_history_grows_by_what_both_said(busy: Told) -> None:
    """The caller's words and the agent's come in as items and stand in the history."""
    added = [event["item"].get("role") for event in busy.of("history_added")]
    assert {"user", "assistant"} <= set(added)
    last = json.dumps(busy.of("history_updated")[-1]["history"])
    assert "Tell me a story." in last
    assert "Hello, how can I help?" in last


@pytest.mark.parametrize(
    "kind",
    [
        "session.created",
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.truncated",
        "response.created",
        "response.output_item.added",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.function_call_arguments.done",
        "response.done",
        "rate_limits.updated",
    ],
)
def test_the_servers_own_events_are_heard_raw(kind: str, busy: Told) -> None:
    """Also those of which the SDK makes nothing, and those the gateway keeps to itself."""
    assert kind in [event["type"] for event in busy.raw()]
    heard = [event["data"]["type"] for event in busy.model if event["type"] == "raw_server_event"]
    assert kind in heard


def test_a_traced_session_is_updated_twice_before_anything_else(busy: Told) -> None:
    """Settings and tracing are confirmed one by one, as the SDK's own users see it."""
    updates = [each for each in busy.raw() if each["type"] == "session.updated"]
    assert len(updates) == 3  # and once for the handoff
    first, second = (each["session"]["tracing"] for each in updates[:2])
    assert first in (None, second)
    assert second["metadata"]["call_sid"] == second["group_id"]


def test_every_item_of_the_conversation_is_told(busy: Told) -> None:
    """Those of the agent as well, of which the SDK knows from their announcement."""
    added = [each["item"] for each in busy.raw() if each["type"] == "conversation.item.added"]
    assert {item["type"] for item in added} == {"message", "function_call", "function_call_output"}
    assert {"user", "assistant"} <= {item.get("role") for item in added}


def test_the_model_layer_is_heard_as_its_own_listeners_hear_it(busy: Told, silent: Told) -> None:
    """Everything the SDK's model tells of a call, the connection included."""
    heard = {event["type"] for event in [*busy.model, *silent.model]}
    assert heard >= {
        *("connection_status", "raw_server_event", "error", "usage", "function_call"),
        *("turn_started", "turn_ended", "transcript_delta", "item_updated"),
        *("audio", "audio_done", "audio_interrupted", "input_audio_timeout_triggered"),
        *("input_audio_transcription_completed", "end_of_stream"),
    }


def test_an_unknown_event_of_the_server_costs_the_call_nothing(busy: Told) -> None:
    """It is heard raw and as an error; so is the server's own error; then the caller hangs up."""
    assert "gateway.never_heard_of_it" in [event["type"] for event in busy.raw()]
    errors = [event["error"] for event in busy.of("error")]
    assert any("An odd thing." in error for error in errors)
    assert len(errors) == 2
    assert busy.reason == "caller_hung_up"


def test_a_silent_caller_is_told_of(silent: Told) -> None:
    """`idle_timeout_ms` shows as an event, and the agent speaks again."""
    assert silent.of("input_audio_timeout_triggered")
    assert len(silent.of("agent_start")) >= 2
