"""Calls over REST, driven by Twilio's own package."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from gateway.sim.twilio import Callee, HangUp, Pause
from tests.sim.twilio.client import QUIET, async_client, in_thread, sync_client
from tests.sim.twilio.peer import CALLER, NUMBER, peer_and_twin

pytestmark = pytest.mark.filterwarnings(QUIET)

FAST: dict[str, Any] = {"other_callees": Callee(ring_ms=50, script=(Pause(200), HangUp()))}
HELLO = "<Response><Pause length='60'/></Response>"


@pytest.mark.asyncio
async def test_a_created_call_rings_and_asks_for_twiml_when_answered() -> None:
    """201 and queued at once; then the callbacks in order, the TwiML request in between."""
    async with peer_and_twin(**FAST) as (peer, twin):
        peer.answers["/answer"] = HELLO
        client = sync_client(twin)
        made = await in_thread(
            lambda: client.calls.create(
                to=CALLER,
                from_=NUMBER,
                url=f"{peer.url}/answer",
                status_callback=f"{peer.url}/progress",
                status_callback_event=["initiated", "ringing", "answered", "completed"],
            )
        )
        assert made.sid
        assert (made.status, made.direction) == ("queued", "outbound-api")
        call = twin.calls[made.sid]
        await call.wait(10)
        fetched = await in_thread(lambda: client.calls(made.sid or "").fetch())
    assert (fetched.status, fetched.duration) == ("completed", str(call.duration_s))
    assert fetched.start_time is not None
    assert fetched.end_time is not None
    form = (await peer.hook("/answer")).form
    assert (form["CallStatus"], form["Direction"]) == ("in-progress", "outbound-api")
    assert (form["To"], form["From"]) == (CALLER, NUMBER)
    steps = sorted(
        (hook.form for hook in peer.hooks if hook.path == "/progress"),
        key=lambda step: int(step["SequenceNumber"]),
    )
    assert [step["CallStatus"] for step in steps] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert steps[-1]["CallDuration"] == str(call.duration_s)
    assert steps[-1]["CallbackSource"] == "call-progress-events"
    assert all(hook.signed for hook in peer.hooks)
    form_pairs = twin.rest_requests[0].form
    assert [value for name, value in form_pairs if name == "StatusCallbackEvent"] == [
        "initiated",
        "ringing",
        "answered",
        "completed",
    ]
    assert "authorization" not in twin.rest_requests[0].headers


@pytest.mark.asyncio
@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
async def test_a_call_that_is_not_answered_has_its_status(outcome: str) -> None:
    """No TwiML is asked for, and the completed callback says why."""
    callee = Callee(CALLER, outcome=outcome, ring_ms=20)  # type: ignore[arg-type]
    async with peer_and_twin(callees=(callee,)) as (peer, twin):
        client = sync_client(twin)
        made = await in_thread(
            lambda: client.calls.create(
                to=CALLER,
                from_=NUMBER,
                url=f"{peer.url}/answer",
                timeout=1,
                status_callback=f"{peer.url}/progress",
            )
        )
        call = twin.calls[made.sid or ""]
        await call.wait(10)
        assert call.status == outcome
        form = (await peer.hook("/progress")).form
    assert form["CallStatus"] == outcome
    assert "/answer" not in peer.paths()


@pytest.mark.asyncio
async def test_a_live_call_can_be_sent_to_other_twiml_and_ended() -> None:
    """The stream ends with a stop, the new TwiML runs, and completing it twice is 21220."""
    async with peer_and_twin() as (peer, twin), async_client(twin) as client:
        peer.answers["/voice"] = peer.connect(action="/never")
        call = twin.place_call(NUMBER, CALLER)
        await peer.frames(3)
        twiml = "<Response><Say>moved</Say><Pause length='60'/></Response>"
        await client.calls(call.sid).update_async(twiml=twiml)
        await call.until("say", 10)
        assert peer.streams[0].of("stop")
        done = await client.calls(call.sid).update_async(status="completed")
        assert done.status == "completed"
        await call.wait(10)
        with pytest.raises(TwilioRestException) as refused:
            await client.calls(call.sid).update_async(status="completed")
    assert refused.value.code == 21220
    assert call.end_reason == "api"
    assert "/never" not in peer.paths()


@pytest.mark.asyncio
async def test_an_update_can_change_who_is_told() -> None:
    """And a time limit given at the creation is kept."""
    callee = Callee(ring_ms=10)
    async with peer_and_twin(other_callees=callee) as (peer, twin), async_client(twin) as client:
        peer.answers["/answer"] = HELLO
        made = await client.calls.create_async(
            to=CALLER, from_=NUMBER, url=f"{peer.url}/answer", time_limit=1
        )
        call = twin.calls[made.sid or ""]
        await call.until("answered", 10)
        with pytest.raises(TwilioRestException) as refused:
            await client.calls(call.sid).update_async(status="ringing")
        assert refused.value.code == 20001
        await client.calls(call.sid).update_async(
            status_callback=f"{peer.url}/other", status="completed"
        )
        await call.wait(10)
        await peer.hook("/other", CallStatus="completed")
    assert call.time_limit_s == 1


@pytest.mark.asyncio
async def test_a_ringing_call_can_be_canceled_but_not_redirected() -> None:
    """21220 for the redirect; the cancelled call was never answered."""
    slow = Callee(ring_ms=60_000)
    async with peer_and_twin(other_callees=slow) as (peer, twin), async_client(twin) as client:
        made = await client.calls.create_async(to=CALLER, from_=NUMBER, url=f"{peer.url}/answer")
        call = twin.calls[made.sid or ""]
        await call.until("ringing", 10)
        with pytest.raises(TwilioRestException) as refused:
            await client.calls(call.sid).update_async(url=f"{peer.url}/other")
        assert refused.value.code == 21220
        done = await client.calls(call.sid).update_async(status="canceled")
        await call.wait(10)
    assert done.status == "canceled"
    assert (call.status, call.answered_s) == ("canceled", None)


@pytest.mark.asyncio
async def test_canceling_does_not_touch_an_answered_call() -> None:
    """`canceled` ends only what is not answered yet."""
    async with peer_and_twin() as (peer, twin), async_client(twin) as client:
        peer.answers["/voice"] = HELLO
        call = twin.place_call(NUMBER, CALLER)
        await call.until("answered", 10)
        done = await client.calls(call.sid).update_async(status="canceled")
        assert done.status == "in-progress"
        assert call.ending is None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "12"}, 21211),
        ({"to": ""}, 21201),
        ({"from_": "+15559998888"}, 21210),
        ({"from_": "hello"}, 21212),
        ({"from_": ""}, 21213),
        ({"url": "not a url"}, 21205),
        ({"url": ""}, 21205),
        ({"twiml": "x" * 4001}, 32018),
        ({"timeout": 700}, 21208),
        ({"application_sid": "AP1", "url": ""}, 21218),
        ({"status_callback": "/relative"}, 21609),
        ({"method": "PUT"}, 21403),
    ],
)
async def test_a_wrong_order_is_refused(fields: dict[str, object], code: int) -> None:
    """With Twilio's code, and no call comes of it."""
    async with peer_and_twin() as (_, twin), async_client(twin) as client:
        order: dict[str, object] = {"to": CALLER, "from_": NUMBER, "url": "http://127.0.0.1:1/"}
        with pytest.raises(TwilioRestException) as refused:
            await client.calls.create_async(**{**order, **fields})
        assert refused.value.code == code
        assert refused.value.status == 400
        assert not twin.calls


