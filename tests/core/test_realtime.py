"""The hot-path messages of the Realtime protocol, against golden examples and hostile input."""

import json
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.realtime import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    Committed,
    Error,
    ItemAdded,
    ItemDeleted,
    OutputItemAdded,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionInfo,
    SpeechStarted,
    SpeechStopped,
    TimeoutTriggered,
    TranscriptDone,
    decode,
    kind,
)
from gateway.errors import ModelError

_GOLDEN = Path(__file__).parents[1] / "fixtures" / "realtime"
_RESPONSE = "resp_EmF4mhqSIjOugM1yTMAd7"
_SAID = "item_EmF4mT4r5yHUig43kiJfa"
_HEARD = "item_EmF4kg4mZaouqKLiMcVbp"
_DELTA = "response.output_audio.delta"


def _server_files() -> list[Path]:
    return sorted([*_GOLDEN.glob("server/*.json"), *_GOLDEN.glob("errors/*.json")])


def _golden(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((_GOLDEN / f"{name}.json").read_bytes())
    return event


def _compact(event: object) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def _read(event: dict[str, Any]) -> ServerEvent | None:
    return decode(event["type"], _compact(event))


_OURS: dict[str, type] = {
    "response.output_audio.delta": AudioDelta,
    "response.output_audio.done": AudioDone,
    "response.output_audio_transcript.done": TranscriptDone,
    "response.output_item.added": OutputItemAdded,
    "response.created": ResponseCreated,
    "response.done": ResponseDone,
    "input_audio_buffer.speech_started": SpeechStarted,
    "input_audio_buffer.speech_stopped": SpeechStopped,
    "input_audio_buffer.committed": Committed,
    "input_audio_buffer.timeout_triggered": TimeoutTriggered,
    "conversation.item.added": ItemAdded,
    "conversation.item.deleted": ItemDeleted,
    "conversation.item.input_audio_transcription.completed": CallerTranscript,
    "session.created": SessionInfo,
    "session.updated": SessionInfo,
    "error": Error,
}


_MODEL = "gpt-realtime-2.1"
_USAGE = _golden("server/response.done")["response"]["usage"]
_TRANSCRIBING = _golden("server/conversation.item.input_audio_transcription.completed")["usage"]

# --- Golden examples. ---


def test_the_golden_examples_are_there() -> None:
    """All the server events and errors, and at least one of each kind we read."""
    files = _server_files()
    assert len(files) >= 96
    assert set(_OURS) <= {json.loads(path.read_bytes())["type"] for path in files}


@pytest.mark.parametrize("path", _server_files(), ids=lambda path: path.stem)
def test_every_golden_event_is_read_or_not_ours(path: Path) -> None:
    """The type is found however the event is written; the events of the hot path become structs."""
    event = json.loads(path.read_bytes())
    written = [path.read_bytes(), _compact(event), json.dumps(event).encode()]
    assert {kind(frame) for frame in written} == {event["type"]}
    ours = _OURS.get(event["type"])
    for frame in written:
        read = decode(event["type"], frame)
        assert read is None if ours is None else type(read) is ours


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("server/response.output_audio.done", AudioDone(_RESPONSE, _SAID, 0)),
        ("server/input_audio_buffer.speech_started", SpeechStarted(_HEARD, 1236)),
        ("server/input_audio_buffer.speech_stopped", SpeechStopped(_HEARD, 3808)),
        ("server/response.created", ResponseCreated(_RESPONSE)),
        ("server/response.done", ResponseDone(_RESPONSE, "completed", usage=_USAGE)),
        ("server/conversation.item.added", ItemAdded(_HEARD, "message", "user")),
        ("server/conversation.item.deleted", ItemDeleted("item_EmF4iF0WiS8xfMiJ8uj9b")),
        ("server/response.output_item.added", OutputItemAdded(_RESPONSE, _SAID, "message")),
        (
            "server/response.output_audio_transcript.done",
            TranscriptDone(_RESPONSE, _SAID, "Sure, I can help with that."),
        ),
        (
            "server/conversation.item.input_audio_transcription.completed",
            CallerTranscript(_HEARD, "Where is my order?", _TRANSCRIBING),
        ),
        (
            "server/session.created",
            SessionInfo("audio/pcm", "audio/pcm", 1795170000, True, 200, _MODEL),
        ),
        (
            "server/session.updated",
            SessionInfo("audio/pcmu", "audio/pcmu", 1795170000, True, 500, _MODEL),
        ),
        (
            "server/session.created.transcription",
            SessionInfo("audio/pcm", None, 1795170000, False, 200),
        ),
        (
            "server/error",
            Error(
                "invalid_request_error",
                "invalid_value",
                "Audio content of 820ms is already shorter than 57340ms",
                "trunc_2",
            ),
        ),
        (
            "errors/session_expired",
            Error(
                "invalid_request_error",
                "session_expired",
                "Your session hit the maximum duration of 60 minutes.",
                None,
            ),
        ),
    ],
)
def test_golden_values(name: str, expected: ServerEvent) -> None:
    """What the gateway decides on is read from where the server writes it."""
    assert _read(_golden(name)) == expected


