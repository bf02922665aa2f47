"""The signed webhooks, over a real socket: who is let in, and what the carrier is told to do."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from gateway.call.call import Offer
from gateway.call.context import Destination, Route
from gateway.call.session import AgentPlan
from gateway.core.events import (
    CallAnswered,
    CallEnded,
    ModelLost,
    TransferFailed,
    TransferStarted,
)
from gateway.core.refused import HEADER
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.web.twilio import MAX_FORM_BYTES
from tests.web.carrier import (
    ACCOUNT,
    FORM_TYPE,
    TOKEN,
    Carrier,
    new_call_sid,
    ticket_in,
    verbs,
    voice_form,
)
from tests.web.running import Gateway, brief_agent, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

VOICE = "/twilio/voice"
PUBLIC = "https://voice.example.com"
GREETS = """
name = "greets"
voice = "tones"
[greeting]
say = "bye"
[otherwise]
say = "else"
"""


def greeter(settings: Settings) -> AgentPlan:
    """An agent that speaks first."""
    return brief_agent(settings, greeting="Greet the caller.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """One gateway for all tests that leave nothing behind."""
    async with running(tmp_path_factory.mktemp("gateway"), max_calls=1000) as found:
        yield found


# Let in


async def test_a_signed_webhook_opens_the_stream_and_dials_the_model(gateway: Gateway) -> None:
    """The answer is TwiML: Connect with an action, a Stream with a ticket, a safe ending."""
    call_sid = new_call_sid()
    async with gateway.dials(1):
        with gateway.refuses():
            answer = await gateway.announce(call_sid)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert verbs(answer.text) == ["Connect", "Redirect"]
    connect = ElementTree.fromstring(answer.text)[0]
    stream = connect[0]
    assert connect.attrib == {
        "action": f"{gateway.public_url}/twilio/connect-ended",
        "method": "POST",
    }
    assert stream.attrib == {
        "name": call_sid,
        "url": gateway.stream_url,
        "statusCallback": f"{gateway.public_url}/twilio/stream-status",
        "statusCallbackMethod": "POST",
    }
    assert ticket_in(answer.text)


async def test_blank_values_are_part_of_what_is_signed(gateway: Gateway) -> None:
    """A parameter without a value counts, and its absence is noticed."""
    form = voice_form(new_call_sid(), CallerName="", FromCity="")
    assert (await gateway.post(VOICE, form)).status_code == 200
    form = voice_form(new_call_sid(), CallerName="", FromCity="")
    signature = gateway.sign(gateway.public_url + VOICE, form)
    del form["FromCity"]
    # An empty value adds its name to the text that is signed.
    with gateway.refuses(signature_wrong=1):
        answer = await gateway.post(VOICE, form, X_Twilio_Signature=signature)
    assert answer.status_code == 403


async def test_repeated_parameters_are_signed_as_the_carrier_does(gateway: Gateway) -> None:
    """A form in which a name stands twice is accepted."""
    form = voice_form(new_call_sid())
    pairs = [*form.items(), ("SipHeader_X-Tag", "b"), ("SipHeader_X-Tag", "a")]
    text = gateway.public_url + VOICE
    text += "".join(name + value for name, value in sorted(pairs))
    signature = gateway.sign(text, {})
    with gateway.refuses():
        answer = await gateway.post_body(VOICE, urlencode(pairs), X_Twilio_Signature=signature)
    assert answer.status_code == 200


async def test_the_query_is_part_of_the_address(gateway: Gateway) -> None:
    """A signature over the address with its query is accepted, and only for that query."""
    form = voice_form(new_call_sid())
    with gateway.refuses():
        assert (await gateway.post(f"{VOICE}?route=a", form)).status_code == 200
    signature = gateway.sign(f"{gateway.public_url}{VOICE}?route=a", form)
    for path in (VOICE, f"{VOICE}?route=b", f"{VOICE}?route=a&x="):
        with gateway.refuses(signature_wrong=1):
            answer = await gateway.post(path, form, X_Twilio_Signature=signature)
        assert answer.status_code == 403


async def test_a_form_of_64_kib_is_taken(gateway: Gateway) -> None:
    """The limit itself is within the limit."""
    form = voice_form(new_call_sid(), Padding="")
    form["Padding"] = "x" * (MAX_FORM_BYTES - len(urlencode(form)))
    assert len(urlencode(form)) == MAX_FORM_BYTES
    assert (await gateway.post(VOICE, form)).status_code == 200


# Kept out


async def test_a_missing_signature_is_refused_before_the_body_is_read(gateway: Gateway) -> None:
    """403 with nothing in it, although the promised form never comes."""
    head = f"POST {VOICE} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
    async with gateway.turns_away(signature_missing=1):
        answer = await gateway.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"content-length: 0\r\n" in answer


async def test_a_refusal_names_its_reason_in_a_header(gateway: Gateway) -> None:
    """By which it is told from a proxy's; the reason says nothing of what would be right."""
    form = voice_form(new_call_sid())
    unsigned = await gateway.post(VOICE, form, X_Twilio_Signature="")
    wrongly = await gateway.post(VOICE, form, X_Twilio_Signature="nonsense")
    other = await gateway.post(VOICE, {**form, "AccountSid": "AC" + "1" * 32})
    served = await gateway.post(VOICE, form)
    refusals = [each.headers.get(HEADER) for each in (unsigned, wrongly, other, served)]
    assert refusals == ["signature_missing", "signature_wrong", "other_account", None]


