"""`<Dial>`: other numbers are rung, the first to answer is connected, the action learns how it
went."""

import pytest

from gateway.sim.twilio import Callee, HangUp, Pause, Play, WaitForAgent, WaitForSilence
from tests.sim.twilio.client import QUIET, async_client
from tests.sim.twilio.peer import CALLER, NUMBER, codes, kinds, peer_and_twin

pytestmark = pytest.mark.filterwarnings(QUIET)

HUMAN, BUSY, MUTE, LATE = "+15550007771", "+15550007772", "+15550007773", "+15550007774"
CALLEES = (
    Callee(HUMAN, ring_ms=50, script=(Pause(200), HangUp())),
    Callee(BUSY, outcome="busy", ring_ms=20),
    Callee(MUTE, outcome="no-answer"),
    Callee(LATE, ring_ms=60_000),
)


def dial(inner: str, attributes: str = "") -> str:
    """TwiML that dials and afterwards says something."""
    return f'<Response><Dial action="/dial-ended" {attributes}>{inner}</Dial></Response>'


@pytest.mark.asyncio
async def test_a_transfer_rings_connects_and_reports() -> None:
    """The leg is a call of its own with callbacks; the action gets status, sid and duration."""
    async with peer_and_twin(callees=CALLEES) as (peer, twin):
        number = (
            f'<Number statusCallback="{peer.url}/leg" statusCallbackEvent="ringing answered '
            f'completed" url="/whisper">{HUMAN}</Number>'
        )
        peer.answers["/voice"] = dial(number, f'callerId="{NUMBER}"')
        peer.answers["/whisper"] = "<Response><Say>a caller for you</Say></Response>"
        peer.answers["/dial-ended"] = "<Response><Hangup/></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    leg = next(each for each in twin.calls.values() if each is not call)
    form = (await peer.hook("/dial-ended")).form
    assert form["DialCallStatus"] == "completed"
    assert (form["DialCallSid"], form["DialBridged"]) == (leg.sid, "true")
    assert int(form["DialCallDuration"]) == leg.duration_s > 0
    assert leg.identity.direction == "outbound-dial"
    assert leg.identity.parent_sid == call.sid
    assert (leg.identity.from_, leg.identity.to) == (NUMBER, HUMAN)
    whisper = (await peer.hook("/whisper")).form
    assert (whisper["CallSid"], whisper["ParentCallSid"]) == (leg.sid, call.sid)
    reported = [h.form["CallStatus"] for h in peer.hooks if h.path == "/leg"]
    assert sorted(reported) == ["completed", "in-progress", "ringing"]
    assert "bridged" in kinds(call.timeline)
    assert codes(twin) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("inner", [HUMAN, "<Conference>room</Conference>"])
async def test_the_connected_hear_each_other(inner: str) -> None:
    """Over a bridge and in a conference: what one says is byte for byte in what the other hears."""
    one, other = b"\x10" * 1600, b"\x20" * 1600
    script = (WaitForAgent(100), WaitForSilence(100), Play(payload=other), Pause(200), HangUp())
    async with (
        peer_and_twin(callees=(Callee(HUMAN, ring_ms=20, script=script),)) as (peer, twin),
        async_client(twin) as client,
    ):
        peer.answers["/voice"] = peer.answers["/human"] = dial(inner)
        peer.answers["/dial-ended"] = "<Response/>"
        call = twin.place_call(NUMBER, CALLER)
        if inner is HUMAN:
            await call.until("bridged", 10)
        else:
            await call.until("conference", 10)
            await client.calls.create_async(to=HUMAN, from_=NUMBER, url=f"{peer.url}/human")
        leg = next(each for each in twin.calls.values() if each is not call)
        await leg.until("conference" if inner is not HUMAN else "answered", 10)
        call.say(one)
        await leg.wait(10)
        call.hang_up()
        await call.wait(10)
    assert (one in call.said, one in leg.heard, one in leg.said) == (True, True, False)
    assert (other in leg.said, other in call.heard, other in call.said) == (True, True, False)


