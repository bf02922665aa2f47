"""The carrier's socket over a real wire: who is admitted, what is refused, when it is over."""

import asyncio
import socket as sockets
import struct

import pytest
from picows import WSCloseCode

from gateway.call.carrier import MAX_FRAME_BYTES
from tests.call.carriers import (
    STREAM_SID,
    Door,
    Phone,
    connected_frame,
    dtmf_frame,
    exchange,
    mark_frame,
    media_frame,
    start_frame,
    stop_frame,
)
from tests.call.watching import soon

REFUSED = 1008


async def closed_with(phone: Phone) -> int | None:
    """The close code the carrier gets, as soon as it is there."""
    return await soon(phone.gone)


@pytest.mark.asyncio
async def test_a_stream_becomes_its_call_and_everything_reaches_it_in_order() -> None:
    """After `start` frames, marks, digits and the end reach the call as they came."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(connected_frame(), start_frame("t"))
        await phone.send(media_frame(b"\x01" * 160), mark_frame("g0:0"), media_frame(b"\x02"))
        await phone.send(dtmf_frame("5"), stop_frame())
        heard = await door.call.heard.until(lambda rows: len(rows) == 5)
        assert heard == [
            ("frame", b"\x01" * 160),
            ("mark", "g0:0"),
            ("frame", b"\x02"),
            ("digit", "5"),
            ("gone", "caller_hung_up"),
        ]
        assert [start.stream_sid for start in door.starts] == [STREAM_SID]
        assert door.starts[0].parameters == {"ticket": "t"}
        assert door.rejections.rows == []


@pytest.mark.asyncio
async def test_what_is_sent_leaves_at_once_and_in_order() -> None:
    """`send` is synchronous: three messages, three text frames, in order."""
    async with exchange(Door()) as line, line.phone() as phone:
        for n in range(3):
            line.sockets[0].send(b'{"n":%d}' % n)
        assert await phone.heard.until(lambda rows: len(rows) == 3) == [{"n": n} for n in range(3)]


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", ["ticket_forged", "media_format", "call_over"])
async def test_a_stranger_is_refused_with_1008(reason: str) -> None:
    """Whoever the admission turns away is counted by its reason and closed as a violation."""
    door = Door(refuse=reason)
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("bad"))
        assert await closed_with(phone) == REFUSED
        assert door.rejections.rows == [reason]
        assert door.call.heard.rows == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (media_frame(b"\xff" * 160), "media_before_start"),
        (mark_frame("g0:0"), "media_before_start"),
        (dtmf_frame("1"), "media_before_start"),
        (stop_frame(), "media_before_start"),
        ("garbage", "bad_json"),
        ("[1]", "not_an_object"),
        ('{"no":"event"}', "no_event"),
        ('{"event":"media","media":{"payload":"*"}}', "bad_media"),
        ('{"event":"start"}', "bad_start"),
        (b"\x00\x01", "not_text"),
    ],
)
async def test_a_stranger_has_no_oddities_free(first: str | bytes, reason: str) -> None:
    """Before `start` the first frame out of order, malformed or binary is the last."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(connected_frame(), first)
        assert await closed_with(phone) == REFUSED
        assert door.rejections.rows == [reason]
        assert door.starts == []


@pytest.mark.asyncio
async def test_unknown_events_before_start_are_passed_over() -> None:
    """Twilio may add events; one that comes before `start` refuses nobody."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send('{"event":"novelty"}', start_frame("t"), media_frame(b"\xff"))
        await door.call.heard.until(lambda rows: rows == [("frame", b"\xff")])


@pytest.mark.asyncio
async def test_a_call_survives_what_is_odd() -> None:
    """A second `start`, binary, fragments, garbage and novelties are told and left out."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("t"), start_frame("u"), b"binary", "garbage")
        await phone.ws.send(['{"event":', '"stop"}'])
        await phone.send('{"event":"novelty"}', media_frame(b"\x01"))
        heard = await door.call.heard.until(lambda rows: ("frame", b"\x01") in rows)
        assert heard == [
            ("oddity", "second_start"),
            ("oddity", "not_text"),
            ("oddity", "bad_json"),
            *[("oddity", "not_text")] * 3,
            ("oddity", "unknown_event"),
            ("frame", b"\x01"),
        ]
        assert len(door.starts) == 1
        assert door.rejections.rows == []


@pytest.mark.asyncio
async def test_a_flood_of_oddities_ends_socket_and_call() -> None:
    """Twenty are borne; the next closes the socket as a violation, and its call ends with it."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("t"), *["garbage"] * 20)
        await door.call.heard.until(lambda rows: len(rows) == 20)
        assert door.rejections.rows == []
        await phone.send("garbage")
        assert await closed_with(phone) == REFUSED
        assert door.rejections.rows == ["bad_json"]
        heard = await door.call.heard.until(lambda rows: len(rows) == 22)
        assert heard[-1] == ("gone", "carrier_garbage")


@pytest.mark.asyncio
async def test_novelties_are_no_oddities() -> None:
    """However many unknown events come, the call goes on."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("t"), *['{"event":"novelty"}'] * 50, media_frame(b"\x01"))
        await door.call.heard.until(lambda rows: rows[-1:] == [("frame", b"\x01")])
        assert door.rejections.rows == []