WRONG_ADDRESSES: dict[str, Callable[[str], str]] = {
    "plain": lambda base: base.replace("https:", "http:"),
    "stream": lambda base: base.replace("https:", "wss:"),
    "other host": lambda base: base.replace("voice.", "other."),
    "other port": lambda base: base + ":8443",
    "prefix": lambda base: base + "/prefix",
}


async def test_only_the_configured_address_is_signed(tmp_path: Path) -> None:
    """https or http, host, port, path and last slash: a signature over another address fails."""
    async with running(tmp_path, public_url=PUBLIC) as gateway:
        form = voice_form(new_call_sid())
        for wrong in WRONG_ADDRESSES.values():
            signature = gateway.sign(wrong(PUBLIC) + VOICE, form)
            async with gateway.turns_away(signature_wrong=1):
                answer = await gateway.post(VOICE, form, X_Twilio_Signature=signature)
            assert (answer.status_code, answer.text) == (403, "")
        for path in (f"{VOICE}/", "/twilio/status", "/"):
            signature = gateway.sign(PUBLIC + path, form)
            async with gateway.turns_away(signature_wrong=1):
                answer = await gateway.post(VOICE, form, X_Twilio_Signature=signature)
            assert answer.status_code == 403


async def test_the_default_port_may_be_spelled_out_or_not(tmp_path: Path) -> None:
    """Twilio signs https addresses with and without :443; both are accepted, in both directions."""
    for public_url in (PUBLIC, f"{PUBLIC}:443"):
        async with running(tmp_path, public_url=public_url) as gateway:
            for signed in (PUBLIC, f"{PUBLIC}:443"):
                form = voice_form(new_call_sid())
                signature = gateway.sign(signed + VOICE, form)
                answer = await gateway.post(VOICE, form, X_Twilio_Signature=signature)
                assert answer.status_code == 200


async def test_what_a_proxy_or_stranger_says_has_no_influence(tmp_path: Path) -> None:
    """Host and X-Forwarded-* neither break a good signature nor make a bad one good."""
    spoofed = {
        "Host": "evil.example",
        "X_Forwarded_Host": "evil.example",
        "X_Forwarded_Proto": "http",
        "X_Forwarded_Port": "1234",
        "X_Forwarded_Prefix": "/evil",
        "X_Forwarded_For": "203.0.113.9",
        "X_Original_URL": "/twilio/status",
        "Forwarded": "host=evil.example;proto=http",
    }
    async with running(tmp_path, public_url=PUBLIC) as gateway:
        good = await gateway.post(VOICE, voice_form(new_call_sid()), **spoofed)
        assert good.status_code == 200
        assert "evil" not in good.text
        assert PUBLIC in good.text
        form = voice_form(new_call_sid())
        for base in ("http://evil.example", "https://evil.example", "https://evil.example/evil"):
            signature = gateway.sign(base + VOICE, form)
            async with gateway.turns_away(signature_wrong=1):
                bad = await gateway.post(VOICE, form, **spoofed, X_Twilio_Signature=signature)
            assert bad.status_code == 403