def test_golden_audio_is_decoded() -> None:
    """A delta's audio is the bytes behind its base64."""
    event = _golden("server/response.output_audio.delta")
    read = _read(event)
    assert isinstance(read, AudioDelta)
    assert b64encode(read.audio).decode() == event["delta"]
    assert (read.response_id, read.item_id, read.content_index) == (_RESPONSE, _SAID, 0)


@pytest.mark.parametrize(
    ("name", "status", "code", "error_type"),
    [
        ("cancelled.turn_detected", "cancelled", None, None),
        ("cancelled.client_cancelled", "cancelled", None, None),
        ("incomplete.max_output_tokens", "incomplete", None, None),
        ("failed.insufficient_quota", "failed", "insufficient_quota", "insufficient_quota"),
        ("failed.server_error", "failed", None, "server_error"),
        (
            "failed.invalid_request_error",
            "failed",
            "inference_rate_limit_exceeded",
            "invalid_request_error",
        ),
    ],
)
def test_golden_endings_of_a_response(
    name: str, status: str, code: str | None, error_type: str | None
) -> None:
    """Why a response ended, and for a failed one what the model says about it."""
    read = _read(_golden(f"server/response.done.{name}"))
    assert isinstance(read, ResponseDone)
    assert (read.status, read.error_code, read.error_type) == (status, code, error_type)
    assert bool(read.error_message) == (status == "failed")


def test_items_without_a_role_have_none() -> None:
    """A function call is an item too, and nobody's speech."""
    read = _read(_golden("server/conversation.item.added.function_call.in_progress"))
    assert isinstance(read, ItemAdded)
    assert (read.type, read.role) == ("function_call", None)


# --- Finding the type. ---


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b'{"type":"error"}', "error"),
        (b'{"type": "error"}', "error"),
        (b'{ "type" : "error" }', "error"),
        (b'{"error":{"type":"x"},"type":"error"}', "error"),
        (b'{"error":{"type":"x"}}', None),
        (b'{"type":"brand.new","x":1}', "brand.new"),
        (b'{"type":"a\\"b"}', 'a"b'),
        (b'{"type":"err\\u006fr"}', "error"),
        (b'{"\\u0074ype":"error"}', "error"),
        (b'{"type":"\xc3\xa9"}', "\u00e9"),
        (b'{"type":""}', ""),
        (b'{"type":null}', None),
        (b'{"type":7}', None),
        (b'{"type":["error"]}', None),
        (b"{}", None),
        (b"[]", None),
        (b'["type","error"]', None),
        (b'"type"', None),
        (b"null", None),
        (b"", None),
        (b"{", None),
        (b'{"type":"', None),
        (b'{"type":"errorX', None),
        (b'{"type":"error', None),
        (b'{"type":"new"', None),
        (b'{"type":"\xff"}', None),
        (b'{"type":"\\ud800"}', None),
        (b'\xef\xbb\xbf{"type":"error"}', None),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"type":"error"}', None),
    ],
)
def test_the_type_is_found_or_there_is_none(frame: bytes, expected: str | None) -> None:
    """First or last, spaced or escaped; anything but an object with a text as type has none."""
    assert kind(frame) == expected


