"""The media socket, over real sockets: strangers are turned away and disturb nobody.

Meanwhile a neighbour talks to the model, and not one byte of what it says may change.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets.exceptions import InvalidStatus
from websockets.frames import Opcode

from gateway.call.carrier import MAX_FRAME_BYTES
from gateway.core import tickets
from gateway.core.g711 import FRAME_BYTES, SILENCE_FRAME
from gateway.core.refused import HEADER
from gateway.sim.realtime.session import Session
from gateway.web.media import MAX_STRANGERS
from tests.web.carrier import (
    ACCOUNT,
    LIMIT_S,
    TOKEN,
    Stream,
    media_message,
    new_call_sid,
    quiet_frame,
    start_message,
)
from tests.web.running import SECRET, Gateway, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLIC = "https://voice.example.com"


def without_silence(audio: bytearray) -> list[bytearray]:
    """The frames that are not silent."""
    frames = (audio[at : at + FRAME_BYTES] for at in range(0, len(audio), FRAME_BYTES))
    return [frame for frame in frames if frame != SILENCE_FRAME]


class Neighbour:
    """A call that goes on whatever happens beside it."""

    def __init__(self, stream: Stream, session: Session) -> None:
        self._stream = stream
        self._session = session
        self._said = bytearray()

    async def say(self, frames: int) -> None:
        """So many frames, no two of them alike."""
        for _ in range(frames):
            payload = quiet_frame(self._stream.frames)
            self._said += payload
            await self._stream.media(payload)

    @asynccontextmanager
    async def undisturbed(self) -> AsyncIterator[None]:
        """Talks all the while; every byte must reach the model, in order, none doubled."""
        await self.say(10)
        talking = asyncio.create_task(self._talk())
        try:
            yield
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
        await self.say(10)
        # Between two tests it says nothing, and the gateway pads with silence in whole frames.
        said, heard = without_silence(self._said), self._session.input_audio
        async with asyncio.timeout(LIMIT_S):
            while len(without_silence(heard)) < len(said):  # noqa: ASYNC110 nothing signals this
                await asyncio.sleep(0.005)
        assert without_silence(heard) == said

    async def _talk(self) -> None:
        while True:
            await self.say(1)
            await asyncio.sleep(0.002)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """One gateway for all tests."""
    async with running(tmp_path_factory.mktemp("gateway"), max_calls=1000) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def neighbour(gateway: Gateway) -> AsyncIterator[Neighbour]:
    """One call beside all tests."""
    sessions = len(gateway.model.sessions)
    stream = await gateway.call()
    session = await gateway.model.wait_session(sessions + 1)
    yield Neighbour(stream, session)
    await stream.ws.close()


# The upgrade


UNSIGNED: dict[str, Callable[[Gateway], str]] = {
    "not at all": lambda _: "",
    "nonsense": lambda _: "nonsense",
    "with another token": lambda g: g.upgrade_signature(token="another token"),
    "over https": lambda g: g.upgrade_signature(g.stream_url.replace("ws:", "https:")),
    "over another host": lambda g: g.upgrade_signature("wss://evil.example/twilio/media"),
    "over the webhook": lambda g: g.sign(f"{g.public_url}/twilio/voice", {}),
    "with a query": lambda g: g.upgrade_signature(f"{g.stream_url}?token=x"),
}


@pytest.mark.parametrize("how", UNSIGNED)
async def test_an_upgrade_signed_wrongly_is_403(
    gateway: Gateway, neighbour: Neighbour, how: str
) -> None:
    """The handshake is refused before it is accepted, counted, and dials nothing."""
    signature = UNSIGNED[how](gateway)
    async with neighbour.undisturbed(), gateway.turns_away(upgrade_signature=1):
        with pytest.raises(InvalidStatus) as refused:
            await gateway.socket(signature=signature)
        assert refused.value.response.status_code == 403
        assert refused.value.response.headers[HEADER] == "upgrade_signature"


async def test_the_spellings_of_the_address_are_accepted(tmp_path: Path) -> None:
    """Signed with and without :443, with and without a last slash, whatever Host says."""
    async with running(tmp_path, public_url=PUBLIC) as gateway:
        for host in (PUBLIC, f"{PUBLIC}:443"):
            for slash in ("", "/"):
                url = f"wss{host.removeprefix('https')}/twilio/media{slash}"
                call_sid = new_call_sid()
                ticket = await gateway.ticket(call_sid)
                signature = gateway.upgrade_signature(url)
                async with await gateway.socket(signature=signature) as stream:
                    await stream.start(call_sid, ticket)
                    await gateway.admitted(call_sid)
        with gateway.refuses(upgrade_signature=1), pytest.raises(InvalidStatus):
            await gateway.socket(signature=gateway.upgrade_signature(PUBLIC + "/twilio/media"))


async def test_each_token_of_a_rotation_signs_the_upgrade(tmp_path: Path) -> None:
    """Both are accepted, a third is not."""
    async with running(tmp_path, twilio_auth_token="new one, old one") as gateway:
        for token in ("new one", "old one"):
            signature = gateway.upgrade_signature(token=token)
            async with await gateway.socket(signature=signature):
                pass
        with gateway.refuses(upgrade_signature=1), pytest.raises(InvalidStatus):
            await gateway.socket(signature=gateway.upgrade_signature(token=TOKEN))


async def test_there_is_no_socket_elsewhere(gateway: Gateway) -> None:
    """Other paths, a last slash among them, are refused however well they are signed."""
    for path in ("/twilio/media/", "/twilio/Media", "/twilio/voice", "/", "/api/nothing"):
        with pytest.raises(InvalidStatus) as refused:
            await gateway.socket(path=path)
        assert refused.value.response.status_code in (403, 404)


# The start


Stranger = Callable[[Gateway, Stream], Awaitable[None]]


def issued(
    call_sid: str, *, secret: bytes = SECRET, account: str = ACCOUNT, age_s: float = 0
) -> str:
    """A ticket as the gateway issues them, or nearly."""
    return tickets.issue(
        secret,
        call_sid=call_sid,
        account_sid=account,
        called="+15550001000",
        agent="assistant",
        nonce=b"a made-up nonce!",
        now=time.time() - age_s,
    )


def starting(ticket: Callable[[str], str | None], **changes: Any) -> Stranger:
    """A stream that sends a well-formed `start` with that ticket."""

    async def start(_gateway: Gateway, stream: Stream) -> None:
        call_sid = new_call_sid()
        await stream.start(call_sid, ticket(call_sid), **changes)

    return start


def sending(*frames: str | bytes | list[str]) -> Stranger:
    """A stream that sends these frames; a list is sent in fragments."""

    async def send(_gateway: Gateway, stream: Stream) -> None:
        for frame in frames:
            await stream.ws.send(frame)

    return send


def saying(**message: Any) -> Stranger:
    """A stream that sends one JSON message."""
    return sending(json.dumps(message))


async def start_by_halves(gateway: Gateway, stream: Stream) -> None:
    """A good `start`, but in fragments."""
    call_sid = new_call_sid()
    text = json.dumps(start_message(call_sid, issued(call_sid)))
    await stream.ws.send([text[:50], text[50:]])


async def start_as_binary(gateway: Gateway, stream: Stream) -> None:
    """A good `start`, but in a binary frame."""
    call_sid = new_call_sid()
    await stream.ws.send(json.dumps(start_message(call_sid, issued(call_sid))).encode())


def tampered(call_sid: str) -> str:
    """A good ticket with one letter of its body changed."""
    version, body, mac = issued(call_sid).split(".")
    middle = len(body) // 2
    other = "A" if body[middle] != "A" else "B"
    return f"{version}.{body[:middle]}{other}{body[middle + 1 :]}.{mac}"


def padded(size: int) -> str:
    """A `start` without a ticket, of exactly that many bytes."""
    message = start_message(new_call_sid(), None, padding="")
    message["start"]["padding"] = "x" * (size - len(json.dumps(message)))
    return json.dumps(message)


PCM = {"encoding": "audio/l16", "sampleRate": 8000, "channels": 1}
WIDE = {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1}
STEREO = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2}

STRANGERS: dict[str, tuple[Stranger, str]] = {
    "no ticket": (starting(lambda _: None), "ticket_missing"),
    "an empty ticket": (starting(lambda _: ""), "ticket_missing"),
    "no ticket among parameters": (
        starting(lambda _: None, customParameters={"Ticket": "x"}),
        "ticket_missing",
    ),
    "no parameters": (starting(lambda _: None, customParameters=None), "ticket_missing"),
    "a senseless ticket": (starting(lambda _: "x"), "ticket_malformed"),
    "a long ticket": (starting(lambda sid: issued(sid) + "A" * 490), "ticket_malformed"),
    "a forged ticket": (starting(lambda sid: issued(sid, secret=b"guess")), "ticket_forged"),
    "a tampered ticket": (starting(tampered), "ticket_forged"),
    "an expired ticket": (starting(lambda sid: issued(sid, age_s=61)), "ticket_expired"),
    "another call's ticket": (starting(lambda _: issued(new_call_sid())), "ticket_other_call"),
    "another account's ticket": (
        starting(lambda sid: issued(sid, account="AC" + "1" * 32)),
        "ticket_other_account",
    ),
    "a ticket of a call never announced": (starting(issued), "call_over"),
    "PCM": (starting(issued, mediaFormat=PCM), "media_format"),
    "16 kHz": (starting(issued, mediaFormat=WIDE), "media_format"),
    "stereo": (starting(issued, mediaFormat=STEREO), "media_format"),
    "no call sid": (starting(issued, callSid=""), "bad_start"),
    "a hostile call sid": (starting(issued, callSid="CA\r\nforged: 1"), "bad_start"),
    "two stream sids": (starting(issued, streamSid="MZother"), "bad_start"),
    "media first": (sending(json.dumps(media_message(0, b"\xff" * 160))), "media_before_start"),
    "mark first": (saying(event="mark", mark={"name": "g0:1"}), "media_before_start"),
    "dtmf first": (saying(event="dtmf", dtmf={"digit": "1"}), "media_before_start"),
    "stop first": (saying(event="stop", stop={"callSid": "CA1"}), "media_before_start"),
    "garbage": (sending("garbage"), "bad_json"),
    "nothing": (sending(""), "bad_json"),
    "half an object": (sending('{"event":"start"'), "bad_json"),
    "a list": (sending("[1]"), "not_an_object"),
    "deep nesting": (sending("[" * 60_000), "bad_json"),
    "no event": (sending("{}"), "no_event"),
    "an event that is no word": (sending('{"event":1e400}'), "no_event"),
    "start without start": (sending('{"event":"start"}'), "bad_start"),
    "media without media": (sending('{"event":"media"}'), "bad_media"),
    "a binary frame": (sending(b"\x00\xff" * 80), "not_text"),
    "start as binary": (start_as_binary, "not_text"),
    "start in fragments": (start_by_halves, "not_text"),
    "64 KiB and no ticket": (sending(padded(MAX_FRAME_BYTES)), "ticket_missing"),
}


@pytest.mark.parametrize("who", STRANGERS)
async def test_a_stranger_is_turned_away(gateway: Gateway, neighbour: Neighbour, who: str) -> None:
    """Closed with 1008, counted by its reason, no model dialled, the neighbour undisturbed."""
    behave, reason = STRANGERS[who]
    async with (
        neighbour.undisturbed(),
        gateway.turns_away(**{reason: 1}),
        await gateway.socket() as stream,
    ):
        await behave(gateway, stream)
        assert await stream.close_code() == 1008


@pytest.mark.parametrize("size", [MAX_FRAME_BYTES + 1, 1_000_000])
async def test_a_long_frame_is_not_read(gateway: Gateway, neighbour: Neighbour, size: int) -> None:
    """Over 64 KiB: closed with 1009 as soon as the length is known."""
    async with (
        neighbour.undisturbed(),
        gateway.turns_away(frame_too_large=1),
        await gateway.socket() as stream,
    ):
        stream.ws.transport.write(frame_head(Opcode.TEXT, size))
        assert await stream.close_code() == 1009
        await left(gateway)


async def test_a_broken_frame_is_counted(gateway: Gateway, neighbour: Neighbour) -> None:
    """What is no WebSocket frame closes the socket with 1002."""
    async with (
        neighbour.undisturbed(),
        gateway.turns_away(bad_frame=1),
        await gateway.socket() as stream,
    ):
        stream.ws.transport.write(b"\xff\xff\xff\xff\xff\xff")
        assert await stream.close_code() == 1002
        await left(gateway)


async def test_a_megabyte_is_refused_however_it_ends(
    gateway: Gateway, neighbour: Neighbour
) -> None:
    """A client that writes on regardless may see a reset in place of the close."""
    async with (
        neighbour.undisturbed(),
        gateway.turns_away(frame_too_large=1),
        await gateway.socket() as stream,
    ):
        await asyncio.gather(stream.ws.send("x" * 1_000_000), return_exceptions=True)
        await stream.ws.wait_closed()
        await left(gateway)


def frame_head(opcode: Opcode, size: int) -> bytes:
    """The beginning of a masked frame of that length, which never comes."""
    return bytes([0x80 | opcode, 0x80 | 127]) + size.to_bytes(8, "big") + b"mask"


async def left(gateway: Gateway) -> None:
    """Only the neighbour's media socket is still served."""
    async with asyncio.timeout(LIMIT_S):
        while len(gateway.server.server_state.tasks) > 1:
            await gateway.http.get("/healthz")


