"""Who gets in: webhooks become calls once, streams need the ticket of their call."""

import asyncio
import contextlib
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.call.call import Call, Line, Offer
from gateway.call.context import Errand
from gateway.call.control import end_call
from gateway.call.reception import Reception
from gateway.call.session import AgentPlan
from gateway.call.transfer import Room
from gateway.core import tickets
from gateway.core.events import CallAnswered, CallEnded, CallOffered, TransferFailed
from gateway.core.mediastreams import Start
from gateway.errors import ConfigError, Rejected
from gateway.sim.realtime import RealtimeServer
from tests.call.bare_server import BareServer, Connection
from tests.call.calls import line, plan
from tests.call.carriers import (
    ACCOUNT_SID,
    CALL_SID,
    SilentCarrier,
    connected_frame,
    exchange,
    media_frame,
    start,
    start_frame,
)
from tests.call.test_transfer import OneColleague
from tests.call.watching import Witness, soon, turns, until
from tests.sim.realtime.harness import options

SECRET = b"s" * 32
OTHER_SID = "CA0000000000000000000000000000000d"


def offer(call_sid: str = CALL_SID, called: str = "+15550001111") -> Offer:
    return Offer(call_sid, ACCOUNT_SID, "+15550002222", called)


def ticket(secret: bytes = SECRET, account_sid: str = ACCOUNT_SID, now: float | None = None) -> str:
    """A ticket that no webhook of ours was answered with."""
    return tickets.issue(
        secret,
        call_sid=CALL_SID,
        account_sid=account_sid,
        called="+1",
        agent="assistant",
        nonce=os.urandom(16),
        now=time.time() if now is None else now,
    )


class Desk:
    """A reception whose models take the connection and say nothing."""

    def __init__(self, upstream: BareServer, **changes: Any) -> None:
        self.upstream = upstream
        self.witness = Witness()
        self.line: Line = line(self.witness, **changes)
        self.planned: list[Offer] = []
        self.reception = Reception(self.line, self._plan, SECRET)

    def _plan(self, offer: Offer) -> AgentPlan:
        self.planned.append(offer)
        return plan(self.upstream.url)

    def refusal(self, start: Start) -> str:
        """Why a stream is turned away."""
        with pytest.raises(Rejected) as caught:
            self.reception.admit(start, SilentCarrier())
        return caught.value.reason

    def offer_refusal(self, offer: Offer) -> str:
        """Why a webhook gets no call."""
        with pytest.raises(Rejected) as caught:
            self.reception.offer(offer)
        return caught.value.reason

    async def over(self, *calls: Call, reason: str = "caller_hung_up") -> None:
        """Ends calls and waits until they are gone."""
        for call in calls:
            call.end(reason)
        await until(lambda: not any(call in list(self.reception.registry) for call in calls))


@asynccontextmanager
async def desk(**changes: Any) -> AsyncIterator[Desk]:
    """A reception; all its calls end with the test."""

    async def silent(connection: Connection) -> None:
        await connection.read_request()
        await connection.read_to_end()

    async with BareServer(silent) as upstream:
        made = Desk(upstream, **{"connect_timeout_s": 0.5, **changes})
        try:
            yield made
        finally:
            for call in made.reception.registry:
                call.end("test_over")
            await soon(asyncio.ensure_future(made.reception.registry.wait_empty()))


# Webhooks


@pytest.mark.asyncio
async def test_a_webhook_dials_the_model_before_the_stream_is_there() -> None:
    """The offer alone starts the model connection; the call waits as `offered`."""
    async with desk() as at:
        call = at.reception.offer(offer())
        await at.upstream.connection()
        assert call.state == "offered"
        offered = await at.witness.first(CallOffered)
        assert (offered.caller, offered.called) == ("+15550002222", "+15550001111")


