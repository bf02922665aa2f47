"""The Media Streams codec: real messages, a torture table, and properties of both directions."""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core import mediastreams
from gateway.core.mediastreams import (
    Connected,
    Dtmf,
    Mark,
    Media,
    Message,
    Outbound,
    Start,
    Stop,
    decode,
)
from gateway.errors import CarrierProtocolError

_STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
_CALL = "CA18ad3ab5a668481ce02b83e7395059f1"
_ACCOUNT = "AC18ad3ab5a668481ce02b83e7395059f2"
_AUDIO = bytes(range(96, 256))


def _frame(event: str, **members: object) -> bytes:
    return json.dumps({"event": event} | members, separators=(",", ":")).encode()


# One message of each kind, in the shape and member order of real traces.
_FRAMES: dict[str, bytes] = {
    "connected": _frame("connected", protocol="Call", version="1.0.0"),
    "start": _frame(
        "start",
        sequenceNumber="1",
        start={
            "accountSid": _ACCOUNT,
            "streamSid": _STREAM,
            "callSid": _CALL,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"ticket": "v1.a.b"},
        },
        streamSid=_STREAM,
    ),
    "media": _frame(
        "media",
        sequenceNumber="2",
        media={
            "track": "inbound",
            "chunk": "1",
            "timestamp": "155",
            "payload": b64encode(_AUDIO).decode(),
        },
        streamSid=_STREAM,
    ),
    "dtmf": _frame(
        "dtmf",
        streamSid=_STREAM,
        sequenceNumber="5",
        dtmf={"track": "inbound_track", "digit": "1"},
    ),
    "mark": _frame("mark", sequenceNumber="4", streamSid=_STREAM, mark={"name": "g3:item_x:end"}),
    "stop": _frame(
        "stop",
        sequenceNumber="378",
        streamSid=_STREAM,
        stop={"accountSid": _ACCOUNT, "callSid": _CALL},
    ),
}
_MESSAGES: dict[str, Message] = {
    "connected": Connected("Call", "1.0.0"),
    "start": Start(
        _STREAM, _CALL, _ACCOUNT, ("inbound",), "audio/x-mulaw", 8000, 1, {"ticket": "v1.a.b"}
    ),
    "media": Media(_AUDIO, 155, 1, "inbound"),
    "dtmf": Dtmf("1"),
    "mark": Mark("g3:item_x:end"),
    "stop": Stop(_CALL),
}


def _outcome(frame: bytes) -> Message | str | None:
    """The message, or the kind of the refusal, which shows nothing but that kind."""
    error: CarrierProtocolError | None = None
    try:
        return decode(frame)
    except CarrierProtocolError as refused:
        error = refused
    assert str(error) == error.kind
    assert error.__cause__ is None
    assert error.__context__ is None
    return error.kind


@pytest.mark.parametrize("event", _FRAMES)
def test_real_messages_are_read(event: str) -> None:
    """Each documented message becomes its struct."""
    assert decode(_FRAMES[event]) == _MESSAGES[event]


# --- The torture table: what any message may suffer, and what must come of it. ---

_SAME = "the same message"


def _adding(member: str) -> Callable[[bytes], bytes]:
    return lambda frame: frame[:-1] + b"," + member.encode() + b"}"


def _event_as(value: str) -> Callable[[bytes], bytes]:
    def mutate(frame: bytes) -> bytes:
        name = json.loads(frame)["event"]
        return frame.replace(b'"event":"%b"' % name.encode(), b'"event":' + value.encode(), 1)

    return mutate


def _reordered(frame: bytes) -> bytes:
    return json.dumps(dict(reversed(list(json.loads(frame).items())))).encode()


def _escaped(frame: bytes) -> bytes:
    """Every letter of every string as a \\u escape: the same JSON, written strangely."""
    out, inside = "", False
    for letter in frame.decode():
        inside ^= letter == '"'
        out += f"\\u{ord(letter):04x}" if inside and letter != '"' else letter
    return out.encode()


