"""The TwiML documents: what Twilio reads in them, and what is refused before it is sent."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import twiml
from gateway.errors import ConfigError

_CALL = "CA00000000000000000000000000000001"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def _connect(
    *,
    stream_url: str = "wss://voice.example.com/twilio/media",
    action_url: str = "https://voice.example.com/twilio/connect-ended",
    status_url: str = "https://voice.example.com/twilio/stream-status",
    parameters: dict[str, str] | None = None,
) -> str:
    return twiml.connect_stream(
        stream_url=stream_url,
        action_url=action_url,
        status_url=status_url,
        call_sid=_CALL,
        parameters=parameters or {},
    )


def test_connect_stream_is_exactly_what_twilio_documents() -> None:
    """The named stream with callback and ticket; then its action, also when there was none."""
    assert _connect(parameters={"ticket": "v1.a.b"}) == (
        f"{_DECLARATION}<Response>"
        '<Connect action="https://voice.example.com/twilio/connect-ended" method="POST">'
        f'<Stream name="{_CALL}" '
        'statusCallback="https://voice.example.com/twilio/stream-status" '
        'statusCallbackMethod="POST" url="wss://voice.example.com/twilio/media">'
        '<Parameter name="ticket" value="v1.a.b" /></Stream></Connect>'
        '<Redirect method="POST">https://voice.example.com/twilio/connect-ended</Redirect>'
        "</Response>"
    )


def test_the_short_documents() -> None:
    """Hang up, busy, and a sentence before the end are one or two verbs."""
    assert twiml.hangup() == f"{_DECLARATION}<Response><Hangup /></Response>"
    assert twiml.reject_busy() == f'{_DECLARATION}<Response><Reject reason="busy" /></Response>'
    assert twiml.say_and_hangup("Please call again.") == (
        f"{_DECLARATION}<Response><Say>Please call again.</Say><Hangup /></Response>"
    )


def test_dial_is_exactly_what_twilio_documents() -> None:
    """Number or SIP address, how long it rings, and who decides what comes after it."""
    action = "https://voice.example.com/twilio/dial-ended"
    assert twiml.dial("+442079460000", action_url=action, timeout_s=20) == (
        f'{_DECLARATION}<Response><Dial action="{action}" method="POST" timeout="20">'
        "<Number>+442079460000</Number></Dial></Response>"
    )
    sip = twiml.dial("sip:desk@example.com", action_url=action, timeout_s=5, caller_id="+15550001")
    assert sip == (
        f'{_DECLARATION}<Response><Dial action="{action}" callerId="+15550001" method="POST" '
        'timeout="5"><Sip>sip:desk@example.com</Sip></Dial></Response>'
    )


ACTION = "https://voice.example.com/twilio/consult-answer?consult=1"


def test_a_conference_is_for_two_and_ends_with_either() -> None:
    """Silent, without beeps; what comes after it is asked for, or it is the end."""
    room = (
        '<Conference beep="false" endConferenceOnExit="true" maxParticipants="2" '
        'startConferenceOnEnter="true" waitUrl="">room</Conference></Dial><Hangup /></Response>'
    )
    assert twiml.conference("room") == f"{_DECLARATION}<Response><Dial>{room}"
    assert twiml.conference("room", action_url=ACTION) == (
        f'{_DECLARATION}<Response><Dial action="{ACTION}" method="POST">{room}'
    )
    with pytest.raises(ConfigError, match="action_url"):
        twiml.conference("room", action_url="/relative")


def test_a_question_is_answered_by_one_key_or_none() -> None:
    """The action is asked in any case; # is a key like any other."""
    asked = twiml.question(
        ("Anna <calls>.\x00", "Press 1."),
        action_url=ACTION,
        timeout_s=15,
        goodbye="Bye.",
        language="en-GB",
    )
    assert asked == (
        f'{_DECLARATION}<Response><Gather action="{ACTION}" actionOnEmptyResult="true" '
        'finishOnKey="" method="POST" numDigits="1" timeout="15"><Pause length="1" />'
        '<Say language="en-GB">Anna &lt;calls&gt;.</Say><Say language="en-GB">Press 1.</Say>'
        '</Gather><Say language="en-GB">Bye.</Say><Hangup /></Response>'
    )
    with pytest.raises(ConfigError, match="action_url"):
        twiml.question(("x",), action_url="no address", timeout_s=1, goodbye="")