@pytest.mark.asyncio
async def test_a_repeated_webhook_is_the_same_call() -> None:
    """While the call lives its webhook gives the same call and the same ticket, and dials once."""
    async with desk() as at:
        first = at.reception.offer(offer())
        await at.upstream.connection()
        again = at.reception.offer(offer())
        assert again is first
        assert (len(at.planned), len(at.upstream.connections)) == (1, 1)
        assert len(at.witness.all(CallOffered)) == 1


@pytest.mark.asyncio
async def test_a_replayed_webhook_after_the_end_dials_nothing() -> None:
    """A CallSid that ended today is over: no plan, no model, a counted refusal."""
    async with desk() as at:
        call = at.reception.offer(offer())
        await at.upstream.connection()
        await at.over(call)
        assert at.reception.outcome(CALL_SID) == "caller_hung_up"
        assert at.offer_refusal(offer()) == "call_over"
        assert (len(at.planned), len(at.upstream.connections)) == (1, 1)
        assert at.reception.rejections == {"call_over": 1}


@pytest.mark.asyncio
async def test_capacity_counts_offered_calls() -> None:
    """A call over capacity is refused without dialling, until another one is gone."""
    async with desk(max_calls=1) as at:
        first = at.reception.offer(offer())
        assert at.offer_refusal(offer(OTHER_SID)) == "capacity"
        assert at.reception.offer(offer()) is first
        await at.over(first)
        assert at.reception.offer(offer(OTHER_SID)) is not first
        assert at.reception.rejections == {"capacity": 1}


@pytest.mark.asyncio
async def test_a_loop_that_is_late_lets_nobody_in_until_it_is_not() -> None:
    """Nothing is dialled for them. Who is known, or picks up a phone of ours, is served."""
    async with desk(max_calls=5) as at:
        first = at.reception.offer(offer())
        assert at.reception.registry.reserve("dial")
        with structlog.testing.capture_logs() as logged:
            for late_s in [0.031] * 6:
                at.reception.loop_late(late_s)
            assert at.reception.registry.status == "overloaded"
            assert at.offer_refusal(offer(OTHER_SID)) == "overloaded"
            assert not at.reception.registry.reserve("another")
            assert at.reception.offer(offer()) is first
            ours = replace(offer("CA" + "5" * 32), errand=Errand("dial"))
            assert at.reception.offer(ours).offer.errand == Errand("dial")
            for _ in range(16):
                at.reception.loop_late(0.0)
            at.reception.offer(offer(OTHER_SID))
        assert at.reception.rejections == {"overloaded": 1}
        told = [entry["event"] for entry in logged if entry["event"].startswith("gateway.")]
        assert told == ["gateway.overloaded", "gateway.recovered"]


@pytest.mark.asyncio
async def test_a_drain_refuses_new_calls_and_admits_offered_ones() -> None:
    """Whoever's webhook was answered before the drain still gets through; nobody else does."""
    async with desk() as at:
        call = at.reception.offer(offer())
        at.reception.drain()
        assert at.offer_refusal(offer(OTHER_SID)) == "draining"
        assert at.reception.offer(offer()) is call
        assert at.reception.admit(start(call.ticket), SilentCarrier()) is call.downstream
        assert call.state == "answered"


@pytest.mark.asyncio
async def test_a_phone_of_ours_that_is_picked_up_has_its_place() -> None:
    """However full the house is by then, and while it drains; without a seat it is as any other."""
    async with desk(max_calls=1) as at:
        ours = replace(offer(OTHER_SID), errand=Errand("dial"))
        assert at.reception.registry.reserve("dial")
        assert at.offer_refusal(offer()) == "capacity"
        at.reception.drain()
        call = at.reception.offer(ours)
        assert call.offer.errand == Errand("dial")
        stranger = replace(offer("CA" + "5" * 32), errand=Errand("other"))
        assert at.offer_refusal(stranger) == "draining"


