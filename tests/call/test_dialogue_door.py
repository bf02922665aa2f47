"""The one door of interruption: what leaves, in which order, and what is never heard again.

Everything is synchronous, so the order in which messages are written is the order on both wires.
"""

import pytest

from gateway.core.events import (
    AgentStopped,
    BargeIn,
    CallerStarted,
    CallerStopped,
)
from tests.call import model_events as said
from tests.call.talk import CLOCK, Talk, begin, finish, speech
from tests.call.watching import turns

pytestmark = pytest.mark.usefixtures("still_clock")

# The door: the model's VAD


@pytest.mark.asyncio
async def test_the_clear_leaves_before_any_message_to_the_model() -> None:
    """Caller speech over a running answer: clear first, then truncate, all in one callback; the
    model cancels by itself, so we do not.
    """
    talk = Talk()
    talk.go_live()
    begin(talk, 800)
    talk.later(50)
    before = len(talk.wire)
    talk.hear(said.speech_started())
    assert talk.since(before) == ["carrier clear", "model conversation.item.truncate"]
    truncate = talk.to_model(before)[0]
    assert (truncate["item_id"], truncate["content_index"]) == ("item_1", 0)
    assert truncate["audio_end_ms"] == 50
    (barge_in,) = talk.all(BargeIn)
    assert barge_in.cause == "caller"
    assert (barge_in.item_id, barge_in.truncated, barge_in.deleted) == ("item_1", 1, 0)
    assert (barge_in.heard_ms, barge_in.dropped_ms) == (50, 750)
    assert [item.item_id for item in talk.interrupted] == ["item_1"]
    assert talk.dialogue.interruptions == 1
    talk.close()


@pytest.mark.asyncio
async def test_nothing_outstanding_is_not_cleared_and_not_truncated() -> None:
    """An ordinary turn after an answer that was heard to its end changes nothing anywhere."""
    talk = Talk(instant=True)
    talk.go_live()
    begin(talk, 100)
    finish(talk)
    await turns()
    before = len(talk.wire)
    talk.hear(said.speech_started())
    assert talk.since(before) == []
    assert talk.all(BargeIn) == []
    assert talk.interrupted == []
    assert len(talk.all(CallerStarted)) == 1


@pytest.mark.asyncio
async def test_speech_before_anything_was_said_is_no_interruption() -> None:
    """The caller begins: nothing to clear."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.speech_started(), said.speech_stopped())
    assert talk.since() == []
    assert (len(talk.all(CallerStarted)), len(talk.all(CallerStopped))) == (1, 1)


@pytest.mark.asyncio
async def test_a_fully_heard_item_is_never_truncated() -> None:
    """1500.125 ms heard to the last byte: no truncate, though its milliseconds are rounded."""
    talk = Talk()
    talk.go_live()
    talk.hear(*said.spoken(b"\x55" * 12_001))
    for _ in range(5):
        talk.later(400)
        talk.dialogue.outbound.pump()
    assert len(talk.carrier.audio) >= 12_001
    before = len(talk.wire)
    talk.hear(said.speech_started())
    assert talk.since(before) == []


@pytest.mark.asyncio
async def test_an_interruption_after_generation_ended_still_cuts() -> None:
    """The model is done, its audio still plays and waits: clear and truncate all the same."""
    talk = Talk()
    talk.go_live()
    begin(talk, 4000)
    finish(talk)
    talk.later(30)
    before = len(talk.wire)
    talk.hear(said.speech_started())
    assert talk.since(before) == ["carrier clear", "model conversation.item.truncate"]
    talk.close()


@pytest.mark.asyncio
async def test_audio_nobody_heard_is_deleted_once_both_conditions_are_met() -> None:
    """Zero milliseconds heard: no truncate; the delete waits for the response to be done."""
    talk = Talk()
    talk.go_live()
    begin(talk, 400)
    before = len(talk.wire)
    talk.hear(said.speech_started())
    assert talk.since(before) == ["carrier clear"]
    talk.hear(said.response_done(status="cancelled"))
    assert talk.since(before) == ["carrier clear", "model conversation.item.delete"]
    assert talk.to_model(before)[0]["item_id"] == "item_1"
    (barge_in,) = talk.all(BargeIn)
    assert (barge_in.truncated, barge_in.deleted, barge_in.heard_ms) == (0, 1, 0)
    talk.close()


@pytest.mark.asyncio
async def test_a_delete_also_waits_for_the_item_to_be_added() -> None:
    """The server knows an item only when it said so; an earlier delete would be refused."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.response_created(), said.item_announced(), said.delta(speech(200)))
    before = len(talk.wire)
    talk.hear(said.speech_started(), said.response_done(status="cancelled"))
    assert talk.since(before) == ["carrier clear"]
    talk.hear(said.item_added())
    assert talk.since(before)[1:] == ["model conversation.item.delete"]
    talk.close()