@pytest.mark.parametrize("host", ["x/twilio/status#", "x/twilio/status?", "x\\twilio", "[::1", ""])
async def test_a_crooked_host_cannot_redirect_a_signature(gateway: Gateway, host: str) -> None:
    """A form signed for one path is not taken for another, whatever Host says."""
    form = urlencode(voice_form(new_call_sid()))
    signature = gateway.sign(f"{gateway.public_url}/twilio/status", voice_form(new_call_sid()))
    head = (
        f"POST {VOICE} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM_TYPE}\r\n"
        f"Content-Length: {len(form)}\r\nX-Twilio-Signature: {signature}\r\n\r\n{form}"
    )
    async with gateway.dials(0):
        answer = await gateway.raw(head.encode())
    assert answer.split(b" ")[1] in (b"400", b"403")


async def test_a_path_prefix_belongs_to_the_public_address(tmp_path: Path) -> None:
    """A proxy may strip the prefix: signatures and TwiML speak of the configured base."""
    base = f"{PUBLIC}/pbx"
    async with running(tmp_path, public_url=f"{base}/") as gateway:
        call_sid = new_call_sid()
        answer = await gateway.announce(call_sid)  # signs {base}/twilio/voice, posts /twilio/voice
        assert answer.status_code == 200
        assert f'action="{base}/twilio/connect-ended"' in answer.text
        assert 'url="wss://voice.example.com/pbx/twilio/media"' in answer.text
        async with await gateway.socket() as stream:
            await stream.start(call_sid, ticket_in(answer.text))
            await gateway.admitted(call_sid)
        form = voice_form(new_call_sid())
        signature = gateway.sign(PUBLIC + VOICE, form)
        with gateway.refuses(signature_wrong=1):
            assert (await gateway.post(VOICE, form, X_Twilio_Signature=signature)).is_error


TAMPERED: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "changed": lambda form: {**form, "From": "+15550199"},
    "added": lambda form: {**form, "Extra": "1"},
    "added empty": lambda form: {**form, "Extra": ""},
    "missing": lambda form: {k: v for k, v in form.items() if k != "CallerName"},
    "renamed": lambda form: {("Callsid" if k == "CallSid" else k): v for k, v in form.items()},
    "empty": lambda form: {},
}


@pytest.mark.parametrize("how", TAMPERED)
async def test_a_tampered_form_is_refused(gateway: Gateway, how: str) -> None:
    """Every parameter is signed, the empty ones too."""
    form = voice_form(new_call_sid())
    signature = gateway.sign(gateway.public_url + VOICE, form)
    async with gateway.turns_away(signature_wrong=1):
        answer = await gateway.post(VOICE, TAMPERED[how](form), X_Twilio_Signature=signature)
    assert (answer.status_code, answer.text) == (403, "")


async def test_a_repeated_parameter_is_noticed(gateway: Gateway) -> None:
    """A second value for a signed name breaks the signature."""
    form = voice_form(new_call_sid())
    body = f"{urlencode(form)}&CallSid={new_call_sid()}"
    signature = gateway.sign(gateway.public_url + VOICE, form)
    async with gateway.turns_away(signature_wrong=1):
        answer = await gateway.post_body(VOICE, body, X_Twilio_Signature=signature)
    assert answer.status_code == 403


async def test_a_senseless_signature_is_refused(gateway: Gateway) -> None:
    """Whatever stands in the header, the answer is 403."""
    content = urlencode(voice_form(new_call_sid()))
    for signature in (b"x", b"=" * 28, "é".encode(), b"\xff" * 28, b"A" * 10_000, b"a, b"):
        headers = [(b"X-Twilio-Signature", signature), (b"Content-Type", FORM_TYPE.encode())]
        async with gateway.turns_away(signature_wrong=1):
            answer = await gateway.http.post(VOICE, content=content, headers=headers)
        assert (answer.status_code, answer.text) == (403, "")


async def test_another_token_is_refused_and_a_second_one_accepted(tmp_path: Path) -> None:
    """While tokens rotate either of two signs; a third does not."""
    async with running(tmp_path, twilio_auth_token="new one, old one") as gateway:
        for token in ("new one", "old one"):
            form = voice_form(new_call_sid())
            signature = gateway.sign(gateway.public_url + VOICE, form, token)
            assert (await gateway.post(VOICE, form, X_Twilio_Signature=signature)).is_success
        for token in (TOKEN, "new one, old one", ""):
            form = voice_form(new_call_sid())
            signature = gateway.sign(gateway.public_url + VOICE, form, token)
            with gateway.refuses(signature_wrong=1):
                answer = await gateway.post(VOICE, form, X_Twilio_Signature=signature)
            assert answer.status_code == 403