async def test_a_ticket_works_once(gateway: Gateway, neighbour: Neighbour) -> None:
    """The second stream with it is refused, and the first goes on."""
    call_sid = new_call_sid()
    ticket = await gateway.ticket(call_sid)
    async with await gateway.socket() as first, await gateway.socket() as second:
        await first.start(call_sid, ticket)
        await gateway.admitted(call_sid)
        async with neighbour.undisturbed(), gateway.turns_away(ticket_reused=1):
            await second.start(call_sid, ticket)
            assert await second.close_code() == 1008
        assert gateway.live(call_sid).state in ("answered", "live")
        await first.stop(call_sid)
        assert await gateway.ended(call_sid) == "caller_hung_up"


async def test_of_two_streams_at_once_one_gets_in(gateway: Gateway, neighbour: Neighbour) -> None:
    """Two sockets race with the same ticket: one call, one refusal."""
    call_sid = new_call_sid()
    ticket = await gateway.ticket(call_sid)
    streams = [await gateway.socket() for _ in range(2)]
    async with neighbour.undisturbed(), gateway.turns_away(ticket_reused=1):
        await asyncio.gather(*(stream.start(call_sid, ticket) for stream in streams))
        listening = {asyncio.create_task(stream.close_code()) for stream in streams}
        closed, going_on = await asyncio.wait(listening, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in closed] == [1008]
    gateway.live(call_sid).end("over")
    assert await asyncio.gather(*going_on) == [1000]


