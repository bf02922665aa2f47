"""Live calls by CallSid, and what is remembered of those that ended."""

import asyncio

import pytest

from gateway.call import registry
from gateway.call.call import Call, Offer
from gateway.call.context import Errand
from gateway.call.registry import REMEMBER_S, Registry
from tests.call.calls import line, plan
from tests.call.watching import Witness, soon, turns

HOUR_S = 3600.0


def call(call_sid: str, dial: str = "") -> Call:
    """A call that is not run; one of ours has a dial."""
    errand = Errand(dial) if dial else None
    offer = Offer(call_sid, "AC1", "+15550002222", "+15550001111", errand=errand)
    return Call(offer, plan("ws://127.0.0.1:9/"), line(Witness()))


@pytest.mark.asyncio
async def test_live_calls_are_known_by_their_sid() -> None:
    """A call is known from its offer to its end, and nobody else's is."""
    calls = Registry(2)
    first = call("CA1")
    calls.add(first)
    assert calls.get("CA1") is first
    assert calls.get("CA2") is None
    assert (len(calls), list(calls)) == (1, [first])
    calls.remove(first, "caller_hung_up", 0.0)
    assert (calls.get("CA1"), len(calls)) == (None, 0)


@pytest.mark.asyncio
async def test_offered_calls_count_towards_the_capacity() -> None:
    """Pre-dialling is bounded by the same number as the calls themselves."""
    calls = Registry(2)
    first, second = call("CA1"), call("CA2")
    full = [calls.full]
    for each in (first, second):
        calls.add(each)
        full.append(calls.full)
    calls.remove(first, "no_stream", 0.0)
    assert [*full, calls.full] == [False, False, True, False]


@pytest.mark.asyncio
async def test_an_ended_call_is_remembered_for_a_day() -> None:
    """Its reason is known for 24 hours, and then forgotten."""
    calls = Registry(2)
    first, later = call("CA1"), call("CA2")
    for each in (first, later):
        calls.add(each)
    calls.remove(first, "caller_hung_up", 1 * HOUR_S)
    calls.remove(later, "agent_hung_up", 5 * HOUR_S)
    assert calls.ended_reason("CA1", 25 * HOUR_S - 1) == "caller_hung_up"
    assert calls.ended_reason("CA1", 25 * HOUR_S) is None
    assert calls.ended_reason("CA2", 25 * HOUR_S) == "agent_hung_up"
    assert calls.ended_reason("CA3", 25 * HOUR_S) is None
    assert REMEMBER_S == 24 * HOUR_S


@pytest.mark.asyncio
async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of calls makes the oldest forgotten, not the memory full."""
    monkeypatch.setattr(registry, "_MOST_REMEMBERED", 3)
    calls = Registry(10)
    for n in range(10):
        each = call(f"CA{n}")
        calls.add(each)
        calls.remove(each, f"reason {n}", float(n))
    known = [n for n in range(10) if f"CA{n}" in calls._ended]
    assert len(known) <= 3
    assert known[-1] == 9
    assert calls.ended_reason("CA9", 10.0) == "reason 9"


@pytest.mark.asyncio
async def test_a_call_in_its_life_is_no_ended_call() -> None:
    """While a call lives there is no reason why it ended."""
    calls = Registry(1)
    calls.add(call("CA1"))
    assert calls.ended_reason("CA1", 0.0) is None


@pytest.mark.asyncio
async def test_emptiness_can_be_waited_for() -> None:
    """`wait_empty` returns when the last call is gone, at once when there is none."""
    calls = Registry(5)
    await soon(asyncio.ensure_future(calls.wait_empty()))
    first, second = call("CA1"), call("CA2")
    calls.add(first)
    calls.add(second)
    empty = asyncio.ensure_future(calls.wait_empty())
    calls.remove(first, "x", 0.0)
    await turns()
    assert not empty.done()
    calls.remove(second, "x", 0.0)
    await soon(empty)


@pytest.mark.asyncio
async def test_calls_may_leave_while_they_are_gone_through() -> None:
    """Saying goodbye to all calls is not upset by one that ends at that moment."""
    calls = Registry(5)
    for n in range(3):
        calls.add(call(f"CA{n}"))
    for each in calls:
        calls.remove(each, "x", 0.0)
    assert len(calls) == 0


@pytest.mark.asyncio
async def test_a_phone_that_rings_has_its_seat() -> None:
    """Nobody else takes it, and whoever picks up has it; it is given back when nobody does."""
    calls = Registry(2)
    assert calls.reserve("one")
    assert calls.reserve("one")
    assert calls.reserve("two")
    assert (calls.full, calls.reserve("three"), len(calls)) == (True, False, 0)
    ours = call("CA1", "one")
    calls.add(ours)
    assert (calls.full, calls.is_reserved("one"), calls.is_reserved("two")) == (True, False, True)
    calls.release("two")
    calls.release("two")
    assert calls.reserve("three")
    calls.remove(ours, "x", 0.0)
    assert not calls.full


@pytest.mark.asyncio
async def test_a_house_that_drains_waits_for_phones_that_ring() -> None:
    """And lets no more of them ring."""
    calls = Registry(5)
    assert calls.reserve("one")
    calls.draining = True
    assert not calls.reserve("two")
    empty = asyncio.ensure_future(calls.wait_empty())
    await turns()
    assert not empty.done()
    ours = call("CA1", "one")
    calls.add(ours)
    await turns()
    assert not empty.done()
    calls.remove(ours, "x", 0.0)
    await soon(empty)
    calls.draining = False
    assert calls.reserve("two")
    again = asyncio.ensure_future(calls.wait_empty())
    calls.release("two")
    await soon(again)