async def test_another_account_is_refused(gateway: Gateway) -> None:
    """A rightly signed webhook of an account that is not ours is 403."""
    for account in ("AC" + "1" * 32, "", ACCOUNT.lower()):
        async with gateway.turns_away(other_account=1):
            answer = await gateway.announce(new_call_sid(), AccountSid=account)
        assert (answer.status_code, answer.text) == (403, "")


async def test_other_methods_are_not_allowed(gateway: Gateway) -> None:
    """Webhooks are POST; a GET with a good signature is 405."""
    form = voice_form(new_call_sid())
    url = f"{VOICE}?{urlencode(form)}"
    headers = {"X-Twilio-Signature": gateway.sign(gateway.public_url + url, {})}
    async with gateway.dials(0):
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            answer = await gateway.http.request(method, url, headers=headers)
            assert answer.status_code == 405


async def test_a_last_slash_is_another_address(gateway: Gateway) -> None:
    """No redirect, least of all to a host the request named."""
    answer = await gateway.post(f"{VOICE}/", voice_form(new_call_sid()), Host="evil.example")
    assert answer.status_code == 404
    assert "evil" not in str(answer.headers) + answer.text


async def test_a_json_body_is_refused(gateway: Gateway) -> None:
    """JSON is no form: even signed as one, or over its hash, it opens nothing."""
    form = voice_form(new_call_sid())
    for url in (gateway.public_url + VOICE, f"{gateway.public_url}{VOICE}?bodySHA256=00"):
        path = url.removeprefix(gateway.public_url)
        for signed in (form, {}):
            async with gateway.dials(0):
                answer = await gateway.post_body(
                    path,
                    json.dumps(form),
                    Content_Type="application/json",
                    X_Twilio_Signature=gateway.sign(url, signed),
                )
            assert answer.status_code == 403


NOT_FORMS = {
    "no boundary": ("multipart/form-data", b"x"),
    "a file": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\nx\r\n--b--\r\n',
    ),
    "no parts": ("multipart/form-data; boundary=b", b"garbage"),
    "10,000 fields": (FORM_TYPE, b"a=&" * 10_000),
    "broken escapes": (FORM_TYPE, b"a=%zz&=&;;&&=%&%=%ff"),
    "raw bytes": (FORM_TYPE, bytes(range(256))),
    "strange charset": (f"{FORM_TYPE}; charset=utf-16", b"\xff\xfe\x00="),
}


@pytest.mark.parametrize("what", NOT_FORMS)
async def test_a_body_that_is_no_form_is_refused(gateway: Gateway, what: str) -> None:
    """A client's mistake is answered as one: never 500, never a dial."""
    content_type, body = NOT_FORMS[what]
    async with gateway.dials(0):
        answer = await gateway.post_body(
            VOICE, body, Content_Type=content_type, X_Twilio_Signature="x"
        )
    assert answer.status_code in (400, 403)


async def test_a_body_of_unknown_length_is_refused(gateway: Gateway) -> None:
    """Chunked bodies and bodies without a length are 411; both lengths at once are 400."""
    signed = f"X-Twilio-Signature: {gateway.sign(gateway.public_url + VOICE, {})}\r\n"
    cases = {
        "Transfer-Encoding: chunked\r\n\r\n5\r\nCall=\r\n0\r\n\r\n": b"411",
        "\r\n": b"411",
        "Content-Length: -1\r\n\r\n": b"400",
        "Content-Length: 1e3\r\n\r\n": b"400",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": b"400",
    }
    async with gateway.dials(0):
        for rest, status in cases.items():
            head = f"POST {VOICE} HTTP/1.1\r\nHost: x\r\n{signed}{rest}"
            assert (await gateway.raw(head.encode())).split(b" ")[1] == status


