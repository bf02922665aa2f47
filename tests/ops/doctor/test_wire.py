"""The carrier's side of a stream: what it sends we can read, and it takes nothing but the right."""

import json
from base64 import b64encode
from typing import Any

import pytest

from gateway.core import mediastreams
from gateway.core.g711 import SILENCE_FRAME
from gateway.core.mediastreams import Connected, Start, Stop
from gateway.errors import CarrierProtocolError
from gateway.ops.doctor.wire import CONNECTED, Clear, Mark, Media, Mouth, read

ACCOUNT, CALL, STREAM = "AC" + "0" * 32, "CA" + "1" * 32, "MZ" + "2" * 32


def test_what_it_sends_is_what_the_gateway_reads() -> None:
    """Every message, in the codec of the gateway itself."""
    mouth = Mouth(ACCOUNT, CALL, STREAM)
    assert isinstance(mediastreams.decode(CONNECTED.encode()), Connected)
    start = mediastreams.decode(mouth.start({"ticket": "t"}).encode())
    assert start == Start(STREAM, CALL, ACCOUNT, ("inbound",), parameters={"ticket": "t"})
    for number in (1, 2):
        media = mediastreams.decode(mouth.media(SILENCE_FRAME).encode())
        assert isinstance(media, mediastreams.Media)
        assert media.payload == SILENCE_FRAME
        assert (media.chunk, media.timestamp_ms) == (number, 135 + 20 * number)
    assert mediastreams.decode(mouth.mark("m").encode()) == mediastreams.Mark("m")
    assert mediastreams.decode(mouth.stop().encode()) == Stop(CALL)


def test_the_messages_are_numbered_in_one_row() -> None:
    """As the carrier's are; `connected` has no number."""
    mouth = Mouth(ACCOUNT, CALL, STREAM)
    sent = [mouth.start({}), mouth.media(b"\xff"), mouth.mark("m"), mouth.media(b"\xff")]
    assert [json.loads(message)["sequenceNumber"] for message in sent] == ["1", "2", "3", "4"]
    assert "sequenceNumber" not in json.loads(CONNECTED)


def test_it_takes_what_the_gateway_writes() -> None:
    """All three messages of the gateway's own encoder."""
    outbound = mediastreams.Outbound(STREAM)
    media = read(outbound.media(b"\x00\x7f").decode(), STREAM)
    assert isinstance(media, Media)
    assert media.media.payload == b"\x00\x7f"
    mark = read(outbound.mark("g1:end").decode(), STREAM)
    assert isinstance(mark, Mark)
    assert mark.mark.name == "g1:end"
    assert isinstance(read(outbound.clear().decode(), STREAM), Clear)


def message(**changes: Any) -> str:
    """A media message that is right, but for these."""
    payload = {"payload": b64encode(b"\x00" * 160).decode()}
    return json.dumps({"event": "media", "streamSid": STREAM, "media": payload, **changes})


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (message().encode(), "31950"),
        ("{", "31951"),
        ("[]", "31951"),
        (message(event="speech"), "31951"),
        (message(streamSid="MZ" + "9" * 32), "31951"),
        (message(sequenceNumber="1"), "31951"),
        (message(media={"payload": "AAAA", "track": "outbound"}), "31951"),
        (message(media={"payload": "A"}), "31951"),
        (message(media={"payload": "not base64!"}), "31951"),
        (message(media={"payload": ""}), "31951"),
        (message(media={}), "31951"),
        (json.dumps({"event": "mark", "streamSid": STREAM, "name": "m"}), "31951"),
        (json.dumps({"event": "clear"}), "31951"),
    ],
)
def test_it_takes_nothing_else(wrong: str | bytes, code: str) -> None:
    """With the number the carrier would log."""
    with pytest.raises(CarrierProtocolError) as refused:
        read(wrong, STREAM)
    assert refused.value.kind == code
