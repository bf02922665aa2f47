"""A caller on the way to somebody else: asked for first, waited for, and taken back."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.call import transfer
from gateway.call.colleagues import Asker, Request
from gateway.call.context import Destination, Route
from gateway.call.recorded import phrase
from gateway.call.transfer import Room
from gateway.call.transfertool import transfer_call
from gateway.core.events import (
    BargeIn,
    CallAnswered,
    CallEnding,
    ConsultAnswered,
    ConsultStarted,
    ModelLost,
    TransferFailed,
    TransferStarted,
)
from tests.call import model_events as said
from tests.call.calls import LiveCall, live, media, plan, say, served, speech, tail
from tests.call.carriers import SilentCarrier, start
from tests.call.hand_model import HandModel, ModelEnd
from tests.call.watching import soon, turns, until

DIRECTORY = {"office": Destination("+442079460000", timeout_s=20, warm=True)}


class OneColleague:
    """Somebody whom a test speaks for."""

    room = "a room"

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.asker: Asker
        self.heard: list[str] = []
        self.busy = ""

    def why_not(self, destination: Destination, ours: str) -> str:
        return self.busy

    def ring(self, request: Request, asker: Asker) -> "OneColleague":
        self.asked.append(request)
        self.asker = asker
        return self

    def caller_came(self) -> None:
        self.heard.append("came")

    def release(self) -> None:
        self.heard.append("released")


@asynccontextmanager
async def consulting(
    carrier: SilentCarrier | None = None, **changes: Any
) -> AsyncIterator[tuple[ModelEnd, LiveCall, OneColleague]]:
    """A call whose caller waits while the office is asked."""
    colleague = OneColleague()
    more = {"route": Route(directory=DIRECTORY)}
    async with HandModel() as model:
        agent = plan(model.url, transfer_call(DIRECTORY), more=more)
        async with live(agent, carrier, colleagues=colleague, **changes) as running:
            end = await served(model, running)
            await announced(end)
            await running.witness.first(ConsultStarted)
            yield end, running, colleague


async def announced(end: ModelEnd, response: str = "resp_1") -> None:
    """The agent says that it connects the caller, and calls the tool."""
    answer = said.spoken(speech(60), response, response.replace("resp", "item"))
    await end.send(*answer[:-1])
    call = said.call_done("transfer_call", arguments='{"destination":"office","summary":"Anna."}')
    call["item"]["call_id"] = f"call_of_{response}"
    await end.send(call, answer[-1])


def told(end: ModelEnd) -> list[str]:
    """What the gateway told the agent, in its own words."""
    items = [event["item"] for event in end.all("conversation.item.create")]
    return [item["content"][0]["text"] for item in items if item["type"] == "message"]


# Waiting


@pytest.mark.asyncio
async def test_the_caller_waits_on_the_line_while_somebody_is_asked() -> None:
    """Behind the last word comes the tone; the agent hears silence, no keys, and says nothing."""
    async with consulting() as (end, running, colleague):
        call = running.call
        (request,) = colleague.asked
        assert (request.summary, request.ours) == ("Anna.", "+15550001111")
        assert request.destination == DIRECTORY["office"]
        assert call.state == "consulting"
        await until(lambda: len(running.carrier.audio) > len(speech(60)) + 8 * 300)
        assert running.carrier.audio[: len(speech(60))] == speech(60)
        appended = len(end.all("input_audio_buffer.append"))
        call.downstream.carrier_frame(media(b"\x01" * 160))
        frame = await end.seen("input_audio_buffer.append", appended + 1)
        assert base64.b64decode(frame["audio"]) == b"\xff" * 160
        call.downstream.carrier_digit("5")
        call.downstream.carrier_digit("#")
        refused = said.spoken(speech(100), "resp_9", "item_9")
        await end.send(refused[0])
        await end.seen("response.cancel")
        await end.send(*refused[1:])
        await turns()
        assert speech(100) not in running.carrier.audio
        assert running.witness.all(BargeIn) == []
        assert call.transfer.onward() is None
        assert running.witness.all(TransferStarted) == []
        assert running.witness.all(CallEnding) == []
        assert running.carrier.closed.rows == []
        assert told(end) == []


@pytest.mark.asyncio
async def test_only_one_is_asked_at_a_time() -> None:
    """A tool of the agent's own may ask again meanwhile."""
    async with consulting() as (_, running, colleague):
        running.call.transfer.begin("office", "Bert.")
        running.call.transfer.begin("office", None)
        await turns()
        assert len(colleague.asked) == 1
        colleague.asker.answered()
        assert running.witness.all(ConsultAnswered)[0].destination == "office"


