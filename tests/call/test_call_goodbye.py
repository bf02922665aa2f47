"""A call that says goodbye: the agent's own, the house's, and what may come between."""

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest
from agents import function_tool
from agents.tool_context import ToolContext

from gateway.call import call as call_module
from gateway.call.call import Call
from gateway.call.context import CallContext
from gateway.call.control import end_call
from gateway.call.recorded import phrase
from gateway.core.events import (
    BargeIn,
    CallEnded,
    CallEnding,
    ModelLost,
)
from tests.call import model_events as said
from tests.call.bare_server import BareServer, Connection, status_500
from tests.call.bare_server import frame as framed
from tests.call.calls import (
    OFFER,
    LiveCall,
    live,
    plan,
    say,
    served,
    speech,
    tail,
)
from tests.call.carriers import CALL_SID, SilentCarrier
from tests.call.conftest import SHORT
from tests.call.hand_model import HandModel, ModelEnd
from tests.call.watching import soon, turns

pytestmark = pytest.mark.usefixtures("short_phrases")


async def farewell(end: ModelEnd, ms: int = 100) -> None:
    """The agent says goodbye and calls `end_call` in the same answer."""
    await end.send(
        *said.spoken(speech(ms), "resp_9", "item_9")[:-1],
        said.call_done("end_call", response="resp_9"),
        said.response_done("resp_9"),
    )


@pytest.mark.asyncio
async def test_the_agent_hangs_up_when_its_goodbye_was_heard() -> None:
    """Not before the terminal mark, and without asking the model for yet another answer."""
    carrier = SilentCarrier()
    async with HandModel() as model, live(plan(model.url, end_call), carrier) as running:
        end = await served(model, running)
        await farewell(end)
        await running.witness.first(CallEnding)
        await end.seen("conversation.item.create")
        assert running.call.state == "ending"
        for name in carrier.mark_names[:-1]:
            running.call.downstream.carrier_mark(name)
        await turns()
        assert not running.task.done()
        running.call.downstream.carrier_mark(carrier.mark_names[-1])
        ended = await running.ended()
        assert (ended.reason, ended.heard_ms) == ("agent_hung_up", 100)
        assert carrier.audio == speech(100)
        assert end.kinds("session.update").count("response.create") == 1  # the greeting's
        assert await soon(end.closed) == 1000


@pytest.mark.asyncio
async def test_a_carrier_without_marks_cannot_keep_a_call_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The wait for the terminal mark is bounded."""
    monkeypatch.setattr("gateway.call.departure.GRACE_S", 0.05)
    async with (
        HandModel() as model,
        live(plan(model.url, end_call), SilentCarrier()) as running,
    ):
        end = await served(model, running)
        await farewell(end)
        assert (await running.ended()).reason == "agent_hung_up"


@pytest.mark.asyncio
@pytest.mark.parametrize("done_first", [True, False])
async def test_a_goodbye_after_the_tool_is_waited_for(done_first: bool) -> None:
    """`end_call` without words: the next answer is the goodbye, and it is heard to its end,
    whether the model ends its answer before or after the tool has run.
    """
    async with HandModel() as model, live(plan(model.url, end_call)) as running:
        end = await served(model, running)
        await end.send(said.response_created(), said.call_done("end_call"))
        if done_first:
            await end.send(said.response_done())
        await end.seen("conversation.item.create")
        await running.witness.first(CallEnding)
        if not done_first:
            await end.send(said.response_done())
        await end.seen("response.create", 2)
        assert not running.task.done()
        await say(end, 120, response="resp_2")
        ended = await running.ended()
        assert (ended.reason, ended.heard_ms) == ("agent_hung_up", 120)
        assert running.carrier.audio == speech(120)


@pytest.mark.asyncio
async def test_a_goodbye_that_never_comes_does_not_keep_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model stays silent after `end_call`: the call ends without its words."""
    monkeypatch.setattr("gateway.call.departure.GOODBYE_LIMIT_S", 0.1)
    async with HandModel() as model, live(plan(model.url, end_call)) as running:
        end = await served(model, running)
        await end.send(said.response_created(), said.call_done("end_call"), said.response_done())
        assert (await running.ended()).reason == "agent_hung_up"