async def test_a_ticket_of_another_live_call_opens_nothing(
    gateway: Gateway, neighbour: Neighbour
) -> None:
    """Neither call is touched, and both tickets are still good for their own calls."""
    one, other = new_call_sid(), new_call_sid()
    found = {call_sid: await gateway.ticket(call_sid) for call_sid in (one, other)}
    async with (
        neighbour.undisturbed(),
        gateway.turns_away(ticket_other_call=1),
        await gateway.socket() as stream,
    ):
        await stream.start(one, found[other])
        assert await stream.close_code() == 1008
    for call_sid, ticket in found.items():
        assert gateway.live(call_sid).state == "offered"
        async with await gateway.socket() as stream:
            await stream.start(call_sid, ticket)
            await gateway.admitted(call_sid)


async def test_a_ticket_outlives_its_call_in_vain(gateway: Gateway, neighbour: Neighbour) -> None:
    """After the end of its call a ticket opens nothing."""
    call_sid = new_call_sid()
    ticket = await gateway.ticket(call_sid)
    gateway.live(call_sid).end("over")
    await gateway.ended(call_sid)
    async with (
        neighbour.undisturbed(),
        gateway.turns_away(call_over=1),
        await gateway.socket() as stream,
    ):
        await stream.start(call_sid, ticket)
        assert await stream.close_code() == 1008