@pytest.mark.asyncio
async def test_nobody_can_be_asked_without_a_carrier() -> None:
    """The reason is the agent's to know."""
    async with HandModel() as model, live(plan(model.url)) as running:
        with pytest.raises(KeyError):
            running.call.transfer.why_not("office")
    more = {"route": Route(directory=DIRECTORY)}
    async with HandModel() as model, live(plan(model.url, more=more)) as running:
        assert running.call.transfer.why_not("office") == transfer.NOBODY


# Accepted


@pytest.mark.asyncio
async def test_a_caller_who_is_accepted_goes_to_the_room() -> None:
    """The tone ends, the stream is given up, and the carrier is told of the room, once or twice."""
    async with consulting() as (end, running, colleague):
        call = running.call
        assert colleague.asker.accepted()
        assert (call.state, call.transfer.delivered) == ("away", False)
        assert running.carrier.closed
        assert running.carrier.kinds[-1] == "clear"
        assert [event.warm for event in running.witness.all(TransferStarted)] == [True]
        assert [call.transfer.onward(), call.transfer.onward()] == [Room("a room")] * 2
        assert (colleague.heard, call.transfer.delivered) == (["came"], True)
        colleague.asker.together()
        assert (await running.ended()).reason == "transferred"
        assert colleague.heard == ["came"]
        await soon(end.closed)


@pytest.mark.asyncio
async def test_who_accepts_too_late_is_told_so() -> None:
    """The caller has hung up, and nobody comes."""
    async with consulting() as (_, running, colleague):
        running.call.end("caller_hung_up")
        assert not colleague.asker.accepted()
        await running.ended()
        assert colleague.heard == ["released"]
        assert running.call.transfer.onward() is None


@pytest.mark.asyncio
async def test_who_leaves_before_the_caller_came_is_not_waited_for() -> None:
    """The caller is to come back when the carrier asks where to go."""
    async with consulting() as (end, running, colleague):
        call = running.call
        colleague.asker.accepted()
        colleague.asker.declined("hung-up")
        assert call.transfer.failed == "hung-up"
        assert call.outcome is None
        call.come_back(call.transfer.failed, "another ticket")
        assert [event.status for event in running.witness.all(TransferFailed)] == ["hung-up"]
        call.attach(start(), SilentCarrier(instant=True))
        await end.seen("response.create", 2)
        assert "hung-up (whoever answered hung up)" in told(end)[0]
        assert (call.state, call.transfer.failed) == ("live", "")


@pytest.mark.asyncio
async def test_who_left_as_the_caller_came_did_not_take_the_call() -> None:
    """The carrier calls it answered; afterwards they talk, and the end is the end."""
    async with consulting() as (_, running, colleague):
        going = running.call.transfer
        colleague.asker.accepted()
        going.onward()
        assert (going.parted(""), going.parted("failed")) == ("hung-up", "failed")
        colleague.asker.together()
        assert going.parted("") == ""


@pytest.mark.asyncio
async def test_a_caller_whom_the_carrier_lost_is_waited_for_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It never asks where to go: whoever waits for them is let go."""
    monkeypatch.setattr(transfer, "ARRIVE_S", 0.05)
    async with consulting() as (_, running, colleague):
        colleague.asker.accepted()
        assert (await running.ended()).reason == "transfer_lost"
        assert colleague.heard == ["released"]


@pytest.mark.asyncio
async def test_a_caller_whom_nobody_fetches_back_is_waited_for_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The room is empty, and the carrier does nothing about it."""
    monkeypatch.setattr(transfer, "RETURN_S", 0.05)
    async with consulting() as (_, running, colleague):
        colleague.asker.accepted()
        running.call.transfer.onward()
        colleague.asker.declined("hung-up")
        assert (await running.ended()).reason == "transfer_lost"


