"""The dashboard of a real gateway: calls of the twin's are seen, decided on, heard again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from gateway.core.events import CallLive
from gateway.sim.twilio import Play, WaitForAgent, WaitForSilence
from tests.e2e.harness import CALLS, House, house
from tests.e2e.test_frontdesk import QUICK
from tests.web.browser import Tab, chromium, tab

pytestmark = [pytest.mark.system, pytest.mark.asyncio, pytest.mark.timeout(180)]

STORY = (
    WaitForAgent(heard_ms=300),
    WaitForSilence(ms=700),
    Play(path=CALLS / "question_baggage.ulaw"),
    WaitForAgent(heard_ms=3800),
    Play(path=CALLS / "interruption_heavy.ulaw"),
    WaitForAgent(heard_ms=500),
    WaitForSilence(ms=700),
    Play(path=CALLS / "seat_wish.ulaw"),
    WaitForAgent(heard_ms=2700),
    WaitForSilence(ms=700),
    Play(path=CALLS / "seat_details.ulaw"),
    WaitForAgent(heard_ms=1000),
    WaitForSilence(ms=60_000),
)
"""Until the agent waits for somebody who allows it another seat, and on."""


TRAIL = "/api/audit"


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[House, Tab]]:
    """A gateway on this machine, which asks nobody who they are, and a window on it."""
    options: dict[str, Any] = {"agent": "frontdesk", "recordings": True, "approval_timeout_s": 60}
    async with (
        house(QUICK, kept_in=folder, **options) as running,
        chromium() as browser,
        tab(browser, running.base) as page,
    ):
        yield running, page
        assert [each for each in page.problems if "404" not in each] == []
        assert await page.violations() == []


async def test_a_call_is_seen_decided_and_heard_again(tmp_path: Path) -> None:
    """From the empty list over the transcript as it is spoken to the recording."""
    async with watched(tmp_path) as (running, page):
        await page.go("#/")
        await page.see("Nobody is on the line")
        call = running.place(*STORY)
        row = page.page.locator(".live-calls tbody tr")
        await expect(row).to_have_count(1, timeout=20_000)
        await page.see("frontdesk", ".live-calls")
        await row.locator("a").click()
        await page.see("how much baggage", "#transcript")
        await page.see("faq_lookup", "#transcript")
        await page.see("interrupted", "#transcript .cut")
        await page.see("not heard", "#transcript .unheard")
        # Three more turns, spoken at the speed of speech.
        await page.see("update_seat", ".approval", timeout_s=60)
        await page.page.get_by_role("button", name="Approve").click()
        await expect(page.page.locator(".approval")).to_have_count(0)
        await page.see("Approved: update_seat", "#transcript")
        await page.page.get_by_role("button", name="Hang up").click()
        await page.page.locator("dialog").get_by_role("button", name="Hang up").click()
        await running.ended(call)
        await page.see("Recording (WAV)")
        await page.run(
            "new Promise((r) => audio.readyState ? r() : "
            "audio.addEventListener('loadedmetadata', r))"
        )
        heard = await page.run("audio.duration")
        assert heard > 15
        assert await page.run("document.querySelectorAll('.latency tbody tr').length") > 3
        await page.page.get_by_role("link", name="History", exact=True).first.click()
        await page.see("1 call", ".pager")
        await page.see("frontdesk", ".records")


async def test_an_operator_listens_and_whispers(tmp_path: Path) -> None:
    """What both say moves the levels; what was done stands in the audit trail."""
    async with watched(tmp_path) as (running, page):
        call = running.place(*STORY)
        await running.until(lambda: bool(running.of(CallLive, call.sid)))
        await page.go(f"#/calls/{call.sid}")
        await page.page.get_by_role("button", name="Listen in").click()
        await page.page.get_by_role("button", name="Listen", exact=True).click()
        for who in ("agent", "caller"):
            level = f"document.querySelector('.level.{who}').style.transform"
            await page.until(f"() => parseFloat({level}.slice(7)) > 0.05")
        await page.page.get_by_role("button", name="Whisper").click()
        await page.page.get_by_label("What the agent should know").fill("The caller is a regular.")
        panel = page.page.locator(".supervise-panel")
        await panel.get_by_role("button", name="Whisper").click()
        await page.see("The agent was told.")
        await page.see("whispered to the agent", "#transcript")
        async with asyncio.timeout(30):  # it is written on another thread
            while "whisper" not in {each["action"] for each in await running.api("GET", TRAIL)}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await page.page.get_by_role("link", name="Audit trail").click()
        await page.see("Listen started")
        await page.see("Whisper")
        call.hang_up()
        await running.ended(call)


async def test_many_calls_come_and_go(tmp_path: Path) -> None:
    """Each has its row while it lives, and none is left."""
    async with watched(tmp_path) as (running, page):
        await page.go("#/")
        calls = [running.place(WaitForSilence(ms=60_000)) for _ in range(8)]
        rows = page.page.locator(".live-calls tbody tr")
        await expect(rows).to_have_count(8, timeout=30_000)
        await page.see("8 of", ".capacity-words")
        for call in calls:
            call.hang_up()
        await asyncio.gather(*(running.ended(call) for call in calls))
        await expect(rows).to_have_count(0, timeout=30_000)
        await page.see("Nobody is on the line")


async def test_every_page_says_something_of_a_real_gateway(tmp_path: Path) -> None:
    """Also where there is nothing yet."""
    async with watched(tmp_path) as (_running, page):
        for place, words in {
            "#/history": "Nothing is recorded yet",
            "#/call": "Number to ring",
            "#/health": "Loop lag",
            "#/phone": "Softphone",
            "#/audit": "Audit trail",
        }.items():
            await page.go(place)
            await page.see(words)