@given(st.text(max_size=40), st.dictionaries(st.text(), st.text() | st.integers(), max_size=3))
def test_any_type_is_found_at_either_end(name: str, members: dict[str, object]) -> None:
    """The short way and the long way agree with a plain JSON reader."""
    members.pop("type", None)
    try:
        first = json.dumps({"type": name} | members, ensure_ascii=False).encode()
        last = json.dumps(members | {"type": name}, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert kind(first) == kind(last) == name


def _plain_type(frame: bytes) -> object:
    try:
        event = json.loads(frame.decode())
    except ValueError:
        return None
    return event.get("type") if isinstance(event, dict) else None


@settings(deadline=None)
@given(st.binary(max_size=60))
@example(b'{"type":""}')
@example(b'{"type":"input_audio_buffer.speech_started"')
@example(b'{"type":"response.output_text.delta"')
def test_noise_has_no_type(noise: bytes) -> None:
    """Only what a plain JSON reader would call an object with a type has one, or what begins as a
    frequent one does: that it is broken is found out when it is read, here or by the SDK.
    """
    found = kind(noise)
    if found is not None and found != _plain_type(noise):
        assert noise.startswith(f'{{"type":"{found}"'.encode())
        with suppress(ModelError):
            assert decode(found, noise) is None
    assert isinstance(kind(b'{"type":"' + noise), str | None)


# --- Reading, leniently and strictly. ---


def test_events_of_others_are_not_read() -> None:
    """Types for the SDK yield None without a look at the frame."""
    assert decode("rate_limits.updated", b"not even JSON") is None
    assert decode("", b"{}") is None


_SMALLEST: dict[str, tuple[dict[str, Any], ServerEvent]] = {
    _DELTA: ({"response_id": "r", "item_id": "i", "delta": ""}, AudioDelta("r", "i", b"", 0)),
    "response.output_audio.done": ({"response_id": "r", "item_id": "i"}, AudioDone("r", "i", 0)),
    "response.output_audio_transcript.done": (
        {"response_id": "r", "item_id": "i"},
        TranscriptDone("r", "i", ""),
    ),
    "response.output_item.added": (
        {"response_id": "r", "item": {"id": "i", "type": "message"}},
        OutputItemAdded("r", "i", "message"),
    ),
    "response.created": ({"response": {"id": "r"}}, ResponseCreated("r")),
    "response.done": ({"response": {"id": "r"}}, ResponseDone("r", "")),
    "input_audio_buffer.speech_started": (
        {"item_id": "i", "audio_start_ms": 0},
        SpeechStarted("i", 0),
    ),
    "input_audio_buffer.speech_stopped": (
        {"item_id": "i", "audio_end_ms": 9},
        SpeechStopped("i", 9),
    ),
    "input_audio_buffer.committed": ({"item_id": "i"}, Committed("i")),
    "input_audio_buffer.timeout_triggered": ({"item_id": "i"}, TimeoutTriggered("i")),
    "conversation.item.added": (
        {"item": {"id": "i", "type": "mcp_call"}},
        ItemAdded("i", "mcp_call", None),
    ),
    "conversation.item.deleted": ({"item_id": "i"}, ItemDeleted("i")),
    "conversation.item.input_audio_transcription.completed": (
        {"item_id": "i"},
        CallerTranscript("i", ""),
    ),
    "session.created": ({"session": {}}, SessionInfo(None, None, None)),
    "session.updated": ({"session": {"audio": {}}}, SessionInfo(None, None, None)),
    "error": ({"error": {}}, Error(None, None, "", None)),
}


def test_the_smallest_events_cover_all_kinds() -> None:
    """The table below leaves nothing out."""
    assert set(_SMALLEST) == set(_OURS)


@pytest.mark.parametrize("name", _SMALLEST)
def test_only_what_identifies_an_event_is_needed(name: str) -> None:
    """Everything else may be missing, null, or new."""
    body, expected = _SMALLEST[name]
    event = {"type": name} | body
    assert _read(event) == expected
    assert _read(event | {"new": {"deep": [None, 1e308, "\U0001f600"]}, "event_id": None}) == (
        expected
    )


@pytest.mark.parametrize("name", _SMALLEST)
def test_without_what_identifies_it_an_event_is_bad(name: str) -> None:
    """Each needed member is really needed: missing, null and of the wrong type are all bad."""
    body, _ = _SMALLEST[name]
    for member in body:
        without = {key: value for key, value in body.items() if key != member}
        for wrong in (without, without | {member: None}, without | {member: [body[member]]}):
            with pytest.raises(ModelError) as caught:
                _read({"type": name} | wrong)
            assert caught.value.reason == "bad_event"
            assert str(caught.value) == f"bad_event: {name}"
            assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {
                "type": _DELTA,
                "response_id": "r",
                "item_id": "i",
                "content_index": None,
                "delta": "/w==",
            },
            AudioDelta("r", "i", b"\xff", 0),
        ),
        (
            {"type": "response.done", "response": {"id": "r", "status": None}},
            ResponseDone("r", ""),
        ),
        (
            {
                "type": "response.done",
                "response": {"id": "r", "status": "failed", "status_details": {"error": None}},
            },
            ResponseDone("r", "failed"),
        ),
        (
            {
                "type": "session.updated",
                "session": {
                    "audio": {"input": None, "output": {"format": None}},
                    "expires_at": None,
                },
            },
            SessionInfo(),
        ),
        (
            {
                "type": "session.updated",
                "session": {"audio": {"output": {"format": {"type": "audio/pcmu"}, "speed": None}}},
            },
            SessionInfo(None, "audio/pcmu", None),
        ),
        (
            {"type": "session.updated", "session": {"audio": {"input": {"turn_detection": None}}}},
            SessionInfo(),
        ),
        (
            {
                "type": "session.updated",
                "session": {
                    "audio": {
                        "input": {
                            "turn_detection": {
                                "type": "semantic_vad",
                                "interrupt_response": True,
                                "silence_duration_ms": None,
                            }
                        }
                    }
                },
            },
            SessionInfo(interrupt_response=True),
        ),
        (
            {"type": "error", "error": {"message": None, "code": None, "event_id": "e"}},
            Error(None, None, "", "e"),
        ),
        (
            {
                "type": "conversation.item.input_audio_transcription.completed",
                "item_id": "i",
                "transcript": None,
            },
            CallerTranscript("i", ""),
        ),
    ],
)
def test_a_null_is_an_absent_member(event: dict[str, Any], expected: ServerEvent) -> None:
    """At any depth, where the member could be missing."""
    assert _read(event) == expected


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b'{"item_id":"i","audio_start_ms":1}x',
        b'{"item_id":"i","audio_start_ms":1.5}',
        b'{"item_id":"i","audio_start_ms":-1}',
        b'{"item_id":"i","audio_start_ms":"1"}',
        b'{"item_id":"i","audio_start_ms":true}',
        b'{"item_id":"i","audio_start_ms":NaN}',
        b'{"item_id":"i","audio_start_ms":1e400}',
        b'{"item_id":"i","audio_start_ms":' + b"9" * 5000 + b"}",
        b'{"item_id":"\xff","audio_start_ms":1}',
        b'{"item_id":"\\ud800","audio_start_ms":1}',
        b'{"item_id":7,"audio_start_ms":1}',
        b'{"item_id":"i","audio_start_ms":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"item_id":null,"x":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000 + b"}",
    ],
)
def test_a_malformed_event_is_bad_and_nothing_else(frame: bytes) -> None:
    """Every way of being malformed ends in the same refusal, which shows nothing of the frame."""
    with pytest.raises(ModelError) as caught:
        decode("input_audio_buffer.speech_started", frame)
    assert str(caught.value) == "bad_event: input_audio_buffer.speech_started"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "delta", ["/w", "/w=", "/w===", "_w==", "/w ==", " /w==", "\n", "=", "\u00e9", "not base64!"]
)
def test_audio_that_is_no_base64_is_bad_audio(delta: str) -> None:
    """The refusal says that it was the audio, and not which."""
    event = {"type": _DELTA, "response_id": "r", "item_id": "i", "delta": delta}
    with pytest.raises(ModelError) as caught:
        _read(event)
    assert str(caught.value) == f"bad_audio: {_DELTA}"


