"""How calls begin and end: the last callback, the reasons, nothing left behind."""

import asyncio

import pytest

from gateway.sim.twilio import HangUp, Pause, Play, Step, TwilioOptions, WaitForAgent, lifecycle
from gateway.sim.twilio.exchange import Exchange
from tests.sim.twilio.peer import CALLER, NUMBER, Stream, codes, echo, kinds, peer_and_twin


@pytest.mark.asyncio
async def test_an_inbound_call_reports_only_its_end() -> None:
    """One callback: completed, with its duration, signed."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect()
        call = twin.place_call(NUMBER, CALLER, [Pause(100), HangUp()])
        await call.wait(10)
    (hook,) = [hook for hook in peer.hooks if hook.path == "/status"]
    assert hook.form["CallStatus"] == "completed"
    assert hook.form["SequenceNumber"] == "0"
    assert (hook.form["CallDuration"], hook.form["Duration"]) == (str(call.duration_s), "1")
    assert hook.form["Timestamp"].endswith("+0000")
    assert hook.signed


@pytest.mark.asyncio
async def test_the_timeline_tells_the_call_in_order() -> None:
    """From ringing to the end, relative to the answer."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect()
        script: list[Step] = [Play(payload=bytes(1600)), Pause(100), HangUp()]
        call = twin.place_call(NUMBER, CALLER, script)
        await call.wait(10)
    assert kinds(call.timeline) == [
        "ringing",
        "webhook",
        "answered",
        "stream-started",
        "caller-speaks",
        "caller-quiet",
        "stream-ended",
        "ended",
    ]
    times = [entry.at_ms for entry in call.timeline]
    assert times == sorted(times)
    assert times[0] < 0 == times[2]


@pytest.mark.asyncio
async def test_a_twin_that_stops_ends_its_calls_politely() -> None:
    """Live streams get their stop, nothing is left running."""
    before = asyncio.all_tasks()
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect()
        calls = [twin.place_call(NUMBER, CALLER) for _ in range(3)]
        for call in calls:
            await call.until("stream-started", 10)
        await twin.stop()
        assert [call.end_reason for call in calls] == ["twin-stopped"] * 3
        for stream in peer.streams:
            await asyncio.wait_for(_stopped(peer, stream), 10)
    assert asyncio.all_tasks() == before


async def _stopped(peer: object, stream: Stream) -> None:
    async with stream.news:
        await stream.news.wait_for(lambda: bool(stream.of("stop")))


@pytest.mark.asyncio
async def test_a_gateway_that_never_closes_does_not_keep_the_call() -> None:
    """After `stop` the carrier waits for the other half of the close, but not for long."""

    async def stubborn(stream: Stream) -> None:
        await stream.start()
        await stream.until("stop")
        await hanging.wait()

    hanging = asyncio.Event()
    async with peer_and_twin(close_timeout_s=0.2) as (peer, twin):
        peer.on_media = stubborn
        peer.answers["/voice"] = peer.connect()
        call = twin.place_call(NUMBER, CALLER, [Pause(60), HangUp()])
        await call.wait(10)
        hanging.set()
    assert codes(twin) == []


@pytest.mark.asyncio
async def test_a_mistake_of_the_twin_ends_the_call_and_is_shown() -> None:
    """Nobody waits for ever for a call that nobody carries out."""
    shown: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: shown.append(context["exception"]))
    exchange = Exchange(TwilioOptions("AC1", "t"), lifecycle.leg)
    call = exchange.new_call(exchange.identity("+15550002222", NUMBER, "inbound"))

    async def wrong() -> None:
        raise LookupError("a bug")

    exchange.live(call, wrong())
    await call.wait(10)
    await exchange.close()
    assert call.end_reason == "twin-error"
    assert isinstance(shown[0], LookupError)


@pytest.mark.asyncio
async def test_a_call_has_a_time_limit() -> None:
    """As every call has at Twilio."""
    async with peer_and_twin(time_limit_s=0.3) as (peer, twin):
        peer.answers["/voice"] = peer.connect()
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert (call.end_reason, call.status) == ("time-limit", "completed")
    assert peer.streams[0].of("stop")


@pytest.mark.asyncio
async def test_many_calls_at_once_do_not_mix() -> None:
    """Twenty callers hear their own words and nobody else's."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect()
        peer.on_media = echo
        words = [bytes([i]) * 160 * 10 for i in range(1, 21)]
        calls = [
            twin.place_call(
                NUMBER,
                CALLER,
                [Play(payload=each), WaitForAgent(heard_ms=200), Pause(300), HangUp()],
            )
            for each in words
        ]
        for call in calls:
            await call.wait(20)
    for call, each in zip(calls, words, strict=True):
        assert call.heard.replace(b"\xff", b"") == each
    assert codes(twin) == []
    assert twin.clock_lateness_ms
