"""Phone numbers over REST, driven by Twilio's own package."""

import pytest
from twilio.base.exceptions import TwilioRestException

from gateway.sim.twilio import PhoneNumber
from tests.sim.twilio.client import QUIET, async_client, in_thread, sync_client
from tests.sim.twilio.peer import CALLER, NUMBER, peer_and_twin

pytestmark = pytest.mark.filterwarnings(QUIET)

NUMBERS = (
    PhoneNumber("+15550001111", "http://127.0.0.1:1/a", friendly_name="main"),
    PhoneNumber("+15550001112"),
    PhoneNumber("+442079460000"),
)


@pytest.mark.asyncio
async def test_numbers_are_found_by_part_and_wildcard() -> None:
    """As at Twilio, which is why whoever wants one number must compare it."""
    async with peer_and_twin(numbers=NUMBERS) as (_, twin):
        numbers = sync_client(twin).incoming_phone_numbers

        async def found(pattern: str) -> list[str | None]:
            matches = await in_thread(lambda: numbers.list(phone_number=pattern))
            return [each.phone_number for each in matches]

        assert await found("+15550001111") == ["+15550001111"]
        assert await found("5550001") == ["+15550001111", "+15550001112"]
        assert await found("+1555000111*") == ["+15550001111", "+15550001112"]
        assert await found("+19999999999") == []
        assert len(await in_thread(lambda: numbers.list())) == 3


@pytest.mark.asyncio
async def test_an_update_changes_what_the_next_call_asks() -> None:
    """Only what was sent changes; an empty value clears."""
    async with peer_and_twin() as (peer, twin), async_client(twin) as client:
        peer.answers["/other"] = "<Response/>"
        (number,) = await client.incoming_phone_numbers.list_async(phone_number=NUMBER)
        assert number.voice_url == f"{peer.url}/voice"
        changed = await client.incoming_phone_numbers(number.sid or "").update_async(
            voice_url=f"{peer.url}/other", voice_method="GET", status_callback=""
        )
        assert changed.voice_url == f"{peer.url}/other"
        assert (changed.status_callback, changed.voice_fallback_url) == ("", "")
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
        fetched = await client.incoming_phone_numbers(number.sid or "").fetch_async()
        assert fetched.voice_method == "GET"
    assert peer.paths() == ["/other"]
    assert peer.hooks[0].method == "GET"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"voice_url": "nonsense"}, 21402),
        ({"voice_method": "PUT"}, 21403),
        ({"voice_url": "", "voice_fallback_url": "http://example.com/"}, 21405),
    ],
)
async def test_wrong_settings_are_refused(fields: dict[str, str], code: int) -> None:
    """And nothing is changed."""
    async with peer_and_twin(numbers=NUMBERS) as (_, twin), async_client(twin) as client:
        (number,) = await client.incoming_phone_numbers.list_async(phone_number="+15550001111")
        with pytest.raises(TwilioRestException) as refused:
            await client.incoming_phone_numbers(number.sid or "").update_async(**fields)
        assert refused.value.code == code
        again = await client.incoming_phone_numbers(number.sid or "").fetch_async()
        assert again.voice_url == "http://127.0.0.1:1/a"
        with pytest.raises(TwilioRestException) as unknown:
            await client.incoming_phone_numbers("PN" + "9" * 32).fetch_async()
        assert unknown.value.code == 20404


@pytest.mark.asyncio
async def test_a_twiml_application_takes_the_voice_url_away() -> None:
    """Its own TwiML is not modelled, so the call fails and the debugger says so."""
    async with peer_and_twin() as (peer, twin), async_client(twin) as client:
        (number,) = await client.incoming_phone_numbers.list_async(phone_number=NUMBER)
        await client.incoming_phone_numbers(number.sid or "").update_async(
            voice_application_sid="AP" + "0" * 32
        )
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert call.status == "failed"
    assert [entry.code for entry in twin.debugger] == [90002]
    assert "/voice" not in peer.paths()
