"""The browser's memory stays flat: over changes that come for long, and from page to page."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.web import scenes
from tests.web.browser import Tab, chromium, tab
from tests.web.fakegateway import FakeGateway, running

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

PAGES = {
    "#/": "Calls",
    f"#/calls/{scenes.sid(1)}": "Hang up",
    f"#/calls/{scenes.sid(1000)}": "Usage and cost",
    "#/history": "Page 1",
    "#/agents": "frontdesk",
    "#/numbers": "Rings here",
    "#/call": "Number to ring",
    "#/health": "Loop lag",
    "#/audit": "Signed in",
}
HALF_AN_HOUR_S = 30 * 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests here."""
    async with chromium() as opened:
        yield opened


@dataclass(frozen=True)
class Used:
    """What a page holds when everything nobody needs is gone."""

    heap: int
    nodes: int
    listeners: int


class Gauge:
    """Measures a page."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def read(self) -> Used:
        """Now."""
        for _ in range(3):
            await self._session.send("HeapProfiler.collectGarbage")
        heap = await self._session.send("Runtime.getHeapUsage")
        counted = await self._session.send("Memory.getDOMCounters")
        return Used(heap["usedSize"], counted["nodes"], counted["jsEventListeners"])


async def gauge_of(page: Tab) -> Gauge:
    """A gauge on a page."""
    session = await page.page.context.new_cdp_session(page.page)
    await session.send("HeapProfiler.enable")
    return Gauge(session)


def flat(before: Used, after: Used) -> None:
    """No more than a little, which does not depend on how long it was."""
    assert after.nodes <= before.nodes * 1.1 + 100, (before, after)
    assert after.listeners <= before.listeners * 1.1 + 20, (before, after)
    assert after.heap <= before.heap * 1.15 + 500_000, (before, after)


async def changes(fake: FakeGateway, number: int) -> None:
    """What one moment tells: calls that come, change and go, a word more, an approval, health."""
    new, old = scenes.live_call(100 + number), scenes.sid(100 + number - 5)
    speaking = scenes.live_call(1, speaking=scenes.SPEAKING[number % 4], turns=number)
    entry = {**scenes.entries()[-2], "heard_ms": 10.0 * (number % 500)}
    await fake.tell(
        calls=[new, speaking],
        gone=[{"call_sid": old, "reason": "completed"}],
        entries=[entry],
        approvals=[scenes.approval(number)] if number % 2 else [],
        health=scenes.health(calls=number % 40),
    )


async def shown(page: Tab, number: int) -> None:
    """The page has drawn what was told last."""
    await page.until(
        "(text) => document.querySelector('.live-calls').textContent.includes(text)",
        f"+1202555{1100 + number}",
    )


async def test_changes_leave_nothing_behind(browser: Browser) -> None:
    """Five hundred of them, on the page of live calls."""
    async with running(FakeGateway()) as fake, tab(browser, fake.base) as page:
        await page.go("#/")
        await page.see("Waiting for a person")
        gauge = await gauge_of(page)
        for number in range(1, 101):
            await changes(fake, number)
        await shown(page, 100)
        before = await gauge.read()
        for number in range(101, 601):
            await changes(fake, number)
        await shown(page, 600)
        flat(before, await gauge.read())
        assert page.problems == []


async def test_pages_leave_nothing_behind(browser: Browser) -> None:
    """Each is opened and left again and again, with changes in between."""
    async with running(FakeGateway()) as fake, tab(browser, fake.base) as page:
        await page.go("#/")
        gauge = await gauge_of(page)

        async def round_trip(number: int) -> None:
            for place, words in PAGES.items():
                await page.page.evaluate("(place) => (location.hash = place)", place)
                await page.see(words)
                await changes(fake, number)

        for number in range(3):
            await round_trip(number)
        before = await gauge.read()
        for number in range(8):
            await round_trip(number + 3)
        flat(before, await gauge.read())
        assert page.problems == []


@pytest.mark.long
@pytest.mark.timeout(HALF_AN_HOUR_S + 300)
@pytest.mark.parametrize("place", ["#/", f"#/calls/{scenes.sid(1)}", "#/health"])
async def test_half_an_hour_leaves_nothing_behind(browser: Browser, place: str) -> None:
    """Four changes a second, as a gateway tells them at most."""
    async with running(FakeGateway()) as fake, tab(browser, fake.base) as page:
        await page.go(place)
        await page.see("Live", ".connection")
        gauge, number = await gauge_of(page), 0
        began = time.monotonic()
        before: Used | None = None
        while (passed := time.monotonic() - began) < HALF_AN_HOUR_S:
            number += 1
            await changes(fake, number)
            await asyncio.sleep(0.25)
            if before is None and passed > HALF_AN_HOUR_S / 6:
                before = await gauge.read()
        assert before is not None
        flat(before, await gauge.read())
        assert page.problems == []