@pytest.mark.asyncio
async def test_queued_audio_is_an_interruption_too() -> None:
    """The greeting waits for the stream, nothing was sent: the caller's speech still undoes it."""
    talk = Talk()
    talk.connect()
    talk.dialogue.configured()
    talk.hear(said.session_created(), said.session_updated())
    begin(talk, 300)
    talk.hear(said.speech_started(), said.response_done(status="cancelled"))
    assert talk.since() == ["model conversation.item.delete"]
    (barge_in,) = talk.all(BargeIn)
    assert (barge_in.heard_ms, barge_in.dropped_ms) == (0, 300)
    talk.answer()
    assert talk.carrier.kinds == []


@pytest.mark.asyncio
async def test_of_several_items_the_playing_one_is_truncated_and_the_rest_deleted() -> None:
    """Item 1 plays, items 2 and 3 wait: one truncate, two deletes, the function call stays."""
    talk = Talk()
    talk.go_live()
    begin(talk, 400)
    finish(talk)
    begin(talk, 400, "resp_2", "item_2")
    talk.hear(
        said.audio_done("resp_2", "item_2"),
        said.item_announced("resp_2", "item_3"),
        said.item_added("item_3"),
        said.delta(speech(400), "resp_2", "item_3"),
        said.audio_done("resp_2", "item_3"),
        said.item_announced("resp_2", "item_call", "function_call"),
        said.item_added("item_call", "function_call"),
    )
    talk.later(30)
    before = len(talk.wire)
    talk.hear(said.speech_started())
    assert talk.since(before) == ["carrier clear", "model conversation.item.truncate"]
    assert talk.to_model(before)[0]["item_id"] == "item_1"
    talk.hear(said.response_done("resp_2", "cancelled"))
    deleted = [message["item_id"] for message in talk.to_model(before)[1:]]
    assert deleted == ["item_2", "item_3"]
    (barge_in,) = talk.all(BargeIn)
    assert (barge_in.truncated, barge_in.deleted) == (1, 2)
    talk.close()


@pytest.mark.asyncio
async def test_late_deltas_of_a_cut_answer_are_dropped_until_it_is_done() -> None:
    """What was on its way when the caller spoke is never heard; the next answer is."""
    talk = Talk()
    talk.go_live()
    begin(talk, 200)
    talk.hear(said.speech_started())
    before = len(talk.carrier.sent)
    assert talk.hear(*[said.delta(speech(200))] * 5, said.audio_done()) == [False] * 5 + [True]
    assert len(talk.carrier.sent) == before
    talk.hear(said.response_done(status="cancelled"))
    begin(talk, 20, "resp_2", "item_2")
    assert talk.carrier.kinds[before:] == ["mark", "media", "mark"]
    lengths = [(each.heard_ms, each.audio_ms) for each in talk.all(AgentStopped)]
    assert lengths == [(0, 200), (0, 1200)]  # then it is known how much there was of it
    talk.close()


