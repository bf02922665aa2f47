"""150 texts through every field a caller, a tool, a model or a file can fill: none of them runs.

The witnesses: a global that each would set, the browser's dialogs, its reports on the policy, its
console, and the elements of the page, none of which may come from a text.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.web import scenes
from tests.web.browser import Tab, chromium, tab
from tests.web.fakegateway import FakeGateway, running
from tests.web.payloads import PAYLOADS

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

MOMENTS = ("offered_at", "answered_at", "ended_at", "reloaded_at", "started_at", "deadline", "at")
KEPT = {"kind", "state", "status", "who", "name", "type"}
"""What decides how a row is shown; each stays what it is, and is a text of ours besides."""
ELEMENTS = """
() => {
  const odd = "img, iframe, object, embed, video, base, marquee, math, template, frame, xmp, image";
  const all = [...document.querySelectorAll("*")];
  return {
    pwned: typeof window.pwned,
    odd: [...document.querySelectorAll(odd)].length,
    scripts: document.scripts.length,
    styles: document.querySelectorAll("style, [style*=javascript]").length,
    handlers: all.filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length,
    links: all.filter((e) => /^\\s*(javascript|data|vbscript):/i.test(e.getAttribute("href") ?? "")
      && e.tagName !== "LINK").length,
  };
}
"""
CLEAN = {"pwned": "undefined", "odd": 0, "scripts": 1, "styles": 0, "handlers": 0, "links": 0}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests here."""
    async with chromium() as opened:
        yield opened


def filled(value: Any, text: str, name: str = "") -> Any:
    """The same with the text in every place that is one."""
    if isinstance(value, dict):
        return {key: filled(each, text, key) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, text, name) for each in value]
    if name in KEPT or name in MOMENTS or not isinstance(value, str | None):
        return value
    return text


def every(row: dict[str, Any], **names: str) -> list[dict[str, Any]]:
    """The row once per text, all its fields filled; ``names`` are made for each from its number."""
    return [
        {**filled(row, text), **{key: form.format(number) for key, form in names.items()}}
        for number, text in enumerate(PAYLOADS)
    ]


async def looked_at(page: Tab, words: str) -> None:
    """Nothing ran, nothing is there that text made, and the texts are there letter by letter."""
    await page.see(words)
    await page.run("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    # Focus, errors of images and animations come after the text itself.
    await page.run("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")
    await page.run("new Promise((r) => setTimeout(r, 50))")
    assert await page.run(ELEMENTS) == CLEAN
    assert (page.problems, await page.violations()) == ([], [])
    shown = await page.run("document.querySelector('main').textContent")
    assert PAYLOADS[0] in shown
    assert PAYLOADS[3] in shown


@pytest_asyncio.fixture(loop_scope="module")
async def fake() -> AsyncIterator[FakeGateway]:
    """A gateway that says nothing but such texts."""
    there = FakeGateway()
    there.calls = {each["call_sid"]: each for each in every(scenes.live_call(1), call_sid="CA{}")}
    there.approvals = every(scenes.approval(), tool_call_id="call{}")
    there.records = every(scenes.record_row(0))
    there.agents = every(scenes.agents()[2])
    for number, agent in enumerate(there.agents):
        agent["name"] = PAYLOADS[number]
    there.numbers = every(scenes.numbers()[0])
    there.audit = every(scenes.audit()[1])
    for number, row in enumerate(there.audit):
        row["who"] = PAYLOADS[number]
    there.health = {**filled(scenes.health(), PAYLOADS[0]), "rejected": dict.fromkeys(PAYLOADS, 1)}
    there.health["records"] = {text: text for text in PAYLOADS}
    async with running(there):
        yield there


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("#/", "Waiting for a person"),
        ("#/history", "Page 1"),
        ("#/agents", "Broken"),
        ("#/numbers", "Rings here"),
        ("#/audit", "Who"),
        ("#/health", "Refused"),
    ],
)
async def test_lists_show_texts_and_run_none(
    browser: Browser, fake: FakeGateway, place: str, words: str
) -> None:
    """Of calls, approvals, records, agents, numbers, the trail and the gateway itself."""
    fake.shortest_page = len(PAYLOADS)
    async with tab(browser, fake.base) as page:
        await page.go(place)
        await looked_at(page, words)


async def test_a_record_shows_texts_and_runs_none(browser: Browser, fake: FakeGateway) -> None:
    """Turns, tools, handoffs, guardrails, usage, notes and events, and the call's own row."""
    record = fake.record
    rows = {name: record[name] for name in record if name != "call"}
    for name, kept in rows.items():
        kinds = {str(row.get("who", row.get("name"))): row for row in kept}.values()
        many = [each for row in kinds for each in every(row)]
        key = "seq" if name == "events" else "number"
        record[name] = [{**row, key: number} for number, row in enumerate(many, 1)]
    record["call"] = filled(record["call"], PAYLOADS[0])
    fake.records = [{**filled(scenes.record_row(0), PAYLOADS[3]), "call_sid": "CA-over"}]
    async with tab(browser, fake.base) as page:
        await page.go("#/calls/CA-over")
        await looked_at(page, "Usage and cost")
        box = await page.page.locator("#canvas").bounding_box()
        assert box is not None
        await page.page.locator("#canvas").hover(position={"x": 90, "y": 80})
        assert await page.run(ELEMENTS) == CLEAN


async def test_a_live_call_shows_texts_and_runs_none(browser: Browser, fake: FakeGateway) -> None:
    """Every kind of entry, in the snapshot and as news."""
    kinds = {entry["kind"]: entry for entry in scenes.entries()}
    many = [each for entry in kinds.values() for each in every(entry)]
    told = [{**entry, "n": number} for number, entry in enumerate(many, 1)]
    fake.entries["CA0"] = told[: len(told) // 2]
    async with tab(browser, fake.base) as page:
        await page.go("#/calls/CA0")
        await page.see("still going on")
        await fake.tell(entries=told[len(told) // 2 :])
        await page.see(PAYLOADS[-1][:20])
        await looked_at(page, "still going on")


async def test_refusals_and_addresses_are_only_text(browser: Browser, fake: FakeGateway) -> None:
    """What the API says of a call, and what stands behind the #."""
    async with tab(browser, fake.base) as page:
        await page.go("#/call")
        await page.see("Number to ring")
        ring = page.page.get_by_role("button", name="Ring")
        for text in PAYLOADS[::10]:
            fake.refusal = (422, {"error": text, "rule": text, "setting": text})
            await page.page.get_by_label("Number to ring").fill(text.replace("\0", ""))
            await ring.click()
            await page.until(
                "(text) => document.querySelector('.refusal').textContent.includes(text)", text
            )
            assert await page.run(ELEMENTS) == CLEAN
        page.problems.clear()  # the browser's own lines on each 422
        for text in PAYLOADS[::10]:
            await page.page.evaluate(
                "(text) => (location.hash = `#/calls/${encodeURIComponent(text)}`)", text
            )
            await page.page.evaluate("(text) => (location.hash = `#/history?search=${text}`)", text)
            assert await page.run(ELEMENTS) == CLEAN
        assert await page.violations() == []
