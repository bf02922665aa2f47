"""The carrier's end of the wire: the shapes it writes, and everything it refuses to read."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sim.twilio.debugger import TwilioFault
from gateway.sim.twilio.wire import CONNECTED, Clear, Mark, Media, StreamWriter, read

SID = "MZ" + "1" * 32


def writer() -> StreamWriter:
    """Of one stream."""
    return StreamWriter("AC1", "CA1", SID)


def test_the_messages_are_those_of_a_real_stream() -> None:
    """Field for field, with numbers as strings and one counter over all but `connected`."""
    out = writer()
    messages = [
        CONNECTED,
        out.start({"ticket": 'a"b'}),
        out.media(1, 155, b"\x00\xff"),
        out.dtmf("5"),
        out.mark("g1:end"),
        out.stop(),
    ]
    assert [json.loads(message) for message in messages] == [
        {"event": "connected", "protocol": "Call", "version": "1.0.0"},
        {
            "event": "start",
            "sequenceNumber": "1",
            "start": {
                "accountSid": "AC1",
                "streamSid": SID,
                "callSid": "CA1",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"ticket": 'a"b'},
            },
            "streamSid": SID,
        },
        {
            "event": "media",
            "sequenceNumber": "2",
            "media": {"track": "inbound", "chunk": "1", "timestamp": "155", "payload": "AP8="},
            "streamSid": SID,
        },
        {
            "event": "dtmf",
            "sequenceNumber": "3",
            "dtmf": {"track": "inbound_track", "digit": "5"},
            "streamSid": SID,
        },
        {"event": "mark", "sequenceNumber": "4", "mark": {"name": "g1:end"}, "streamSid": SID},
        {
            "event": "stop",
            "sequenceNumber": "5",
            "stop": {"accountSid": "AC1", "callSid": "CA1"},
            "streamSid": SID,
        },
    ]


def test_a_frame_is_216_characters_of_base64() -> None:
    """As in every trace."""
    message = json.loads(writer().media(1, 155, b"\xff" * 160))
    assert len(message["media"]["payload"]) == 216


@given(st.binary(min_size=1, max_size=2000))
def test_any_audio_is_read_as_it_was_sent(payload: bytes) -> None:
    """The size does not matter."""
    text = base64.b64encode(payload).decode()
    message = {"event": "media", "streamSid": SID, "media": {"payload": text}}
    assert read(json.dumps(message), SID) == Media(payload)


def test_marks_and_clears_are_read() -> None:
    """The two other messages a server may send."""
    mark = {"event": "mark", "streamSid": SID, "mark": {"name": "x"}}
    assert read(json.dumps(mark), SID) == Mark("x")
    assert read(json.dumps({"event": "clear", "streamSid": SID}), SID) == Clear()


def media(**change: object) -> dict[str, object]:
    """A good media message with something else in it."""
    return {"event": "media", "streamSid": SID, "media": {"payload": "AP8="}} | change


REFUSED = {
    "not JSON": "{",
    "empty": "",
    "a number": "1",
    "a list": "[]",
    "null": "null",
    "NaN": '{"event":NaN}',
    "a field twice": f'{{"event":"clear","event":"clear","streamSid":"{SID}"}}',
    "deep nesting": "[" * 100_000,
    "no event": json.dumps({"streamSid": SID}),
    "an unknown event": json.dumps({"event": "hello", "streamSid": SID}),
    "an event that is no text": json.dumps({"event": ["media"], "streamSid": SID}),
    "a carrier's event": json.dumps({"event": "stop", "streamSid": SID}),
    "no streamSid": json.dumps({"event": "clear"}),
    "a foreign streamSid": json.dumps({"event": "clear", "streamSid": "MZ2"}),
    "an extra field": json.dumps(media(sequenceNumber="1")),
    "an extra field inside": json.dumps(media(media={"payload": "AP8=", "track": "outbound"})),
    "a clear with content": json.dumps({"event": "clear", "streamSid": SID, "clear": {}}),
    "no media": json.dumps({"event": "media", "streamSid": SID}),
    "media that is a text": json.dumps(media(media="AP8=")),
    "no payload": json.dumps(media(media={})),
    "an empty payload": json.dumps(media(media={"payload": ""})),
    "a payload that is a number": json.dumps(media(media={"payload": 1})),
    "not base64": json.dumps(media(media={"payload": "AP8=!"})),
    "base64 without padding": json.dumps(media(media={"payload": "AP8"})),
    "base64 with a line break": json.dumps(media(media={"payload": "AP8=\n"})),
    "JSON smuggled in a payload": json.dumps(media(media={"payload": 'AA==","x":"'})),
    "a mark that is not nested": json.dumps({"event": "mark", "streamSid": SID, "name": "x"}),
    "a mark without a name": json.dumps({"event": "mark", "streamSid": SID, "mark": {}}),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_twilio_refuses_is_refused(text: str) -> None:
    """Everything but exactly the documented fields is 31951."""
    with pytest.raises(TwilioFault) as refused:
        read(text, SID)
    assert refused.value.code == 31951


@given(st.text(max_size=60))
def test_garbage_never_does_more_than_be_refused(text: str) -> None:
    """No other error comes out."""
    with pytest.raises(TwilioFault):
        read(text, SID)
