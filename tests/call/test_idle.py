"""A caller who says nothing: asked, asked again, and said goodbye to."""

from collections.abc import Callable
from typing import Any

import pytest
from agents import function_tool

from gateway.call.idle import Idle, IdleRules
from gateway.call.silence import Silence
from gateway.core.events import (
    ApprovalAsked,
    CallEnding,
    CallerIdle,
    CallerStarted,
    CallerStopped,
    CallEvent,
    DtmfGroup,
    ToolEnded,
    ToolStarted,
)
from tests.call import model_events as said
from tests.call.calls import live, plan, say, served
from tests.call.carriers import SilentCarrier
from tests.call.hand_model import HandModel, ModelEnd
from tests.call.talk import Talk
from tests.call.watching import until

pytestmark = pytest.mark.asyncio
RULES = IdleRules(after_s=0.15, asks=2, ask="Ask.", goodbye="Say goodbye.")


def patient(model: HandModel, *tools: Any, rules: IdleRules = RULES) -> Any:
    """An agent without a greeting that minds a silent caller."""
    return plan(model.url, *tools, greeting=None, more={"idle": rules})


async def asked(end: ModelEnd, n: int) -> str:
    """The instructions of the n-th answer that was asked for."""
    request = (await end.seen("response.create", n))["response"]
    assert request["tool_choice"] == "none"
    return str(request["instructions"])


async def test_a_silent_caller_is_asked_then_left() -> None:
    """Two questions, the goodbye to its end, and the reason; each told as an event."""
    async with HandModel() as model, live(patient(model)) as running:
        end = await served(model, running)
        for n, words in enumerate(("Ask.", "Ask.", "Say goodbye."), 1):
            assert await asked(end, n) == words
            await say(end, 60, response=f"resp_{n}")
        ended = await running.ended()
        assert (ended.reason, ended.heard_ms) == ("idle", 180)
        assert [event.asked for event in running.witness.all(CallerIdle)] == [1, 2]
        assert running.witness.all(CallEnding) == [CallEnding("idle")]


async def test_the_silence_is_counted_from_what_was_heard() -> None:
    """While the carrier still plays, nothing is counted."""
    carrier = SilentCarrier()
    async with HandModel() as model, live(patient(model), carrier) as running:
        end = await served(model, running)
        await say(end, 400)
        idle = await running.witness.first(CallerIdle)
        opened_at = running.call.dialogue.opened_at
        assert opened_at is not None
        heard_at = running.call.dialogue.outbound.ledger.playout.ends_at
        assert heard_at - opened_at >= 0.4
        assert idle.at_ms / 1000 + opened_at - heard_at >= RULES.after_s


async def test_a_caller_who_speaks_up_at_the_goodbye_keeps_the_call() -> None:
    """And has all the questions before them again."""
    rules = IdleRules(after_s=0.15, asks=0, ask="Ask.", goodbye="Say goodbye.")
    async with (
        HandModel() as model,
        live(patient(model, rules=rules), SilentCarrier()) as running,
    ):
        end = await served(model, running)
        assert await asked(end, 1) == "Say goodbye."
        await say(end, 3000)
        await running.witness.first(CallEnding)
        await end.send(said.speech_started(), said.speech_stopped(), said.committed())
        await running.witness.first(CallerStopped)
        assert running.call.state == "live"
        assert await asked(end, 2) == "Say goodbye."


async def test_a_goodbye_waits_for_its_own_words() -> None:
    """The question before it had words too; those do not count as a goodbye."""
    rules = IdleRules(after_s=0.15, asks=1, ask="Ask.", goodbye="Say goodbye.")
    async with HandModel() as model, live(patient(model, rules=rules)) as running:
        end = await served(model, running)
        await asked(end, 1)
        await say(end, 40)
        await asked(end, 2)
        await running.witness.first(CallEnding)
        assert running.call.outcome is None
        await say(end, 80, response="resp_2")
        assert (await running.ended()).heard_ms == 120


async def test_nobody_is_asked_while_a_tool_runs() -> None:
    """The question comes after the tool's end, a whole silence later."""

    @function_tool
    async def slow() -> str:
        """Runs until the idle watch has come by twice."""
        watch = running.call._patience._watching[0]
        assert isinstance(watch, Idle)
        await looked(watch, 2)
        return "done"

    async with HandModel() as model, live(patient(model, slow)) as running:
        end = await served(model, running)
        await end.send(said.response_created(), said.call_done("slow"), said.response_done())
        await say_after_tool(end)
        await running.witness.first(CallerIdle)
        kinds = [type(event) for event in running.witness.events]
        assert kinds.index(ToolEnded) < kinds.index(CallerIdle)


async def say_after_tool(end: ModelEnd) -> None:
    """The answer to a tool's output."""
    await end.seen("response.create")
    await say(end, 40, response="resp_2")


async def looked(watch: Idle, times: int) -> None:
    """Returns when the watch was set anew so often."""
    seen: list[object] = []

    def again() -> bool:
        if not seen or seen[-1] is not watch._vigil._timer:
            seen.append(watch._vigil._timer)
        return len(seen) > times

    await until(again)


class HandVigil:
    """A vigil that comes when the test calls it."""

    made: "list[HandVigil]"

    def __init__(
        self, after_s: float, silent_s: Callable[[], float], act: Callable[[], None]
    ) -> None:
        self.silent_s, self.act = silent_s, act
        HandVigil.made = [self]

    def begin(self) -> None:
        """Nothing: the test decides."""


def told(*events: CallEvent, undisturbed: bool = True) -> tuple[float, list[int]]:
    """The silence after these events, and how often was asked by the next two acts."""
    talk = Talk()
    talk.go_live()
    silence = Silence(talk.dialogue)
    idle = Idle(RULES, talk.dialogue, silence, lambda: undisturbed, lambda reason: None)
    (vigil,) = HandVigil.made
    vigil.act()
    talk.hear(said.response_created(), said.response_done())
    for event in events:
        silence.hear(event)
        idle.hear(event)
    length_s = vigil.silent_s()
    vigil.act()
    talk.close()
    return length_s, [event.asked for event in talk.all(CallerIdle)]


@pytest.mark.parametrize("event", [ToolStarted("t", 0.0), ApprovalAsked("t", 0.0)])
async def test_what_is_no_silence(monkeypatch: pytest.MonkeyPatch, event: CallEvent) -> None:
    """A tool that runs, one that waits for a person; a time that is not idle for other reasons."""
    monkeypatch.setattr("gateway.call.idle.Vigil", HandVigil)
    assert told(event)[0] == 0.0
    assert told()[0] > 0.0
    assert told(undisturbed=False)[0] == 0.0


async def test_a_turn_or_a_key_starts_the_count_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those: speech that was no turn does not."""
    monkeypatch.setattr("gateway.call.idle.Vigil", HandVigil)
    assert told()[1] == [1, 2]
    assert told(CallerStarted(0.0))[1] == [1, 2]
    assert told(CallerStarted(0.0), CallerStopped(0.0))[1] == [1, 1]
    assert told(DtmfGroup(4, 0.0))[1] == [1, 1]
