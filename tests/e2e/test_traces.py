"""Traces of real calls at a real collector: the tree, the times, and what is not in them."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.core.events import BargeIn, CallEnded, ModelLost, TurnDone
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import HangUp, Pause, WaitForAgent, WaitForSilence
from tests.e2e.harness import NUMBER, House, house
from tests.e2e.test_calls import ASK, QUICK
from tests.observe.receiver import Receiver, Seen, receiver

pytestmark = pytest.mark.timeout(120)

CALLER = "+14155550111"
CARD, SECRET = "4111 1111 1111 1111", "Zebulon Quagmire"
NOTED = f"{SECRET} paid with {CARD}"
SCRIPT = f"""
name = "canary"
voice = "assistant"
[greeting]
say = "greeting"
[[turn]]
heard = "My order is on {CARD}, says {SECRET}."
say = "order_question_ack"
call = {{ name = "note", arguments = {{ text = {json.dumps(NOTED)} }} }}
[otherwise]
say = "anything_else"
"""
STORY = (
    WaitForAgent(heard_ms=300),
    ASK,
    WaitForAgent(heard_ms=300),
    WaitForSilence(ms=1500),
    HangUp(),
)
"""The greeting is interrupted by a question, which is answered in two parts with a tool between."""


def canary(folder: Path) -> dict[str, Any]:
    """A model that notes a secret, and its agent."""
    (folder / "canary.toml").write_text(SCRIPT)
    there = folder / "agents"
    there.mkdir()
    (there / "assistant.toml").write_text('greeting = "Hi."\ntools = ["note"]\n')
    (there / "assistant.md").write_text("You are the agent.\n")
    return {"agents_dir": there}


def below(spans: list[Seen], parent: Seen) -> list[Seen]:
    """Its children, in the order in which they began."""
    children = [each for each in spans if each.parent_id == parent.span_id]
    return sorted(children, key=lambda each: each.begun_ns)


def check_nesting(spans: list[Seen]) -> Seen:
    """One tree, each span within the time of its parent, events within that of their span."""
    by_id = {each.span_id: each for each in spans}
    (root,) = [each for each in spans if not each.parent_id]
    for span in spans:
        assert span.begun_ns <= span.ended_ns
        assert span.trace_id == root.trace_id
        if span is not root:
            parent = by_id[span.parent_id]
            assert parent.begun_ns <= span.begun_ns <= span.ended_ns <= parent.ended_ns
        for event in span.events:
            assert span.begun_ns <= event.at_ns <= span.ended_ns, (span.name, event)
    return root


@pytest.mark.asyncio
async def test_a_call_is_a_tree_of_what_happened_in_it(tmp_path: Path) -> None:
    """Connection, turns with their stages, tools in their turns, the recording; the same figures
    as the call's own events have.
    """
    with receiver() as there:
        async with house(QUICK, kept_in=tmp_path, otel=there.url, recordings=True) as running:
            call = running.place(*STORY)
            ended = await running.ended(call)
            measured = [each.turn for each in running.of(TurnDone, call.sid)]
            cut = running.of(BargeIn, call.sid)
        spans = there.spans()
    root = check_nesting(spans)
    assert root.name == "call"
    assert root.trace_id == call.sid.removeprefix("CA")
    assert root.attributes["gen_ai.conversation.id"] == call.sid
    assert root.attributes["gateway.reason"] == ended.reason == "caller_hung_up"
    assert root.attributes["gateway.turns"] == ended.turns
    assert root.attributes["gen_ai.usage.input_tokens"] > 0
    assert not root.failed
    names = [each.name for each in below(spans, root)]
    assert names[:2] in (["model.connect", "recording"], ["recording", "model.connect"])
    assert set(names[2:]) == {"turn"}
    turns = [each for each in spans if "gateway.turn.number" in each.attributes]
    turns.sort(key=lambda each: int(each.attributes["gateway.turn.number"]))
    assert len(turns) == ended.turns == len(measured)
    for span, turn in zip(turns, measured, strict=True):
        assert span.attributes["gen_ai.response.id"] == turn.response_id
        assert span.attributes["gateway.turn.kind"] == turn.kind
        for stage in ("endpoint_ms", "model_ms", "gateway_ms", "play_ms", "response_ms"):
            value = getattr(turn, stage)
            assert span.attributes.get(f"gateway.{stage}") == (value and round(value, 2))
        points = {each.name: each.at_ns for each in span.events}
        if turn.response_ms is not None:
            waited_ms = (points["heard"] - points["caller_stopped"]) / 1e6
            assert waited_ms == pytest.approx(turn.response_ms, abs=1)
    marks = [event for span in spans for event in span.events if event.name == "barge_in"]
    assert [each.attributes["gateway.heard_ms"] for each in marks] == [e.heard_ms for e in cut]
    tools = [each for each in spans if each.name.startswith("execute_tool ")]
    assert [each.attributes["gen_ai.tool.name"] for each in tools] == ["lookup_order"]
    assert tools[0].parent_id == turns[1].span_id


async def told(tmp_path: Path, there: Receiver, **settings: Any) -> tuple[list[Seen], bytes]:
    """A call in which the agent notes secrets; its spans, and all that came over the wire."""
    options = RealtimeOptions(
        script="canary", scripts_dir=tmp_path, first_audio_ms=50, transcription_ms=(50, 80)
    )
    settings |= canary(tmp_path)
    async with house(options, kept_in=tmp_path / "kept", otel=there.url, **settings) as running:
        steps = (WaitForAgent(heard_ms=300), WaitForSilence(ms=900), ASK)
        heard = (WaitForAgent(heard_ms=300), WaitForSilence(ms=900), HangUp())
        call = running.twin.place_call(NUMBER, from_=CALLER, caller=(*steps, *heard))
        await running.ended(call)
        assert "My order" in json.dumps(await running.record(call))
    return there.spans(), b"".join(there.bodies)


@pytest.mark.asyncio
async def test_what_is_said_and_who_calls_is_in_no_trace(tmp_path: Path) -> None:
    """Not a word, not a number, not what tools are told; no attribute is named for them."""
    with receiver() as there:
        spans, wire = await told(tmp_path, there)
    assert any(each.name == "execute_tool note" for each in spans)
    for text in (SECRET, CARD, CALLER, NUMBER, "My order", "Sure", "pii"):
        assert text.encode() not in wire, text


@pytest.mark.asyncio
async def test_where_they_are_wanted_they_are_redacted(tmp_path: Path) -> None:
    """In attributes with `pii` in their name, without what no record may contain."""
    (tmp_path / "patterns.toml").write_text(f'name = "{SECRET}"\n')
    with receiver() as there:
        spans, wire = await told(
            tmp_path, there, otel_pii=True, redact=tmp_path / "patterns.toml", redact_numbers=True
        )
    for text in (SECRET, CARD, CARD.replace(" ", ""), CALLER):
        assert text.encode() not in wire, text
    held = {key: value for each in spans for key, value in each.attributes.items()}
    assert held["gateway.pii.caller"] == "+*********11"
    assert held["gateway.pii.tool.arguments"] == '{"text":"[name] paid with [card number]"}'
    assert held["gateway.pii.transcript.caller"] == "My order is on [card number], says [name]."
    agent = [each.attributes.get("gateway.pii.transcript.agent", "") for each in spans]
    assert any("look that up" in text for text in agent)


async def one_call(running: House) -> CallEnded:
    """A short call."""
    call = running.place(WaitForAgent(heard_ms=300), Pause(ms=200), HangUp())
    return await running.ended(call)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", ["away", "500", "hangs"])
async def test_calls_go_on_without_a_collector(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, one that fails, one that never answers: no call notices it."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setattr("gateway.observe.traces.STOP_S", 0.2)
    with receiver(500 if fault == "500" else 200, hangs=fault == "hangs") as there:
        url = "http://127.0.0.1:9" if fault == "away" else there.url
        with capture_logs() as logged:
            async with house(QUICK, otel=url) as running:
                ended = [await one_call(running) for _ in range(3)]
        assert [each.reason for each in ended] == ["caller_hung_up"] * 3
        assert there.spans() == []
        assert len([each for each in logged if each["event"] == "traces.away"]) <= 1


@pytest.mark.asyncio
async def test_a_model_that_is_lost_is_an_error_in_the_trace() -> None:
    """Named by its reason, on the connection and on the call."""
    with receiver() as there:
        async with house(QUICK, otel=there.url, realtime_url="ws://127.0.0.1:9/x") as running:
            call = running.place(Pause(ms=4000), HangUp())
            await running.ended(call)
            (lost,) = running.of(ModelLost, call.sid)
        spans = there.spans()
    root = check_nesting(spans)
    assert root.failed
    assert root.attributes["error.type"] == lost.reason
    (connect,) = [each for each in spans if each.name == "model.connect"]
    assert connect.failed
