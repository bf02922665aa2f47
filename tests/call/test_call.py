"""One call from its webhook to the end: the course of it, and the ends from outside.

Each test runs inside `live`, which checks the end itself: no task left, the carrier's socket
closed, `CallEnded` exactly once and last.
"""

import asyncio
import base64

import pytest
from agents import function_tool

from gateway.core.events import (
    BargeIn,
    CallAnswered,
    CallEnded,
    CallLive,
    CallOffered,
    CarrierOddity,
    DtmfGroup,
    ModelConnected,
    ModelLost,
)
from tests.call import model_events as said
from tests.call.bare_server import BareServer, Connection
from tests.call.calls import (
    heard,
    live,
    media,
    plan,
    say,
    served,
    speech,
)
from tests.call.carriers import CALL_SID, STREAM_SID, SilentCarrier
from tests.call.hand_model import HandModel
from tests.call.watching import soon, until
from tests.digits import stand_in

pytestmark = pytest.mark.usefixtures("short_phrases")


@pytest.mark.asyncio
async def test_a_call_in_order() -> None:
    """Offered, answered, live, over: each told once, with what happened on the way."""
    async with HandModel() as model, live(plan(model.url)) as running:
        states = [running.call.state]
        end = await served(model, running)
        states.append(running.call.state)
        assert states == ["answered", "live"]
        running.call.downstream.carrier_frame(media())
        await end.seen("input_audio_buffer.append")
        await say(end, 100)
        await heard(running, 100)
        running.call.downstream.carrier_gone("caller_hung_up")
        ended = await running.ended()
        assert await soon(end.closed) == 1000
        assert running.witness.all(CallAnswered)[0].stream_sid == STREAM_SID
        assert (ended.reason, ended.inbound_frames, ended.turns) == ("caller_hung_up", 1, 1)
        assert ended.heard_ms == 100
        kinds = [type(event) for event in running.witness.events]
        order = [CallOffered, CallAnswered, ModelConnected, CallLive, CallEnded]
        assert [kind for kind in kinds if kind in order] == order
        assert {call_sid for call_sid, _ in running.witness.seen} == {CALL_SID}


@pytest.mark.asyncio
async def test_the_greeting_is_asked_for_in_the_callback_of_session_created() -> None:
    """`response.create` leaves after `session.update` and before anything else can happen: the
    caller need not even be there.
    """
    async with HandModel() as model, live(plan(model.url), answered=False) as running:
        end = await model.session()
        await end.seen("session.update")
        assert end.kinds() == ["session.update"]
        connected = running.witness.first(ModelConnected)
        await end.send(said.session_created())
        await connected
        written_in_the_callback = end.kinds
        create = await end.seen("response.create")
        assert written_in_the_callback() == ["session.update", "response.create"]
        assert create["response"] == {"instructions": "Greet the caller.", "tool_choice": "none"}
        await end.send(said.session_updated(), *said.spoken(speech(60)))
        await until(lambda: running.call.dialogue.outbound.ledger.queued == 480)
        running.answer()
        assert running.carrier.audio == speech(60)


@pytest.mark.asyncio
async def test_frames_of_the_set_up_reach_the_model_in_order() -> None:
    """Caller audio from before the model was ready leaves first, all of it, as it came."""
    async with HandModel() as model, live(plan(model.url)) as running:
        for n in range(10):
            running.call.downstream.carrier_frame(media(bytes([n]) * 160, 20 * n))
        end = await model.session()
        await end.send(said.session_created())
        await end.seen("response.create")
        for n in range(10, 15):
            running.call.downstream.carrier_frame(media(bytes([n]) * 160, 20 * n))
        assert end.all("input_audio_buffer.append") == []
        await end.send(said.session_updated())
        await running.witness.first(CallLive)
        for n in range(15, 20):
            running.call.downstream.carrier_frame(media(bytes([n]) * 160, 20 * n))
        await end.seen("input_audio_buffer.append", 20)
        first = [event["audio"] for event in end.all("input_audio_buffer.append")]
        assert [base64.b64decode(audio)[0] for audio in first] == list(range(20))
        assert running.witness.all(CallLive)[0].held_ms == 300


@pytest.mark.asyncio
async def test_oddities_of_the_carrier_are_told() -> None:
    """What a socket left out is an event of its call."""
    async with HandModel() as model, live(plan(model.url)) as running:
        running.call.downstream.carrier_oddity("unknown_event")
        assert running.witness.all(CarrierOddity) == [CarrierOddity("unknown_event")]


