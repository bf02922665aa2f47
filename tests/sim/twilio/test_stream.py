"""A media stream over a real socket: timing, marks, clears, refusals, ends."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from gateway.sim.twilio import Dtmf, HangUp, Mute, Network, Pause, Play, TwilioTwin, TwinCall
from tests.sim.twilio.peer import (
    ACCOUNT,
    CALLER,
    NUMBER,
    Peer,
    Stream,
    codes,
    peer_and_twin,
)

MARKED = bytes(range(200)) * 8  # 200 ms, no byte of it is silence


def of(call: TwinCall) -> Any:
    """The call's only stream."""
    (stream,) = call.streams
    return stream


async def finished(call: TwinCall) -> None:
    """The call hangs up and is over."""
    call.hang_up()
    await call.wait(10)


@contextlib.asynccontextmanager
async def talk(
    on_media: Callable[[Stream], Awaitable[None]], script: Any = (), **options: Any
) -> AsyncIterator[tuple[Peer, TwilioTwin, TwinCall]]:
    """A call whose stream `on_media` handles."""
    async with peer_and_twin(**options) as (peer, twin):
        peer.answers["/voice"] = peer.connect(inner='<Parameter name="ticket" value="t1"/>')
        peer.on_media = on_media
        yield peer, twin, twin.place_call(NUMBER, CALLER, script)


