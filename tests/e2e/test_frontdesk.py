"""The front desk over whole phone calls: three agents, one voice, and a seat somebody must allow.

Four callers want the same at the same time. One is approved, one refused with words for the agent,
one refused without, and for one nobody decides.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.call.approvals import NOBODY_DECIDED
from gateway.core.events import (
    ApprovalAsked,
    ApprovalDecided,
    BargeIn,
    CallEnded,
    CallerStarted,
    Handoff,
    ModelErrorReported,
    ToolEnded,
)
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.realtime.conversation import Item
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import Play, TwinCall, WaitForAgent, WaitForSilence
from tests.e2e.harness import CALLS, ROOT, House, heard_ms, hears, house, told

pytestmark = pytest.mark.timeout(120)

LINES = ROOT / "gateway" / "sim" / "speech" / "frontdesk"
QUICK = RealtimeOptions(script="frontdesk", first_audio_ms=50, transcription_ms=(50, 80))
# The lines pause for up to 320 ms, and a busy machine makes that longer: 700 are their end.
STORY = (
    WaitForAgent(heard_ms=300),
    WaitForSilence(ms=700),
    Play(path=CALLS / "question_baggage.ulaw"),
    WaitForAgent(heard_ms=3800),
    Play(path=CALLS / "interruption_heavy.ulaw"),
    WaitForAgent(heard_ms=500),
    WaitForSilence(ms=700),
    Play(path=CALLS / "seat_wish.ulaw"),
    # The agent speaks twice: longer than the first answer, shorter than the second.
    WaitForAgent(heard_ms=2700),
    WaitForSilence(ms=700),
    Play(path=CALLS / "seat_details.ulaw"),
    WaitForAgent(heard_ms=2700),
    WaitForSilence(ms=700),
    Play(path=CALLS / "thanks_goodbye.ulaw"),
)
PATIENCE_S = 1.5
REFUSAL = "The flight is closed. Offer the next one."
DECISIONS: dict[str, dict[str, str] | None] = {
    "approved": {"decision": "approve"},
    "refused": {"decision": "reject", "message": REFUSAL},
    "refused without words": {"decision": "reject"},
    "not decided": None,
}
UNDONE = ["refused", "refused without words", "not decided"]
IN_ORDER = [("frontdesk", "faq"), ("faq", "frontdesk"), ("frontdesk", "booking")]
IMPATIENT = """
name = "impatient"
voice = "frontdesk"
[[turn]]
heard = "I would like another seat, please."
call = { name = "transfer_to_booking" }
[after_tool.transfer_to_booking]
say = "changing"
call = { name = "update_seat", arguments = { confirmation_number = "4711", seat = "12A" } }
[after_tool.update_seat]
say = "seat_changed"
[[turn]]
heard = "Thank you, goodbye."
say = "goodbye"
call = { name = "end_call" }
"""
"""A booking in one go, so that the caller can speak while the tool still waits."""


def line(name: str) -> bytes:
    """What the offline agent says, as mu-law."""
    return (LINES / f"{name}.ulaw").read_bytes()


@dataclass(frozen=True)
class Visit:
    """One call to the front desk, when it is over."""

    running: House
    call: TwinCall
    session: Session
    ended: CallEnded
    request: dict[str, Any]
    """What waited for approval, as the API showed it."""

    def of(self, kind: type[Any]) -> list[Any]:
        """Its call events of that kind."""
        return self.running.of(kind, self.call.sid)

    @property
    def settings(self) -> list[dict[str, Any]]:
        """What the model was told its session is, at first and with every handoff."""
        return [event["session"] for event in told(self.session, "C", "session.update")]

    def output_of(self, tool: str) -> str:
        """What the model learned from its only call to a tool."""
        (call_id,) = (item.call_id for item in self.session.conversation if item.name == tool)
        items = (i for i in self.session.conversation if i.type == "function_call_output")
        return next(item.output for item in items if item.call_id == call_id)


async def visit(running: House, call: TwinCall, session: Session, name: str) -> Visit:
    """One call to its end; the tool that waits is decided over the API as soon as it is there."""
    await running.until(lambda: bool(running.of(ApprovalAsked, call.sid)))
    waiting = await running.api("GET", "/api/approvals")
    (request,) = (each for each in waiting if each["call_sid"] == call.sid)
    decision = DECISIONS[name]
    if decision is not None:
        path = f"/api/approvals/{request['tool_call_id']}"
        answer = await running.api("POST", path, json=decision)
        assert answer["decision"] == decision["decision"]
    return Visit(running, call, session, await running.ended(call), request)


async def all_visits() -> dict[str, Visit]:
    """The four calls over one gateway, begun one after the other."""
    tasks = []
    async with house(QUICK, agent="frontdesk", approval_timeout_s=PATIENCE_S) as running:
        for number, name in enumerate(DECISIONS, 1):
            call = running.place(*STORY)
            session = await running.model.wait_session(number)
            tasks.append(asyncio.create_task(visit(running, call, session, name)))
        return dict(zip(DECISIONS, await asyncio.gather(*tasks), strict=True))


@pytest.fixture(scope="module")
def visits() -> dict[str, Visit]:
    """What the four calls came to, by what was decided."""
    return asyncio.run(all_visits())


@pytest.mark.parametrize("name", DECISIONS)
def test_two_agents_take_over_and_the_call_ends_with_a_whole_goodbye(
    visits: dict[str, Visit], name: str
) -> None:
    """Questions to `faq`, back, the seat to `booking`; whatever was decided, nothing is clipped."""
    visit = visits[name]
    assert [(each.from_agent, each.to_agent) for each in visit.of(Handoff)] == IN_ORDER
    assert visit.ended.reason == "agent_hung_up"
    assert visit.of(ModelErrorReported) == []
    for said in ("greeting", "let_me_check", "weight", "one_moment", "ask_details", "goodbye"):
        assert hears(visit.call, line(said)), said
    assert "23 kilograms" in visit.output_of("faq_lookup")
    assert "confirmation number" in visit.output_of("find_booking")


@pytest.mark.parametrize("name", DECISIONS)
def test_a_handoff_changes_who_speaks_and_nothing_of_how(
    visits: dict[str, Visit], name: str
) -> None:
    """Each agent brings words and tools of its own; format, voice and turn detection stay."""
    settings = visits[name].settings
    assert len(settings) == 1 + len(IN_ORDER)
    (audio,) = {json.dumps(each["audio"], sort_keys=True) for each in settings}
    first = json.loads(audio)
    assert first["input"]["format"] == first["output"]["format"] == {"type": "audio/pcmu"}
    assert first["output"]["voice"] == "marin"
    assert first["input"]["turn_detection"]["type"] == "server_vad"
    tools = [{tool["name"] for tool in each["tools"]} for each in settings]
    assert tools[0] == tools[2] == {"end_call", "transfer_to_faq", "transfer_to_booking"}
    assert tools[1] == {"end_call", "faq_lookup", "transfer_to_frontdesk"}
    assert tools[3] == {"end_call", "find_booking", "update_seat", "transfer_to_frontdesk"}
    assert settings[0]["instructions"] == settings[2]["instructions"]
    assert len({each["instructions"] for each in settings}) == 3


@pytest.mark.parametrize("name", DECISIONS)
def test_the_long_answer_is_cut_off_where_the_caller_stopped_hearing_it(
    visits: dict[str, Visit], name: str
) -> None:
    """Gateway, carrier and model agree on it to two frames; the rest is never heard."""
    visit = visits[name]
    (barge_in,) = visit.of(BargeIn)
    heard = heard_ms(visit.call, line("baggage"))
    assert 1000 < heard < 10_000  # of 11,920; a gap begins the caller's count anew
    assert abs(barge_in.heard_ms - heard) <= 40
    (truncated,) = told(visit.session, "C", "conversation.item.truncate")
    assert truncated["audio_end_ms"] == barge_in.heard_ms
    item = visit.session.conversation.find(truncated["item_id"])
    assert item is not None
    assert (item.audio_ms, item.transcript) == (barge_in.heard_ms, "")
    assert line("baggage")[-800:] not in visit.call.heard


def test_a_person_sees_what_waits_and_lets_it_happen(visits: dict[str, Visit]) -> None:
    """The API shows who asks for what with which arguments; approved, the tool does its work."""
    visit = visits["approved"]
    assert (visit.request["agent"], visit.request["tool"]) == ("booking", "update_seat")
    assert json.loads(visit.request["arguments"]) == {"confirmation_number": "4711", "seat": "12A"}
    assert [each.verdict for each in visit.of(ApprovalDecided)] == ["approved"]
    assert visit.output_of("update_seat") == "The seat is changed to 12A."
    assert hears(visit.call, line("seat_changed"))


@pytest.mark.parametrize("name", UNDONE)
def test_what_was_not_approved_is_not_done(visits: dict[str, Visit], name: str) -> None:
    """The tool does not run, and the agent goes on and says so."""
    visit = visits[name]
    assert "update_seat" not in [each.tool for each in visit.of(ToolEnded)]
    assert hears(visit.call, line("seat_not_changed"))
    assert line("seat_changed") not in visit.call.heard


def test_the_agent_is_told_why_it_was_not_done(visits: dict[str, Visit]) -> None:
    """In the words of whoever refused, of the agent's own formatter, or that nobody was there."""
    words = {name: visits[name].output_of("update_seat") for name in UNDONE}
    assert words == {
        "refused": REFUSAL,
        "refused without words": (
            "Not done: update_seat was not approved. Apologise and offer the front desk."
        ),
        "not decided": NOBODY_DECIDED,
    }
    (late,) = visits["not decided"].of(ApprovalDecided)
    assert late.verdict == "timed_out"
    assert late.waited_ms >= PATIENCE_S * 1000