@pytest.mark.asyncio
async def test_pressed_keys_cut_the_agent_off_and_reach_it_as_one_message() -> None:
    """The first digit interrupts; the group comes as text, counted but never shown in an event."""
    carrier = SilentCarrier()
    async with HandModel() as model, live(plan(model.url), carrier) as running:
        end = await served(model, running)
        await say(end, 2000, whole=False)
        await heard(running, 40)
        for digit in "4711#":
            running.call.downstream.carrier_digit(digit)
        assert carrier.kinds.count("clear") == 1
        item = (await end.seen("conversation.item.create"))["item"]
        assert "4711" in item["content"][0]["text"]
        order = end.kinds("input_audio_buffer.append", "session.update")
        assert order.index("response.cancel") < order.index("conversation.item.truncate")
        assert order.index("conversation.item.truncate") < order.index("conversation.item.create")
        await end.send(said.response_done(status="cancelled"))
        await end.seen("response.create", 2)
        (group,) = running.witness.all(DtmfGroup)
        assert group.count == 4
        assert not stand_in(repr(running.witness.events), "4711")
        assert [event.cause for event in running.witness.all(BargeIn)] == ["dtmf"]


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", ["caller_hung_up", "socket_lost"])
async def test_the_caller_goes_while_the_agent_speaks(reason: str) -> None:
    """`stop` or a lost socket ends everything at once; the model is closed in order."""
    async with HandModel() as model, live(plan(model.url), SilentCarrier()) as running:
        end = await served(model, running)
        await say(end, 5000, whole=False)
        await running.carrier.sent.until(bool)
        sent = len(running.carrier.sent)
        running.call.downstream.carrier_gone(reason)
        assert (await running.ended()).reason == reason
        assert await soon(end.closed) == 1000
        assert len(running.carrier.sent) == sent


@pytest.mark.asyncio
async def test_the_caller_goes_while_the_model_connects() -> None:
    """Hung up in the middle of the dial: the attempt is given up with the call."""

    async def silent(connection: Connection) -> None:
        await connection.read_request()
        await connection.read_to_end()

    async with BareServer(silent) as upstream:
        async with live(plan(upstream.url), connect_timeout_s=0.3) as running:
            connection = await upstream.connection()
            running.call.downstream.carrier_gone("caller_hung_up")
            assert (await running.ended()).reason == "caller_hung_up"
            assert running.witness.all(ModelLost) == []
        await soon(connection.gone)


@pytest.mark.asyncio
async def test_the_caller_goes_before_the_session_is_confirmed() -> None:
    """Hung up between the handshake and `session.created`: the model's session is closed."""
    async with HandModel() as model, live(plan(model.url)) as running:
        end = await model.session()
        running.call.downstream.carrier_gone("socket_lost")
        assert (await running.ended()).reason == "socket_lost"
        await soon(end.closed)


@pytest.mark.asyncio
async def test_no_stream_ends_the_pre_dialled_model() -> None:
    """The webhook came, the caller did not: after its time the model is closed again."""
    async with (
        HandModel() as model,
        live(plan(model.url), answered=False, no_stream_timeout_s=0.2) as running,
    ):
        end = await model.session()
        await end.ready()
        assert (await running.ended()).reason == "no_stream"
        assert await soon(end.closed) == 1000
        assert running.witness.all(CallAnswered) == []


@pytest.mark.asyncio
async def test_only_the_first_reason_counts() -> None:
    """Whoever ends first gives the reason; everybody after that changes nothing."""
    async with HandModel() as model, live(plan(model.url)) as running:
        await served(model, running)
        running.call.end("carrier_completed")
        running.call.downstream.carrier_gone("caller_hung_up")
        running.call.end("shutdown")
        assert (await running.ended()).reason == "carrier_completed"


@pytest.mark.asyncio
async def test_a_caller_who_goes_during_a_tool_leaves_no_tool_behind() -> None:
    """The running tool is cancelled with the call, and nothing waits for it."""
    started, cancelled = asyncio.Event(), asyncio.Event()

    @function_tool
    async def slow() -> str:
        """Takes for ever."""
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()
        return "never"

    async with HandModel() as model, live(plan(model.url, slow)) as running:
        end = await served(model, running)
        await end.send(said.response_created(), said.call_done("slow"), said.response_done())
        await soon(asyncio.ensure_future(started.wait()))
        running.call.downstream.carrier_gone("caller_hung_up")
        assert (await running.ended()).reason == "caller_hung_up"
        assert cancelled.is_set()
        assert end.all("conversation.item.create") == []