@pytest.mark.asyncio
async def test_the_stream_begins_as_twilios_does() -> None:
    """`connected`, `start` with the parameters, then media on an exact 20 ms clock that began
    before."""
    async with talk(lambda s: read_media(s, 10)) as (peer, twin, call):
        await call.wait(10)
    messages = peer.streams[0].messages
    assert messages[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    start = messages[1]
    assert start["sequenceNumber"] == "1"
    assert start["start"]["callSid"] == call.sid
    assert start["start"]["accountSid"] == ACCOUNT
    assert start["start"]["customParameters"] == {"ticket": "t1"}
    media = [message["media"] for message in messages[2:]]
    assert [m["chunk"] for m in media] == [str(i) for i in range(1, 11)]
    assert [m["timestamp"] for m in media] == [str(155 + 20 * i) for i in range(10)]
    assert [m["sequenceNumber"] for m in messages[2:]] == [str(i) for i in range(2, 12)]
    assert all(m["streamSid"] == start["streamSid"] for m in messages[2:])
    assert codes(twin) == [31921]


async def read_media(stream: Stream, count: int) -> None:
    """Reads so many frames and closes."""
    await stream.start()
    await stream.until("media", count)
    await stream.socket.close()


@pytest.mark.asyncio
async def test_frames_come_in_real_time() -> None:
    """Half a second of frames takes about as long: neither a burst nor a drift."""
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def measure(stream: Stream) -> None:
        await stream.start()
        for _ in range(26):
            await stream.until("media")
            times.append(loop.time())
        await stream.socket.close()

    async with talk(measure) as (_, _, call):
        await call.wait(10)
    assert 0.4 < times[-1] - times[0] < 1.5


@pytest.mark.asyncio
async def test_audio_is_heard_exactly_and_its_mark_returns_after_it() -> None:
    """Every byte once and in order, and the mark not before the audio's length has passed."""
    loop = asyncio.get_running_loop()
    took: list[float] = []

    async def speak(stream: Stream) -> None:
        await stream.start()
        began = loop.time()
        for i in range(0, len(MARKED), 300):
            await stream.media(MARKED[i : i + 300])
        await stream.mark("end")
        mark = await stream.until("mark")
        took.append(loop.time() - began)
        assert mark is not None
        assert mark["mark"] == {"name": "end"}
        await stream.mark("empty")
        await stream.until("mark")
        await stream.socket.close()

    async with talk(speak) as (_, twin, call):
        await call.wait(10)
    assert took[0] >= 0.199
    assert call.heard.replace(b"\xff", b"") == MARKED
    assert [(mark.name, mark.cleared) for mark in call.marks] == [("end", False), ("empty", False)]
    playout = of(call).playout
    assert playout.heard_bytes == len(MARKED)
    assert [m.number for m in playout.messages] == list(range(6))
    first = playout.messages[0]
    assert first.heard_from is not None
    assert call.heard[first.heard_from :][: len(MARKED)] == MARKED
    assert codes(twin) == [31921]


@pytest.mark.asyncio
@pytest.mark.parametrize("returned", [True, False])
async def test_a_clear_stops_the_audio_and_settles_its_marks(returned: bool) -> None:
    """Marks of cleared audio come back as documented, or not at all as an option."""

    async def interrupt(stream: Stream) -> None:
        await stream.start()
        await stream.media(MARKED * 10)
        await stream.mark("a")
        await stream.mark("b")
        await stream.until("media", 10)
        await stream.clear()
        await stream.mark("after")
        await stream.until("mark", 3 if returned else 1)
        await stream.socket.close()

    async with talk(interrupt, return_cleared_marks=returned) as (peer, _, call):
        await call.wait(10)
    names = [m["mark"]["name"] for m in peer.streams[0].of("mark")]
    assert names == (["a", "b", "after"] if returned else ["after"])
    (clear,) = call.clears
    assert clear.cleared_bytes == len(MARKED) * 10 - clear.heard_bytes_total
    assert call.heard.replace(b"\xff", b"") == (MARKED * 10)[: clear.heard_bytes_total]
    assert 1000 < clear.heard_bytes_total < 8000


@pytest.mark.asyncio
async def test_keys_and_speech_go_out_and_a_hang_up_is_a_stop() -> None:
    """A dtmf message per key, the speech where it was said, then `stop` and a close by the
    carrier."""
    script = [Play(payload=MARKED), Dtmf("1#", gap_ms=40), Pause(60), HangUp()]

    async def listen(stream: Stream) -> None:
        await stream.start()
        await stream.drain()

    async with talk(listen, script) as (peer, twin, call):
        await call.wait(10)
    stream = peer.streams[0]
    assert [m["dtmf"] for m in stream.of("dtmf")] == [
        {"track": "inbound_track", "digit": "1"},
        {"track": "inbound_track", "digit": "#"},
    ]
    assert stream.messages[-1]["stop"] == {"accountSid": ACCOUNT, "callSid": call.sid}
    assert call.said[155 * 8 :].startswith(MARKED)
    numbers = [int(m["sequenceNumber"]) for m in stream.messages[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert codes(twin) == []


@pytest.mark.asyncio
async def test_a_drop_is_an_end_without_stop() -> None:
    """The connection is reset; the call is over all the same."""
    async with talk(lambda s: read_media(s, 10_000)) as (peer, twin, call):
        await peer.frames(5)
        call.drop()
        await call.wait(10)
    assert peer.streams[0].of("stop") == []
    assert call.end_reason == "dropped"
    assert codes(twin) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"\x00\x01", 31950),
        ("{", 31951),
        ('{"event":"hello"}', 31951),
        ('{"event":"clear","streamSid":"MZ0"}', 31951),
    ],
)
async def test_bad_messages_are_logged_once_and_ignored(bad: str | bytes, code: int) -> None:
    """The stream goes on, and the debugger has one entry however many there were."""

    async def misbehave(stream: Stream) -> None:
        await stream.start()
        for _ in range(3):
            if isinstance(bad, bytes):
                await stream.socket.send_bytes(bad)
            else:
                await stream.socket.send_text(bad)
        await stream.mark("still here")
        await stream.until("mark")
        await stream.drain()

    async with talk(misbehave) as (peer, twin, call):
        await peer.frames(10)
        await finished(call)
    assert codes(twin) == [code]
    assert of(call).refused_messages == 3
    assert peer.streams[0].of("mark")


