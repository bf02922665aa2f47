"""The model's side of a call: not to be had, lost, broken, interrupted; nothing of it is left."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from agents import GuardrailFunctionOutput, OutputGuardrail
from agents.realtime import RealtimeAgent
from agents.realtime.model_inputs import RealtimeModelSendInterrupt

from gateway.call.answers import MOST_CORRECTIONS
from gateway.call.context import CallContext
from gateway.core.events import (
    BargeIn,
    CallEnded,
    CallEnding,
    ModelErrorReported,
    ModelLost,
)
from gateway.sim.realtime import RealtimeServer
from tests.call import model_events as said
from tests.call.bare_server import BareServer, status_500
from tests.call.calls import (
    KEY,
    LiveCall,
    heard,
    live,
    media,
    plan,
    say,
    served,
    session_of,
    speech,
    tail,
)
from tests.call.carriers import CALL_SID, SilentCarrier
from tests.call.conftest import SHORT
from tests.call.hand_model import HandModel
from tests.call.watching import soon, turns
from tests.sim.realtime.harness import options

pytestmark = pytest.mark.usefixtures("short_phrases")


@pytest.mark.asyncio
async def test_a_refused_model_is_apologised_for() -> None:
    """The caller is there, the model is not to be had: apology to its end, then the reason."""
    async with BareServer(status_500) as upstream, live(plan(upstream.url)) as running:
        assert (await running.ended()).reason == "model_refused"
        assert running.carrier.audio == SHORT["apology"]
        (lost,) = running.witness.all(ModelLost)
        assert lost == ModelLost("model_refused", "model_refused: HTTP 500")
        assert [event.reason for event in running.witness.all(CallEnding)] == ["model_refused"]
        assert len(upstream.connections) == 1


@pytest.mark.asyncio
async def test_a_model_refused_before_the_stream_is_apologised_for_when_it_opens() -> None:
    """The loss waits for the caller, who hears the apology and not silence."""
    async with (
        BareServer(status_500) as upstream,
        live(plan(upstream.url), answered=False) as running,
    ):
        await running.witness.first(ModelLost)
        await turns()
        assert not running.task.done()
        running.answer()
        assert (await running.ended()).reason == "model_refused"
        assert running.carrier.audio == SHORT["apology"]


@pytest.mark.asyncio
async def test_a_model_refused_and_no_stream_is_no_stream() -> None:
    """Nobody came: there is nobody to apologise to."""
    async with BareServer(status_500) as upstream:
        chosen = plan(upstream.url)
        async with live(chosen, answered=False, no_stream_timeout_s=0.2) as running:
            assert (await running.ended()).reason == "no_stream"
            assert len(running.witness.all(ModelLost)) == 1


@pytest.mark.asyncio
async def test_a_model_that_does_not_get_ready_is_given_up() -> None:
    """Connected but never confirmed: one deadline holds over all of it."""
    async with HandModel() as model, live(plan(model.url), connect_timeout_s=0.2) as running:
        end = await model.session()
        await end.send(said.session_created())
        assert (await running.ended()).reason == "model_timeout"
        await soon(end.closed)
        assert running.carrier.audio == SHORT["apology"]


@pytest.mark.asyncio
async def test_a_model_that_comes_after_it_was_given_up_gets_no_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Slow instructions, then a model after all: it is hung up on, the apology stands alone."""
    monkeypatch.setattr("gateway.call.departure.GRACE_S", 60)
    go = asyncio.Event()

    async def instructions(*_: Any) -> str:
        await go.wait()
        return "Help."

    agent = RealtimeAgent[CallContext](name="slow", instructions=instructions)
    async with HandModel() as model:
        chosen = plan(model.url, agent=agent)
        async with live(chosen, SilentCarrier(), connect_timeout_s=0.1) as running:
            await running.witness.first(ModelLost)
            (task,) = (t for t in asyncio.all_tasks() if t.get_name() == f"model {CALL_SID}")
            go.set()
            await asyncio.wait({task}, timeout=5)
            assert task.done()
            assert not running.call.dialogue.connected
            assert not running.task.done()
            for end in model.ends:
                await soon(end.closed)
            for name in running.carrier.mark_names:
                running.call.downstream.carrier_mark(name)
            assert running.carrier.audio == SHORT["apology"]
            assert (await running.ended()).reason == "model_timeout"