def test_a_call_can_be_sent_to_another_address() -> None:
    """An absolute one."""
    assert twiml.redirect(ACTION) == (
        f'{_DECLARATION}<Response><Redirect method="POST">{ACTION}</Redirect></Response>'
    )
    with pytest.raises(ConfigError, match="url"):
        twiml.redirect("/relative")


@pytest.mark.parametrize(
    ("number", "action", "word"),
    [
        ("+442079460000", "/twilio/dial-ended", "action_url"),
        ("+44\x00", "https://voice.example.com/x", "XML"),
    ],
)
def test_a_dial_that_twilio_could_not_read_is_refused(number: str, action: str, word: str) -> None:
    """An address that is not absolute, a number that is no text."""
    with pytest.raises(ConfigError, match=word):
        twiml.dial(number, action_url=action, timeout_s=20)


@pytest.mark.parametrize(
    "url",
    [
        "https://voice.example.com/twilio/media",
        "http://voice.example.com/twilio/media",
        "voice.example.com/twilio/media",
        "/twilio/media",
        "wss:///twilio/media",
        "wss://",
        "",
        "wss://[voice/twilio/media",
        "wss://voice.example.com/twilio/media?ticket=1",
        "wss://voice.example.com/twilio/media?",
        "wss://voice.example.com/twilio/media#top",
        "wss://voice.example.com/twilio media",
        "wss://voice.example.com/twilio\n/media",
    ],
)
def test_a_stream_url_twilio_would_refuse_is_refused_here(url: str) -> None:
    """Only an absolute ws or wss address without query reaches Twilio as it was written."""
    with pytest.raises(ConfigError, match=r"^stream_url"):
        _connect(stream_url=url)


@pytest.mark.parametrize("name", ["action_url", "status_url"])
@pytest.mark.parametrize("url", ["/twilio/x", "wss://h/x", "ftp://h/x", "https://", "https://a b"])
def test_callbacks_must_be_absolute(name: str, url: str) -> None:
    """The mistake is told with the name of the address at fault."""
    good = "https://voice.example.com/twilio/x"
    action_url, status_url = (url, good) if name == "action_url" else (good, url)
    with pytest.raises(ConfigError, match=f"^{name}"):
        _connect(action_url=action_url, status_url=status_url)


def test_plain_ws_is_for_a_twin() -> None:
    """A local stand-in of Twilio has no certificate."""
    assert 'url="ws://127.0.0.1:8080/twilio/media"' in _connect(
        stream_url="ws://127.0.0.1:8080/twilio/media"
    )


def test_a_parameter_may_have_499_characters_with_its_name() -> None:
    """Twilio's limit is under 500; the message names the parameter and not its value."""
    assert "x" * 493 in _connect(parameters={"ticket": "x" * 493})
    with pytest.raises(ConfigError, match=r"'ticket' has 500 characters") as caught:
        _connect(parameters={"ticket": "x" * 494})
    assert "xx" not in str(caught.value)


@pytest.mark.parametrize("bad", ["\x00", "\x0b", "\x1b[31m", "\ud800", "\uffff"])
def test_a_parameter_xml_cannot_carry_is_refused(bad: str) -> None:
    """Better no call than a document Twilio cannot parse."""
    with pytest.raises(ConfigError, match="XML"):
        _connect(parameters={"note": f"a{bad}b"})


@given(st.text(max_size=200))
def test_any_sentence_makes_a_document_that_says_it(text: str) -> None:
    """Markup is escaped, and only what XML cannot carry is left out."""
    document = ET.fromstring(twiml.say_and_hangup(text))
    assert [verb.tag for verb in document] == ["Say", "Hangup"]
    said = document[0].text or ""
    # An XML parser reads every line end as a line feed.
    kept = twiml._NOT_XML.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    assert said == kept


@given(st.dictionaries(st.text(min_size=1, max_size=40), st.text(max_size=200), max_size=5))
def test_any_parameters_arrive_as_they_are_or_are_refused(parameters: dict[str, str]) -> None:
    """A value full of quotes and angle brackets stays a value; the ending is always there."""
    try:
        document = ET.fromstring(_connect(parameters=parameters))
    except ConfigError:
        assert any(twiml._NOT_XML.search(name + value) for name, value in parameters.items())
        return
    assert [verb.tag for verb in document] == ["Connect", "Redirect"]
    read = {each.get("name"): each.get("value") for each in document.iter("Parameter")}
    assert read == parameters
