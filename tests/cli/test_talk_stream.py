"""One media stream of a softphone: messages out, audio and marks in, time in frames."""

import base64
import json
from typing import Any

from gateway.cli.talk_stream import PhoneStream

PLACED = {"account_sid": "AC1", "call_sid": "CA1", "stream_sid": "MZ1", "ticket": "v1.x"}
QUIET = b"\xff" * 160
TONE = bytes(range(160))


def opened() -> tuple[PhoneStream, list[dict[str, Any]]]:
    """A stream that has begun, and what it says."""
    said: list[dict[str, Any]] = []
    stream = PhoneStream(PLACED, lambda text: said.append(json.loads(text)))
    stream.begin()
    return stream, said


def media(payload: bytes) -> str:
    """Audio of the gateway's."""
    audio = {"payload": base64.b64encode(payload).decode()}
    return json.dumps({"event": "media", "streamSid": "MZ1", "media": audio})


def mark(name: str) -> str:
    """A mark of the gateway's."""
    return json.dumps({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}})


CLEAR = json.dumps({"event": "clear", "streamSid": "MZ1"})


def marks(said: list[dict[str, Any]]) -> list[str]:
    """Those that came back."""
    return [each["mark"]["name"] for each in said if each["event"] == "mark"]


def test_a_stream_begins_with_its_ticket() -> None:
    """And time is in its frames."""
    stream, said = opened()
    assert [each["event"] for each in said] == ["connected", "start"]
    assert said[1]["start"]["customParameters"] == {"ticket": "v1.x"}
    assert [stream.frame(TONE), stream.frame(QUIET)] == [QUIET, QUIET]
    assert [each["media"]["timestamp"] for each in said[2:]] == ["0", "20"]
    assert [each["media"]["chunk"] for each in said[2:]] == ["1", "2"]


def test_what_comes_is_heard_and_marks_go_back_behind_it() -> None:
    """One in silence at once."""
    stream, said = opened()
    stream.hear(mark("a"))
    assert marks(said) == ["a"]
    assert stream.hear(media(TONE + TONE[:80])) is False
    stream.hear(mark("b"))
    assert not stream.silent
    assert stream.frame(QUIET) == TONE
    assert marks(said) == ["a"]
    assert stream.frame(QUIET) == TONE[:80] + QUIET[80:]
    assert marks(said) == ["a", "b"]
    assert stream.silent


def test_clear_is_obeyed_at_once() -> None:
    """Nothing more is heard, and what waited goes back."""
    stream, said = opened()
    stream.hear(media(TONE * 5))
    stream.hear(mark("a"))
    stream.frame(QUIET)
    assert stream.hear(CLEAR) is True
    assert marks(said) == ["a"]
    assert stream.frame(QUIET) == QUIET


def test_keys_and_the_end() -> None:
    """As Twilio says them."""
    stream, said = opened()
    stream.press("#")
    stream.stop()
    assert said[-2]["dtmf"] == {"track": "inbound_track", "digit": "#"}
    assert said[-1]["stop"] == {"accountSid": "AC1", "callSid": "CA1"}


def test_what_twilio_would_not_take_is_counted() -> None:
    """And does nothing."""
    stream, said = opened()
    for text in ("{", CLEAR.replace("MZ1", "MZ2"), '{"event":"weather"}'):
        assert stream.hear(text) is False
    assert (stream.faults, len(said)) == (3, 2)