async def test_unknown_events_before_the_start_are_no_offence(gateway: Gateway) -> None:
    """The carrier may add events at any time: the stream still gets in."""
    call_sid = new_call_sid()
    ticket = await gateway.ticket(call_sid)
    with gateway.refuses():
        async with await gateway.socket() as stream:
            await stream.send({"event": "weather", "sunny": True})
            await stream.send({"event": "connected", "version": "9", "new": []})
            await stream.start(call_sid, ticket, unheard_of={"a": 1})
            await gateway.admitted(call_sid)


async def test_a_start_of_64_kib_is_read(gateway: Gateway) -> None:
    """The limit itself is within the limit."""
    call_sid = new_call_sid()
    message = start_message(call_sid, await gateway.ticket(call_sid), padding="")
    message["start"]["padding"] = "x" * (MAX_FRAME_BYTES - len(json.dumps(message)))
    with gateway.refuses():
        async with await gateway.socket() as stream:
            await stream.ws.send(json.dumps(message))
            await gateway.admitted(call_sid)


async def test_a_flood_is_refused_once(gateway: Gateway, neighbour: Neighbour) -> None:
    """After the refusal nothing more is read: a thousand bad frames are one line in the log."""
    async with (
        neighbour.undisturbed(),
        gateway.turns_away(not_text=1),
        await gateway.socket() as stream,
    ):
        stream.ws.transport.write(b"\x82\x80mask" * 1000)
        assert await stream.close_code() == 1008


