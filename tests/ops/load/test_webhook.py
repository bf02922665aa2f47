"""What the carrier asks before and after a stream."""

import pytest

from gateway.ops.load.webhook import Caller, Refused, announce, connection_of, move_on
from gateway.sim.twilio.debugger import Debugger
from gateway.sim.twilio.twiml import parse_text
from gateway.sim.twilio.webhooks import Webhooks
from tests.ops.load.peer import ACCOUNT, TOKEN, Peer, listening

CALLER = Caller(ACCOUNT, "CA" + "1" * 32, "+15550000001", "+15550001000")
BASE = "https://voice.example.com/twilio/voice"
STREAM = '<Stream url="wss://voice.example.com/media?x=1"><Parameter name="a" value="b"/></Stream>'


def test_the_stream_of_an_answer() -> None:
    """What is said before it takes no time; the query of its address is Twilio's to drop."""
    document = parse_text(
        f'<Response><Say>Hello</Say><Connect action="/next">{STREAM}</Connect></Response>'
    )
    found = connection_of(document, BASE)
    assert found.url == "wss://voice.example.com/media"
    assert found.action == "https://voice.example.com/next"
    assert found.parameters == {"a": "b"}
    bare = connection_of(parse_text(f"<Response><Connect>{STREAM}</Connect></Response>"), BASE)
    assert bare.action == ""


@pytest.mark.parametrize(
    ("twiml", "failure", "said"),
    [
        ('<Response><Reject reason="busy"/></Response>', "busy", "<Reject> busy"),
        ("<Response><Say>Later.</Say><Hangup/></Response>", "busy", "<Hangup>"),
        ("<Response/>", "twiml", "nothing"),
        ("<Response><Dial>+15550001</Dial></Response>", "twiml", "<Dial>"),
        ("<Response><Connect/></Response>", "twiml", "no <Stream>"),
        (
            '<Response><Connect><Stream url="http://a.example"/></Connect></Response>',
            "stream_url",
            "31922",
        ),
    ],
)
def test_an_answer_without_a_stream_is_refused(twiml: str, failure: str, said: str) -> None:
    """For the reason it has."""
    with pytest.raises(Refused, match=said) as refused:
        connection_of(parse_text(twiml), BASE)
    assert refused.value.failure == failure


@pytest.mark.asyncio
async def test_the_webhook_is_signed_and_complete() -> None:
    """As Twilio's are, before and after the stream."""
    webhooks = Webhooks(TOKEN, Debugger())
    async with listening(Peer()) as peer:
        connection = await announce(webhooks, f"{peer.url}/voice", CALLER)
        assert connection.parameters == {"ticket": "t&1"}
        document = await move_on(webhooks, connection.action, CALLER, there=True)
        assert [verb.name for verb in document.verbs] == ["Hangup"]
        await move_on(webhooks, connection.action, CALLER, there=False)
    await webhooks.close()
    (form,) = peer.forms
    assert form["CallStatus"] == "ringing"
    assert form["From"] == form["Caller"] == "+15550000001"
    assert [each["CallStatus"] for each in peer.nexts] == ["in-progress", "completed"]
    assert peer.badly_signed == 0


@pytest.mark.asyncio
async def test_a_webhook_that_fails_says_how() -> None:
    """Its status, its content, or that nobody was there."""
    webhooks = Webhooks(TOKEN, Debugger())
    found = []
    for peer in (Peer(status=503), Peer(twiml="no XML")):
        async with listening(peer):
            with pytest.raises(Refused) as refused:
                await announce(webhooks, f"{peer.url}/voice", CALLER)
            found.append(refused.value.failure)
    with pytest.raises(Refused) as refused:
        await announce(webhooks, f"{peer.url}/voice", CALLER)
    found.append(refused.value.failure)
    with pytest.raises(Refused) as refused:
        await move_on(webhooks, f"{peer.url}/next", CALLER, there=True)
    found.append(refused.value.failure)
    await webhooks.close()
    assert found == ["webhook_status", "twiml", "webhook_unreachable", "action_failed"]
