"""`<Connect><Stream>`: what may stand there, and what follows when the stream ends or fails."""

import pytest
from starlette.responses import Response

from gateway.sim.twilio.connect import stream_plan
from gateway.sim.twilio.debugger import TwilioFault
from gateway.sim.twilio.twiml import parse_text
from tests.ports import free_port
from tests.sim.twilio.peer import CALLER, NUMBER, Stream, codes, kinds, peer_and_twin


def plan(stream: str) -> object:
    """The plan of a `<Stream>` element."""
    document = parse_text(f"<Response><Connect>{stream}</Connect></Response>")
    return stream_plan(document.verbs[0].children[0])


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ('<Stream url="wss://x/" track="both_tracks"/>', 31941),
        ('<Stream url="wss://x/" track="outbound_track"/>', 31941),
        ('<Stream url="wss://x/" statusCallback="/status"/>', 12200),
        (f'<Stream url="wss://x/"><Parameter name="a" value="{"v" * 499}"/></Stream>', 12200),
        ('<Stream url="wss://x/"><Parameter value="v"/></Stream>', 12200),
    ],
)
def test_what_a_stream_may_not_have_is_refused(stream: str, code: int) -> None:
    """Tracks, relative callbacks, parameters that are too long."""
    with pytest.raises(TwilioFault) as refused:
        plan(stream)
    assert refused.value.code == code


def test_a_stream_may_have_long_parameters_and_many() -> None:
    """Name and value together stay under 500 characters; their number is free."""
    inner = "".join(f'<Parameter name="n{i}" value="{"v" * 490}"/>' for i in range(30))
    assert plan(f'<Stream url="wss://x/" track="inbound_track">{inner}</Stream>')


async def close_at_once(stream: Stream) -> None:
    """A peer that takes the stream and leaves."""
    await stream.start()
    await stream.socket.close(1000, "done")


@pytest.mark.asyncio
async def test_after_the_stream_the_action_decides() -> None:
    """Its TwiML runs instead of the next verb, and the request has the standard parameters,
    signed."""
    async with peer_and_twin() as (peer, twin):
        peer.on_media = close_at_once
        peer.answers["/voice"] = peer.connect(action="/ended", after="<Say>not this</Say>")
        peer.answers["/ended"] = "<Response><Say>this</Say></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    hook = await peer.hook("/ended", CallSid=call.sid, CallStatus="in-progress")
    assert hook.signed
    assert [e.detail for e in call.timeline if e.kind == "say"] == ["this"]
    assert codes(twin) == [31921]
    assert call.end_reason == "completed"


@pytest.mark.asyncio
async def test_without_action_the_next_verb_runs() -> None:
    """And after the last verb the call ends."""
    async with peer_and_twin() as (peer, twin):
        peer.on_media = close_at_once
        peer.answers["/voice"] = peer.connect(after="<Say>next</Say>")
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert [e.detail for e in call.timeline if e.kind == "say"] == ["next"]


@pytest.mark.asyncio
async def test_an_action_may_connect_again() -> None:
    """A second stream of the same call with an id of its own; both are in the call's truth."""
    async with peer_and_twin() as (peer, twin):

        async def speak(stream: Stream) -> None:
            await stream.start()
            await stream.media(bytes([len(peer.streams)]) * 160)
            await stream.mark("end")
            await stream.until("mark")
            await stream.socket.close()

        peer.on_media = speak
        peer.answers["/voice"] = peer.connect(action="/again")
        peer.answers["/again"] = peer.connect()
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert len({stream.sid for stream in call.streams}) == 2
    heard = call.heard
    assert heard.index(b"\1" * 160) < heard.index(b"\2" * 160)


@pytest.mark.asyncio
async def test_stream_status_callbacks_tell_the_story() -> None:
    """Started, then stopped when the server closes; with name and a stamp in nanoseconds."""
    async with peer_and_twin() as (peer, twin):
        peer.on_media = close_at_once
        callback = f'statusCallback="{peer.url}/stream" name="my stream"'
        peer.answers["/voice"] = peer.connect(stream=callback)
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    events = [hook.form for hook in peer.hooks if hook.path == "/stream"]
    assert sorted(event["StreamEvent"] for event in events) == ["stream-started", "stream-stopped"]
    for event in events:
        assert event.keys() == {
            "AccountSid",
            "CallSid",
            "StreamEvent",
            "StreamName",
            "StreamSid",
            "Timestamp",
        }
        assert event["StreamName"] == "my stream"
        assert event["StreamSid"] == call.streams[0].sid
        assert len(event["Timestamp"]) == len("2024-11-29T00:09:39.602648368Z")
    assert all(hook.signed for hook in peer.hooks)


@pytest.mark.asyncio
async def test_a_refused_upgrade_is_told_and_the_call_goes_on() -> None:
    """31920 in the debugger and in a stream-error callback; the rest of the TwiML runs."""

    async def refuse(stream: Stream) -> None:
        await stream.socket.close(1008)

    async with peer_and_twin() as (peer, twin):
        peer.on_media = refuse
        peer.answers["/voice"] = peer.connect(
            stream=f'statusCallback="{peer.url}/stream"', after="<Say>sorry</Say>"
        )
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [31920]
    error = await peer.hook("/stream", StreamEvent="stream-error")
    assert error.form["StreamError"].startswith("31920")
    assert "say" in kinds(call.timeline)
    assert call.streams == []


@pytest.mark.asyncio
async def test_after_a_refused_upgrade_the_action_is_not_asked() -> None:
    """It is of a stream that was: `<Connect>` ends, and the next verb decides."""

    async def refuse(stream: Stream) -> None:
        await stream.socket.close(1008)

    async with peer_and_twin() as (peer, twin):
        peer.on_media = refuse
        peer.answers["/action"] = "<Response><Say>action</Say></Response>"
        peer.answers["/next"] = "<Response><Say>next</Say></Response>"
        peer.answers["/voice"] = peer.connect(
            action=f"{peer.url}/action", after=f"<Redirect>{peer.url}/next</Redirect>"
        )
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [31920]
    assert [path for path in peer.paths() if path != "/status"] == ["/voice", "/next"]
    assert "say" in kinds(call.timeline)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ('track="both_tracks"', 31941),
        ('url="http://127.0.0.1:1/media"', 31922),
        ('url="ws://example.com/media"', 31922),
        ('url="media"', 31923),
    ],
)
async def test_a_stream_that_cannot_be_opened_has_its_code(stream: str, code: int) -> None:
    """And the next verb runs."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect(stream=stream, after="<Say>sorry</Say>")
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [code]
    assert "say" in kinds(call.timeline)


@pytest.mark.asyncio
async def test_nobody_listening_is_31902() -> None:
    """A gateway that is down."""
    port = free_port()
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect(stream=f'url="ws://127.0.0.1:{port}/media"')
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [31902]


@pytest.mark.asyncio
async def test_connect_needs_a_stream() -> None:
    """Other nouns are not modelled, which is said."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = "<Response><Connect><Room>x</Room></Connect></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [90002, 90002]


@pytest.mark.asyncio
async def test_a_failing_action_ends_the_call() -> None:
    """11200, as for any other document."""
    async with peer_and_twin() as (peer, twin):
        peer.on_media = close_at_once
        peer.answers["/voice"] = peer.connect(action="/ended")
        peer.answers["/ended"] = Response(status_code=500)
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [31921, 11200]
    assert call.end_reason == "application-error"
