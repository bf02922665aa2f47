"""Conferences and participants over REST, driven by Twilio's own package."""

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from gateway.sim.twilio import Callee
from tests.sim.twilio.client import QUIET, async_client
from tests.sim.twilio.peer import CALLER, NUMBER, Peer, peer_and_twin

pytestmark = pytest.mark.filterwarnings(QUIET)

HUMAN = "+15550007777"
FAST: dict[str, Any] = {"other_callees": Callee(ring_ms=20)}


def room(peer: Peer, extra: str = "") -> str:
    """TwiML into a conference that reports its events."""
    return (
        f'<Response><Dial action="/dial-ended"><Conference statusCallback="{peer.url}/events" '
        f'statusCallbackEvent="start end join leave" {extra}>support</Conference></Dial></Response>'
    )


@pytest.mark.asyncio
async def test_a_warm_transfer_can_be_followed_over_rest() -> None:
    """Caller in the room, human added, muted, removed; the room ends with the caller."""
    async with peer_and_twin(**FAST) as (peer, twin), async_client(twin) as client:
        peer.answers["/voice"] = room(peer, 'endConferenceOnExit="true"')
        call = twin.place_call(NUMBER, CALLER)
        await peer.hook("/events", StatusCallbackEvent="conference-start")
        (conference,) = await client.conferences.list_async(friendly_name="support")
        assert conference.status == "in-progress"
        people = client.conferences(conference.sid or "").participants
        added = await people.create_async(from_=NUMBER, to=HUMAN, label="human")
        assert added.status == "queued"
        await peer.hook("/events", CallSid=added.call_sid or "")
        members = await people.list_async()
        assert [(p.call_sid, p.label) for p in members] == [
            (call.sid, None),
            (added.call_sid, "human"),
        ]
        muted = (
            await client.conferences(conference.sid or "")
            .participants("human")
            .update_async(muted=True)
        )
        assert (muted.muted, muted.status) == (True, "connected")
        assert [p.label for p in await people.list_async(muted=True)] == ["human"]
        call.hang_up()
        await call.wait(10)
        human = twin.calls[added.call_sid or ""]
        await human.wait(10)
        ended = await client.conferences(conference.sid or "").fetch_async()
    assert ended.status == "completed"
    assert ended.call_sid_ending_conference == call.sid
    assert (human.identity.direction, human.status) == ("outbound-api", "completed")
    events = [h.form["StatusCallbackEvent"] for h in peer.hooks if h.path == "/events"]
    assert sorted(events) == sorted(
        ["participant-join"] * 2
        + ["participant-leave"] * 2
        + ["conference-start", "conference-end"]
    )


@pytest.mark.asyncio
async def test_a_removed_caller_goes_on_with_the_action() -> None:
    """The room ends with its last participant; the action is told so."""
    async with peer_and_twin(**FAST) as (peer, twin), async_client(twin) as client:
        peer.answers["/voice"] = room(peer)
        peer.answers["/dial-ended"] = "<Response><Say>back</Say></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await peer.hook("/events", StatusCallbackEvent="conference-start")
        (conference,) = await client.conferences.list_async()
        people = client.conferences(conference.sid or "").participants
        assert (await people(call.sid).fetch_async()).call_sid == call.sid
        assert await people(call.sid).delete_async()
        await call.wait(10)
        with pytest.raises(TwilioRestException) as gone:
            await people(call.sid).fetch_async()
    assert gone.value.code == 20404
    form = (await peer.hook("/dial-ended")).form
    assert form["DialCallStatus"] == "answered"
    assert "say" in [entry.kind for entry in call.timeline]


@pytest.mark.asyncio
async def test_a_participant_can_be_the_first_and_the_conference_ended_over_rest() -> None:
    """A room is made by its name; ending it ends the legs that were called into it."""
    async with peer_and_twin(**FAST) as (_, twin), async_client(twin) as client:
        people = client.conferences("new room").participants
        added = await people.create_async(from_=NUMBER, to=HUMAN)
        human = twin.calls[added.call_sid or ""]
        await human.until("answered", 10)
        (conference,) = await client.conferences.list_async(status="in-progress")
        await client.conferences(conference.sid or "").update_async(status="completed")
        await human.wait(10)
        assert not await client.conferences.list_async(status="in-progress")
        with pytest.raises(TwilioRestException) as wrong:
            await people.create_async(from_="+15559998888", to=HUMAN)
        assert wrong.value.code == 21210
        with pytest.raises(TwilioRestException) as unknown:
            await client.conferences("CF" + "9" * 32).fetch_async()
        assert unknown.value.code == 20404