_TORTURES: dict[str, tuple[Callable[[bytes], bytes], str | None]] = {
    "extra text": (_adding('"new":"field"'), _SAME),
    "extra object": (_adding('"new":{"media":{"payload":"????"},"event":"stop"}'), _SAME),
    "extra huge int": (_adding('"new":' + "9" * 5000), _SAME),
    "extra 1e400": (_adding('"new":1e400'), _SAME),
    "extra null": (_adding('"new":null'), _SAME),
    "extra emoji": (_adding('"n\u00e9w":"\U0001f600"'), _SAME),
    "extra escaped emoji": (_adding('"new":"\\ud83d\\ude00"'), _SAME),
    "event twice": (
        lambda frame: _event_as(f'"{_event(frame)}","event":"{_event(frame)}"')(frame),
        _SAME,
    ),
    "reordered and spaced": (_reordered, _SAME),
    "all escaped": (_escaped, _SAME),
    "space around": (lambda frame: b" \r\n\t" + frame + b"\n ", _SAME),
    "empty": (lambda frame: b"", "bad_json"),
    "cut in half": (lambda frame: frame[: len(frame) // 2], "bad_json"),
    "cut by one": (lambda frame: frame[:-1], "bad_json"),
    "twice": (lambda frame: frame + frame, "bad_json"),
    "brace too many": (lambda frame: frame + b"}", "bad_json"),
    "trailing comma": (lambda frame: frame[:-1] + b",}", "bad_json"),
    "byte order mark": (lambda frame: b"\xef\xbb\xbf" + frame, "bad_json"),
    "nul": (lambda frame: frame + b"\x00", "bad_json"),
    "utf-16": (lambda frame: frame.decode().encode("utf-16"), "bad_json"),
    "single quotes": (lambda frame: frame.replace(b'"', b"'"), "bad_json"),
    "not utf-8": (lambda frame: frame[:-1] + b',"new":"\xff\xfe"}', "bad_json"),
    "not utf-8 in a name": (lambda frame: frame[:-1] + b',"\xc3(":1}', "bad_json"),
    "lone surrogate": (_adding('"new":"\\ud800"'), "bad_json"),
    "line break in a string": (_adding('"new":"a\nb"'), "bad_json"),
    "NaN": (_adding('"new":NaN'), "bad_json"),
    "Infinity": (_adding('"new":-Infinity'), "bad_json"),
    "comment": (lambda frame: frame[:-1] + b"/* */}", "bad_json"),
    "deep arrays": (_adding('"new":' + "[" * 30_000 + "]" * 30_000), "bad_json"),
    "deep objects": (_adding('"new":' + '{"a":' * 30_000 + "1" + "}" * 30_000), "bad_json"),
    "open arrays": (_adding('"new":' + "[" * 60_000), "bad_json"),
    "in an array": (lambda frame: b"[" + frame + b"]", "not_an_object"),
    "as a string": (lambda frame: json.dumps(frame.decode()).encode(), "not_an_object"),
    "null": (lambda frame: b"null", "not_an_object"),
    "a number": (lambda frame: b"1e400", "not_an_object"),
    "event empty": (_event_as('""'), None),
    "event gone": (_event_as('"","event":null'), "no_event"),
    "event renamed": (lambda frame: frame.replace(b'"event":', b'"Event":', 1), "no_event"),
    "event null": (_event_as("null"), "no_event"),
    "event number": (_event_as("7"), "no_event"),
    "event 1e400": (_event_as("1e400"), "no_event"),
    "event list": (_event_as('["media"]'), "no_event"),
    "event unknown": (_event_as('"mediaV2"'), None),
    "event in capitals": (lambda frame: _event_as(f'"{_event(frame).upper()}"')(frame), None),
    "event with space": (lambda frame: _event_as(f'"{_event(frame)} "')(frame), None),
    "event twice, the last unknown": (_adding('"event":"new"'), None),
}

_BODY_TORTURES: dict[str, str] = {
    "missing": "",
    "list": "[]",
    "text": '"x"',
    "number": "1",
    "true": "true",
}


def _event(frame: bytes) -> str:
    return str(json.loads(frame)["event"])


def _tortured() -> Iterator[tuple[str, bytes, Message | str | None]]:
    for event, frame in _FRAMES.items():
        for name, (mutate, expected) in _TORTURES.items():
            outcome = _MESSAGES[event] if expected == _SAME else expected
            yield f"{event}: {name}", mutate(frame), outcome
    for event in ("start", "media", "mark", "dtmf", "stop"):
        for name, body in _BODY_TORTURES.items():
            member = f',"{event}":{body}' if body else ""
            outcome = Stop() if (event, name) == ("stop", "missing") else f"bad_{event}"
            yield f"{event}: body {name}", f'{{"event":"{event}"{member}}}'.encode(), outcome


_TABLE = list(_tortured())


def test_the_torture_table_is_long() -> None:
    """Every kind of message suffers every mutation."""
    assert len(_TABLE) >= 250
    assert len({name for name, _, _ in _TABLE}) == len(_TABLE)


@pytest.mark.parametrize(
    ("frame", "expected"), [row[1:] for row in _TABLE], ids=[row[0] for row in _TABLE]
)
def test_tortured_messages(frame: bytes, expected: Message | str | None) -> None:
    """A mutated message is the same message, an unknown one, or refused with the stated kind."""
    assert _outcome(frame) == expected


# --- Field by field. ---


def _media(payload: str = "/w==", more: str = '"timestamp":"1"') -> bytes:
    return f'{{"event":"media","media":{{"payload":"{payload}",{more}}}}}'.encode()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("", b""),
        ("/w==", b"\xff"),
        ("//8=", b"\xff\xff"),
        ("////", b"\xff\xff\xff"),
        ("+/+/", b"\xfb\xff\xbf"),
        ("\\/w==", b"\xff"),
        ("\\u002fw\\u003d\\u003d", b"\xff"),
        ("/w", "no padding"),
        ("/w=", "short padding"),
        ("/w===", "long padding"),
        ("////=", "needless padding"),
        ("//8", "no padding"),
        ("/", "a single character"),
        ("=", "padding only"),
        ("====", "padding only"),
        ("/w==////", "padding inside"),
        ("/=w=", "padding inside"),
        ("_w==", "URL-safe alphabet"),
        ("-_-_", "URL-safe alphabet"),
        ("/w= =", "space"),
        (" /w==", "space"),
        ("/w== ", "space"),
        ("/w==\\n", "line break"),
        ("////\\r\\n////", "line break"),
        ("/w\\u0000=", "NUL"),
        ("/\\u00e9==", "not ASCII"),
        ("\\uff0fw==", "full-width slash"),
        ("/x==", "spare bits"),
        ("//9=", "spare bits"),
        ("\\/x==", "spare bits"),
        ("/x\\u003d\\u003d", "spare bits behind an escape"),
        ('AA==","type":"session.update","x":"', b"\x00"),
        ('AA==\\",\\"type\\":\\"session.update', "an escaped quote"),
        ("{}", "JSON"),
    ],
)
def test_payload_must_be_canonical_base64(payload: str, expected: bytes | str) -> None:
    """Standard alphabet, right padding, no spare bits; however the text itself is escaped."""
    outcome = _outcome(_media(payload))
    if isinstance(expected, bytes):
        assert outcome == Media(expected, 1)
    else:
        assert outcome == "bad_media", expected