@pytest.mark.parametrize("length", [MAX_FORM_BYTES + 1, 10**9, 10**15])
async def test_a_long_body_is_not_read(gateway: Gateway, length: int) -> None:
    """Over 64 KiB is 413 at once: the client is never asked to go on."""
    head = (
        f"POST {VOICE} HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: x\r\n"
        f"Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    )
    async with gateway.turns_away(form_too_large=1):
        answer = await gateway.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_stranger_who_leaves_mid_form_is_no_error(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that closes before its form is complete is not worth a traceback."""
    head = f"POST {VOICE} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM_TYPE}\r\n"
    head += "Content-Length: 100\r\nX-Twilio-Signature: x\r\n\r\nCallSid="
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(head.encode())
    await writer.drain()
    await gateway.http.get("/healthz")
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(5):
        await asyncio.gather(*list(gateway.server.server_state.tasks))
    assert not caplog.records


# Odd calls


async def test_a_webhook_without_a_call_is_refused(gateway: Gateway) -> None:
    """No CallSid, or one that is none: 400, nothing dialled."""
    for call_sid in ("", "CA", "../../etc", "CA" + "g" * 32, new_call_sid() + "0", "x" * 30_000):
        async with gateway.dials(0):
            assert (await gateway.announce(call_sid)).status_code == 400


ADDRESSES = {
    "none": "",
    "anonymous": "anonymous",
    "long": "sip:" + "a" * 30_000 + "@example.com",
    "emoji": "😀" * 64,
    "accents": "é" * 5000,
    "quotes": '"\\' * 200,
    "control": "\x01" * 64,
    "terminal": "\r\n\x1b[2J\u2028" * 20,
}


@pytest.mark.parametrize("what", ADDRESSES)
async def test_any_caller_and_called_are_taken(gateway: Gateway, what: str) -> None:
    """Addresses may be empty, long or strange: the call is taken and its ticket good."""
    call_sid, name = new_call_sid(), ADDRESSES[what]
    answer = await gateway.announce(call_sid, From=name, To=name)
    assert answer.status_code == 200
    async with await gateway.socket() as stream:
        await stream.start(call_sid, ticket_in(answer.text))
        await gateway.admitted(call_sid)


# Once per call


async def test_the_same_webhook_again_gets_the_same_answer(gateway: Gateway) -> None:
    """Ten at once and one more: one connection to the model, one ticket."""
    call_sid = new_call_sid()
    async with gateway.dials(1):
        with gateway.refuses():
            answers = await asyncio.gather(*(gateway.announce(call_sid) for _ in range(10)))
            await gateway.until(lambda: call_sid in gateway.dialled)
            answers.append(await gateway.announce(call_sid))
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].status_code == 200


async def test_a_replay_after_the_end_dials_nothing(gateway: Gateway) -> None:
    """The CallSid is remembered: a replayed webhook hears Hangup, however often it comes."""
    call_sid = new_call_sid()
    form = voice_form(call_sid)
    async with await gateway.call(call_sid) as stream:
        await stream.stop(call_sid)
    assert await gateway.ended(call_sid) == "caller_hung_up"
    async with gateway.turns_away(call_over=20):
        for _ in range(20):
            answer = await gateway.post(VOICE, form)
            assert verbs(answer.text) == ["Hangup"]


# No room


async def test_over_capacity_the_caller_hears_busy(tmp_path: Path) -> None:
    """Reject is the first verb, so the call is neither answered nor billed; room frees itself."""
    async with running(tmp_path, max_calls=1) as gateway:
        first = new_call_sid()
        await gateway.ticket(first)
        async with gateway.turns_away(capacity=1):
            answer = await gateway.announce(new_call_sid())
        reject = ElementTree.fromstring(answer.text)[0]
        assert (answer.status_code, reject.tag, reject.attrib) == (
            200,
            "Reject",
            {"reason": "busy"},
        )
        assert (await gateway.announce(first)).text.count("Stream") > 0
        await gateway.post("/twilio/status", voice_form(first, CallStatus="canceled"))
        await gateway.ended(first)
        assert await gateway.ticket(new_call_sid())


async def test_an_overflow_message_is_spoken_instead(tmp_path: Path) -> None:
    """With a message set it is said, as it stands, and the call ends."""
    said = 'We are <busy> & sorry, "call" later.'
    async with running(tmp_path, max_calls=1, overflow_message=said) as gateway:
        await gateway.ticket(new_call_sid())
        answer = await gateway.announce(new_call_sid())
        assert verbs(answer.text) == ["Say", "Hangup"]
        assert ElementTree.fromstring(answer.text)[0].text == said
        gateway.reception.drain()
        assert verbs((await gateway.announce(new_call_sid())).text) == ["Say", "Hangup"]


async def test_while_draining_new_calls_hear_busy(tmp_path: Path) -> None:
    """A new webhook is refused; the same webhook of a known call keeps its answer."""
    async with running(tmp_path) as gateway:
        known = new_call_sid()
        before = await gateway.announce(known)
        gateway.reception.drain()
        async with gateway.turns_away(draining=1):
            assert verbs((await gateway.announce(new_call_sid())).text) == ["Reject"]
        assert (await gateway.announce(known)).text == before.text


# After the stream


async def test_a_caller_who_hung_up_needs_nothing_more(gateway: Gateway) -> None:
    """After `stop` the action is answered with Hangup, whatever the status says."""
    call_sid = new_call_sid()
    async with await gateway.call(call_sid) as stream:
        await stream.stop(call_sid)
    await gateway.ended(call_sid)
    for status in ("completed", "in-progress"):
        assert await gateway.connect_ended(call_sid, status) == ["Hangup"]


async def test_a_caller_whose_stream_broke_hears_why(gateway: Gateway) -> None:
    """The socket is lost and the caller still there: an apology, then the end."""
    call_sid = new_call_sid()
    stream = await gateway.call(call_sid)
    stream.ws.transport.abort()
    assert await gateway.ended(call_sid) == "socket_lost"
    assert await gateway.connect_ended(call_sid) == ["Say", "Hangup"]
    assert await gateway.connect_ended(call_sid, "completed") == ["Hangup"]


async def test_a_caller_nobody_knows_hears_why(gateway: Gateway) -> None:
    """After a restart nothing is known of the call: an apology, then the end."""
    assert await gateway.connect_ended(new_call_sid()) == ["Say", "Hangup"]
    assert await gateway.connect_ended(new_call_sid(), "completed") == ["Hangup"]


async def test_a_call_the_carrier_ended_needs_nothing_more(gateway: Gateway) -> None:
    """The status callback may come first."""
    call_sid = new_call_sid()
    async with await gateway.call(call_sid):
        await gateway.post("/twilio/status", voice_form(call_sid, CallStatus="completed"))
        assert await gateway.ended(call_sid) == "carrier_completed"
    assert await gateway.connect_ended(call_sid) == ["Hangup"]


async def test_a_call_nobody_streamed_hears_why(tmp_path: Path) -> None:
    """The stream never came (31920): the caller is still there and is told."""
    async with running(tmp_path, no_stream_timeout_s=0.1) as gateway:
        call_sid = new_call_sid()
        await gateway.ticket(call_sid)
        assert await gateway.connect_ended(call_sid) == ["Say", "Hangup"]
        assert await gateway.ended(call_sid) == "no_stream"
        assert await gateway.connect_ended(call_sid) == ["Say", "Hangup"]


@pytest.mark.usefixtures("short_phrases")
async def test_after_the_apology_the_call_ends(tmp_path: Path) -> None:
    """The model refused; the caller heard the recorded apology and needs no second one."""
    async with running(tmp_path, model={"http_status": 500}) as gateway:
        call_sid = new_call_sid()
        async with await gateway.call(call_sid) as stream:
            assert await stream.close_code() == 1000
            assert await gateway.connect_ended(call_sid) == ["Hangup"]
        assert await gateway.ended(call_sid) == gateway.of(ModelLost, call_sid)[0].reason
        assert await gateway.connect_ended(call_sid) == ["Hangup"]


async def test_after_the_agents_goodbye_the_call_ends_at_once(tmp_path: Path) -> None:
    """The action comes while the model is still being closed: Hangup, no apology."""
    slow_to_close = {"never_answer_close": True}
    async with running(tmp_path, script=GREETS, model=slow_to_close, agent=greeter) as gateway:
        call_sid = new_call_sid()
        async with await gateway.call(call_sid) as stream:
            session = await gateway.model.wait_session(1)
            await session.seen("response.done")
            gateway.live(call_sid).hang_up("agent_hung_up")
            assert await stream.close_code() == 1000
            assert not gateway.gone(call_sid)
            assert await gateway.connect_ended(call_sid) == ["Hangup"]
        assert await gateway.ended(call_sid) == "agent_hung_up"
        assert await gateway.connect_ended(call_sid) == ["Hangup"]


# Transfers


OFFICE = Destination("+442079460000", timeout_s=20)


def transferring(settings: Settings) -> AgentPlan:
    """An agent whose callers can be sent to the office."""
    route = Route(directory={"office": OFFICE})
    return dataclasses.replace(brief_agent(settings), route=route)


async def dialled(gateway: Gateway, call_sid: str) -> ElementTree.Element:
    """The caller was sent to the office; what the carrier is told to do."""
    gateway.live(call_sid).transfer.begin("office", None)
    await gateway.until(lambda: bool(gateway.of(TransferStarted, call_sid)))
    answer = await gateway.post(
        "/twilio/connect-ended", voice_form(call_sid, CallStatus="in-progress")
    )
    return ElementTree.fromstring(answer.text)


async def dial_ended(
    gateway: Gateway, call_sid: str, outcome: str, status: str = "in-progress"
) -> str:
    """What the carrier is told when the office is done."""
    form = voice_form(call_sid, CallStatus=status, DialCallStatus=outcome)
    answer = await gateway.post("/twilio/dial-ended", form)
    assert answer.status_code == 200
    return answer.text


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """This carrier returns no marks, and is not waited for."""
    monkeypatch.setattr("gateway.call.departure.GRACE_S", 0)


@asynccontextmanager
async def on_the_way(folder: Path) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway and a caller who is being connected to the office."""
    async with running(folder, script=GREETS, agent=transferring) as gateway:
        call_sid = new_call_sid()
        async with await gateway.call(call_sid) as stream:
            session = await gateway.model.wait_session(1)
            await session.seen("session.updated")
            # Nobody has said anything yet, so the agent says something first.
            session.respond({})
            await session.seen("response.done")
            document = await dialled(gateway, call_sid)
            assert await stream.close_code() == 1000
        (dial,) = document
        assert dial.attrib == {
            "action": f"{gateway.public_url}/twilio/dial-ended",
            "method": "POST",
            "timeout": "20",
        }
        assert [(number.tag, number.text) for number in dial] == [("Number", OFFICE.number)]
        yield gateway, call_sid


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed", "canceled"])
async def test_a_caller_the_office_did_not_take_comes_back(tmp_path: Path, outcome: str) -> None:
    """Another stream with another ticket, to the same call and the same model session."""
    async with on_the_way(tmp_path) as (gateway, call_sid):
        text = await dial_ended(gateway, call_sid, outcome)
        assert verbs(text) == ["Connect", "Redirect"]
        assert gateway.of(TransferFailed, call_sid)[0].status == outcome
        with gateway.refuses():
            stream = await gateway.socket()
            async with stream:
                await stream.start(call_sid, ticket_in(text))
                await gateway.until(lambda: len(gateway.of(CallAnswered, call_sid)) == 2)
                await stream.stop(call_sid)
                assert await gateway.ended(call_sid) == "caller_hung_up"
        assert len(gateway.model.sessions) == 1


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize("outcome", ["completed", "answered"])
async def test_a_caller_the_office_took_is_done(tmp_path: Path, outcome: str) -> None:
    """They talked; the call ends as transferred."""
    async with on_the_way(tmp_path) as (gateway, call_sid):
        assert verbs(await dial_ended(gateway, call_sid, outcome)) == ["Hangup"]
        assert await gateway.ended(call_sid) == "transferred"
        assert verbs(await dial_ended(gateway, call_sid, outcome)) == ["Hangup"]
        assert verbs(await dial_ended(gateway, call_sid, "")) == ["Hangup"]


@pytest.mark.usefixtures("no_grace")
async def test_a_caller_who_gave_up_ringing_is_gone(tmp_path: Path) -> None:
    """No stream is asked for when nobody is there."""
    async with on_the_way(tmp_path) as (gateway, call_sid):
        text = await dial_ended(gateway, call_sid, "no-answer", "completed")
        assert verbs(text) == ["Hangup"]
        assert await gateway.ended(call_sid) == "caller_hung_up"


async def test_a_return_after_a_restart_is_told_the_truth(gateway: Gateway) -> None:
    """Nothing is known of the call any more: an apology, then the end."""
    assert verbs(await dial_ended(gateway, new_call_sid(), "busy")) == ["Say", "Hangup"]
    assert verbs(await dial_ended(gateway, new_call_sid(), "completed")) == ["Hangup"]


@pytest.mark.usefixtures("no_grace")
async def test_a_caller_who_hangs_up_before_the_dial_is_gone(tmp_path: Path) -> None:
    """The stream is closed for the transfer, and the caller with it: nobody is dialled."""
    async with running(tmp_path, script=GREETS, agent=transferring) as gateway:
        call_sid = new_call_sid()
        async with await gateway.call(call_sid):
            session = await gateway.model.wait_session(1)
            await session.seen("session.updated")
            session.respond({})
            await session.seen("response.done")
            gateway.live(call_sid).transfer.begin("office", None)
            await gateway.until(lambda: bool(gateway.of(TransferStarted, call_sid)))
            assert await gateway.connect_ended(call_sid, "completed") == ["Hangup"]
            assert await gateway.ended(call_sid) == "caller_hung_up"


@pytest.mark.usefixtures("no_grace")
async def test_a_call_on_its_way_back_cannot_be_taken_by_the_old_ticket(tmp_path: Path) -> None:
    """Each stream has a ticket of its own, for one use."""
    async with on_the_way(tmp_path) as (gateway, call_sid):
        old = gateway.live(call_sid).ticket
        await dial_ended(gateway, call_sid, "busy")
        async with gateway.turns_away(ticket_reused=1), await gateway.socket() as stream:
            await stream.start(call_sid, old)
            assert await stream.close_code() == 1008


# Routes


async def test_the_campaign_comes_with_the_signed_address(tmp_path: Path) -> None:
    """Our own outbound calls carry it in the query of the webhook's address."""
    async with running(tmp_path) as gateway:
        call_sid = new_call_sid()
        await gateway.post(f"{VOICE}?campaign=spring", voice_form(call_sid, campaign="autumn"))
        assert gateway.live(call_sid).offer.campaign == "spring"


async def test_a_full_route_refuses_and_leaves_the_others_alone(tmp_path: Path) -> None:
    """A route's own limit is counted by itself."""

    def narrow(settings: Settings) -> AgentPlan:
        return dataclasses.replace(brief_agent(settings), route=Route(max_calls=1))

    async with running(tmp_path, agent=narrow) as gateway:
        first, second = new_call_sid(), new_call_sid()
        assert verbs((await gateway.announce(first)).text) == ["Connect", "Redirect"]
        async with gateway.turns_away(route_capacity=1):
            assert verbs((await gateway.announce(second)).text) == ["Reject"]


async def test_a_broken_agent_is_apologised_for(tmp_path: Path) -> None:
    """The caller hears a sentence, nothing is dialled, the reason is counted."""
    async with running(tmp_path) as gateway:

        def broken(_offer: Offer) -> AgentPlan:
            raise ConfigError("assistant.md:3: 'data.name' is not known")

        gateway.reception._plan_for = broken
        async with gateway.turns_away(agent_broken=1):
            assert verbs((await gateway.announce(new_call_sid())).text) == ["Say", "Hangup"]


# Status


ENDS = ("completed", "busy", "failed", "no-answer", "canceled")
GOES_ON = ("queued", "initiated", "ringing", "in-progress", "", "unheard-of")


async def test_the_end_of_a_call_is_believed(gateway: Gateway) -> None:
    """Every final status ends what stands here of the call; the answer is 204."""
    for status in ENDS:
        call_sid = new_call_sid()
        await gateway.ticket(call_sid)
        answer = await gateway.post("/twilio/status", voice_form(call_sid, CallStatus=status))
        assert (answer.status_code, answer.content) == (204, b"")
        assert await gateway.ended(call_sid) == f"carrier_{status}"
        assert gateway.of(CallEnded, call_sid)[0].reason == f"carrier_{status}"


async def test_other_statuses_change_nothing(gateway: Gateway) -> None:
    """Progress is noted: 204, and the call goes on. So it is for calls nobody knows."""
    call_sid = new_call_sid()
    await gateway.ticket(call_sid)
    for status in GOES_ON:
        form = voice_form(call_sid, CallStatus=status)
        assert (await gateway.post("/twilio/status", form)).status_code == 204
    assert gateway.live(call_sid).state == "offered"
    for status in (*ENDS, *GOES_ON):
        form = voice_form(new_call_sid(), CallStatus=status)
        assert (await gateway.post("/twilio/status", form)).status_code == 204


async def test_stream_events_are_noted(gateway: Gateway) -> None:
    """Started, stopped and failed streams are answered 204."""
    for event in ("stream-started", "stream-stopped", "stream-error", ""):
        form = voice_form(
            new_call_sid(),
            StreamSid="MZ" + "1" * 32,
            StreamEvent=event,
            StreamError="Stream - 31920",
            Timestamp="2024-11-29T00:09:39.602648368Z",
        )
        answer = await gateway.post("/twilio/stream-status", form)
        assert (answer.status_code, answer.content) == (204, b"")


async def test_a_carrier_signs_what_the_gateway_reads(gateway: Gateway) -> None:
    """The tests' carrier has no privilege: with a wrong token it is a stranger."""
    stranger = Carrier(gateway.port, token="another token")
    try:
        async with gateway.turns_away(signature_wrong=1):
            assert (await stranger.announce(new_call_sid())).status_code == 403
    finally:
        await stranger.http.aclose()