@pytest.mark.asyncio
async def test_an_answer_that_is_cut_before_its_first_audio_is_never_heard() -> None:
    """The response exists, no audio yet: no clear, but its late audio is dropped and deleted."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.response_created(), said.item_announced(), said.item_added())
    talk.hear(said.speech_started())
    assert talk.since() == []
    assert talk.all(BargeIn) == []
    talk.hear(said.delta(speech(400)), said.audio_done(), said.response_done(status="cancelled"))
    assert talk.carrier.kinds == []
    assert talk.since() == ["model conversation.item.delete"]


@pytest.mark.asyncio
async def test_marks_of_cleared_audio_move_nothing() -> None:
    """Twilio returns them after the clear: the next interruption counts from the next answer."""
    talk = Talk()
    talk.go_live()
    begin(talk, 600)
    talk.hear(said.speech_started(), said.response_done(status="cancelled"))
    for name in talk.carrier.mark_names:
        assert not talk.dialogue.outbound.mark_returned(name)
    begin(talk, 600, "resp_2", "item_2")
    talk.hear(said.speech_started(), said.response_done("resp_2", "cancelled"))
    assert [event.heard_ms for event in talk.all(BargeIn)] == [0, 0]
    talk.close()


@pytest.mark.asyncio
async def test_a_model_that_does_not_interrupt_is_not_interrupted_for() -> None:
    """`interrupt_response` off: the caller's speech is told, and the agent talks on."""
    talk = Talk()
    talk.connect()
    talk.dialogue.configured()
    talk.hear(said.session_created(), said.session_updated(interrupts=False))
    talk.answer()
    begin(talk, 400)
    before = len(talk.wire)
    talk.hear(said.speech_started())
    assert talk.since(before) == []
    assert len(talk.all(CallerStarted)) == 1
    talk.close()


# The door: everybody else


@pytest.mark.asyncio
@pytest.mark.parametrize("cause", ["dtmf", "guardrail", "operator"])
async def test_whoever_cuts_the_agent_off_also_stops_the_model(cause: str) -> None:
    """The same door: clear first, then the cancel of that very response, then the correction."""
    talk = Talk()
    talk.go_live()
    begin(talk, 600)
    talk.later(30)
    before = len(talk.wire)
    assert talk.dialogue.interrupt(cause, cancel=True)
    assert talk.since(before) == [
        "carrier clear",
        "model response.cancel",
        "model conversation.item.truncate",
    ]
    assert talk.to_model(before)[0]["response_id"] == "resp_1"
    assert [event.cause for event in talk.all(BargeIn)] == [cause]
    talk.close()


@pytest.mark.asyncio
async def test_how_long_the_clear_took_counts_from_what_asked_for_it() -> None:
    """Of the caller's speech that is the moment its report was read, however long ago."""
    talk = Talk()
    talk.go_live()
    begin(talk, 600)
    talk.later(30)
    read_at = CLOCK.now
    talk.later(7)
    assert talk.dialogue.interrupt("caller", cancel=False, since=read_at)
    begin(talk, 600, "resp_2", "item_2")
    talk.later(30)
    assert talk.dialogue.interrupt("operator", cancel=True)
    assert [event.clear_ms for event in talk.all(BargeIn)] == [pytest.approx(7.0), 0.0]
    talk.close()


@pytest.mark.asyncio
async def test_with_nothing_running_nothing_is_cancelled() -> None:
    """A cancel without a response would be an error of the server."""
    talk = Talk()
    talk.go_live()
    begin(talk, 600)
    finish(talk)
    talk.later(30)
    before = len(talk.wire)
    talk.dialogue.interrupt("operator", cancel=True)
    assert talk.since(before) == ["carrier clear", "model conversation.item.truncate"]
    assert not talk.dialogue.interrupt("operator", cancel=True)
    assert len(talk.since(before)) == 2
    talk.close()


@pytest.mark.asyncio
async def test_a_running_answer_without_audio_is_cancelled_without_a_clear() -> None:
    """Cut off before it spoke: nothing to clear, nothing reported, but it must not speak."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.response_created(), said.item_announced(), said.item_added())
    assert not talk.dialogue.interrupt("dtmf", cancel=True)
    assert talk.since() == ["model response.cancel"]
    talk.hear(said.delta(speech(100)), said.response_done(status="cancelled"))
    assert talk.carrier.kinds == []


@pytest.mark.asyncio
async def test_without_a_model_the_agents_last_words_can_still_be_cut() -> None:
    """The link is gone, audio still plays: clear leaves, nothing is written to nobody."""
    talk = Talk()
    talk.go_live()
    begin(talk, 600)
    talk.dialogue.disconnect()
    before = len(talk.wire)
    assert talk.dialogue.interrupt("operator", cancel=True)
    assert talk.since(before) == ["carrier clear"]
    assert not talk.dialogue.connected
    talk.close()
