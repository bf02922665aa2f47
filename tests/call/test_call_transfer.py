"""A caller is sent to somebody else: not before the last word is heard, and back when nobody takes
the call.
"""

import asyncio
from typing import Any

import pytest

from gateway.call import transfer
from gateway.call.carrier import CarrierSocket
from gateway.call.context import Destination, Route
from gateway.call.transfertool import transfer_call
from gateway.core.events import (
    CallAnswered,
    CallEnding,
    CallLive,
    ModelLost,
    TransferFailed,
    TransferStarted,
)
from tests.call import model_events as said
from tests.call.calls import LiveCall, heard, live, media, plan, say, served, speech
from tests.call.carriers import SilentCarrier, start
from tests.call.hand_model import HandModel, ModelEnd
from tests.call.watching import soon, turns, until

DIRECTORY = {"office": Destination("+442079460000", timeout_s=20)}
ROUTE = Route(directory=DIRECTORY)
RETURN = "The transfer to 'office' failed: busy. The caller is back on the line with you."


def chosen(model: HandModel, **route: Any) -> Any:
    """An agent that may transfer to the office."""
    more = {"route": Route(directory=DIRECTORY, **route)}
    return plan(model.url, transfer_call(DIRECTORY), more=more)


async def announce(end: ModelEnd, ms: int = 60) -> None:
    """The agent says that it connects the caller, and calls the tool."""
    answer = said.spoken(speech(ms))
    await end.send(*answer[:-1])
    await end.send(said.call_done("transfer_call", arguments='{"destination":"office"}'))
    await end.send(answer[-1])


async def sent_away(end: ModelEnd, running: LiveCall) -> None:
    """The caller is on the way to the office."""
    await announce(end)
    await running.witness.first(TransferStarted)


def back(running: LiveCall, carrier: CarrierSocket) -> None:
    """The office did not answer, and the carrier opened another stream."""
    running.call.come_back("busy", "another ticket")
    running.call.attach(start(), carrier)


@pytest.mark.asyncio
async def test_the_stream_is_given_up_when_the_last_word_was_heard() -> None:
    """Then, and not before, the carrier learns where to connect the caller; the model stays."""
    async with HandModel() as model, live(chosen(model), SilentCarrier()) as running:
        end = await served(model, running)
        await announce(end, ms=400)
        await end.seen("conversation.item.create")
        await heard(running, 300)
        told = [running.call.transfer.onward()]
        assert len(running.carrier.closed) == 0
        for name in running.carrier.mark_names:
            running.call.downstream.carrier_mark(name)
        await running.witness.first(TransferStarted)
        assert running.call.state == "away"
        told.append(running.call.transfer.onward())
        assert told == [None, DIRECTORY["office"]]
        assert running.carrier.closed
        assert running.carrier.audio == speech(400)
        assert running.call.dialogue.connected
        assert end.all("response.create")[1:] == []  # the announcement was said, nothing follows
        assert running.witness.all(CallEnding) == []


@pytest.mark.asyncio
async def test_a_destination_that_answered_ends_the_call_here() -> None:
    """However long they talk, the model is not kept for it."""
    async with HandModel() as model, live(chosen(model)) as running:
        end = await served(model, running)
        await sent_away(end, running)
        running.call.end("transferred")
        assert (await running.ended()).reason == "transferred"
        await soon(end.closed)
        assert running.witness.all(ModelLost) == []