@pytest.mark.asyncio
async def test_a_call_is_told_who_answered() -> None:
    """If it is here at all."""
    async with desk() as at:
        call = at.reception.offer(replace(offer(), errand=Errand("dial", amd="hangup")))
        assert at.reception.answered_by(CALL_SID, "machine_start")
        assert call.outcome == "machine"
        assert not at.reception.answered_by(OTHER_SID, "machine_start")


@pytest.mark.asyncio
async def test_an_agent_that_cannot_be_planned_makes_no_call() -> None:
    """A mistake in the agent's files is a counted refusal; nothing is left behind."""
    async with desk() as at:

        def wrong(_offer: Offer) -> AgentPlan:
            raise ConfigError("assistant.toml: no such key")

        reception = Reception(at.line, wrong, SECRET)
        with pytest.raises(Rejected, match="agent_broken"):
            reception.offer(offer())
        assert reception.rejections == {"agent_broken": 1}
        assert len(reception.registry) == 0
        assert at.witness.events == []


@pytest.mark.asyncio
async def test_an_endless_called_address_still_fits_its_ticket() -> None:
    """A SIP address may be long; the ticket holds as much of it as a parameter can."""
    async with desk() as at:
        call = at.reception.offer(offer(called="sip:" + "x" * 400 + "@example.com"))
        assert len(call.ticket) <= 490
        assert at.reception.admit(start(call.ticket), SilentCarrier()) is call.downstream


# Streams


@pytest.mark.asyncio
async def test_a_stream_with_its_ticket_is_its_call() -> None:
    """The ticket of the webhook opens the call, whose caller is then on the line."""
    async with desk() as at:
        call = at.reception.offer(offer())
        assert at.reception.admit(start(call.ticket), SilentCarrier()) is call.downstream
        answered = await at.witness.first(CallAnswered)
        assert answered.after_offer_ms >= 0
        assert at.reception.rejections == {}


@pytest.mark.asyncio
async def test_a_ticket_is_good_for_one_stream() -> None:
    """A second stream with the same ticket is turned away; the first goes on."""
    async with desk() as at:
        call = at.reception.offer(offer())
        at.reception.admit(start(call.ticket), SilentCarrier())
        assert at.refusal(start(call.ticket)) == "ticket_reused"
        assert call.state == "answered"


@pytest.mark.asyncio
async def test_a_ticket_is_good_for_its_call_only() -> None:
    """Another call's ticket opens nothing, and is not used up by the attempt."""
    async with desk() as at:
        call, other = at.reception.offer(offer()), at.reception.offer(offer(OTHER_SID))
        assert at.refusal(start(other.ticket)) == "ticket_other_call"
        assert at.refusal(start(call.ticket, OTHER_SID)) == "ticket_other_call"
        assert (
            at.reception.admit(start(other.ticket, OTHER_SID), SilentCarrier()) is other.downstream
        )


@pytest.mark.asyncio
async def test_a_stranger_opens_nothing() -> None:
    """No ticket, nonsense, a forged one, one of another account: refused, nothing dialled."""
    async with desk() as at:
        forged = ticket(b"x" * 32)
        expired = ticket(now=time.time() - 3600)
        foreign = ticket(account_sid="AC_other")
        unheard = ticket()
        assert at.refusal(start()) == "ticket_missing"
        assert at.refusal(start("v1.nonsense")) == "ticket_malformed"
        assert at.refusal(start(forged)) == "ticket_forged"
        assert at.refusal(start(expired)) == "ticket_expired"
        assert at.refusal(start(foreign)) == "ticket_other_account"
        assert at.refusal(start(unheard)) == "call_over"
        assert len(at.upstream.connections) == 0
        assert at.witness.events == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "wrong", [{"encoding": "audio/l16"}, {"sample_rate": 16000}, {"channels": 2}]
)
async def test_only_mono_mulaw_at_8_khz_is_let_in(wrong: dict[str, Any]) -> None:
    """Any other audio is refused before its ticket is looked at, and uses none up."""
    async with desk() as at:
        call = at.reception.offer(offer())
        fields = {
            "stream_sid": "MZ1",
            "call_sid": CALL_SID,
            "account_sid": ACCOUNT_SID,
            "parameters": {"ticket": call.ticket},
        }
        assert at.refusal(Start(**{**fields, **wrong})) == "media_format"
        assert at.reception.admit(start(call.ticket), SilentCarrier()) is call.downstream