def test_audio_of_the_wrong_type_is_a_bad_event() -> None:
    """Only text can be bad audio."""
    for frame in (b'{"response_id":"r","item_id":"i","delta":5}', b'{"delta":"?"}', b"x"):
        with pytest.raises(ModelError, match="bad_event"):
            decode(_DELTA, frame)


@given(st.binary(max_size=4000), st.integers(0, 9), st.text(max_size=20), st.text(max_size=20))
def test_audio_of_any_length_is_read_as_it_was(
    audio: bytes, content_index: int, response_id: str, item_id: str
) -> None:
    """Base64 is undone exactly once, and ids are whatever the model says they are."""
    event = {
        "type": _DELTA,
        "response_id": response_id,
        "item_id": item_id,
        "content_index": content_index,
        "delta": b64encode(audio).decode(),
    }
    assert _read(event) == AudioDelta(response_id, item_id, audio, content_index)


def test_the_representation_of_audio_is_its_length() -> None:
    """A traceback does not fill with audio."""
    assert repr(AudioDelta("r", "i", b"abc")) == "AudioDelta(r, i, 3 bytes)"


@settings(deadline=None)
@given(
    st.sampled_from(sorted(_OURS)),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=4),
    st.integers(0, 3000),
)
def test_damaged_events_are_read_or_refused_and_nothing_else(
    name: str, flips: list[tuple[int, int]], length: int
) -> None:
    """No damage raises anything but our own error."""
    frame = bytearray(_compact({"type": name} | _SMALLEST[name][0]))
    for at, byte in flips:
        frame[at % len(frame)] = byte
    for damaged in (bytes(frame), bytes(frame[: length % len(frame)])):
        kind(damaged)
        try:
            assert type(decode(name, damaged)) is _OURS[name]
        except ModelError as error:
            reason = error.reason
        else:
            reason = ""
        assert reason in {"", "bad_event", "bad_audio"}
