"""What passes between caller and model, message by message, and the one door of interruption.

Everything is synchronous, so the order in which messages are written is the order on both wires.
"""

import asyncio
import base64
import json
import time
from typing import Any

import pytest

from gateway.call.dialogue import Dialogue
from gateway.core import realtime
from gateway.core.events import (
    AgentSpoke,
    BargeIn,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallLive,
    ModelConnected,
    ModelErrorReported,
    TurnDone,
)
from gateway.core.g711 import BYTES_PER_MS
from gateway.core.ledger import Item
from gateway.core.pacing import Pacing
from gateway.errors import ModelError
from tests.call import model_events as said
from tests.call.carriers import STREAM_SID, SilentCarrier
from tests.call.model_events import Event
from tests.call.watching import Chronicle, turns, until

GREETING = realtime.create_response(instructions="Greet.")
CARRIER, MODEL = "carrier", "model"


class Talk:
    """A dialogue between a carrier and a model without wires; `wire` is what was written."""

    def __init__(self, *, greeting: bytes | None = None, instant: bool = False) -> None:
        self.wire: Chronicle[tuple[str, dict[str, Any]]] = Chronicle()
        self.events: list[CallEvent] = []
        self.lost: list[tuple[str, str]] = []
        self.interrupted: list[Item] = []
        self.carrier = SilentCarrier(
            instant=instant, tell=lambda event: self.wire.add((CARRIER, event))
        )
        self.dialogue = Dialogue(
            pacing=Pacing(),
            audio_format="audio/pcmu",
            greeting=greeting,
            emit=self.events.append,
            on_lost=lambda reason, detail: self.lost.append((reason, detail)),
            on_interrupted=self.interrupted.append,
        )
        self.carrier.marks = self.dialogue.outbound.mark_returned

    def connect(self) -> None:
        """The model's link is open."""
        self.dialogue.connect(self._write)

    def _write(self, message: bytes) -> None:
        self.wire.add((MODEL, json.loads(message)))

    def hear(self, *events: Event) -> list[bool]:
        """The model says something; which of it the SDK should see."""
        return [self.dialogue.model_frame(said.wire(event)) for event in events]

    def answer(self) -> None:
        """The carrier's stream is open."""
        self.dialogue.outbound.attach(self.carrier, STREAM_SID)
        self.dialogue.opened_at = asyncio.get_running_loop().time()

    def go_live(self) -> None:
        """Carrier and model are there, the format is confirmed."""
        self.connect()
        self.dialogue.configured()
        self.hear(said.session_created(), said.session_updated())
        self.answer()

    def since(self, n: int = 0) -> list[str]:
        """Who was written what, shortly, from the n-th message on."""
        return [f"{side} {_word(message)}" for side, message in self.wire.rows[n:]]

    def to_model(self, n: int = 0) -> list[dict[str, Any]]:
        """What the model was written, from the n-th message of all on."""
        return [message for side, message in self.wire.rows[n:] if side == MODEL]

    def all(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def heard(self, ms: int) -> None:
        """Returns when that much of the agent's audio has been heard."""
        ledger = self.dialogue.outbound.ledger
        await until(lambda: ledger.heard_bytes(time.monotonic()) >= ms * BYTES_PER_MS)

    def close(self) -> None:
        self.dialogue.outbound.detach()


def _word(message: dict[str, Any]) -> str:
    return str(message.get("event") or message["type"])


def speech(ms: int) -> bytes:
    return b"\x55" * (ms * BYTES_PER_MS)


def begin(talk: Talk, ms: int, response: str = "resp_1", item: str = "item_1") -> None:
    """An answer of one message begins; `ms` of it were generated so far."""
    talk.hear(
        said.response_created(response),
        said.item_announced(response, item),
        said.item_added(item),
        said.delta(speech(ms), response, item),
    )


def finish(talk: Talk, response: str = "resp_1", item: str = "item_1") -> None:
    """The answer is generated to its end."""
    talk.hear(said.audio_done(response, item), said.response_done(response))


# What the SDK sees


@pytest.mark.asyncio
async def test_audio_stays_here_and_everything_else_goes_on() -> None:
    """Deltas are the gateway's; every other event, known or new, is the SDK's too."""
    talk = Talk()
    talk.go_live()
    seen = talk.hear(
        said.response_created(),
        said.item_announced(),
        said.item_added(),
        said.words_delta("Hello"),
        said.delta(speech(20)),
        said.audio_done(),
        said.response_done(),
        {"type": "something.new"},
    )
    assert seen == [True] * 4 + [False] + [True] * 3
    assert talk.dialogue.model_frame(b"no event at all")
    assert talk.dialogue.model_frame(b"null")
    talk.close()


@pytest.mark.asyncio
async def test_audio_leaves_in_the_callback_that_brought_it() -> None:
    """The first delta is on the carrier's wire before `model_frame` returns."""
    talk = Talk()
    talk.go_live()
    before = len(talk.wire)
    talk.hear(said.response_created(), said.item_announced(), said.item_added())
    assert talk.since(before) == []
    talk.hear(said.delta(speech(40)))
    assert talk.since(before) == ["carrier mark", "carrier media", "carrier mark"]
    talk.close()


@pytest.mark.asyncio
async def test_a_delta_that_is_no_base64_is_refused_and_plays_nothing() -> None:
    """It raises with its own reason, and the next good one plays."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.response_created(), said.item_announced(), said.item_added())
    bad = said.golden("response.output_audio.delta", delta="***", response_id="resp_1")
    with pytest.raises(ModelError) as caught:
        talk.hear(bad)
    assert caught.value.reason == "bad_audio"
    assert "***" not in str(caught.value)
    talk.hear(said.delta(speech(20)))
    assert talk.carrier.audio == speech(20)
    talk.close()


# The beginning


@pytest.mark.asyncio
@pytest.mark.parametrize("created_first", [True, False])
async def test_the_greeting_is_asked_for_when_session_and_settings_are_there(
    created_first: bool,
) -> None:
    """In the callback of whichever comes last, `session.created` or our settings; once."""
    talk = Talk(greeting=GREETING)
    talk.connect()
    steps = [lambda: talk.hear(said.session_created()), talk.dialogue.configured]
    for step in steps if created_first else steps[::-1]:
        assert talk.since() == []
        step()
    assert talk.to_model() == [json.loads(GREETING)]
    talk.hear(said.session_updated())
    talk.dialogue.configured()
    assert len(talk.to_model()) == 1
    assert len(talk.all(ModelConnected)) == 1


@pytest.mark.asyncio
async def test_an_agent_without_a_greeting_lets_the_caller_begin() -> None:
    """Nothing is asked for until the caller has spoken."""
    talk = Talk()
    talk.go_live()
    assert talk.since() == []


@pytest.mark.asyncio
async def test_caller_audio_waits_for_the_confirmed_format() -> None:
    """Created is not enough: only `session.updated` with our format opens the way, in order."""
    talk = Talk()
    talk.connect()
    for n in range(3):
        talk.dialogue.inbound.frame(bytes([n]) * 160)
    talk.dialogue.configured()
    talk.hear(said.session_created())
    assert talk.since() == []
    talk.hear(said.session_updated())
    talk.dialogue.inbound.frame(b"\x03" * 160)
    appended = [base64.b64decode(message["audio"]) for message in talk.to_model()]
    assert appended == [bytes([n]) * 160 for n in range(4)]
    assert [event.held_ms for event in talk.all(CallLive)] == [60]
    talk.hear(said.session_updated())
    assert len(talk.all(CallLive)) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("heard", "spoken"),
    [("audio/pcm", "audio/pcmu"), ("audio/pcmu", "audio/pcm"), ("audio/pcma", "audio/pcma")],
)
async def test_another_format_loses_the_model_and_gets_no_audio(heard: str, spoken: str) -> None:
    """Better an apology than noise: not one frame is appended."""
    talk = Talk()
    talk.connect()
    talk.dialogue.inbound.frame(b"\xff" * 160)
    talk.dialogue.configured()
    talk.hear(said.session_created(), said.session_updated(heard, spoken))
    assert [reason for reason, _ in talk.lost] == ["model_audio_format"]
    assert heard in talk.lost[0][1]
    assert talk.since() == []
    assert not talk.dialogue.inbound.is_open


# The door: the model's VAD


@pytest.mark.asyncio
async def test_the_clear_leaves_before_any_message_to_the_model() -> None:
    """Caller speech over a running answer: clear first, then truncate, all in one callback; the
    model cancels by itself, so we do not.
    """
    talk = Talk()
    talk.go_live()
    begin(talk, 800)
    await talk.heard(50)
    before = len(talk.wire)
    talk.hear(said.speech_started())
    assert talk.since(before) == ["carrier clear", "model conversation.item.truncate"]
    truncate = talk.to_model(before)[0]
    assert (truncate["item_id"], truncate["content_index"]) == ("item_1", 0)
    assert 50 <= truncate["audio_end_ms"] <= 800
    (barge_in,) = talk.all(BargeIn)
    assert barge_in.cause == "caller"
    assert (barge_in.item_id, barge_in.truncated, barge_in.deleted) == ("item_1", 1, 0)
    assert barge_in.heard_ms == truncate["audio_end_ms"]
    assert barge_in.heard_ms + barge_in.dropped_ms == pytest.approx(800, abs=1)
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
    talk = Talk(instant=True)
    talk.go_live()
    talk.hear(*said.spoken(b"\x55" * 12_001))
    await talk.carrier.sent.until(lambda _: len(talk.carrier.audio) >= 12_001)
    await turns()
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
    await talk.heard(30)
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
    await talk.heard(30)
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
    """The same door: clear first, then the correction, then the cancel of that very response."""
    talk = Talk()
    talk.go_live()
    begin(talk, 600)
    await talk.heard(30)
    before = len(talk.wire)
    assert talk.dialogue.interrupt(cause, cancel=True)
    assert talk.since(before) == [
        "carrier clear",
        "model conversation.item.truncate",
        "model response.cancel",
    ]
    assert talk.to_model(before)[1]["response_id"] == "resp_1"
    assert [event.cause for event in talk.all(BargeIn)] == [cause]
    talk.close()


@pytest.mark.asyncio
async def test_with_nothing_running_nothing_is_cancelled() -> None:
    """A cancel without a response would be an error of the server."""
    talk = Talk()
    talk.go_live()
    begin(talk, 600)
    finish(talk)
    await talk.heard(30)
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


# Failures


@pytest.mark.asyncio
async def test_a_failed_answer_is_asked_for_once_more() -> None:
    """A passing fault is retried once per caller turn; the second in a row loses the model."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.response_created("resp_1"), said.response_done("resp_1", "failed"))
    assert talk.since() == ["model response.create"]
    assert talk.lost == []
    talk.hear(said.response_created("resp_2"), said.response_done("resp_2", "failed"))
    assert talk.since() == ["model response.create"]
    assert talk.lost == [("model_failed", "server_error")]
    assert [event.code for event in talk.all(ModelErrorReported)] == ["server_error"] * 2


@pytest.mark.asyncio
async def test_the_next_turn_of_the_caller_has_its_own_retry() -> None:
    """A call may survive many single faults."""
    talk = Talk()
    talk.go_live()
    for n in range(3):
        talk.hear(said.speech_started(), said.speech_stopped())
        talk.hear(said.response_created(f"resp_{n}"), said.response_done(f"resp_{n}", "failed"))
    assert talk.since() == ["model response.create"] * 3
    assert talk.lost == []


@pytest.mark.asyncio
async def test_a_fault_no_retry_mends_loses_the_model_at_once() -> None:
    """No quota stays no quota."""
    talk = Talk()
    talk.go_live()
    talk.hear(
        said.response_created(),
        said.response_done(status="failed", code="insufficient_quota"),
    )
    assert talk.lost == [("model_failed", "insufficient_quota")]
    assert talk.since() == []


@pytest.mark.asyncio
@pytest.mark.parametrize("code", ["invalid_model", "session_expired", "insufficient_quota"])
async def test_fatal_errors_lose_the_model(code: str) -> None:
    """What the server says before it closes ends the call with its word."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.error(code))
    assert [detail for _, detail in talk.lost] == [code]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "code",
    [
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        None,
    ],
)
async def test_other_errors_are_told_and_borne(code: str | None) -> None:
    """Errors about unknown items and the like are benign: reported, nothing else."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.error(code))
    assert talk.lost == []
    (reported,) = talk.all(ModelErrorReported)
    assert reported.code == (code or "invalid_request_error")


# Words and times


@pytest.mark.asyncio
async def test_words_are_told_as_events() -> None:
    """What both sides said, as the model transcribed it."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.words_done("Hello."), said.caller_words("Where is my order?"))
    assert talk.all(AgentSpoke) == [AgentSpoke("item_1", "Hello.")]
    assert talk.all(CallerSpoke) == [CallerSpoke(said.CALLER_ITEM, "Where is my order?")]


@pytest.mark.asyncio
async def test_a_turn_is_measured_from_the_callers_last_voiced_frame() -> None:
    """The silence that ended the turn is the endpointing's, counted in appended audio."""
    talk = Talk()
    talk.go_live()
    for _ in range(50):
        talk.dialogue.inbound.frame(b"\xff" * 160)
    talk.hear(said.speech_started(0), said.speech_stopped(1000))
    begin(talk, 100)
    (done,) = talk.all(TurnDone)
    assert done.turn.kind == "reply"
    assert done.turn.endpoint_ms == pytest.approx(500, abs=1)
    assert done.turn.gateway_ms is not None
    assert done.turn.response_ms is not None
    assert done.turn.response_ms >= done.turn.endpoint_ms
    talk.close()


@pytest.mark.asyncio
async def test_the_newest_answer_with_words_is_known() -> None:
    """`spoke_last` tells whether the newest answer was audible; `responding` whether one runs."""
    talk = Talk()
    talk.go_live()
    seen = [(talk.dialogue.spoke_last, talk.dialogue.responding)]
    begin(talk, 20)
    seen.append((talk.dialogue.spoke_last, talk.dialogue.responding))
    finish(talk)
    seen.append((talk.dialogue.spoke_last, talk.dialogue.responding))
    talk.hear(said.response_created("resp_2"))
    seen.append((talk.dialogue.spoke_last, talk.dialogue.responding))
    assert seen == [(False, False), (True, True), (True, False), (False, True)]
    talk.close()


@pytest.mark.asyncio
async def test_whoever_waits_for_a_response_is_told_once() -> None:
    """Waiters of a response's end are called once, after its corrections were sent."""
    talk = Talk()
    talk.go_live()
    calls: list[int] = []
    talk.hear(said.response_created())
    talk.dialogue.when_response_done(lambda: calls.append(len(talk.wire)))
    talk.hear(said.response_done())
    talk.hear(said.response_created("resp_2"), said.response_done("resp_2"))
    assert len(calls) == 1