@pytest.mark.asyncio
async def test_a_stream_that_comes_too_late_is_refused() -> None:
    """After the end of its call a ticket opens nothing, used or not."""
    async with desk() as at:
        call = at.reception.offer(offer())
        await at.over(call)
        assert at.refusal(start(call.ticket)) == "call_over"


@pytest.mark.asyncio
async def test_a_stream_is_not_let_into_a_call_that_is_ending() -> None:
    """Between the end of a call and the last thing closed nobody comes in to be left alone."""
    async with desk() as at:
        call = at.reception.offer(offer())
        await at.upstream.connection()
        call.end("no_stream")
        assert at.refusal(start(call.ticket)) == "call_over"


@pytest.mark.asyncio
async def test_refusals_are_counted_and_logged_without_a_strangers_words(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The counter grows per reason; nothing a stranger wrote is printed or logged."""
    async with desk() as at:
        for _ in range(3):
            at.reception.rejected("ticket_forged")
        at.reception.rejected("no_start")
        assert at.reception.rejections == {"ticket_forged": 3, "no_start": 1}
        at.refusal(start("v1.my-secret-words.x"))
    out = capsys.readouterr()
    assert "my-secret-words" not in caplog.text + out.out + out.err


# The end


# On the way to somebody


def accepted(made: Desk, colleague: OneColleague) -> Call:
    """A call whose caller a colleague has just accepted; the stream is given up."""
    call = made.reception.offer(offer())
    call.transfer.key, call.transfer._summary = "office", "Anna."
    call.transfer._colleague = colleague
    assert call.transfer.accepted()
    return call


@pytest.mark.asyncio
async def test_a_caller_goes_where_somebody_waits_or_back() -> None:
    """To the room while they are there, to the agent with a new ticket when they have left."""
    colleague = OneColleague()
    async with desk() as made:
        assert made.reception.onward(CALL_SID, there=True) is None
        call = accepted(made, colleague)
        assert made.reception.onward(CALL_SID, there=True) == Room("a room")
        old = call.ticket
        assert made.reception.transfer_ended(CALL_SID, "", there=True) is call
        assert (call.state, call.ticket != old) == ("offered", True)
        assert made.reception.transfer_ended(CALL_SID, "", there=True) is None
        await made.over(call)
    async with desk() as made:
        call = accepted(made, colleague)
        call.transfer.declined("hung-up")
        assert made.reception.onward(CALL_SID, there=True) is call
        assert [event.status for event in made.witness.all(TransferFailed)] == ["hung-up"]
        await made.over(call)


@pytest.mark.asyncio
@pytest.mark.parametrize("came", [True, False])
async def test_a_caller_who_hung_up_on_the_way_is_not_brought_anywhere(came: bool) -> None:
    """Whoever waits for them is let go."""
    colleague = OneColleague()
    async with desk() as made:
        call = accepted(made, colleague)
        if came:
            made.reception.onward(CALL_SID, there=True)
            assert made.reception.transfer_ended(CALL_SID, "", there=False) is None
        else:
            assert made.reception.onward(CALL_SID, there=False) is None
        assert call.outcome == ("transferred" if came else "caller_hung_up")
        await made.over(call)
        assert colleague.heard[-1] == "released"
        assert made.reception.onward(CALL_SID, there=True) is None


@pytest.mark.asyncio
async def test_nobody_comes_back_into_a_call_that_is_over() -> None:
    """It is being taken down: the stream would be nobody's, and its timers for ever."""
    async with desk() as made:
        call = accepted(made, OneColleague())
        call.transfer.declined("no-answer")
        call.end("time_limit")
        ticket = call.ticket
        assert made.reception.onward(CALL_SID, there=True) is None
        assert made.reception.transfer_ended(CALL_SID, "no-answer", there=True) is None
        assert call.ticket == ticket
        await made.over(call)


@pytest.mark.asyncio
async def test_the_carriers_status_ends_what_still_stands() -> None:
    """A status callback that the call is over closes it here too; unknown calls are no matter."""
    async with desk() as at:
        at.reception.offer(offer())
        at.reception.carrier_ended(OTHER_SID, "completed")
        at.reception.carrier_ended(CALL_SID, "completed")
        ended = await at.witness.first(CallEnded)
        assert ended.reason == "carrier_completed"
        await until(lambda: at.reception.outcome(CALL_SID) is not None)
        assert at.reception.outcome(CALL_SID) == "carrier_completed"
        assert at.reception.outcome(OTHER_SID) is None


@pytest.mark.asyncio
async def test_a_cancelled_reception_still_closes_its_calls() -> None:
    """When the loop is torn down the call's one task closes everything and is remembered."""
    async with desk() as at:
        at.reception.offer(offer())
        connection = await at.upstream.connection()
        tasks = [task for task in asyncio.all_tasks() if task.get_name() == CALL_SID]
        assert len(tasks) == 1
        tasks[0].cancel()
        await asyncio.wait(tasks)
        await soon(connection.gone)
        assert at.reception.outcome(CALL_SID) == "cancelled"
        assert [event.reason for event in at.witness.all(CallEnded)] == ["cancelled"]


@pytest.mark.asyncio
async def test_goodbye_reaches_every_call() -> None:
    """Calls without a caller end at once; a caller on the line hears the goodbye first."""
    async with desk() as at:
        alone, spoken = at.reception.offer(offer()), at.reception.offer(offer(OTHER_SID))
        carrier = SilentCarrier(instant=True)
        carrier.marks = spoken.downstream.carrier_mark
        at.reception.admit(start(spoken.ticket, OTHER_SID), carrier)
        at.reception.say_goodbye("shutdown")
        await carrier.sent.until(bool)
        spoken.downstream.carrier_gone("caller_hung_up")
        await soon(asyncio.ensure_future(at.reception.registry.wait_empty()))
        reasons = {
            call_sid: event.reason
            for call_sid, event in at.witness.seen
            if isinstance(event, CallEnded)
        }
        assert reasons == {alone.offer.call_sid: "shutdown", OTHER_SID: "caller_hung_up"}
        assert carrier.audio


# Over the wire


@pytest.mark.asyncio
async def test_streams_over_the_wire_open_their_calls_and_no_others() -> None:
    """Strangers of every kind are turned away and closed; the call beside them goes on, and not
    one model was dialled for a stranger.
    """
    async with desk() as at, exchange(at.reception) as media_line:
        call = at.reception.offer(offer())
        at.reception.offer(offer(OTHER_SID))
        await at.upstream.connections.until(lambda rows: len(rows) == 2)
        async with media_line.phone() as caller:
            await caller.send(connected_frame(), start_frame(call.ticket))
            await at.witness.first(CallAnswered)
            strangers: list[tuple[str | bytes, str]] = [
                (start_frame(), "ticket_missing"),
                (start_frame("v1.x.y"), "ticket_forged"),
                (start_frame(ticket(b"x" * 32)), "ticket_forged"),
                (start_frame(ticket(now=time.time() - 3600)), "ticket_expired"),
                (start_frame(call.ticket), "ticket_reused"),
                (start_frame(ticket(), OTHER_SID), "ticket_other_call"),
                (start_frame(ticket(), media_format={"encoding": "audio/l16"}), "media_format"),
                (media_frame(b"\xff" * 160), "media_before_start"),
                ("garbage", "bad_json"),
                (b"binary", "not_text"),
            ]
            for frame, reason in strangers:
                before = at.reception.rejections[reason]
                async with media_line.phone() as stranger:
                    await stranger.send(frame)
                    assert await soon(stranger.gone) == 1008
                assert at.reception.rejections[reason] == before + 1
            await caller.send(media_frame(b"\x01" * 160))
            await until(lambda: call.downstream.microphone.frames == 1)
            assert not caller.gone.done()
            call.end("carrier_completed")
            assert await soon(caller.gone) == 1000
        assert len(at.upstream.connections) == 2


@pytest.mark.asyncio
async def test_a_socket_that_breaks_ends_its_call_alone() -> None:
    """One caller's connection is cut, one floods garbage: both calls end, the third lives."""
    third_sid = "CA0000000000000000000000000000000e"
    async with desk() as at, exchange(at.reception) as media_line:
        calls = [at.reception.offer(offer(sid)) for sid in (CALL_SID, OTHER_SID, third_sid)]
        async with (
            media_line.phone() as cut,
            media_line.phone() as floods,
            media_line.phone() as lives,
        ):
            for phone, call in zip((cut, floods, lives), calls, strict=True):
                await phone.send(start_frame(call.ticket, call.offer.call_sid))
            await at.witness.nth(CallAnswered, 3)
            cut.ws.transport.abort()
            await floods.send(*["garbage"] * 21)
            await at.witness.nth(CallEnded, 2)
            reasons = {
                call_sid: event.reason
                for call_sid, event in at.witness.seen
                if isinstance(event, CallEnded)
            }
            assert reasons == {CALL_SID: "socket_lost", OTHER_SID: "carrier_garbage"}
            await until(lambda: len(at.reception.registry) == 1)
            assert list(at.reception.registry) == [calls[2]]
            assert not lives.gone.done()


@pytest.mark.asyncio
@pytest.mark.usefixtures("short_phrases")
async def test_calls_that_end_at_any_moment_leave_nothing(tmp_path: Path) -> None:
    """Forty calls at once to a real server, each ended in its own way at its own moment: tasks and
    file descriptors return to where they were, and the server has no session left.
    """
    rng = random.Random(7)
    server = RealtimeServer(options(tmp_path))
    await server.start()
    witness = Witness()
    reception = Reception(line(witness), lambda _: plan(server.url, end_call), SECRET)
    tasks, files = asyncio.all_tasks(), len(os.listdir("/dev/fd"))
    ways: list[Callable[[Call], object]] = [
        lambda call: call.end("carrier_completed"),
        lambda call: call.downstream.carrier_gone("socket_lost"),
        lambda call: call.say_and_end("goodbye", "shutdown"),
        lambda call: call.model_lost("model_closed", "test"),
        lambda call: call.hang_up("agent_hung_up"),
    ]

    async def one(n: int) -> None:
        call = reception.offer(offer(f"CA{n:032x}"))
        await turns(rng.randrange(60))
        if n % 4:
            carrier = SilentCarrier(instant=True)
            carrier.marks = call.downstream.carrier_mark
            with contextlib.suppress(Rejected):
                reception.admit(start(call.ticket, call.offer.call_sid), carrier)
        await turns(rng.choice([1, 10, 40, 100, 300]))
        ways[n % len(ways)](call)
        await turns(rng.randrange(60))
        call.end("over")

    try:
        await asyncio.gather(*(one(n) for n in range(40)))
        await soon(asyncio.ensure_future(reception.registry.wait_empty()))
        await until(lambda: not asyncio.all_tasks() - tasks)
        await until(lambda: len(os.listdir("/dev/fd")) <= files)
        assert len(witness.all(CallEnded)) == 40
        assert not [session for session in server.sessions if session.open]
    finally:
        await server.stop()