@pytest.mark.asyncio
@pytest.mark.parametrize(("came", "reason"), [(True, "transferred"), (False, "carrier_completed")])
async def test_the_carriers_own_end_is_a_transfer_once_the_caller_came(
    came: bool, reason: str
) -> None:
    """Before that the caller has hung up."""
    async with consulting() as (_, running, colleague):
        colleague.asker.accepted()
        if came:
            running.call.transfer.onward()
        running.call.carrier_ended("completed")
        assert (await running.ended()).reason == reason
        assert colleague.heard[-1] == "released"


# Not accepted


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("reason", "words"),
    [("busy", "failed: busy. The"), ("declined", "failed: declined (whoever answered pressed")],
)
async def test_a_caller_who_is_not_taken_is_with_the_agent_at_once(reason: str, words: str) -> None:
    """On the same stream: the tone stops, the agent is told why, speaks, and hears the caller."""
    async with consulting() as (end, running, colleague):
        colleague.asker.declined(reason)
        assert (running.call.state, colleague.heard) == ("live", ["released"])
        assert running.carrier.kinds[-1] == "clear"
        assert running.witness.all(TransferFailed)[0].status == reason
        await end.seen("response.create", 2)
        assert words in told(end)[0]
        await say(end, 100, response="resp_2")
        await until(lambda: tail(running.carrier, 800) == speech(100))
        appended = len(end.all("input_audio_buffer.append"))
        running.call.downstream.carrier_frame(media(b"\x01" * 160))
        frame = await end.seen("input_audio_buffer.append", appended + 1)
        assert base64.b64decode(frame["audio"]) == b"\x01" * 160
        assert len(running.witness.all(CallAnswered)) == 1


@pytest.mark.asyncio
async def test_somebody_can_be_asked_again() -> None:
    """The second attempt is as good as the first."""
    async with consulting() as (end, running, colleague):
        colleague.asker.declined("busy")
        await end.seen("response.create", 2)
        await announced(end, "resp_2")
        await running.witness.nth(ConsultStarted, 2)
        assert len(colleague.asked) == 2
        assert colleague.asker.accepted()
        assert running.call.transfer.onward() == Room("a room")


@pytest.mark.asyncio
async def test_a_model_lost_meanwhile_is_apologised_for_when_nobody_takes_the_call() -> None:
    """Not before: somebody may, and then nobody needs the model."""
    carrier = SilentCarrier(instant=True)
    async with consulting(carrier) as (end, running, colleague):
        end.abort()
        await running.witness.first(ModelLost)
        await turns()
        assert running.call.outcome is None
        colleague.asker.declined("no-answer")
        assert (await running.ended()).reason == "model_closed"
        assert phrase("apology") in carrier.audio


@pytest.mark.asyncio
async def test_a_model_lost_meanwhile_does_not_keep_the_caller_from_whoever_takes_the_call() -> (
    None
):
    """They talk to each other."""
    async with consulting() as (end, running, colleague):
        end.abort()
        await running.witness.first(ModelLost)
        assert colleague.asker.accepted()
        assert running.call.transfer.onward() == Room("a room")
        colleague.asker.together()
        assert (await running.ended()).reason == "transferred"


# The end meanwhile


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["hangs_up", "tool", "goodbye"])
async def test_whoever_ends_the_call_lets_the_colleague_go(way: str) -> None:
    """The caller hangs up, a tool does, or the call's time is over."""
    async with consulting() as (_, running, colleague):
        call = running.call
        if way == "hangs_up":
            call.downstream.carrier_gone("caller_hung_up")
        elif way == "tool":
            call.hang_up("tool_hung_up")
        else:
            call.say_and_end("goodbye", "time_limit")
        reason = {"hangs_up": "caller_hung_up", "tool": "tool_hung_up"}.get(way, "time_limit")
        assert (await running.ended()).reason == reason
        assert colleague.heard == ["released"]
        assert running.witness.all(TransferFailed) == []