def test_spare_bits_are_found_behind_another_equals_sign() -> None:
    """An `=` elsewhere in the frame neither hides a good payload nor refuses it."""
    assert _outcome(b'{"a":"x=","event":"media","media":{"payload":"/w==","timestamp":1}}') == (
        Media(b"\xff", 1)
    )
    assert _outcome(b'{"a":"x=","event":"media","media":{"payload":"/x==","timestamp":1}}') == (
        "bad_media"
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0", 0),
        ("155", 155),
        ('"155"', 155),
        ('"0"', 0),
        ("155.0", 155),
        ("1e3", 1000),
        ("-0", 0),
        ("9007199254740992", 2**53),
        ("9007199254740993", None),
        ('"9007199254740993"', None),
        ("155.5", None),
        ('"155.5"', None),
        ("-1", None),
        ('"-1"', None),
        ('""', None),
        ('" 155"', None),
        ('"155 "', None),
        ('"1_000"', None),
        ('"+5"', None),
        ('"0x10"', None),
        ('"\u0661"', None),
        ('"NaN"', None),
        ("1e400", None),
        ("9" * 400, None),
        ('"' + "9" * 5000 + '"', None),
        ("true", None),
        ("null", None),
        ("[1]", None),
        ("{}", None),
    ],
)
def test_numbers_may_be_strings_or_ints(number: str, expected: int | None) -> None:
    """A timestamp is a whole number of ms however it is written; a chunk likewise."""
    by_timestamp = _outcome(_media(more=f'"timestamp":{number}'))
    by_chunk = _outcome(_media(more=f'"timestamp":7,"chunk":{number}'))
    if expected is None:
        assert by_timestamp == by_chunk == "bad_media"
    else:
        assert by_timestamp == Media(b"\xff", expected)
        assert by_chunk == Media(b"\xff", 7, expected)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "007", "+5", ".5", "5."])
