"""What every verb is given: addresses relative to its document."""

import pytest

from gateway.sim.twilio import TwilioOptions, lifecycle
from gateway.sim.twilio.exchange import Exchange
from gateway.sim.twilio.flow import Fetch
from gateway.sim.twilio.run import Run
from gateway.sim.twilio.twiml import parse_text
from tests.sim.twilio.test_parameters import a_call


@pytest.mark.asyncio
async def test_urls_are_relative_to_the_document() -> None:
    """Absolute ones stay, empty ones mean the document, broken ones fail later."""
    exchange = Exchange(TwilioOptions("AC1", "t"), lifecycle.leg)
    run = Run(exchange, a_call(), "https://example.com/twilio/voice?x=1")
    assert run.resolve("/a") == "https://example.com/a"
    assert run.resolve("b") == "https://example.com/twilio/b"
    assert run.resolve("http://other/") == "http://other/"
    assert run.resolve("") == "https://example.com/twilio/voice?x=1"
    assert run.resolve("http://[") == "http://["
    await exchange.close()


@pytest.mark.asyncio
async def test_an_action_is_a_request_or_nothing() -> None:
    """POST unless it says otherwise."""
    exchange = Exchange(TwilioOptions("AC1", "t"), lifecycle.leg)
    run = Run(exchange, a_call(), "https://example.com/voice")
    document = parse_text(
        "<Response><Connect action='/a'/><Connect action='/a' method='get'/><Connect/></Response>"
    )
    post, get, none = document.verbs
    pairs = (("Digits", "1"),)
    assert run.action(post, pairs) == Fetch("https://example.com/a", "POST", pairs)
    assert run.action(get) == Fetch("https://example.com/a", "GET")
    assert run.action(none) is None
    assert run.action(none, default="https://d/") == Fetch("https://d/")
    await exchange.close()
