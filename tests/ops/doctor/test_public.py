"""The public address and its signatures; test_broken.py has the proxies that are in the way."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.ops.doctor.carrier import Answer, Carrier
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.ops.doctor.public import public_url_ours, signature_arrives
from gateway.settings import load_settings
from tests.ops.doctor.front import Faults, front
from tests.web.carrier import ACCOUNT, TOKEN
from tests.web.running import Gateway, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """One gateway for all tests."""
    async with running(tmp_path_factory.mktemp("gateway")) as found:
        yield found


def carrier(public_url: str, **changes: object) -> Carrier:
    """The carrier, who is on this machine, too."""
    given = {
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "twilio_api_url": "http://127.0.0.1:1",
    }
    return Carrier(load_settings(_env_file=None, public_url=public_url, **{**given, **changes}))


async def test_the_address_of_a_gateway_is_right(gateway: Gateway) -> None:
    """So is a rightly signed webhook; nothing is counted as a refusal, no call begins."""
    async with carrier(gateway.public_url, port=gateway.port) as right:
        with gateway.refuses():
            assert gateway.public_url in await public_url_ours(right)
            assert await signature_arrives(right) == "a signed webhook is accepted"
    assert not gateway.events


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "https://localhost", "https://10.1.2.3", "https://[fd00::1]"]
)
async def test_an_address_the_carrier_cannot_reach_is_wrong(url: str) -> None:
    """Unless the carrier is a twin on this machine."""
    async with carrier(url, twilio_api_url="") as here:
        with pytest.raises(Wrong, match="Twilio cannot reach it") as wrong:
            await public_url_ours(here)
    assert "GATEWAY_PUBLIC_URL" in wrong.value.fix


async def test_no_address_is_not_looked_at() -> None:
    """Nor is anything signed without a token."""
    async with carrier("") as nowhere:
        with pytest.raises(Skipped, match="GATEWAY_PUBLIC_URL"):
            await public_url_ours(nowhere)
    async with carrier("https://voice.example.com", twilio_auth_token="") as unsigned:
        with pytest.raises(Skipped, match="TWILIO_AUTH_TOKEN"):
            await signature_arrives(unsigned)


@pytest.mark.parametrize(
    "known_as",
    [
        "https://voice.example.com",
        "http://voice.example.com/v",
        "https://voice.example.com:8443",
    ],
)
async def test_the_address_the_gateway_has_instead_is_named(known_as: str) -> None:
    """Scheme, port and prefix are the likely mistakes."""

    class Told(Carrier):
        async def post(
            self, path: str, form: object, *, to: str = "", signed_as: str = ""
        ) -> Answer:
            if (signed_as or self.base) == known_as and not to:
                return Answer(204, {}, b"", 1.0)
            return Answer(403, {"x-gateway-refused": "signature_wrong"}, b"", 1.0)

    mistaken = {
        "https://voice.example.com": "https://voice.example.com/v",
        "http://voice.example.com/v": "https://voice.example.com/v",
        "https://voice.example.com:8443": "https://voice.example.com",
    }[known_as]
    async with Told(carrier(mistaken, port=8443).settings) as told:
        with pytest.raises(Wrong) as wrong:
            await signature_arrives(told)
    assert f"for {known_as}, not for {mistaken}" in wrong.value.detail


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        (Faults(only="/twilio", answers=502), "HTTP 502 (front/1.0) to a webhook"),
        (Faults(only="/twilio", answers=301, location="https://x.example.com/twilio/a"), "x.exam"),
        (Faults(only="/twilio", answers=405, says="GET only"), "HTTP 405"),
        (Faults(only="/twilio", silent=True), "no answer within"),
    ],
)
async def test_what_answers_webhooks_instead_is_named(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, faults: Faults, says: str
) -> None:
    """With what it says."""
    monkeypatch.setattr("gateway.ops.doctor.carrier.ANSWER_S", 0.3)
    async with front(None, gateway.public_url, faults) as proxy, carrier(proxy.url) as there:
        with pytest.raises(Wrong) as wrong:
            await signature_arrives(there)
    assert says in wrong.value.detail
