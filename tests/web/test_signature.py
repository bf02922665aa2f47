"""Which signatures are Twilio's, decided without any request around them."""

import pytest
from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator

from gateway.web.signature import Signatures, stream_url_spellings
from tests.web.running import settings_for

PUBLIC = "https://voice.example.com"


def signatures(public_url: str = PUBLIC, tokens: str = "token") -> Signatures:
    """The signatures of a deployment."""
    settings = settings_for(
        8000, "ws://127.0.0.1:9", public_url=public_url, twilio_auth_token=tokens
    )
    return Signatures(settings)


def sign(url: str, form: dict[str, str] | None = None, token: str = "token") -> str:
    """What Twilio would send."""
    signature: str = RequestValidator(token).compute_signature(url, form or {})
    return signature


@pytest.mark.parametrize(
    ("url", "spellings"),
    [
        ("wss://h/m", {"wss://h/m", "wss://h/m/", "wss://h:443/m", "wss://h:443/m/"}),
        ("wss://h:443/m", {"wss://h/m", "wss://h/m/", "wss://h:443/m", "wss://h:443/m/"}),
        ("wss://h:8443/m", {"wss://h:8443/m", "wss://h:8443/m/"}),
        ("ws://127.0.0.1/m", {f"ws://127.0.0.1{p}/m{s}" for p in ("", ":80") for s in ("", "/")}),
        (
            "ws://127.0.0.1:80/m",
            {f"ws://127.0.0.1{p}/m{s}" for p in ("", ":80") for s in ("", "/")},
        ),
        (
            "wss://[2001:db8::1]/m",
            {f"wss://[2001:db8::1]{p}/m{s}" for p in ("", ":443") for s in ("", "/")},
        ),
        ("wss://[2001:db8::1]:8443/m", {f"wss://[2001:db8::1]:8443/m{s}" for s in ("", "/")}),
        ("wss://h/a/b/m", {f"wss://h{p}/a/b/m{s}" for p in ("", ":443") for s in ("", "/")}),
    ],
)
def test_the_stream_address_has_few_spellings(url: str, spellings: set[str]) -> None:
    """With and without the default port, each with and without a last slash; nothing else."""
    assert set(stream_url_spellings(url)) == spellings
    assert len(stream_url_spellings(url)) == len(spellings)


@pytest.mark.parametrize("public_url", [PUBLIC, f"{PUBLIC}:443", f"{PUBLIC}/", f"{PUBLIC}:443/"])
@pytest.mark.parametrize("port", ["", ":443"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_spelling_of_the_upgrade_is_accepted(public_url: str, port: str, slash: str) -> None:
    """Whichever way the carrier spelled the address it connected to."""
    url = f"wss://voice.example.com{port}/twilio/media{slash}"
    assert signatures(public_url).upgrade(sign(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://voice.example.com/twilio/media",
        "ws://voice.example.com/twilio/media",
        "wss://voice.example.com:80/twilio/media",
        "wss://voice.example.com:8443/twilio/media",
        "wss://voice.example.com/twilio/media?",
        "wss://voice.example.com/twilio/media?x=1",
        "wss://voice.example.com/twilio/media//",
        "wss://voice.example.com/twilio/voice",
        "wss://voice.example.com/",
        "wss://Voice.example.com/twilio/media",
        "wss://evil.example/twilio/media",
        "",
    ],
)
def test_no_other_upgrade_is_accepted(url: str) -> None:
    """Another scheme, host, port, path or query is somebody else's."""
    assert not signatures().upgrade(sign(url))


def test_an_upgrade_needs_a_signature_of_one_of_our_tokens() -> None:
    """Either token of a rotation signs; nothing, nonsense and other tokens do not."""
    ours = signatures(tokens="new, old")
    url = "wss://voice.example.com/twilio/media"
    assert ours.upgrade(sign(url, token="new"))
    assert ours.upgrade(sign(url, token="old"))
    for wrong in (None, "", "x", "é", "\udcff", sign(url, token="other"), sign(url, token="")):
        assert not ours.upgrade(wrong)


def test_a_webhook_is_checked_against_the_configured_base() -> None:
    """Base, path, query and form are what is signed."""
    form = {"CallSid": "CA1", "CallerName": ""}
    good = sign(f"{PUBLIC}/twilio/voice", form)
    assert signatures().webhook("/twilio/voice", "", FormData(form), good)
    assert not signatures().webhook("/twilio/voice", "a=1", FormData(form), good)
    assert not signatures().webhook("/twilio/status", "", FormData(form), good)
    assert not signatures().webhook("/twilio/voice", "", FormData(), good)
    assert not signatures().webhook("/twilio/voice", "", FormData(form), None)
    assert not signatures().webhook("/twilio/voice", "", FormData(form), "")
    asked = sign(f"{PUBLIC}/twilio/voice?a=1", form)
    assert signatures().webhook("/twilio/voice", "a=1", FormData(form), asked)


def test_a_deployment_without_tokens_accepts_nothing() -> None:
    """Closed, never open: not even the signature an empty token would make."""
    closed = signatures(tokens="")
    form = {"CallSid": "CA1"}
    assert not closed.webhook("/v", "", FormData(form), sign(f"{PUBLIC}/v", form, token=""))
    assert not closed.upgrade(sign("wss://voice.example.com/twilio/media", token=""))