@pytest.mark.asyncio
@pytest.mark.parametrize(("number", "status"), [(BUSY, "busy"), (MUTE, "no-answer")])
async def test_a_failed_transfer_says_why(number: str, status: str) -> None:
    """And the caller can be connected again by the action."""
    async with peer_and_twin(callees=CALLEES) as (peer, twin):
        peer.answers["/voice"] = dial(number, 'timeout="0.2"')
        peer.answers["/dial-ended"] = "<Response><Say>nobody there</Say></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    form = (await peer.hook("/dial-ended")).form
    assert (form["DialCallStatus"], form["DialBridged"]) == (status, "false")
    assert "say" in kinds(call.timeline)


@pytest.mark.asyncio
async def test_the_first_to_answer_is_connected_and_the_others_stop_ringing() -> None:
    """All numbers ring at once."""
    async with peer_and_twin(callees=CALLEES) as (peer, twin):
        numbers = "".join(f"<Number>{each}</Number>" for each in (LATE, HUMAN, BUSY))
        peer.answers["/voice"] = dial(numbers)
        peer.answers["/dial-ended"] = "<Response/>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    statuses = {each.identity.to: each.status for each in twin.calls.values() if each is not call}
    assert statuses == {LATE: "canceled", HUMAN: "completed", BUSY: "busy"}


@pytest.mark.asyncio
async def test_answer_on_bridge_keeps_it_ringing() -> None:
    """The caller's call is answered when the other side is."""
    async with peer_and_twin(callees=CALLEES) as (peer, twin):
        peer.answers["/voice"] = dial(BUSY, 'answerOnBridge="true"')
        peer.answers["/dial-ended"] = dial(HUMAN, 'answerOnBridge="true"').replace(
            "/dial-ended", "/done"
        )
        peer.answers["/done"] = "<Response/>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert (await peer.hook("/dial-ended")).form["CallStatus"] == "ringing"
    timeline = kinds(call.timeline)
    assert timeline.index("answered") < timeline.index("bridged")
    assert timeline.index("answered") > timeline.index("dial")


@pytest.mark.asyncio
async def test_a_caller_who_hangs_up_takes_the_leg_along() -> None:
    """Nobody is left talking to himself."""
    async with peer_and_twin(callees=(Callee(HUMAN, ring_ms=20),)) as (peer, twin):
        peer.answers["/voice"] = dial(HUMAN)
        call = twin.place_call(NUMBER, CALLER)
        await call.until("bridged", 10)
        call.hang_up()
        await call.wait(10)
        leg = next(each for each in twin.calls.values() if each is not call)
        await leg.wait(10)
    assert leg.end_reason == "dial-ended"
    assert "/dial-ended" not in peer.paths()


@pytest.mark.asyncio
async def test_a_leg_can_be_sent_to_other_twiml() -> None:
    """It leaves the bridge and lives on; the caller goes on with the action."""
    async with (
        peer_and_twin(callees=(Callee(HUMAN, ring_ms=20),)) as (peer, twin),
        async_client(twin) as client,
    ):
        peer.answers["/voice"] = dial(HUMAN)
        peer.answers["/dial-ended"] = "<Response/>"
        call = twin.place_call(NUMBER, CALLER)
        await call.until("bridged", 10)
        leg = next(each for each in twin.calls.values() if each is not call)
        moved = "<Response><Say>moved</Say><Pause length='60'/></Response>"
        await client.calls(leg.sid).update_async(twiml=moved)
        await leg.until("say", 10)
        await call.wait(10)
        assert not leg.is_over
    assert (await peer.hook("/dial-ended")).form["DialCallStatus"] == "completed"


@pytest.mark.asyncio
async def test_the_time_limit_ends_the_conversation() -> None:
    """And the action goes on."""
    async with peer_and_twin(callees=(Callee(HUMAN, ring_ms=20),)) as (peer, twin):
        peer.answers["/voice"] = dial(HUMAN, 'timeLimit="0.2"')
        peer.answers["/dial-ended"] = "<Response/>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert (await peer.hook("/dial-ended")).form["DialCallStatus"] == "completed"


@pytest.mark.asyncio
async def test_dialling_nobody_fails() -> None:
    """12200, and the action is told."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = dial("")
        peer.answers["/dial-ended"] = "<Response/>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [12200]
    assert (await peer.hook("/dial-ended")).form["DialCallStatus"] == "failed"
