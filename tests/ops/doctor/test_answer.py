"""TwiML as the carrier reads it: where a call goes, or why it goes nowhere."""

import pytest

from gateway.core import twiml
from gateway.ops.doctor.answer import stream_of, verbs_of
from gateway.ops.doctor.carrier import Answer
from gateway.ops.doctor.finding import Wrong

URL = "wss://voice.example.com/twilio/media"
CONNECT = twiml.connect_stream(
    stream_url=URL,
    action_url="https://voice.example.com/twilio/connect-ended",
    status_url="https://voice.example.com/twilio/stream-status",
    call_sid="CA" + "0" * 32,
    parameters={"ticket": "v1.a&<b>"},
)


def answer(body: str, *, status: int = 200, kind: str = "text/xml; charset=utf-8") -> Answer:
    """What a gateway answers."""
    return Answer(status, {"content-type": kind} if kind else {}, body.encode(), 1.0)


def test_a_stream_is_read_whole() -> None:
    """Address, action and parameters, without what XML made of them."""
    stream = stream_of(answer(CONNECT), URL)
    assert stream.url == URL
    assert stream.action == "https://voice.example.com/twilio/connect-ended"
    assert stream.parameters == {"ticket": "v1.a&<b>"}
    assert "v1" not in repr(stream)


WRONG = {
    "busy": (answer(twiml.reject_busy()), "callers hear busy"),
    "told off": (answer(twiml.say_and_hangup("We are closed.")), "'We are closed.'"),
    "hung up": (answer(twiml.hangup()), "<Hangup>"),
    "nothing at all": (answer("<Response/>"), "<nothing>"),
    "another verb's child": (answer("<Response><Start><Stream/></Start></Response>"), "<Start>"),
    "another address": (answer(CONNECT.replace("voice.", "old.")), "wss://old.example.com"),
    "an error": (answer("Internal Server Error", status=500), "HTTP 500"),
    "a page": (answer("<html></html>", kind="text/html"), "text/html"),
    "no type": (answer(CONNECT, kind=""), "no content type"),
    "no XML": (answer("<Response>"), "12100"),
    "other XML": (answer("<rss/>"), "<rss>"),
}


@pytest.mark.parametrize("name", WRONG)
def test_whatever_else_is_named(name: str) -> None:
    """As a caller would hear it, or the carrier log it."""
    given, says = WRONG[name]
    with pytest.raises(Wrong) as wrong:
        stream_of(given, URL)
    assert says in wrong.value.detail
    assert wrong.value.fix


def test_the_verbs_of_any_document_are_read() -> None:
    """As those of what comes after the stream."""
    assert [verb.tag for verb in verbs_of(answer(twiml.say_and_hangup("x")))] == ["Say", "Hangup"]