@pytest.mark.asyncio
async def test_a_caller_who_speaks_over_the_goodbye_keeps_the_call() -> None:
    """The goodbye is cut, the call is live again and goes on; a second goodbye ends it."""
    async with (
        HandModel() as model,
        live(plan(model.url, end_call), SilentCarrier()) as running,
    ):
        end = await served(model, running)
        await farewell(end, 3000)
        await running.witness.first(CallEnding)
        await end.send(said.speech_started())
        await running.witness.first(BargeIn)
        await turns(20)
        assert running.call.state == "live"
        assert not running.task.done()
        running.carrier.instant = True
        await say(end, 60, response="resp_10")
        await running.carrier.sent.until(lambda _: tail(running.carrier, 480) == speech(60))
        running.call.hang_up("agent_hung_up")
        assert (await running.ended()).reason == "agent_hung_up"


@pytest.mark.asyncio
async def test_a_caller_who_speaks_before_the_goodbye_keeps_the_call() -> None:
    """`end_call` was called, no word of the goodbye is there yet: speaking up still counts."""
    async with HandModel() as model, live(plan(model.url, end_call)) as running:
        end = await served(model, running)
        await end.send(said.response_created(), said.call_done("end_call"), said.response_done())
        await running.witness.first(CallEnding)
        await end.seen("response.create", 2)
        await end.send(said.speech_started(), said.speech_stopped())
        await say(end, 60, response="resp_2")
        await running.carrier.sent.until(lambda _: running.carrier.audio == speech(60))
        await turns(20)
        assert not running.task.done()
        assert running.call.state == "live"


@pytest.mark.asyncio
async def test_a_model_lost_during_the_goodbye_still_ends_the_call() -> None:
    """The apology takes the goodbye's place, and the call does end."""
    async with (
        HandModel() as model,
        live(plan(model.url, end_call), SilentCarrier()) as running,
    ):
        end = await served(model, running)
        await farewell(end, 3000)
        await running.witness.first(CallEnding)
        running.carrier.instant = True
        await end.close(1011, "oops")
        ended = await running.ended()
        assert ended.reason == "model_closed"
        assert tail(running.carrier, 800) == SHORT["apology"]


@pytest.mark.asyncio
async def test_a_tool_may_hang_up_from_any_thread() -> None:
    """`hang_up` of the context is safe away from the loop, and harmless after the end."""
    contexts: list[CallContext] = []

    @function_tool
    def leave(context: ToolContext[CallContext]) -> str:
        """Leaves."""
        contexts.append(context.context)
        context.context.hang_up("tool_hung_up")
        return "left"

    async with HandModel() as model, live(plan(model.url, leave)) as running:
        end = await served(model, running)
        await end.send(*said.spoken(speech(40))[:-1], said.call_done("leave"), said.response_done())
        assert (await running.ended()).reason == "tool_hung_up"
        assert (contexts[0].call_sid, contexts[0].caller) == (CALL_SID, OFFER.caller)
        told = len(running.witness.events)
        await asyncio.to_thread(contexts[0].hang_up, "again")
        running.call.hang_up("again")
        running.call.say_and_end("goodbye", "again")
        await turns()
        assert len(running.witness.events) == told


@pytest.mark.asyncio
async def test_a_shutdown_says_goodbye_and_nothing_else() -> None:
    """The agent is cut off, the goodbye is heard to its end; no apology, no lost model."""
    async with HandModel() as model, live(plan(model.url)) as running:
        end = await served(model, running)
        await say(end, 4000, whole=False)
        await running.carrier.sent.until(bool)
        running.call.say_and_end("goodbye", "shutdown")
        assert (await running.ended()).reason == "shutdown"
        assert tail(running.carrier, 800) == SHORT["goodbye"]
        assert SHORT["apology"] not in running.carrier.audio
        assert running.witness.all(ModelLost) == []
        await soon(end.closed)


@pytest.mark.asyncio
async def test_a_shutdown_overtakes_a_goodbye_of_the_agent() -> None:
    """Both are leaving: the house's reason and the house's words count."""
    async with (
        HandModel() as model,
        live(plan(model.url, end_call), SilentCarrier()) as running,
    ):
        end = await served(model, running)
        await farewell(end, 3000)
        await running.witness.first(CallEnding)
        running.carrier.instant = True
        running.call.say_and_end("goodbye", "shutdown")
        assert (await running.ended()).reason == "shutdown"


