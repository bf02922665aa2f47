"""Interruption mode `gateway`: what a cough, a word and an answer do to carrier and model."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.call.dialogue import TONES
from gateway.core import commands
from gateway.core.events import BargeIn, CallerStarted, CallerStopped, FalseAlarm
from gateway.core.floor import FloorRules
from gateway.core.g711 import from_pcm16
from tests.call import model_events as said
from tests.call.model_events import CALLER_ITEM
from tests.call.talk import CARRIER, MODEL, Talk, begin, finish, speech

pytestmark = [pytest.mark.usefixtures("still_clock"), pytest.mark.asyncio]

LOUD = from_pcm16((3000).to_bytes(2, "little", signed=True) * 80 + b"\x48\xf4" * 80)
QUIET = b"\xff" * 160


@pytest_asyncio.fixture
async def talk(still_clock: None) -> AsyncIterator[Talk]:
    """A live dialogue in which the gateway decides."""
    made = Talk(rules=FloorRules())
    made.go_live()
    hear_caller(made, 0, 500)
    yield made
    made.close()


def hear_caller(talk: Talk, loud_ms: int, quiet_ms: int = 0) -> None:
    """The caller makes a sound, and then none; time passes with it."""
    for payload, ms in ((LOUD, loud_ms), (QUIET, quiet_ms)):
        for _ in range(ms // 20):
            talk.later(20)
            talk.dialogue.caller_audio(payload)


def corrections(talk: Talk, n: int = 0) -> list[str]:
    """What the model was written besides the caller's audio, from the n-th message on."""
    kinds = [message["type"] for message in talk.to_model(n)]
    return [kind for kind in kinds if kind != "input_audio_buffer.append"]


def cough(talk: Talk) -> None:
    """A short sound the model takes for speech, from its beginning to its item."""
    hear_caller(talk, 100)
    talk.hear(said.speech_started())
    hear_caller(talk, 100, 400)
    talk.hear(said.speech_stopped(), said.committed(), said.item_added(CALLER_ITEM))


async def test_a_cough_holds_the_agent_back_and_leaves_no_trace(talk: Talk) -> None:
    """The very same audio plays on from the frame heard last; the item is deleted, nothing is
    truncated and no answer asked for.
    """
    begin(talk, 2000)
    talk.later(410)
    n = len(talk.wire)
    hear_caller(talk, 100)
    talk.hear(said.speech_started())
    assert talk.since(n)[-1] == f"{CARRIER} clear"
    held = len(talk.carrier.audio)
    hear_caller(talk, 100)
    assert len(talk.carrier.audio) == held
    hear_caller(talk, 0, 300)
    assert len(talk.carrier.audio) > held
    talk.hear(said.speech_stopped(), said.committed(), said.item_added(CALLER_ITEM))
    assert corrections(talk, n) == ["conversation.item.delete"]
    assert talk.to_model(n)[-1]["item_id"] == CALLER_ITEM
    finish(talk)
    for _ in range(20):
        talk.later(200)
        talk.dialogue.outbound.pump()
    heard = talk.carrier.audio[: 520 * 8] + talk.carrier.audio[held:]
    assert heard == speech(2000)
    (alarm,) = talk.all(FalseAlarm)
    assert 300 <= alarm.paused_ms <= 400
    assert alarm.clear_ms == 0.0
    assert talk.all(BargeIn) == talk.all(CallerStarted) == talk.all(CallerStopped) == []


async def test_who_begins_in_the_agents_last_moment_hears_the_next_answer(talk: Talk) -> None:
    """There is nothing to cut by the time it is known to be speech; the line is free again."""
    begin(talk, 300)
    finish(talk)
    talk.later(290)
    hear_caller(talk, 0)
    talk.hear(said.speech_started())
    hear_caller(talk, 500)
    assert talk.all(BargeIn) == []
    talk.hear(said.speech_stopped(), said.committed(), said.item_added(CALLER_ITEM))
    before = len(talk.carrier.audio)
    begin(talk, 400, "resp_2", "item_2")
    finish(talk, "resp_2", "item_2")
    assert len(talk.carrier.audio) - before == 400 * 8


async def test_without_a_model_nobody_cuts_the_apology_off(talk: Talk) -> None:
    """A sound was being weighed when the model went: what the caller says now decides nothing."""
    begin(talk, 2000)
    talk.later(410)
    cough(talk)
    hear_caller(talk, 100)
    talk.hear(said.speech_started())
    talk.dialogue.disconnect()
    talk.dialogue.outbound.clear()
    talk.dialogue.outbound.play_own("gateway:apology", speech(3000))
    n = len(talk.wire)
    hear_caller(talk, 1000)
    assert f"{CARRIER} clear" not in talk.since(n)
    assert talk.all(BargeIn) == []


