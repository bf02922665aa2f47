"""Account, number, webhook: against the Twilio twin over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.ops.doctor.account import AccountChecks
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.settings import load_settings
from gateway.sim.twilio import PhoneNumber, RestFault, TwilioOptions, TwilioTwin
from tests.ops.doctor.test_carrier import saying, talking

ACCOUNT, TOKEN, NUMBER = "AC" + "0" * 32, "a made-up token", "+15550001000"
BASE = "https://voice.example.com"
OURS = f"{BASE}/twilio/voice"


@asynccontextmanager
async def asking(
    *numbers: PhoneNumber, options: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[tuple[AccountChecks, TwilioTwin]]:
    """The checks of an account with these numbers; ``changes`` are settings."""
    twin = TwilioTwin(TwilioOptions(ACCOUNT, TOKEN, numbers, **(options or {})))
    await twin.start()
    given = {
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "twilio_phone_number": NUMBER,
        "public_url": BASE,
        "twilio_api_url": twin.url,
    }
    try:
        yield AccountChecks(load_settings(_env_file=None, **{**given, **changes})), twin
    finally:
        await twin.stop()


@pytest.mark.asyncio
async def test_a_number_that_asks_us_is_right() -> None:
    """All three are content; nothing is changed at the carrier."""
    number = PhoneNumber(NUMBER, voice_url=OURS, status_callback=f"{BASE}/twilio/status")
    async with asking(number) as (checks, twin):
        assert (await checks.account()).endswith("is active")
        assert NUMBER in await checks.number()
        assert await checks.webhook() == f"{NUMBER} asks {OURS}"
        assert {request.method for request in twin.rest_requests} == {"GET"}


@pytest.mark.asyncio
async def test_a_trial_is_no_fault() -> None:
    """But it is said what it cannot do."""
    async with asking(options={"account_type": "Trial"}) as (checks, _):
        assert "verified numbers only" in await checks.account()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("url", "right"),
    [
        (OURS, True),
        (f"{OURS}#rt=5000&rc=2", True),
        ("https://voice.example.com:443/twilio/voice", True),
        (f"{OURS}/", False),
        ("https://voice.example.com:8443/twilio/voice", False),
        ("https://voice.example.com/voice", False),
        ("http://voice.example.com/twilio/voice", False),
        (f"{OURS}?x=1", False),
    ],
)
async def test_only_our_own_address_will_do(url: str, right: bool) -> None:
    """Time limits of the carrier's and its default port are no part of it."""
    async with asking(PhoneNumber(NUMBER, voice_url=url)) as (checks, _):
        await checks.number()
        if right:
            assert await checks.webhook() == (
                f"{NUMBER} asks {OURS}; its status callback is not ours"
            )
        else:
            with pytest.raises(Wrong) as wrong:
                await checks.webhook()
            assert f"asks {url}, not {OURS}" in wrong.value.detail


@pytest.mark.asyncio
async def test_our_own_port_443_is_the_same_address() -> None:
    """Whoever writes it."""
    number = PhoneNumber(NUMBER, voice_url=OURS)
    async with asking(number, public_url=f"{BASE}:443") as (checks, _):
        await checks.number()
        assert OURS in await checks.webhook()


@pytest.mark.asyncio
async def test_a_part_of_a_number_is_not_the_number() -> None:
    """The carrier finds numbers by parts of them."""
    async with asking(PhoneNumber("+155500010009")) as (checks, _):
        with pytest.raises(Wrong, match=r"it has \+155500010009"):
            await checks.number()


@pytest.mark.asyncio
async def test_an_account_without_numbers_says_so() -> None:
    """Nothing can ring there."""
    async with asking() as (checks, _):
        with pytest.raises(Wrong, match="it has none at all"):
            await checks.number()


@pytest.mark.asyncio
async def test_without_a_number_of_ours_one_that_asks_us_is_enough() -> None:
    """Which ones is said; one that is overridden does not count."""
    numbers = [
        PhoneNumber("+15550001001", voice_url=OURS),
        PhoneNumber("+15550001002", voice_url=OURS, trunk_sid="TK" + "0" * 32),
        PhoneNumber("+15550001003", voice_url="https://old.example.com"),
    ]
    async with asking(*numbers, twilio_phone_number="") as (checks, _):
        with pytest.raises(Skipped) as skipped:
            await checks.number()
        assert not skipped.value.blocks
        assert await checks.webhook() == f"+15550001001 asks {OURS}"


@pytest.mark.asyncio
async def test_a_carrier_that_is_busy_is_told_from_one_that_refuses() -> None:
    """It is asked again first."""
    async with asking() as (checks, twin):
        twin.faults.extend(RestFault(status=429, code=20429) for _ in range(10))
        with pytest.raises(Wrong) as wrong:
            await checks.account()
        assert "minute" in wrong.value.fix


@pytest.mark.asyncio
async def test_a_carrier_that_says_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For longer than its limit."""
    monkeypatch.setattr("gateway.ops.doctor.account._LIMIT_S", 0.3)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking(silent) as somebody, asking(twilio_api_url=somebody.base) as (checks, _):
        with pytest.raises(Wrong, match="no answer") as wrong:
            await checks.account()
    assert "status.twilio.com" in wrong.value.fix


@pytest.mark.asyncio
async def test_an_address_of_somebody_else_is_no_carrier() -> None:
    """A page in place of JSON."""
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<h1>"
    async with talking(saying(page)) as other, asking(twilio_api_url=other.base) as (checks, _):
        with pytest.raises(Wrong, match="GATEWAY_TWILIO_API_URL"):
            await checks.account()


@pytest.mark.asyncio
@pytest.mark.parametrize("missing", ["twilio_account_sid", "twilio_auth_token"])
async def test_without_credentials_nobody_is_asked(missing: str) -> None:
    """The settings check says what is missing."""
    changes: dict[str, Any] = {missing: ""}
    async with asking(**changes) as (checks, twin):
        with pytest.raises(Skipped) as skipped:
            await checks.account()
        assert skipped.value.blocks
        assert not twin.rest_requests