@pytest.mark.asyncio
async def test_calls_are_listed_newest_first_by_filter_and_page() -> None:
    """The package follows pages; filters are To, From, Status and the time of the start."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = "<Response/>"
        calls = [twin.place_call(NUMBER, f"+1555000{i:04}") for i in range(5)]
        for call in calls:
            await call.wait(10)
        client = sync_client(twin)
        everything = await in_thread(lambda: client.calls.list(page_size=2))
        assert [each.sid for each in everything] == [call.sid for call in reversed(calls)]
        one = await in_thread(lambda: client.calls.list(from_="+15550000003"))
        assert [each.sid for each in one] == [calls[3].sid]
        assert not await in_thread(lambda: client.calls.list(status="busy"))
        soon = datetime.now(UTC) + timedelta(minutes=1)
        assert not await in_thread(lambda: client.calls.list(start_time_after=soon))
        assert len(await in_thread(lambda: client.calls.list(start_time_before=soon))) == 5
        with pytest.raises(TwilioRestException) as refused:
            await in_thread(lambda: client.calls("CA" + "9" * 32).fetch())
        assert (refused.value.code, refused.value.status) == (20404, 404)


@pytest.mark.asyncio
async def test_answering_machine_detection_reports_beside_the_call() -> None:
    """Asynchronous: TwiML at once, `AnsweredBy` in a callback of its own."""
    machine = Callee(ring_ms=20, answered_by="machine_start", detection_ms=100)
    async with peer_and_twin(other_callees=machine) as (peer, twin), async_client(twin) as client:
        peer.answers["/answer"] = HELLO
        made = await client.calls.create_async(
            to=CALLER,
            from_=NUMBER,
            url=f"{peer.url}/answer",
            machine_detection="Enable",
            async_amd="true",
            async_amd_status_callback=f"{peer.url}/amd",
        )
        hook = await peer.hook("/amd")
        assert hook.form["AnsweredBy"] == "machine_start"
        assert hook.form["CallSid"] == made.sid
        assert "AnsweredBy" not in (await peer.hook("/answer")).form
        fetched = await client.calls(made.sid or "").fetch_async()
        assert fetched.answered_by == "machine_start"


@pytest.mark.asyncio
async def test_synchronous_detection_delays_the_twiml() -> None:
    """The TwiML request knows who answered."""
    human = Callee(ring_ms=20, detection_ms=50)
    async with peer_and_twin(other_callees=human) as (peer, twin), async_client(twin) as client:
        peer.answers["/answer"] = HELLO
        await client.calls.create_async(
            to=CALLER, from_=NUMBER, url=f"{peer.url}/answer", machine_detection="Enable"
        )
        assert (await peer.hook("/answer")).form["AnsweredBy"] == "human"


@pytest.mark.asyncio
async def test_a_call_redirected_during_detection_goes_there() -> None:
    """The first TwiML is never asked for."""
    slow = Callee(ring_ms=20, detection_ms=60_000)
    async with peer_and_twin(other_callees=slow) as (peer, twin), async_client(twin) as client:
        made = await client.calls.create_async(
            to=CALLER, from_=NUMBER, url=f"{peer.url}/answer", machine_detection="Enable"
        )
        call = twin.calls[made.sid or ""]
        await call.until("answered", 10)
        await client.calls(call.sid).update_async(twiml="<Response><Say>x</Say></Response>")
        await call.wait(10)
    assert "/answer" not in peer.paths()
    assert "say" in [entry.kind for entry in call.timeline]


@pytest.mark.asyncio
async def test_creates_wait_for_their_turn() -> None:
    """With calls per second limited the second is queued, and says for how long."""
    async with peer_and_twin(calls_per_second=2.0, **FAST) as (_, twin):
        async with async_client(twin) as client:
            made = [
                await client.calls.create_async(to=CALLER, from_=NUMBER, twiml="<Response/>")
                for _ in range(2)
            ]
        calls = [twin.calls[each.sid or ""] for each in made]
        for call in calls:
            await call.wait(10)
    assert calls[0].queue_ms == 0
    assert 300 < calls[1].queue_ms <= 500