@pytest.mark.asyncio
async def test_a_session_in_another_format_is_apologised_for() -> None:
    """The server keeps PCM at 24 kHz: no audio is appended, no noise is played."""
    async with HandModel() as model, live(plan(model.url)) as running:
        running.call.downstream.carrier_frame(media())
        end = await model.session()
        await end.send(said.session_created(), said.session_updated("audio/pcm", "audio/pcm"))
        assert (await running.ended()).reason == "model_audio_format"
        await soon(end.closed)
        assert end.all("input_audio_buffer.append") == []
        assert running.carrier.audio == SHORT["apology"]


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, None])
async def test_a_model_that_goes_mid_speech_is_apologised_for(code: int | None) -> None:
    """Whatever its close says, or none at all: what still waited is cut, the apology is heard, the
    call ends as lost with the model's own word.
    """
    async with HandModel() as model, live(plan(model.url)) as running:
        end = await served(model, running)
        await say(end, 4000, whole=False)
        await running.carrier.sent.until(bool)
        if code is None:
            end.abort()
        else:
            await end.close(code, "session expired")
        ended = await running.ended()
        assert ended.reason == "model_closed"
        (lost,) = running.witness.all(ModelLost)
        assert lost.detail == ("" if code is None else f"{code} session expired")
        assert tail(running.carrier, 800) == SHORT["apology"]
        kinds = running.carrier.kinds
        assert kinds.count("clear") == 1
        assert kinds.index("clear") < len(kinds) - 1


@pytest.mark.asyncio
async def test_a_model_that_is_lost_twice_is_lost_once() -> None:
    """The error, the close and the end of the iteration are one loss with the first reason."""
    async with HandModel() as model, live(plan(model.url)) as running:
        end = await served(model, running)
        await end.send(said.error("session_expired"))
        await running.witness.first(ModelLost)
        await end.close(1001, "session expired")
        assert (await running.ended()).reason == "model_refused"
        assert len(running.witness.all(ModelLost)) == 1
        assert running.carrier.audio == SHORT["apology"]


@pytest.mark.asyncio
async def test_the_callers_keys_do_not_keep_a_dead_call_alive() -> None:
    """Digits during the apology neither cut it off nor hold the line."""
    carrier = SilentCarrier()
    async with BareServer(status_500) as upstream, live(plan(upstream.url), carrier) as running:
        await running.witness.first(CallEnding)
        await carrier.sent.until(lambda _: "media" in carrier.kinds)
        running.call.downstream.carrier_digit("1")
        running.call.downstream.carrier_digit("#")
        await turns()
        assert "clear" not in carrier.kinds
        for name in carrier.mark_names:
            running.call.downstream.carrier_mark(name)
        assert (await running.ended()).reason == "model_refused"


@pytest.mark.asyncio
async def test_one_bad_delta_does_not_end_a_call() -> None:
    """It is reported and left out; the answer goes on behind it."""
    bad = said.golden("response.output_audio.delta", delta="%%%", response_id="resp_1")
    async with HandModel() as model, live(plan(model.url)) as running:
        end = await served(model, running)
        await end.send(said.response_created(), said.item_announced(), said.item_added(), bad)
        await end.send(said.delta(speech(40)), said.audio_done(), said.response_done())
        await running.carrier.sent.until(lambda _: running.carrier.audio == speech(40))
        (reported,) = running.witness.all(ModelErrorReported)
        assert reported.code == "bad_audio"
        assert running.witness.all(ModelLost) == []


