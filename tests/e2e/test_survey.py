"""The questionnaire over whole calls: answered by voice, by a key, by a key that is no answer."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.core.events import BargeIn, CallEnded, DtmfGroup, ToolEnded
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import Dtmf, Play, TwinCall, WaitForAgent, WaitForSilence
from tests.e2e.harness import CALLS, ROOT, House, heard_ms, heard_whole, hears, house

LINES = ROOT / "gateway" / "sim" / "speech" / "survey"
QUICK = RealtimeOptions(script="survey", first_audio_ms=50, transcription_ms=(50, 80))
CALLERS = {
    "by voice": (
        WaitForAgent(heard_ms=8000),
        WaitForSilence(ms=700),
        Play(path=CALLS / "rating_four.ulaw"),
    ),
    "by key": (WaitForAgent(heard_ms=1500), Dtmf("4")),
    "by a wrong key first": (
        WaitForAgent(heard_ms=500),
        Dtmf("9"),
        WaitForAgent(heard_ms=3500),
        WaitForSilence(ms=700),
        Dtmf("2"),
    ),
}


def line(name: str) -> bytes:
    """What the offline agent says, as mu-law."""
    return (LINES / f"{name}.ulaw").read_bytes()


@dataclass(frozen=True)
class Interview:
    """One call of the survey, when it is over."""

    running: House
    call: TwinCall
    session: Session
    ended: CallEnded

    def of(self, kind: type[Any]) -> list[Any]:
        """Its call events of that kind."""
        return self.running.of(kind, self.call.sid)

    @property
    def answers(self) -> list[tuple[int, str]]:
        """Every answer the agent recorded, and what the tool said to it."""
        items = list(self.session.conversation)
        outputs = {item.call_id: item.output for item in items if item.output}
        calls = [item for item in items if item.name == "record_answer"]
        return [(json.loads(each.arguments)["rating"], outputs[each.call_id]) for each in calls]


async def all_interviews() -> dict[str, Interview]:
    """The three callers at the same time."""
    async with house(QUICK, agent="survey") as running:
        calls = []
        for number, steps in enumerate(CALLERS.values(), 1):
            calls.append(running.place(*steps))
            await running.model.wait_session(number)
        ended = await asyncio.gather(*(running.ended(call) for call in calls))
        sessions = running.model.sessions
        interviews = map(Interview, [running] * len(calls), calls, sessions, ended)
        return dict(zip(CALLERS, interviews, strict=True))


@pytest.fixture(scope="module")
def interviews() -> dict[str, Interview]:
    """What the calls came to, by how they were answered."""
    return asyncio.run(all_interviews())


@pytest.mark.parametrize("name", CALLERS)
def test_one_answer_is_recorded_and_the_thanks_are_heard_to_their_end(
    interviews: dict[str, Interview], name: str
) -> None:
    """Then the agent hangs up."""
    interview = interviews[name]
    assert interview.ended.reason == "agent_hung_up"
    assert [each.tool for each in interview.of(ToolEnded)] == ["record_answer", "end_call"]
    assert interview.answers == [(2 if name == "by a wrong key first" else 4, "Recorded.")]
    assert hears(interview.call, line("thanks"))


def test_whoever_answers_by_voice_has_heard_the_whole_question(
    interviews: dict[str, Interview],
) -> None:
    """Nothing of it is lost, and nobody is cut off."""
    interview = interviews["by voice"]
    assert hears(interview.call, line("greeting"))
    assert interview.of(BargeIn) == interview.of(DtmfGroup) == []


def test_a_key_cuts_the_question_short(interviews: dict[str, Interview]) -> None:
    """Whoever knows the question need not hear it out; the model knows what was heard of it."""
    interview = interviews["by key"]
    (barge_in,) = interview.of(BargeIn)
    assert barge_in.cause == "dtmf"
    assert abs(barge_in.heard_ms - heard_ms(interview.call, line("greeting"))) <= 40
    assert [group.count for group in interview.of(DtmfGroup)] == [1]


def test_a_key_that_is_no_answer_is_asked_for_again(interviews: dict[str, Interview]) -> None:
    """The question is asked once more before the thanks, and both keys were told to the model."""
    interview = interviews["by a wrong key first"]
    (again,), (thanks,) = (heard_whole(interview.call, line(name)) for name in ("again", "thanks"))
    assert again.end <= thanks.begin
    assert [group.count for group in interview.of(DtmfGroup)] == [1, 1]
