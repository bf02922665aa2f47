"""All consults of a process: what the carrier is asked, whom its callbacks mean, the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.call.colleagues import Request
from gateway.call.context import Destination
from gateway.errors import ConfigError
from gateway.ops.consulting import consults as consults_module
from gateway.ops.consulting.consults import Consults, open_consults
from gateway.settings import load_settings
from gateway.sim.twilio import Callee, PhoneNumber, TwilioOptions, TwilioTwin
from gateway.sim.twilio.faults import RestFault
from tests.call.watching import until
from tests.ops.consulting.test_consult import HandAsker
from tests.ops.consulting.test_leg import ACCOUNT, NOWHERE, OFFICE, OURS, TOKEN, WAITS

DESTINATION = Destination(OFFICE, timeout_s=30, caller_id=OURS)
REQUEST = Request("CA1", DESTINATION, "", "Her PIN is 4711. Anna wants to move her appointment.")


@asynccontextmanager
async def house(*faults: RestFault, **settings: Any) -> AsyncIterator[tuple[Consults, TwilioTwin]]:
    """Consults and their carrier, whose colleagues ring until somebody ends it."""
    numbers = (PhoneNumber(OURS),)
    options = TwilioOptions(ACCOUNT, TOKEN, numbers, other_callees=Callee(ring_ms=60_000))
    twin = TwilioTwin(options)
    await twin.start()
    consults = open_consults(
        load_settings(
            **{
                "twilio_account_sid": ACCOUNT,
                "twilio_auth_token": TOKEN,
                "twilio_api_url": twin.url,
                "twilio_phone_number": "",
                "public_url": NOWHERE,
                **settings,
            }
        ),
        WAITS,
    )
    assert consults is not None
    twin.faults.extend(faults)
    try:
        yield consults, twin
    finally:
        await consults.close()
        await twin.stop()


@pytest.mark.asyncio
async def test_the_carrier_is_asked_for_a_call_with_addresses_of_our_own() -> None:
    """They name the consult, and nothing of the caller; the summary stays here, redacted."""
    async with house() as (consults, twin):
        consult = consults.ring(REQUEST, HandAsker())
        await until(lambda: bool(consult.leg.sid))
        request, *_ = twin.rest_requests
        form = dict(request.form)
        url, status = urlsplit(form["Url"]), urlsplit(form["StatusCallback"])
        assert (url.path, status.path) == ("/twilio/consult", "/twilio/consult-status")
        assert parse_qs(url.query) == parse_qs(status.query) == {"consult": [consult.id]}
        assert (form["To"], form["From"], form["Timeout"]) == (OFFICE, OURS, "30")
        assert "Anna" not in str(request)
        assert consult.request.summary.endswith("Anna wants to move her appointment.")
        assert "4711" not in consult.request.summary
        assert consults.get(consult.id) is consult
        assert consults.get("somebody") is None
        assert len({consult.id, consult.room}) == 2


@pytest.mark.asyncio
async def test_what_is_shown_is_a_number_of_the_account() -> None:
    """The destination's own, ours, or that of the call; without any nobody can be rung."""
    async with house(twilio_phone_number="+15550001000") as (consults, _):
        anybody = replace(DESTINATION, caller_id="")
        assert consults.why_not(anybody, "sip:desk@example.com") == ""
    async with house() as (consults, _):
        assert consults.why_not(anybody, OURS) == ""
        assert consults.why_not(DESTINATION, "anonymous") == ""
        assert consults.why_not(anybody, "anonymous") == "TWILIO_PHONE_NUMBER is not set"


@pytest.mark.asyncio
async def test_a_call_that_nobody_waits_for_any_more_stops_ringing() -> None:
    """It was given up because nobody knew of it; then its callback comes."""
    fault = RestFault(status=500, method="POST", path="/Calls.json", after=True)
    deaf = RestFault(status=500, method="GET")
    async with house(fault, *[deaf] * 9) as (consults, twin):
        asker = HandAsker()
        consult = consults.ring(REQUEST, asker)
        await until(lambda: bool(asker.told))
        assert asker.told == ["unknown"]
        (call,) = twin.calls.values()
        consults.told("somebody", call.sid, "ringing")
        consults.told(consult.id, call.sid, "ringing")
        await call.wait(5)
        assert (call.status, call.end_reason) == ("canceled", "api")
        consults.told(consult.id, call.sid, "canceled")


@pytest.mark.asyncio
async def test_a_callback_behind_a_consult_that_went_well_ends_nothing() -> None:
    """They talk: news that were on the way too long are none."""
    async with house() as (consults, twin):
        consult = consults.ring(REQUEST, HandAsker())
        await until(lambda: bool(consult.leg.sid))
        consult.stage = "together"
        consults.told(consult.id, consult.leg.sid, "ringing")
        assert [request.method for request in twin.rest_requests] == ["POST"]
        consult.stage = "over"


@pytest.mark.asyncio
async def test_a_consult_is_forgotten_some_time_after_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Late news of it may come for a while."""
    monkeypatch.setattr(consults_module, "KEEP_S", 0.05)
    async with house() as (consults, twin):
        consult = consults.ring(REQUEST, HandAsker())
        consult.release()
        await until(lambda: consults.get(consult.id) is None)
        for call in twin.calls.values():
            await call.wait(5)


@pytest.mark.asyncio
async def test_nothing_rings_on_for_a_gateway_that_is_gone() -> None:
    """The end lets everybody go."""
    async with house() as (consults, twin):
        consult = consults.ring(REQUEST, HandAsker())
        await until(lambda: bool(consult.leg.sid))
        before = asyncio.all_tasks()
        await consults.close()
        (call,) = twin.calls.values()
        await call.wait(5)
        assert call.status == "canceled"
        assert consult.stage == "over"
        assert asyncio.all_tasks() <= before


def test_nobody_is_rung_where_no_carrier_could_answer(tmp_path: Path) -> None:
    """A gateway on loopback, unless a twin is named; mistakes in settings are named."""
    given: dict[str, Any] = {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN}
    assert open_consults(load_settings(public_url=NOWHERE, **given)) is None
    outside = {**given, "public_url": "https://voice.example.com"}
    with pytest.raises(ConfigError, match="GATEWAY_REDACT"):
        open_consults(load_settings(**outside, redact=tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="TWILIO_AUTH_TOKEN"):
        open_consults(load_settings(**{**outside, "twilio_auth_token": ""}))
