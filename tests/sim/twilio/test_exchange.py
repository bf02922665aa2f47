"""What all calls share."""

import pytest

from gateway.sim.twilio import TwilioOptions, lifecycle
from gateway.sim.twilio.exchange import Exchange, is_phone_number


def test_only_e164_is_a_phone_number() -> None:
    """With its plus sign."""
    assert is_phone_number("+15550100")
    for text in ("15550100", "+0123456789", "+1", "client:x", "anonymous", ""):
        assert not is_phone_number(text)


@pytest.mark.asyncio
async def test_a_conference_of_a_name_is_one_until_it_is_over() -> None:
    """Then the name is free for a new one."""
    exchange = Exchange(TwilioOptions("AC1", "t"), lifecycle.leg)
    first = exchange.conference("room")
    assert exchange.conference("room") is first
    assert exchange.conference("other") is not first
    first.end()
    assert exchange.conference("room") is not first
    await exchange.close()


@pytest.mark.asyncio
async def test_creates_get_their_turns_one_after_the_other() -> None:
    """At the configured rate; without one there is no waiting."""
    slow = Exchange(TwilioOptions("AC1", "t", calls_per_second=1.0), lifecycle.leg)
    waits = [slow.reserve_create_s() for _ in range(3)]
    assert waits == pytest.approx([0, 1, 2], abs=0.1)
    await slow.close()
    free = Exchange(TwilioOptions("AC1", "t"), lifecycle.leg)
    assert [free.reserve_create_s() for _ in range(3)] == [0, 0, 0]
    await free.close()