@pytest.mark.asyncio
async def test_a_refused_socket_is_counted_once() -> None:
    """What a stranger still sends after its refusal is neither read nor counted."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(*[b"binary"] * 30, "garbage", start_frame("t"))
        assert await closed_with(phone) == REFUSED
        await soon(asyncio.ensure_future(line.sockets[0].wait_gone()))
        assert door.rejections.rows == ["not_text"]
        assert door.starts == []


@pytest.mark.asyncio
async def test_a_frame_over_64_kib_ends_the_socket() -> None:
    """No frame of Twilio's is that long; the call hears that its socket is lost."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("t"))
        await soon(asyncio.ensure_future(line.sockets[0].wait_decided()))
        await phone.send("x" * (MAX_FRAME_BYTES + 1), media_frame(b"\x01"))
        assert await closed_with(phone) == 1009
        assert await door.call.heard.until(bool) == [("gone", "socket_lost")]


@pytest.mark.asyncio
async def test_a_frame_of_a_megabyte_from_a_stranger_is_not_even_read() -> None:
    """A stranger's giant frame ends its socket; nothing of it is decoded."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send("x" * 1024 * 1024)
        assert await closed_with(phone) == 1009
        assert door.starts == []
        await soon(asyncio.ensure_future(line.sockets[0].wait_decided()))


@pytest.mark.asyncio
async def test_a_ping_is_answered() -> None:
    """The carrier's ping gets its pong, before and after `start`."""
    async with exchange(Door()) as line, line.phone() as phone:
        await soon(asyncio.ensure_future(await phone.ws.ping(b"one")))
        await phone.send(start_frame("t"))
        await soon(asyncio.ensure_future(await phone.ws.ping(b"two")))


@pytest.mark.asyncio
async def test_a_close_without_stop_is_a_lost_socket() -> None:
    """The carrier closes in order but never said `stop`: the call ends as lost, once."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("t"))
        await phone.ws.close()
        await soon(asyncio.ensure_future(line.sockets[0].wait_gone()))
        assert door.call.heard.rows == [("gone", "socket_lost")]


@pytest.mark.asyncio
@pytest.mark.parametrize("reset", [False, True])
async def test_a_broken_connection_is_a_lost_socket(reset: bool) -> None:
    """FIN or RST without a close: the call ends as lost."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("t"), media_frame(b"\x01"))
        await door.call.heard.until(bool)
        raw = phone.ws.transport.get_extra_info("socket")
        if reset:
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        phone.ws.transport.abort()
        await soon(asyncio.ensure_future(line.sockets[0].wait_gone()))
        assert door.call.heard.rows[1:] == [("gone", "socket_lost")]


@pytest.mark.asyncio
async def test_after_stop_nothing_more_is_heard() -> None:
    """Frames behind `stop`, and the close that follows it, tell the call nothing new."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("t"), stop_frame(), media_frame(b"\x01"), stop_frame())
        await phone.ws.close()
        await soon(asyncio.ensure_future(line.sockets[0].wait_gone()))
        assert door.call.heard.rows == [("gone", "caller_hung_up")]


@pytest.mark.asyncio
async def test_nothing_is_sent_after_the_close() -> None:
    """What was written before the close arrives, what comes behind it does not."""
    async with exchange(Door()) as line, line.phone() as phone:
        await phone.send(start_frame("t"))
        socket = line.sockets[0]
        await soon(asyncio.ensure_future(socket.wait_decided()))
        socket.send(b'{"event":"last"}')
        socket.close()
        socket.send(b'{"event":"too late"}')
        socket.close(WSCloseCode.POLICY_VIOLATION)
        assert await closed_with(phone) == 1000
        assert phone.heard.rows == [{"event": "last"}]
        await soon(asyncio.ensure_future(socket.wait_gone()))
        socket.send(b'{"event":"much too late"}')


@pytest.mark.asyncio
async def test_the_call_that_closes_its_socket_is_not_told_of_its_end() -> None:
    """Our own close is no lost socket, whatever the carrier still sends."""
    door = Door()
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("t"))
        await soon(asyncio.ensure_future(line.sockets[0].wait_decided()))
        line.sockets[0].close()
        await soon(asyncio.ensure_future(line.sockets[0].wait_gone()))
        assert door.call.heard.rows == []


@pytest.mark.asyncio
async def test_a_carrier_that_never_answers_the_close_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer to our close is waited for only so long."""
    monkeypatch.setattr("gateway.call.carrier._CLOSE_LIMIT_S", 0.05)
    door = Door()
    async with exchange(door) as line:
        host, port = line.url.removeprefix("ws://").partition("/")[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /twilio/media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        line.sockets[0].close()
        await soon(asyncio.ensure_future(line.sockets[0].wait_gone()))
        writer.close()


@pytest.mark.asyncio
async def test_a_carrier_that_stops_reading_is_as_good_as_gone() -> None:
    """A stalled peer is dropped before it swallows minutes of audio."""
    door = Door()
    message = b'{"event":"media","media":{"payload":"' + b"/" * 2132 + b'"}}'
    async with exchange(door) as line, line.phone() as phone:
        await phone.send(start_frame("t"))
        socket = line.sockets[0]
        await soon(asyncio.ensure_future(socket.wait_decided()))
        phone.ws.transport.pause_reading()
        gone = asyncio.ensure_future(socket.wait_gone())
        written = 0
        while not gone.done() and written < 64 * 1024 * 1024:
            for _ in range(100):
                socket.send(message)
            written += 100 * len(message)
            await asyncio.sleep(0)
        assert gone.done()
        assert door.call.heard.rows == [("gone", "socket_lost")]


@pytest.mark.asyncio
async def test_whoever_waits_for_the_decision_learns_of_a_lost_socket() -> None:
    """A stranger that leaves without a `start` is decided too: nobody waits for it."""
    async with exchange(Door()) as line, line.phone() as phone:
        decided = asyncio.ensure_future(line.sockets[0].wait_decided())
        await phone.send(connected_frame())
        phone.ws.transport.abort()
        await soon(decided)
        await soon(asyncio.ensure_future(line.sockets[0].wait_gone()))