async def test_a_real_interruption_is_final_and_answered(talk: Talk) -> None:
    """Cancel, truncate at heard, and an answer as soon as the turn is an item."""
    begin(talk, 2000)
    talk.later(410)
    n = len(talk.wire)
    hear_caller(talk, 100)
    talk.hear(said.speech_started())
    assert corrections(talk, n) == []
    hear_caller(talk, 300)
    assert corrections(talk, n) == ["response.cancel", "conversation.item.truncate"]
    (cut,) = [m for m in talk.to_model(n) if m["type"] == "conversation.item.truncate"]
    assert 500 <= cut["audio_end_ms"] <= 520
    # The caller has not heard the agent since the report: what was decided later took no time.
    assert [event.clear_ms for event in talk.all(BargeIn)] == [0.0]
    talk.hear(said.response_done(status="cancelled"), said.speech_stopped())
    n = len(talk.wire)
    talk.hear(said.committed())
    assert talk.to_model(n) == [{"type": "response.create", "event_id": commands.ASKED}]
    assert [type(e) for e in talk.events if isinstance(e, CallerStarted | BargeIn)] == [
        BargeIn,
        CallerStarted,
    ]
    talk.hear(said.item_added(CALLER_ITEM))
    assert corrections(talk, n) == ["response.create"]


async def test_speech_known_before_the_model_says_so_interrupts_in_the_callback(talk: Talk) -> None:
    """The model's detector is late; ours is not asked to wait for it."""
    begin(talk, 2000)
    talk.later(200)
    hear_caller(talk, 400)
    n = len(talk.wire)
    talk.hear(said.speech_started())
    assert talk.since(n) == [
        f"{CARRIER} clear",
        f"{MODEL} response.cancel",
        f"{MODEL} conversation.item.truncate",
    ]


async def test_an_answer_waits_for_the_end_of_the_cancelled_one(talk: Talk) -> None:
    """The server refuses a second answer while one runs: it is asked for when that is over."""
    begin(talk, 2000)
    hear_caller(talk, 400)
    talk.hear(said.speech_started(), said.speech_stopped())
    n = len(talk.wire)
    talk.hear(said.committed())
    assert corrections(talk, n) == []
    talk.hear(said.response_done(status="cancelled"))
    assert corrections(talk, n)[-1] == "response.create"


async def test_a_short_word_into_silence_is_a_turn(talk: Talk) -> None:
    """Nobody speaks: whatever the model took for speech is answered."""
    n = len(talk.wire)
    hear_caller(talk, 100)
    talk.hear(said.speech_started())
    hear_caller(talk, 0, 400)
    talk.hear(said.speech_stopped(), said.committed(), said.item_added(CALLER_ITEM))
    assert corrections(talk, n) == ["response.create"]
    assert len(talk.all(CallerStopped)) == 1


async def test_what_is_generated_while_the_agent_is_held_back_waits_in_order(talk: Talk) -> None:
    """The model goes on; nothing of it is played out of turn."""
    begin(talk, 400)
    talk.later(110)
    hear_caller(talk, 100)
    talk.hear(said.speech_started())
    held = len(talk.carrier.audio)
    talk.hear(said.delta(b"\x11" * 1600))
    finish(talk)
    assert len(talk.carrier.audio) == held
    hear_caller(talk, 0, 300)
    for _ in range(10):
        talk.later(200)
        talk.dialogue.outbound.pump()
    assert (talk.carrier.audio[: 220 * 8] + talk.carrier.audio[held:]) == (
        speech(400) + b"\x11" * 1600
    )


async def test_two_coughs_in_one_answer(talk: Talk) -> None:
    """Each is forgotten by itself."""
    begin(talk, 4000)
    talk.later(200)
    n = len(talk.wire)
    cough(talk)
    cough(talk)
    assert corrections(talk, n) == ["conversation.item.delete"] * 2
    assert len(talk.all(FalseAlarm)) == 2


async def test_a_cough_does_not_keep_a_caller_who_is_being_said_goodbye_to(talk: Talk) -> None:
    """Only who takes the floor keeps the call: no event says that the caller began to speak."""
    begin(talk, 1000)
    cough(talk)
    assert talk.all(CallerStarted) == []


async def test_tones_are_not_held_back(talk: Talk) -> None:
    """The other side's menu talks on; half a key press would be another one."""
    talk.dialogue.outbound.play_own(TONES, speech(400))
    n = len(talk.wire)
    hear_caller(talk, 100)
    talk.hear(said.speech_started())
    assert f"{CARRIER} clear" not in talk.since(n)


async def test_a_greeting_that_must_be_heard_is() -> None:
    """It plays to its end; the caller's turn is answered behind it. Later words can be cut."""
    talk = Talk(greeting=commands.create_response(), rules=FloorRules(greeting_is_heard=True))
    talk.go_live()
    begin(talk, 1000)
    hear_caller(talk, 0, 100)
    hear_caller(talk, 400)
    n = len(talk.wire)
    talk.hear(said.speech_started())
    assert f"{CARRIER} clear" not in talk.since(n)
    hear_caller(talk, 200, 400)
    talk.hear(said.speech_stopped(), said.committed())
    assert corrections(talk, n) == []
    finish(talk)
    assert corrections(talk, n) == ["response.create"]
    begin(talk, 1000, "resp_2", "item_2")
    n = len(talk.wire)
    hear_caller(talk, 400)
    talk.hear(said.speech_started())
    assert f"{CARRIER} clear" in talk.since(n)
    talk.close()