@pytest.mark.asyncio
async def test_a_file_header_is_warned_of() -> None:
    """It is played all the same: that is the noise users hear."""

    async def wav(stream: Stream) -> None:
        await stream.start()
        await stream.media(b"RIFF" + b"\x10" * 60)
        await stream.mark("end")
        await stream.until("mark")
        await stream.socket.close()

    async with talk(wav) as (_, twin, call):
        await call.wait(10)
    assert codes(twin) == [90001, 31921]
    assert b"RIFF" in call.heard


@pytest.mark.asyncio
async def test_more_than_the_buffer_holds_is_discarded() -> None:
    """31931, once; what fits is kept."""

    async def flood(stream: Stream) -> None:
        await stream.start()
        for _ in range(5):
            await stream.media(bytes(16_000))
        await stream.mark("end")
        await stream.clear()
        await stream.until("mark")
        await stream.socket.close()

    async with talk(flood, buffer_cap_s=3) as (_, twin, call):
        await call.wait(10)
    playout = of(call).playout
    assert codes(twin) == [31931, 31921]
    assert 5 * 16_000 - 24_000 - 8_000 < playout.discarded_bytes <= 5 * 16_000 - 24_000
    assert playout.sent_bytes == 5 * 16_000


@pytest.mark.asyncio
async def test_loss_leaves_gaps_in_chunks_and_timestamps() -> None:
    """Frames are missing, time and numbers go on, sequence numbers have no gap."""
    network = Network(loss=0.3, seed=5)
    async with talk(lambda s: read_media(s, 20), network=network) as (peer, _, call):
        await call.wait(10)
    media = peer.streams[0].of("media")
    chunks = [int(m["media"]["chunk"]) for m in media]
    lost = [c for c in of(call).lost_chunks if c <= chunks[-1]]
    assert lost
    assert sorted(chunks + lost) == list(range(1, chunks[-1] + 1))
    assert all(
        int(m["media"]["timestamp"]) == 135 + 20 * c for m, c in zip(media, chunks, strict=True)
    )
    numbers = [int(m["sequenceNumber"]) for m in media]
    assert numbers == list(range(2, len(numbers) + 2))


@pytest.mark.asyncio
async def test_a_muted_caller_is_a_jump_of_the_timestamp() -> None:
    """No media for a while, chunks without a gap, and the caller's track stays on the clock."""
    script = [Play(payload=b"\x01" * 160), Mute(100), Play(payload=b"\x02" * 160)]
    async with talk(lambda s: read_media(s, 5), script) as (peer, _, call):
        await call.wait(10)
    media = [message["media"] for message in peer.streams[0].of("media")]
    assert [m["timestamp"] for m in media[:3]] == ["155", "275", "295"]
    assert [m["chunk"] for m in media[:3]] == ["1", "2", "3"]
    assert call.said.index(b"\x02") - call.said.index(b"\x01") == 8 * 120


@pytest.mark.asyncio
async def test_delay_counts_both_ways_and_keeps_the_order() -> None:
    """With 60 ms each way and jitter, a mark in an empty buffer needs the round trip, frames stay
    in order."""
    loop = asyncio.get_running_loop()
    took: list[float] = []

    async def probe(stream: Stream) -> None:
        await stream.start()
        for i in range(5):
            sent = loop.time()
            await stream.mark(f"probe {i}")
            await stream.until("mark")
            took.append(loop.time() - sent)
        await stream.socket.close()

    network = Network(delay_ms=60, jitter_ms=30, seed=1)
    async with talk(probe, network=network) as (peer, _, call):
        await call.wait(10)
    assert min(took) >= 0.119
    numbers = [int(m["sequenceNumber"]) for m in peer.streams[0].messages[1:]]
    assert numbers == sorted(numbers)
    names = [m["mark"]["name"] for m in peer.streams[0].of("mark")]
    assert names == [f"probe {i}" for i in range(5)]