def test_each_decision_was_about_one_call(visits: dict[str, Visit]) -> None:
    """Four calls waited for the same tool at a time, each under an ID of its own."""
    assert len({visit.request["tool_call_id"] for visit in visits.values()}) == len(DECISIONS)
    verdicts = {name: visits[name].of(ApprovalDecided)[0].verdict for name in DECISIONS}
    assert verdicts == {
        "approved": "approved",
        "refused": "rejected",
        "refused without words": "rejected",
        "not decided": "timed_out",
    }


@pytest.mark.asyncio
async def test_a_tool_that_is_done_while_the_caller_speaks_does_not_talk_over_the_caller(
    tmp_path: Path,
) -> None:
    """Its result is there when the caller has finished, and one answer follows, to both."""
    (tmp_path / "impatient.toml").write_text(IMPATIENT)
    options = RealtimeOptions(script="impatient", scripts_dir=tmp_path, first_audio_ms=50)
    async with house(options, agent="frontdesk") as running:
        call = running.place(
            Play(path=CALLS / "seat_wish.ulaw"),
            WaitForAgent(heard_ms=2000),
            WaitForSilence(ms=700),
            Play(path=CALLS / "seat_details.ulaw"),
        )
        await running.until(lambda: len(running.of(CallerStarted)) == 2)
        (request,) = await running.api("GET", "/api/approvals")
        path = f"/api/approvals/{request['tool_call_id']}"
        await running.api("POST", path, json=DECISIONS["approved"])
        ended = await running.ended(call)
        (session,) = running.model.sessions
        kinds = [row["event"]["type"] for row in session.trace if "event" in row]
        begun = len(kinds) - 1 - kinds[::-1].index("input_audio_buffer.speech_started")
        done = kinds.index("input_audio_buffer.speech_stopped", begun)
        assert "response.create" not in kinds[begun:done]
        assert running.of(ModelErrorReported) == []
        assert (ended.reason, ended.interruptions) == ("agent_hung_up", 0)
        items = list(session.conversation)
        outputs = [i.output for i in items[: _last(items, "user")] if i.output]
        assert outputs[-1] == "The seat is changed to 12A."
        assert hears(call, line("goodbye"))


def _last(items: list[Item], role: str) -> int:
    return max(number for number, item in enumerate(items) if item.role == role)