@pytest.mark.asyncio
async def test_a_flood_of_garbage_ends_a_call() -> None:
    """A model that sends nothing but broken events is no model."""
    bad = said.golden("response.output_audio.delta", delta="%%%", response_id="resp_1")
    async with HandModel() as model, live(plan(model.url)) as running:
        end = await served(model, running)
        await end.send(*[bad] * 21)
        assert (await running.ended()).reason == "model_garbage"
        assert running.carrier.audio == SHORT["apology"]


@pytest.mark.asyncio
@pytest.mark.parametrize("frame", [b"not json", b"null", b'"words"', b"{}", b'{"type":7}'])
async def test_a_frame_that_is_no_event_does_not_end_a_call(frame: bytes) -> None:
    """The SDK would give its session up over it; it is reported, and the answer goes on."""
    async with HandModel() as model, live(plan(model.url)) as running:
        end = await served(model, running)
        await end.send(frame)
        await say(end, 40)
        await running.carrier.sent.until(lambda _: running.carrier.audio == speech(40))
        await turns()
        assert [event.code for event in running.witness.all(ModelErrorReported)] == ["no_event"]
        assert running.witness.all(ModelLost) == []


@pytest.mark.asyncio
async def test_an_agent_that_crashes_is_apologised_for(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Instructions that raise end the call politely; the exception's text is told nobody."""

    def instructions(*_: Any) -> str:
        raise ValueError("password=hunter2")

    agent = RealtimeAgent[CallContext](name="broken", instructions=instructions)
    async with HandModel() as model, live(plan(model.url, agent=agent)) as running:
        assert (await running.ended()).reason == "model_session"
        assert running.carrier.audio == SHORT["apology"]
        assert len(model.ends) == 0
        assert running.witness.all(ModelLost) == [ModelLost("model_session", "ValueError")]
    out = capsys.readouterr()
    told = [repr(event) for event in running.witness.events]
    assert "hunter2" not in "".join([*told, caplog.text])
    assert (
        "hunter2"
        not in "\n".join(
            row for row in (out.out + out.err).splitlines() if "[debug" not in row
        ).partition("Traceback")[0]
    )


@pytest.mark.asyncio
async def test_a_session_that_cannot_be_closed_does_not_hide_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the SDK raises at the end, the end is told and the connection closed."""
    async with HandModel() as model:
        running = LiveCall(plan(model.url), SilentCarrier(instant=True))
        end = await served(model, running)
        assert running.call._upstream._session is not None

        async def broken() -> None:
            raise RuntimeError("cannot close")

        monkeypatch.setattr(running.call._upstream._session, "close", broken)
        running.call.end("carrier_completed")
        await asyncio.wait({running.task}, timeout=5)
        running.task.exception()
        await soon(end.closed)
        assert [event.reason for event in running.witness.all(CallEnded)] == ["carrier_completed"]


@pytest.mark.asyncio
async def test_nobody_interrupts_the_apology() -> None:
    """An operator or a guardrail that comes too late neither cuts it off nor holds the line."""
    carrier = SilentCarrier()
    async with HandModel() as model, live(plan(model.url), carrier) as running:
        end = await served(model, running)
        session = session_of(running)
        await end.close(1011)
        await running.witness.first(CallEnding)
        await carrier.sent.until(lambda _: "media" in carrier.kinds)
        await session.interrupt()
        await session.model.send_event(RealtimeModelSendInterrupt(response_id="resp_1"))
        await turns()
        assert "clear" not in carrier.kinds
        for name in carrier.mark_names:
            running.call.downstream.carrier_mark(name)
        assert (await running.ended()).reason == "model_closed"


@pytest.mark.asyncio
async def test_a_late_guardrail_cuts_off_only_its_own_answer() -> None:
    """It trips over an answer that was heard already: the one that is playing goes on."""
    carrier = SilentCarrier(instant=True)
    async with HandModel() as model, live(plan(model.url), carrier) as running:
        end = await served(model, running)
        await say(end, 100)
        await heard(running, 100)
        carrier.instant = False
        await say(end, 2000, response="resp_2")
        await carrier.sent.until(lambda _: len(carrier.audio) > 1600)

        async def trips(response: str) -> None:
            late = RealtimeModelSendInterrupt(response_id=response, playback_only=True)
            await session_of(running).model.send_event(late)

        await trips("resp_1")
        assert "clear" not in carrier.kinds
        assert running.witness.all(BargeIn) == []
        await trips("resp_2")
        assert carrier.kinds.count("clear") == 1
        assert [event.cause for event in running.witness.all(BargeIn)] == ["guardrail"]
        assert end.all("response.cancel") == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"http_status": 403}, "model_auth"),
        ({"http_status": 503}, "model_refused"),
        ({"api_key": "another key"}, "model_auth"),
        ({"models": ("no-such-model",)}, "model_refused"),
        ({"ignore_format": True}, "model_audio_format"),
        ({"fail_after_audio_bytes": 1600}, "model_closed"),
        ({"close_after_s": 0.1, "close_code": 1001}, "model_closed"),
        ({"close_after_s": 0.1, "close_code": 1011, "never_answer_close": True}, "model_closed"),
    ],
)
async def test_faults_of_the_offline_server_end_in_an_apology(
    tmp_path: Path, fault: dict[str, Any], reason: str
) -> None:
    """Whatever the server of the real protocol does wrong, the caller hears about it once, no
    caller audio goes where it must not, and nobody hears a word of the key.
    """
    server = RealtimeServer(options(tmp_path, **fault))
    await server.start()
    try:
        async with live(plan(server.url)) as running:
            running.call.downstream.carrier_frame(media())
            assert (await running.ended()).reason == reason
            assert tail(running.carrier, 800) == SHORT["apology"]
            assert [lost.reason for lost in running.witness.all(ModelLost)] == [reason]
            assert not [event for event in running.witness.events if KEY in repr(event)]
        for session in server.sessions:
            await soon(asyncio.ensure_future(session.closed.wait()))
            if "ignore_format" in fault:
                assert session.input_audio == b""
    finally:
        await server.stop()


@pytest.mark.asyncio
async def test_keys_end_a_turn_that_nobody_listens_for() -> None:
    """Without turn detection what was said becomes an item before the keys ask for an answer."""
    async with HandModel() as model:
        chosen = plan(model.url, model_settings={"turn_detection": None})
        async with live(chosen) as running:
            end = await served(model, running)
            running.call.downstream.carrier_frame(media())
            for key in "1#":
                running.call.downstream.carrier_digit(key)
            await end.seen("response.create", 2)
            kinds = end.kinds("session.update", "response.create")
            assert kinds[-2:] == ["input_audio_buffer.commit", "conversation.item.create"]


@pytest.mark.asyncio
async def test_keys_do_not_end_a_turn_the_model_listens_to() -> None:
    """With a detector the model commits by itself."""
    async with HandModel() as model, live(plan(model.url)) as running:
        end = await served(model, running)
        for key in "1#":
            running.call.downstream.carrier_digit(key)
        await end.seen("response.create", 2)
        assert end.all("input_audio_buffer.commit") == []


@pytest.mark.asyncio
async def test_a_guardrail_that_trips_over_its_own_corrections_ends_the_call() -> None:
    """After four answers in a row the fifth is not corrected: the caller hears the apology."""

    async def trips(_context: Any, _agent: Any, _text: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    guardrail = OutputGuardrail[Any](guardrail_function=trips, name="strict")
    settings = {"debounce_text_length": 1}
    async with HandModel() as model:
        chosen = plan(model.url, output_guardrails=[guardrail], guardrails_settings=settings)
        async with live(chosen) as running:
            end = await served(model, running)
            for number in range(1, MOST_CORRECTIONS + 2):
                response, item = f"resp_{number}", f"item_{number}"
                answer = said.spoken(speech(400), response, item)
                await end.send(*answer[:4], said.words_delta("Well", response, item))
                if number <= MOST_CORRECTIONS:
                    await end.seen("response.cancel", number)
                    await end.send(said.response_done(response, status="cancelled"))
                    await end.seen("response.create", number + 1)
            assert (await running.ended()).reason == "guardrail_loop"
