"""Since when nobody speaks: counted from what was heard, broken by what happens."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.call.silence import Silence, Vigil
from gateway.core.events import (
    ApprovalAsked,
    ApprovalDecided,
    CallAnswered,
    CallerStopped,
    CallEvent,
    CallLive,
    DtmfGroup,
    ModelConnected,
    ToolEnded,
    ToolStarted,
)
from tests.call import model_events as said
from tests.call.talk import CLOCK, Talk, begin, finish
from tests.call.watching import until

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def talk(still_clock: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    """A live dialogue whose time only the test moves."""
    monkeypatch.setattr("gateway.call.silence.time", CLOCK)
    made = Talk()
    made.go_live()
    yield made
    made.close()


def length_ms(silence: Silence) -> int:
    """How long it has lasted."""
    return round(silence.length_s() * 1000)


async def test_it_begins_with_the_last_frame_heard(talk: Talk) -> None:
    """What has left and is not heard yet counts against it."""
    silence = Silence(talk.dialogue)
    begin(talk, 400)
    finish(talk)
    lengths = [length_ms(silence)]
    for ms in (300, 100, 500):
        talk.later(ms)
        lengths.append(length_ms(silence))
    assert lengths == [-400, -100, 0, 500]


async def test_it_begins_with_the_cut_when_the_agent_was_cut_off(talk: Talk) -> None:
    """Nothing of the rest is waited for."""
    silence = Silence(talk.dialogue)
    begin(talk, 400)
    talk.later(100)
    talk.dialogue.interrupt("operator", cancel=True)
    talk.hear(said.response_done(status="cancelled"))
    talk.later(200)
    assert length_ms(silence) == 200


async def test_there_is_none_while_somebody_speaks(talk: Talk) -> None:
    """An answer that is generated or still to be sent, and the caller's turn."""
    silence = Silence(talk.dialogue)
    talk.hear(said.response_created())
    talk.later(1000)
    lengths = [length_ms(silence)]
    talk.hear(said.response_done())
    begin(talk, 2000, "resp_2", "item_2")
    finish(talk, "resp_2", "item_2")
    talk.later(100)
    lengths.append(length_ms(silence))
    talk.dialogue.outbound.clear()
    talk.hear(said.speech_started())
    talk.later(1000)
    assert [*lengths, length_ms(silence)] == [0, 0, 0]
    talk.hear(said.speech_stopped())
    silence.hear(CallerStopped(0.0))
    talk.later(50)
    assert length_ms(silence) == 50


@pytest.mark.parametrize(
    ("event", "breaks"),
    [
        (CallAnswered("MZ1", 1.0), True),
        (CallLive(0.0), True),
        (DtmfGroup(1, 0.0), True),
        (ToolStarted("t", 0.0), False),
        (ToolEnded("t", 1.0, 0.0), True),
        (ModelConnected(1.0), False),
    ],
)
async def test_what_breaks_it(talk: Talk, event: CallEvent, breaks: bool) -> None:
    """What caller or agent do does; what they do not notice does not."""
    silence = Silence(talk.dialogue)
    talk.later(1000)
    silence.hear(event)
    assert length_ms(silence) == (0 if breaks else 1000)


async def test_what_runs_and_what_waits_is_counted(talk: Talk) -> None:
    """A tool that was refused ends without having begun."""
    silence = Silence(talk.dialogue)
    silence.hear(ApprovalAsked("t", 0.0))
    silence.hear(ToolStarted("u", 0.0))
    assert (silence.tools, silence.approvals) == (1, 1)
    silence.hear(ApprovalDecided("t", "rejected", 1.0, 0.0))
    silence.hear(ToolEnded("t", 1.0, 0.0))
    silence.hear(ToolEnded("u", 1.0, 0.0))
    assert (silence.tools, silence.approvals) == (0, 0)


async def test_a_vigil_looks_when_it_could_be_time_and_acts_when_it_is() -> None:
    """It waits for the rest of a silence that began later; few looks, however long the call."""
    lengths = iter([-0.02, 0.01, 0.03, 0.0])
    done: list[str] = []
    vigil = Vigil(0.02, lambda: next(lengths, 0.0), lambda: done.append("acted"))
    vigil.begin()
    vigil.begin()
    assert next(lengths) == 0.01
    assert done == []
    await until(lambda: bool(done))
    assert next(lengths) == 0.0
    vigil.end()


async def test_a_vigil_that_its_act_ends_is_over() -> None:
    """No timer is left, and it can begin again."""
    acts: list[int] = []

    def act() -> None:
        acts.append(1)
        vigil.end()

    vigil = Vigil(0.01, lambda: 1.0, act)
    vigil.begin()
    assert vigil._timer is None
    vigil.begin()
    assert len(acts) == 2