@pytest.mark.asyncio
async def test_what_is_on_its_way_when_the_server_closes_still_arrives() -> None:
    """A delayed clear and audio before the close are seen in order, then the end."""

    async def hasty(stream: Stream) -> None:
        await stream.start()
        await stream.media(MARKED)
        await stream.clear()
        await stream.socket.close()

    async with talk(hasty, network=Network(delay_ms=50)) as (_, twin, call):
        await call.wait(10)
    assert len(call.clears) == 1
    assert codes(twin) == [31921]


Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def raw_call(handler: Handler, **options: Any) -> AsyncIterator[tuple[TwilioTwin, TwinCall]]:
    """A call whose stream goes to a bare WebSocket server, for what a framework does not let one
    do."""
    async with (
        peer_and_twin(**options) as (peer, twin),
        serve(handler, "127.0.0.1", 0, compression=None) as server,
    ):
        port = server.sockets[0].getsockname()[1]
        stream = f'url="ws://127.0.0.1:{port}/media" statusCallback="{peer.url}/stream"'
        peer.answers["/voice"] = peer.connect(
            action="/action", stream=stream, after="<Say>sorry</Say>"
        )
        peer.answers["/action"] = "<Response><Say>action</Say></Response>"
        yield twin, twin.place_call(NUMBER, CALLER)


@pytest.mark.asyncio
@pytest.mark.parametrize("action", [True, False])
async def test_a_connection_that_breaks_is_a_broken_pipe(action: bool) -> None:
    """31903; then the action is asked or, as an option, the next verb runs."""

    async def vanish(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.abort()

    async with raw_call(vanish, action_after_loss=action) as (twin, call):
        await call.wait(10)
        errors = [r for r in twin.webhooks if dict(r.pairs).get("StreamEvent") == "stream-error"]
    assert codes(twin) == [31903]
    assert len(errors) == 1
    details = [entry.detail for entry in call.timeline if entry.kind == "say"]
    assert details == (["action"] if action else ["sorry"])


@pytest.mark.asyncio
async def test_a_fragmented_control_frame_is_a_protocol_error() -> None:
    """31924; the connection is failed."""

    async def fragment(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.write(b"\x09\x01x")  # a ping without FIN
        await connection.wait_closed()

    async with raw_call(fragment) as (twin, call):
        await call.wait(10)
    assert codes(twin) == [31924]


@pytest.mark.asyncio
async def test_a_slow_reader_loses_caller_audio_and_nothing_else() -> None:
    """31930: frames are discarded while the gateway does not read, the stop still comes."""
    stop = asyncio.Event()
    got: list[str] = []

    async def sleepy(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await stop.wait()
        connection.transport.resume_reading()
        got.extend([str(message) async for message in connection])

    async with raw_call(sleepy, send_buffer_bytes=2000) as (twin, call):
        await call.until("stream-started", 10)
        stream = of(call)
        for _ in range(30_000):  # ten minutes of frames at once: more than any kernel holds
            stream.frame(random.randbytes(160))
        dropped = stream.dropped_frames
        assert dropped > 0
        stop.set()
        await finished(call)
    assert codes(twin) == [31930]
    assert '"stop"' in got[-1]
    assert len([m for m in got if '"media"' in m]) <= len(call.said) // 160 - dropped


@pytest.mark.asyncio
async def test_without_audio_in_memory_the_truth_is_kept() -> None:
    """`keep_audio=False` for load tests: counts, marks and clears are there, tracks are not."""

    async def speak(stream: Stream) -> None:
        await stream.start()
        await stream.media(MARKED)
        await stream.mark("end")
        await stream.until("mark")
        await stream.socket.close()

    async with talk(speak, keep_audio=False) as (_, _, call):
        await call.wait(10)
    assert (call.heard, call.said) == (b"", b"")
    assert of(call).playout.heard_bytes == len(MARKED)
