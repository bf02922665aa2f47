"""Reading TwiML: verbs, warnings, refusals."""

import pytest
from twilio.twiml.voice_response import VoiceResponse

from gateway.sim.twilio.debugger import TwilioFault
from gateway.sim.twilio.twiml import parse, parse_text


def test_what_twilios_own_builder_writes_is_read() -> None:
    """Connect, Stream and Parameter with their attributes, and text in verbs."""
    response = VoiceResponse()
    connect = response.connect(action="/ended", method="POST")
    stream = connect.stream(url="wss://example.com/media", name="CA1")
    stream.parameter(name="ticket", value='a"<&b')
    response.say("Goodbye & good luck")
    response.hangup()
    document = parse(str(response).encode(), "text/xml; charset=utf-8")
    assert [verb.name for verb in document.verbs] == ["Connect", "Say", "Hangup"]
    noun = document.verbs[0].children[0]
    assert noun.get("url") == "wss://example.com/media"
    assert noun.children[0].get("value") == 'a"<&b'
    assert document.verbs[1].text == "Goodbye & good luck"
    assert document.warnings == ()


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"<Response/>", "text/plain", 12300),
        (b"<Response/>", "", 12300),
        (b"{}", "application/json", 12300),
        (b"<Response/>" + b" " * 65_536, "text/xml", 11750),
        (b"<Response>", "text/xml", 12100),
        (b"", "text/xml", 12100),
        (b"<Response><Say>a & b</Say></Response>", "application/xml", 12100),
        (b"<html/>", "text/xml", 12100),
        (b"<response/>", "text/xml", 12100),
    ],
)
def test_what_twilio_refuses_is_refused(body: bytes, content_type: str, code: int) -> None:
    """Each with its code."""
    with pytest.raises(TwilioFault) as refused:
        parse(body, content_type)
    assert refused.value.code == code


def test_the_unknown_is_warned_of_and_left_out() -> None:
    """12200 for what is not TwiML, a code of the twin's own for what it does not do."""
    document = parse_text(
        "<Response><Sing/><Record/><Say volume='9'>x</Say><Stream url='wss://x'/></Response>"
    )
    assert [verb.name for verb in document.verbs] == ["Say"]
    assert [code for code, _ in document.warnings] == [12200, 90002, 12200, 12200]


def test_attributes_have_their_types() -> None:
    """Nonsense in a number counts as absent."""
    verb = parse_text("<Response><Pause length='3'/><Pause length='x'/></Response>").verbs
    assert [each.number("length", 1) for each in verb] == [3, 1]
    dial = parse_text("<Response><Dial answerOnBridge='TRUE'/></Response>").verbs[0]
    assert dial.flag("answerOnBridge")
    assert not dial.flag("hangupOnStar")
