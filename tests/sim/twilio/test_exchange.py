"""What all calls share."""

import asyncio

import pytest

from gateway.sim.twilio import TwilioOptions, lifecycle
from gateway.sim.twilio.call import CallIdentity, TwinCall
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


@pytest.mark.asyncio
@pytest.mark.parametrize(("kept", "known"), [(None, 5), (2, 3), (0, 1)])
async def test_of_what_has_ended_only_the_newest_stay_known(kept: int | None, known: int) -> None:
    """Calls and conferences alike; what still lives is never forgotten, however old."""
    exchange = Exchange(TwilioOptions("AC1", "t", keep_ended=kept), lifecycle.leg)
    lasting, waiting = exchange.new_call(_identity(exchange)), asyncio.Event()
    exchange.live(lasting, _life(lasting, waiting))
    exchange.conference("lasting")
    for number in range(4):
        call = exchange.new_call(_identity(exchange))
        exchange.conference(f"room {number}").end()
        exchange.live(call, _life(call))
        await call.until_over()
        await asyncio.sleep(0)
    assert len(exchange.calls) == len(exchange.conferences) == known
    assert lasting.sid in exchange.calls
    assert (call.sid in exchange.calls) == (kept != 0)
    waiting.set()
    await exchange.close()


def _identity(exchange: Exchange) -> CallIdentity:
    return exchange.identity("+15550199", "+15550100", "inbound")


async def _life(call: TwinCall, until: asyncio.Event | None = None) -> None:
    if until is not None:
        await until.wait()
    call.over()
