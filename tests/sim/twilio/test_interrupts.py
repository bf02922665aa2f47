"""Interruptions: work is done, or torn off by an ending or a detour."""

import asyncio

import pytest

from gateway.sim.twilio.flow import Ending, Inline
from gateway.sim.twilio.interrupts import Interrupts


async def forever(cancelled: list[bool]) -> None:
    """Remembers that it was cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        cancelled.append(True)


async def nothing() -> None:
    """Done at once."""


@pytest.mark.asyncio
async def test_work_that_ends_by_itself_leads_nowhere() -> None:
    """There is no detour."""
    assert await Interrupts().during(nothing()) is None


@pytest.mark.asyncio
async def test_an_ending_cancels_the_work_and_the_first_counts() -> None:
    """A second reason changes nothing."""
    interrupts, cancelled = Interrupts(), list[bool]()
    asyncio.get_running_loop().call_soon(interrupts.end, Ending("first"))
    assert await interrupts.during(forever(cancelled)) is None
    interrupts.end(Ending("second"))
    assert cancelled == [True]
    assert interrupts.ending == Ending("first")
    assert interrupts.ended.is_set()


@pytest.mark.asyncio
async def test_a_detour_cancels_the_work_once() -> None:
    """The next work is not touched by it."""
    interrupts, cancelled = Interrupts(), list[bool]()
    asyncio.get_running_loop().call_soon(interrupts.redirect, Inline("<Response/>"))
    assert await interrupts.during(forever(cancelled)) == Inline("<Response/>")
    assert cancelled == [True]
    assert await interrupts.during(nothing()) is None


@pytest.mark.asyncio
async def test_an_ending_beats_a_detour() -> None:
    """A call that is over goes nowhere."""
    interrupts = Interrupts()
    interrupts.redirect(Inline("<Response/>"))
    interrupts.end(Ending("over"))
    assert await interrupts.during(forever([])) is None


@pytest.mark.asyncio
async def test_a_mistake_in_the_work_comes_out() -> None:
    """It is not swallowed, not even when it happens while being cancelled."""

    async def wrong() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("a bug")

    interrupts = Interrupts()
    asyncio.get_running_loop().call_soon(interrupts.end, Ending("over"))
    with pytest.raises(LookupError):
        await interrupts.during(wrong())