def test_what_json_does_not_call_a_number_is_bad_json(number: str) -> None:
    """Not even a lenient reader invents numbers."""
    assert _outcome(_media(more=f'"timestamp":{number}')) == "bad_json"


def test_media_needs_a_payload_and_a_timestamp() -> None:
    """Track and chunk may be missing: the rest of a frame is meaningless without the two."""
    assert _outcome(_media()) == Media(b"\xff", 1, 0, "inbound")
    assert _outcome(b'{"event":"media","media":{"payload":"/w=="}}') == "bad_media"
    assert _outcome(b'{"event":"media","media":{"timestamp":"1"}}') == "bad_media"
    assert _outcome(b'{"event":"media","media":{"payload":null,"timestamp":"1"}}') == "bad_media"
    assert _outcome(b'{"event":"media","media":{"payload":5,"timestamp":"1"}}') == "bad_media"


def test_of_two_payloads_the_last_counts_and_is_checked() -> None:
    """A repeated member cannot smuggle an unchecked value."""
    twice = '"timestamp":1,"payload":"AAAA"'
    assert _outcome(_media("????", twice)) == "bad_media"
    assert _outcome(_media("/w==", twice)) == Media(b"\x00\x00\x00", 1)
    assert _outcome(_media("/x==", '"timestamp":1,"payload":"/w=="')) == Media(b"\xff", 1)


def test_contradicting_events_are_refused() -> None:
    """A message that says it is two is neither."""
    frame = _FRAMES["media"]
    assert _outcome(frame[:-1] + b',"event":"stop"}') == "bad_stop"
    assert _outcome(b'{"event":"stop",' + frame[1:]) == "bad_media"
    assert _outcome(b'{"event":"new",' + frame[1:]) == "bad_media"


def _start(**changes: object) -> bytes:
    """The real start message with members of its body changed, or left out where None."""
    frame = json.loads(_FRAMES["start"])
    outer = changes.pop("outer", _STREAM)
    frame["start"].update(changes)
    frame["start"] = {name: value for name, value in frame["start"].items() if value is not None}
    frame.pop("streamSid")
    return json.dumps(frame | ({"streamSid": outer} if outer is not None else {})).encode()


def _started(**changes: object) -> Start:
    message = decode(_start(**changes))
    assert isinstance(message, Start)
    return message


@pytest.mark.parametrize("field", ["streamSid", "callSid", "accountSid"])
@pytest.mark.parametrize(
    "sid",
    ["", "MZ 1", 'MZ","x":"', "MZ\n", "MZ\x00", "M" * 65, "M\u00e9", "M/Z", "M.Z", "\U0001f600", 7],
)
def test_an_id_that_is_no_plain_word_is_refused(field: str, sid: object) -> None:
    """Ids are spliced into our JSON and into log lines, so their alphabet is closed."""
    outer = sid if field == "streamSid" else _STREAM
    assert _outcome(_start(**{field: sid, "outer": outer})) == "bad_start"


def test_plain_words_are_good_ids() -> None:
    """Nothing depends on Twilio's prefixes or lengths: simulators have their own."""
    start = _started(streamSid="s", callSid="c" * 64, accountSid="A_b-9", outer="s")
    assert (start.stream_sid, start.call_sid, start.account_sid) == ("s", "c" * 64, "A_b-9")