@pytest.mark.asyncio
async def test_a_shutdown_of_an_unanswered_call_ends_it_at_once() -> None:
    """There is nobody to say goodbye to."""
    async with HandModel() as model, live(plan(model.url), answered=False) as running:
        running.call.say_and_end("goodbye", "shutdown")
        assert (await running.ended()).reason == "shutdown"
        assert running.carrier.kinds == []


@pytest.mark.asyncio
@pytest.mark.parametrize("answered", [True, False])
async def test_a_cancelled_call_closes_everything(answered: bool) -> None:
    """The loop is torn down around it: still every socket, task and session is closed."""
    async with HandModel() as model, live(plan(model.url), answered=answered) as running:
        end = await model.session()
        await end.ready()
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.task
        await soon(end.closed)
        assert [event.reason for event in running.witness.all(CallEnded)] == ["cancelled"]


@pytest.mark.asyncio
async def test_a_model_that_never_answers_the_close_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tear-down has its own deadline, and the heard time does not grow while it lasts."""
    monkeypatch.setattr("gateway.call.link._CLOSE_DEADLINE_S", 0.3)

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        await connection.accept()
        connection.write(frame(said.session_created()) + frame(said.session_updated()))
        connection.write(b"".join(frame(event) for event in said.spoken(speech(500))))
        await connection.read_to_end()

    def frame(event: said.Event) -> bytes:
        return framed(said.wire(event))

    async with BareServer(serve) as upstream:
        async with live(plan(upstream.url), SilentCarrier()) as running:
            await running.carrier.sent.until(lambda _: len(running.carrier.audio) == 4000)
            running.call.downstream.carrier_gone("caller_hung_up")
            ended = await running.ended()
            assert running.call.dialogue.since_open_ms() - ended.duration_ms >= 300
            assert ended.heard_ms <= ended.duration_ms
        await soon((await upstream.connection()).gone)


@pytest.mark.asyncio
async def test_nothing_holds_a_call_that_ended() -> None:
    """No timer, task, socket or future keeps an ended call in memory."""

    async def one_call(model: HandModel) -> "weakref.ref[Call]":
        async with live(plan(model.url)) as running:
            end = await served(model, running)
            await say(end, 40)
            await end.send(said.speech_started(), said.speech_stopped())
            running.call.downstream.carrier_digit("1")
            await turns()
            running.call.downstream.carrier_gone("caller_hung_up")
            await running.ended()
            return weakref.ref(running.call)

    async with HandModel() as model:
        ended = await one_call(model)
        await turns()
        gc.collect()
        assert ended() is None


Step = Callable[[LiveCall], None]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "step",
    [
        lambda running: running.call.end("x"),
        lambda running: running.call.downstream.carrier_gone("x"),
        lambda running: running.call.hang_up("x"),
        lambda running: running.call.say_and_end("goodbye", "x"),
        lambda running: running.call.model_lost("x", ""),
        lambda running: running.task.cancel(),
    ],
)
async def test_a_call_can_end_in_its_first_moment(step: Step) -> None:
    """Before the model task has even begun, every ending ends everything."""
    async with HandModel() as model:
        running = LiveCall(plan(model.url), SilentCarrier(instant=True), no_stream_timeout_s=0.2)
        await asyncio.sleep(0)
        step(running)
        await asyncio.wait({running.task}, timeout=5)
        assert running.task.done()
        assert len(running.witness.all(CallEnded)) == 1
        for end in model.ends:
            await soon(end.closed)


@pytest.mark.asyncio
async def test_real_phrases_are_what_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the tests' short ones, the recorded phrases are what the caller gets."""
    monkeypatch.setattr(call_module, "phrase", phrase)
    async with (
        BareServer(status_500) as upstream,
        live(plan(upstream.url), SilentCarrier()) as running,
    ):
        await running.carrier.sent.until(lambda _: "media" in running.carrier.kinds)
        sent = running.carrier.audio
        assert phrase("apology").startswith(sent)
