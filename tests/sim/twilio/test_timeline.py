"""The timeline: ordered, relative, and something one can wait for."""

import asyncio

import pytest

from gateway.sim.twilio.timeline import Timeline, TimelineEntry


def test_entries_are_in_order_of_time() -> None:
    """Whatever order they were noted in, and together with others."""
    timeline = Timeline()
    timeline.note(11.0, "b")
    timeline.note(10.0, "a", "x")
    assert timeline.entries(10.5, [(10.75, "c", "")]) == [
        TimelineEntry(-500, "a", "x"),
        TimelineEntry(250, "c"),
        TimelineEntry(500, "b"),
    ]


@pytest.mark.asyncio
async def test_one_can_wait_for_an_entry() -> None:
    """At once when it is there, else until it comes; others do not count."""
    timeline = Timeline()
    timeline.note(1.0, "there")
    await timeline.until("there")
    waiting = asyncio.create_task(timeline.until("later"))
    await asyncio.sleep(0)
    timeline.note(2.0, "other")
    await asyncio.sleep(0)
    assert not waiting.done()
    timeline.note(3.0, "later")
    timeline.note(4.0, "later")
    async with asyncio.timeout(5):
        await waiting