def test_the_stream_id_may_stand_inside_or_outside() -> None:
    """One of the two places is enough; two different streams are not one."""
    assert _started(outer=None).stream_sid == _STREAM
    assert _started(streamSid=None).stream_sid == _STREAM
    assert _outcome(_start(streamSid=None, outer=None)) == "bad_start"
    assert _outcome(_start(outer="MZother")) == "bad_start"


@pytest.mark.parametrize("field", ["callSid", "accountSid"])
def test_start_needs_its_ids(field: str) -> None:
    """A stream without call or account belongs to nobody."""
    assert _outcome(_start(**{field: None})) == "bad_start"


def test_the_rest_of_start_may_be_missing() -> None:
    """Without a format the documented one holds; without parameters there is no ticket."""
    start = _started(tracks=None, mediaFormat=None, customParameters=None)
    assert start == Start(_STREAM, _CALL, _ACCOUNT, (), "audio/x-mulaw", 8000, 1, {})


def test_any_media_format_is_told() -> None:
    """Whether a format is acceptable is the caller's to say, so it must see it."""
    start = _started(mediaFormat={"encoding": "audio/opus", "sampleRate": "48000", "channels": 2})
    assert (start.encoding, start.sample_rate, start.channels) == ("audio/opus", 48000, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"customParameters": {"ticket": 7}},
        {"customParameters": {"ticket": None}},
        {"customParameters": ["ticket"]},
        {"tracks": "inbound"},
        {"tracks": [1]},
        {"mediaFormat": "audio/x-mulaw"},
        {"mediaFormat": {"sampleRate": "fast"}},
        {"mediaFormat": {"sampleRate": -8000}},
        {"mediaFormat": {"encoding": 1}},
    ],
)
def test_start_with_wrong_types_is_refused(change: dict[str, object]) -> None:
    """What is there must be of its type."""
    assert _outcome(_start(**change)) == "bad_start"


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_every_key_is_a_digit(digit: str) -> None:
    """The sixteen keys of a telephone."""
    frame = _frame("dtmf", dtmf={"digit": digit})
    assert _outcome(frame) == Dtmf(digit)


@pytest.mark.parametrize("digit", ["", "12", "a", "E", " 1", "1\n", "\u0661", "\uff11", 1, None])
def test_anything_else_is_no_digit(digit: object) -> None:
    """Letters, several digits, numbers and look-alikes are refused."""
    frame = _frame("dtmf", dtmf={"digit": digit})
    assert _outcome(frame) == "bad_dtmf"


@pytest.mark.parametrize(
    ("event", "body"),
    [("mark", '{"name":7}'), ("mark", "{}"), ("mark", '{"name":null}'), ("stop", '{"callSid":7}')],
)
def test_marks_and_stops_with_wrong_types_are_refused(event: str, body: str) -> None:
    """A mark has a name, and an id is text."""
    assert _outcome(f'{{"event":"{event}","{event}":{body}}}'.encode()) == f"bad_{event}"


@pytest.mark.parametrize("body", ["null", "{}", '{"callSid":""}'])
def test_a_bare_stop_is_a_stop(body: str) -> None:
    """The end of a stream is believed even when its details are missing."""
    assert _outcome(f'{{"event":"stop","stop":{body}}}'.encode()) == Stop("")


def test_a_bare_connected_is_connected() -> None:
    """Protocol and version are told when they are there, and must be text."""
    assert _outcome(b'{"event":"connected"}') == Connected("", "")
    assert _outcome(b'{"event":"connected","protocol":1}') == "bad_connected"


def test_representations_show_no_audio_digit_or_ticket() -> None:
    """A message in a traceback or a log tells nothing a caller said, typed, or was given."""
    for event, secret in (("media", "YWJj"), ("dtmf", "1"), ("start", "v1.a.b")):
        assert secret not in repr(_MESSAGES[event]).replace("timestamp_ms=155", "")
    assert repr(_MESSAGES["media"]) == "Media(160 bytes, timestamp_ms=155)"


# --- Properties. ---


@given(st.binary(max_size=2000), st.integers(0, 2**53))
def test_audio_of_any_length_arrives_as_it_was(payload: bytes, timestamp_ms: int) -> None:
    """Base64 is undone exactly once."""
    frame = _media(b64encode(payload).decode(), f'"timestamp":"{timestamp_ms}"')
    assert decode(frame) == Media(payload, timestamp_ms)