@pytest.mark.asyncio
async def test_silence_of_the_carrier_means_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unanswered call is reported soon after its ringing time, an answered one much later."""
    monkeypatch.setattr(transfer, "ANSWER_GRACE_S", -20)
    async with HandModel() as model, live(chosen(model)) as running:
        end = await served(model, running)
        await announce(end)
        assert (await running.ended()).reason == "transferred"


@pytest.mark.asyncio
async def test_the_carriers_own_end_of_a_transferred_call_is_a_transfer() -> None:
    """`completed` while the caller is away: they talked, or the caller gave up ringing."""
    async with HandModel() as model, live(chosen(model)) as running:
        end = await served(model, running)
        await sent_away(end, running)
        running.call.carrier_ended("completed")
        assert (await running.ended()).reason == "transferred"


@pytest.mark.asyncio
async def test_a_caller_who_comes_back_finds_the_same_agent() -> None:
    """Same model session, told what happened before the stream is open; audio flows both ways."""
    async with HandModel() as model, live(chosen(model)) as running:
        end = await served(model, running)
        running.call.downstream.carrier_frame(media(b"\x01" * 160))
        await sent_away(end, running)
        appended = len(end.all("input_audio_buffer.append"))
        second = SilentCarrier(instant=True)
        second.marks = running.call.downstream.carrier_mark
        running.call.come_back("busy", "another ticket")
        assert running.call.ticket == "another ticket"
        assert running.witness.all(TransferFailed)[0].status == "busy"
        note = await end.seen("conversation.item.create", 2)
        assert note["item"]["content"][0]["text"] == RETURN
        await end.seen("response.create", 2)
        await say(end, 100, response="resp_2")  # ready before the stream is
        running.call.attach(start(), second)
        await second.sent.until(lambda _: len(second.audio) >= 800)
        assert second.audio == speech(100)
        assert running.call.state == "live"
        running.call.downstream.carrier_frame(media(b"\x02" * 160))
        await end.seen("input_audio_buffer.append", appended + 1)
        assert len(running.witness.all(CallAnswered)) == 2
        assert len(running.witness.all(CallLive)) == 1
        assert len(model.ends) == 1
        assert speech(100) not in running.carrier.audio[len(speech(60)) :]


@pytest.mark.asyncio
async def test_an_interruption_after_the_return_is_exact_again() -> None:
    """The new stream has its own clock and marks; those of the old one count for nothing."""
    async with HandModel() as model, live(chosen(model), SilentCarrier()) as running:
        end = await served(model, running)
        await announce(end)
        await until(lambda: bool(running.carrier.mark_names))
        for name in running.carrier.mark_names:
            running.call.downstream.carrier_mark(name)
        await running.witness.first(TransferStarted)
        second = SilentCarrier()
        back(running, second)
        await say(end, 4000, whole=False, response="resp_2")
        await second.sent.until(lambda _: len(second.mark_names) >= 2)
        for name in running.carrier.mark_names:
            assert not running.call.dialogue.outbound.mark_returned(name)
        await heard(running, 60 + 200)
        await end.send(said.speech_started())
        cut = await end.seen("conversation.item.truncate")
        assert cut["item_id"] == "item_2"
        assert 150 <= cut["audio_end_ms"] <= 1000
        assert second.kinds[-1] == "clear"


@pytest.mark.asyncio
async def test_a_caller_can_be_sent_away_again() -> None:
    """The second attempt is as good as the first."""
    async with HandModel() as model, live(chosen(model)) as running:
        end = await served(model, running)
        await sent_away(end, running)
        second = SilentCarrier(instant=True)
        second.marks = running.call.downstream.carrier_mark
        back(running, second)
        answer = said.spoken(speech(60), "resp_2", "item_2")
        call = said.call_done("transfer_call", arguments='{"destination":"office"}')
        call["item"]["call_id"] = "call_again"
        await end.send(*answer[:-1], call, answer[-1])
        await until(lambda: len(running.witness.all(TransferStarted)) == 2)
        assert running.call.transfer.onward() == DIRECTORY["office"]


@pytest.mark.asyncio
async def test_a_stream_that_does_not_come_back_ends_the_call() -> None:
    """The carrier was told to open a stream and did not."""
    async with HandModel() as model, live(chosen(model), no_stream_timeout_s=0.3) as running:
        end = await served(model, running)
        await sent_away(end, running)
        running.call.come_back("no-answer", "another ticket")
        assert (await running.ended()).reason == "no_stream"


@pytest.mark.asyncio
async def test_the_first_streams_deadline_does_not_count_for_the_second() -> None:
    """A caller who comes back just before it has the whole time again."""
    async with HandModel() as model, live(chosen(model)) as running:
        end = await served(model, running)
        await sent_away(end, running)
        first = running.call.ticket
        running.call.come_back("busy", "another ticket")
        running.call._no_stream(first)
        await turns()
        assert running.call.outcome is None
        running.call.end("enough")


@pytest.mark.asyncio
async def test_a_word_of_the_caller_does_not_undo_the_transfer() -> None:
    """`okay, thanks` while being connected is no reason to stay."""
    async with HandModel() as model, live(chosen(model), SilentCarrier()) as running:
        end = await served(model, running)
        await announce(end, ms=2000)
        await heard(running, 200)
        await end.send(said.speech_started())
        await running.witness.first(TransferStarted)


@pytest.mark.asyncio
async def test_a_model_lost_meanwhile_is_apologised_for_on_return() -> None:
    """The caller comes back to an apology, not to silence."""
    async with HandModel() as model, live(chosen(model)) as running:
        end = await served(model, running)
        await sent_away(end, running)
        end.abort()
        await running.witness.first(ModelLost)
        assert running.call.outcome is None
        second = SilentCarrier(instant=True)
        second.marks = running.call.downstream.carrier_mark
        back(running, second)
        assert (await running.ended()).reason == "model_closed"
        assert second.audio


@pytest.mark.asyncio
async def test_the_time_limit_of_a_route_ends_with_a_goodbye() -> None:
    """The goodbye is heard, and the reason is the limit's."""
    async with HandModel() as model, live(chosen(model, max_minutes=0.005)) as running:
        await served(model, running)
        assert (await running.ended()).reason == "time_limit"
        assert running.carrier.audio


@pytest.mark.asyncio
async def test_a_shutdown_ends_a_transfer_too() -> None:
    """Nobody to say goodbye to: the call ends, whatever the carrier connects."""
    async with HandModel() as model, live(chosen(model)) as running:
        end = await served(model, running)
        await sent_away(end, running)
        running.call.say_and_end("goodbye", "shutdown")
        assert (await running.ended()).reason == "shutdown"
        await asyncio.sleep(0)