async def test_a_caller_whose_stream_is_garbage_hears_why(gateway: Gateway) -> None:
    """A few odd frames are left out; more than 20 end the stream, and the action apologises."""
    call_sid = new_call_sid()
    with gateway.refuses(bad_json=1):
        async with await gateway.call(call_sid) as stream:
            for _ in range(21):
                await stream.ws.send("garbage")
            assert await stream.close_code() == 1008
        await gateway.ended(call_sid)
    assert await gateway.connect_ended(call_sid) == ["Say", "Hangup"]


# Waiting


async def test_a_stream_must_start_in_time(tmp_path: Path) -> None:
    """Silence, `connected` alone and pings are not enough: closed with 1008 after the limit."""
    async with running(tmp_path, start_timeout_s=0.2) as gateway:
        stream = await gateway.call()
        session = await gateway.model.wait_session(1)
        neighbour = Neighbour(stream, session)
        for messages in ([], [{"event": "connected"}], [{"event": "weather"}] * 3):
            async with (
                neighbour.undisturbed(),
                gateway.turns_away(no_start=1),
                await gateway.socket() as late,
            ):
                for message in messages:
                    await late.send(message)
                await late.ws.ping()
                assert await late.close_code() == 1008


async def test_a_stranger_is_counted_once(tmp_path: Path) -> None:
    """Refused for what it sent, and not once more for not having started."""
    async with running(tmp_path, start_timeout_s=0.2) as gateway:
        rude = await gateway.socket()
        rude.ws.transport.pause_reading()  # so that it never answers the close
        silent = await gateway.socket()
        async with gateway.turns_away(bad_json=1, no_start=1):
            await rude.ws.send("garbage")
            assert await silent.close_code() == 1008
        rude.ws.transport.resume_reading()
        assert await rude.close_code() == 1008


async def test_strangers_are_limited_in_number(tmp_path: Path) -> None:
    """64 sockets without a ticket are the most; known callers do not count among them."""
    async with running(tmp_path) as gateway:
        stream = await gateway.call()
        neighbour = Neighbour(stream, await gateway.model.wait_session(1))
        strangers = [await gateway.socket() for _ in range(MAX_STRANGERS)]
        async with neighbour.undisturbed(), gateway.turns_away(too_many_strangers=1):
            with pytest.raises(InvalidStatus) as refused:
                await gateway.socket()
            assert refused.value.response.status_code == 403
        await asyncio.gather(*(stranger.ws.close() for stranger in strangers))
        with gateway.refuses():
            await gateway.call()