def _canonical(text: str) -> bytes | None:
    """An independent reading of RFC 4648: the bytes, if encoding them gives the text again."""
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None
    return data if b64encode(data).decode() == text else None


_ALMOST_BASE64 = st.text(alphabet='AQgw/+-_=x9 \n\u00e9"', max_size=12)


@given(st.one_of(_ALMOST_BASE64, st.text(max_size=12)))
@example("/x==")
@example("AB=C")
def test_a_payload_is_accepted_just_when_it_is_canonical(text: str) -> None:
    """Our strictness is that of the standard, no more and no less."""
    outcome = _outcome(_frame("media", media={"payload": text, "timestamp": 1}))
    expected = _canonical(text)
    if expected is not None:
        assert outcome == Media(expected, 1)
    else:
        assert outcome in ("bad_media", "bad_json")


@settings(deadline=None)
@given(
    st.sampled_from(sorted(_FRAMES)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    st.integers(0, 400),
)
def test_damaged_frames_are_read_or_refused_and_nothing_else(
    event: str, flips: list[tuple[int, int]], length: int
) -> None:
    """No damage raises anything but our own error."""
    frame = bytearray(_FRAMES[event])
    for at, byte in flips:
        frame[at % len(frame)] = byte
    _outcome(bytes(frame))
    _outcome(bytes(frame[:length]))


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(b'{"event":"stop"}')
def test_noise_is_refused(noise: bytes) -> None:
    """Only a JSON object that names its event can become a message."""
    if isinstance(_outcome(noise), Message):
        assert json.loads(noise.decode())["event"] in _FRAMES


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(_FRAMES)), st.dictionaries(st.text(), _JSON, max_size=4), _JSON)
def test_any_json_under_a_known_event_is_read_or_refused(
    event: str, members: dict[str, object], body: object
) -> None:
    """Whatever a known event carries, the answer is a message or one of two kinds."""
    frame = json.dumps(members | {"event": event, event: body}).encode()
    outcome = _outcome(frame)
    assert isinstance(outcome, Message) or outcome in (f"bad_{event}", "bad_json")


# --- To Twilio. ---


def test_outbound_messages_are_exactly_the_documented_ones() -> None:
    """An extra or missing member would be Twilio's error 31951."""
    outbound = Outbound("MZ1")
    assert outbound.media(b"\xff") == (
        b'{"event":"media","streamSid":"MZ1","media":{"payload":"/w=="}}'
    )
    assert outbound.mark("g3:item_x:end") == (
        b'{"event":"mark","streamSid":"MZ1","mark":{"name":"g3:item_x:end"}}'
    )
    assert outbound.clear() == b'{"event":"clear","streamSid":"MZ1"}'


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.binary(max_size=2000))
def test_outbound_audio_is_one_json_object_with_that_audio(sid: str, payload: bytes) -> None:
    """Every payload comes out as it went in, on its own stream."""
    message = json.loads(Outbound(sid).media(payload))
    encoded = b64encode(payload).decode()
    assert message == {"event": "media", "streamSid": sid, "media": {"payload": encoded}}


@given(st.text(max_size=70))
@example("g1\n")
@example("m" * 65)
@example("")
@example('x"}}')
@example("%b")
def test_a_name_is_plain_or_refused(name: str) -> None:
    """Neither a mark nor a stream id can carry JSON: it is a plain word or a ValueError."""
    outbound = Outbound("MZ1")
    if mediastreams._MARK_NAME.fullmatch(name):
        assert json.loads(outbound.mark(name))["mark"] == {"name": name}
    else:
        with pytest.raises(ValueError, match="mark name"):
            outbound.mark(name)
    if not mediastreams._SID.fullmatch(name):
        with pytest.raises(ValueError, match="stream_sid"):
            Outbound(name)
    else:
        assert json.loads(Outbound(name).clear())["streamSid"] == name


@given(st.from_regex(r"[A-Za-z0-9:_-]{1,64}", fullmatch=True))
def test_a_mark_comes_back_as_it_left(name: str) -> None:
    """Twilio echoes our mark in the message we read."""
    assert decode(Outbound("MZ1").mark(name)) == Mark(name)
