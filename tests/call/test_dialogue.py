"""What passes between caller and model, message by message."""

import base64
import json

import pytest

from gateway.core import commands
from gateway.core.events import (
    AgentSpoke,
    CallerSpoke,
    CallLive,
    ModelConnected,
    ModelErrorReported,
    TurnDone,
)
from gateway.errors import ModelError
from tests.call import model_events as said
from tests.call.talk import Talk, begin, finish, speech

pytestmark = pytest.mark.usefixtures("still_clock")

GREETING = commands.create_response(instructions="Greet.")


# What the SDK sees


@pytest.mark.asyncio
async def test_audio_stays_here_and_everything_else_goes_on() -> None:
    """Deltas are the gateway's, and an answer's item is told once; all else is the SDK's too."""
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
    assert seen == [True, True, False, True, False, True, True, True]
    talk.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("frame", [b"no event at all", b"null", b"[]", b"{}", b'{"type":7}'])
async def test_what_is_no_event_is_nobodys(frame: bytes) -> None:
    """It is refused here: the SDK would end its session over it."""
    talk = Talk()
    talk.go_live()
    with pytest.raises(ModelError) as caught:
        talk.dialogue.model_frame(frame)
    assert caught.value.reason == "no_event"


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
async def test_an_answer_that_is_done_has_no_more_audio() -> None:
    """Its last part of a frame leaves with `response.done`, even if no end of audio was told."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.response_created(), said.item_announced(), said.item_added())
    talk.hear(said.delta(speech(25)))
    assert talk.carrier.audio == speech(20)
    talk.hear(said.response_done())
    assert talk.carrier.audio == speech(25) + b"\xff" * 120
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
async def test_what_a_transcriber_hears_in_silence_was_said_by_nobody() -> None:
    """The model's idle timeout makes an item of it, whose transcript is made up."""
    talk = Talk()
    talk.go_live()
    talk.hear(said.nobody_spoke(), said.committed(), said.caller_words("Thank you for watching."))
    assert talk.all(CallerSpoke) == []


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
    """`spoke_last` tells whether the newest answer was audible; `active` whether one runs."""
    talk = Talk()
    talk.go_live()
    seen = [(talk.dialogue.answers.spoke_last, talk.dialogue.answers.active)]
    begin(talk, 20)
    seen.append((talk.dialogue.answers.spoke_last, talk.dialogue.answers.active))
    finish(talk)
    seen.append((talk.dialogue.answers.spoke_last, talk.dialogue.answers.active))
    talk.hear(said.response_created("resp_2"))
    seen.append((talk.dialogue.answers.spoke_last, talk.dialogue.answers.active))
    assert seen == [(False, False), (True, True), (True, False), (False, True)]
    talk.close()


@pytest.mark.asyncio
async def test_whoever_waits_for_a_response_is_told_once() -> None:
    """Waiters of a response's end are called once, after its corrections were sent."""
    talk = Talk()
    talk.go_live()
    calls: list[int] = []
    talk.hear(said.response_created())
    talk.dialogue.answers.when_done(lambda: calls.append(len(talk.wire)))
    talk.hear(said.response_done())
    talk.hear(said.response_created("resp_2"), said.response_done("resp_2"))
    assert len(calls) == 1


@pytest.mark.asyncio
async def test_whether_the_caller_speaks_is_known() -> None:
    """From the model's own word for the beginning to its word for the end."""
    talk = Talk()
    talk.go_live()
    heard = []
    for event in (said.response_created(), said.speech_started(), said.speech_stopped()):
        talk.hear(event)
        heard.append(talk.dialogue.answers.caller_speaks)
    assert heard == [False, True, False]
    talk.close()
