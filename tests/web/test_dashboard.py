"""The dashboard in a real browser: every page, what changes while one looks, who may do what."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.cli.test_calls_page_chromium import CONTRAST
from tests.web import scenes
from tests.web.browser import Tab, chromium, tab
from tests.web.fakegateway import FakeGateway, running

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

PAGES = {
    "#/": "Live calls",
    f"#/calls/{scenes.sid(1)}": "still going on",
    f"#/calls/{scenes.sid(1000)}": "Usage and cost",
    "#/history": "Page 1, 25 calls",
    "#/agents": "Call this agent",
    "#/numbers": "Rings here",
    "#/call": "Number to ring",
    "#/health": "Loop lag",
    "#/audit": "Signed in",
}
"""Something every page says once it is there."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests here."""
    async with chromium() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def fake() -> AsyncIterator[FakeGateway]:
    """A gateway with calls of every kind."""
    async with running(FakeGateway()) as there:
        yield there


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, fake: FakeGateway) -> AsyncIterator[Tab]:
    """A window on it, which has nothing to complain of whatever was done."""
    async with tab(browser, fake.base) as opened:
        yield opened
        assert opened.problems == []
        assert await opened.violations() == []


async def until(condition: Any, timeout_s: float = 20.0) -> None:
    """Returns when the condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 the browser tells nobody
            await asyncio.sleep(0.02)


# Every page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
async def test_pages_fit(browser: Browser, fake: FakeGateway, width: int, scheme: str) -> None:
    """Each shows what it is for, and nothing has to be scrolled sideways to be read."""
    async with tab(browser, fake.base, width, scheme) as opened:
        for place, words in PAGES.items():
            await opened.go(place)
            await opened.see(words)
            assert await opened.run("document.documentElement.scrollWidth") == width, place
            text = await opened.text("body")
            for nonsense in ("undefined", "NaN", "[object", "null"):
                assert nonsense not in text, (place, nonsense)
            assert await opened.violations() == [], place
        assert opened.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_texts_can_be_read(browser: Browser, fake: FakeGateway, scheme: str) -> None:
    """They stand out from what is behind them (WCAG AA: 4.5 to 1), fields too (3 to 1)."""
    pairs = [(name, "card") for name in ("ink", "soft", "caller", "agent", "cut", "warn", "good")]
    pairs += [("bad", "card"), ("warn", "tool-tint"), ("bad", "bad-tint"), ("good", "good-tint")]
    pairs += [("soft", "paper"), ("soft", "hover"), ("agent", "agent-tint"), ("bad", "hover")]
    pairs += [
        ("card", "good"),
        ("card", "bad"),
        ("card", "cut"),
        ("card", "ink"),
        ("agent", "paper"),
    ]
    pairs += [("warn", "hover"), ("caller", "hover"), ("agent", "hover"), ("cut", "hover")]
    async with tab(browser, fake.base, 1600, scheme) as opened:
        await opened.go("#/")
        await opened.see("Live calls")
        ratios = await opened.page.evaluate(CONTRAST.strip(), [list(pair) for pair in pairs])
        low = {pair: ratio for pair, ratio in zip(pairs, ratios, strict=True) if ratio < 4.5}
        assert low == {}
        (edge,) = await opened.page.evaluate(CONTRAST.strip(), [["edge", "card"]])
        assert edge >= 3


async def test_everything_to_use_has_a_name(page: Tab) -> None:
    """For whoever hears the pages; each has one heading of the first rank and one main part."""
    for place, words in PAGES.items():
        await page.go(place)
        await page.see(words)
        nameless = await page.run(
            "[...document.querySelectorAll('a, button, input, select, textarea, [role=meter]')]"
            ".filter((e) => !e.closest('[hidden]') && !(e.getAttribute('aria-label')"
            " || e.labels?.length || e.textContent.trim())).map((e) => e.outerHTML)"
        )
        assert nameless == [], place
        heads = await page.run("document.querySelectorAll('h1').length")
        assert (heads, await page.run("document.querySelectorAll('main').length")) == (1, 1), place
        ids = await page.run("[...document.querySelectorAll('[id]')].map((e) => e.id)")
        assert len(ids) == len(set(ids)), place


async def test_addresses_that_lead_nowhere_say_so(page: Tab) -> None:
    """Of pages and of calls."""
    await page.go("#/nothing")
    await page.see("There is no such page")
    await page.go(f"#/calls/{scenes.sid(77)}")
    await page.see("No such call")
    page.problems.clear()  # the browser's own line on the 404


@pytest.mark.parametrize(
    ("place", "emptied", "words"),
    [
        ("#/", "calls", "Nobody is on the line"),
        ("#/history", "records", "Nothing is recorded yet"),
        ("#/agents", "agents", "There are no agents"),
        ("#/numbers", "numbers", "The account has no number"),
        ("#/audit", "audit", "Nothing was done yet"),
    ],
)
async def test_what_is_empty_says_what_to_do(
    page: Tab, fake: FakeGateway, place: str, emptied: str, words: str
) -> None:
    """Nobody has to guess why there is nothing."""
    setattr(fake, emptied, type(getattr(fake, emptied))())
    fake.approvals = []
    await page.go(place)
    await page.see(words)


# What changes while one looks


async def test_calls_appear_change_and_go(page: Tab, fake: FakeGateway) -> None:
    """By deltas; rows of other calls stay the very elements they were."""
    fake.calls = {scenes.sid(1): scenes.live_call(1)}
    await page.go("#/")
    rows = page.page.locator(".live-calls tbody tr")
    await expect(rows).to_have_count(1)
    await page.run("document.querySelector('.live-calls tbody tr').marked = true")
    await fake.tell(calls=[scenes.live_call(2, speaking="agent", response_ms=1500.0)])
    await expect(rows).to_have_count(2)
    await page.see("+12025551002", ".live-calls")
    await page.see("Agent speaks", ".live-calls")
    await page.see("too slow", ".live-calls .band")
    await fake.tell(calls=[scenes.live_call(2, speaking="", turns=31)])
    await page.see("31", ".live-calls .turns")
    await page.see("New call from +12025551002", "[role=log]")
    await fake.tell(gone=[{"call_sid": scenes.sid(2), "reason": "caller_hung_up"}])
    await expect(rows).to_have_count(1)
    assert await page.run("document.querySelector('.live-calls tbody tr').marked") is True


async def test_the_clock_goes_on(page: Tab, fake: FakeGateway) -> None:
    """Without anything being told; the row does not move for it."""
    answered = datetime.now(UTC)
    await page.page.clock.install(time=answered)
    fake.calls = {scenes.sid(1): scenes.live_call(1, answered_at=answered.isoformat())}
    await page.go("#/")
    length = page.page.locator(".live-calls .length span")
    await expect(length).to_be_visible()
    await page.page.clock.pause_at(answered + timedelta(minutes=10, seconds=10.5))
    await expect(length).to_have_text("10:10")
    box = await length.bounding_box()
    await page.page.clock.run_for(9_000)
    await expect(length).to_have_text("10:19")
    assert await length.bounding_box() == box


async def test_a_connection_that_is_lost_comes_back(page: Tab, fake: FakeGateway) -> None:
    """What is shown meanwhile is said to be old; then all is asked for again."""
    await page.go("#/")
    await page.see("+12025551011", ".live-calls")
    fake.closed_to_viewers = True
    await fake.drop()
    await page.see("what is shown may be old", ".connection")
    await page.see("This is what was known last")
    assert await page.run("document.querySelectorAll('.live-calls tbody tr').length") == 12
    fake.calls = {scenes.sid(1): scenes.live_call(1)}
    fake.closed_to_viewers = False
    await page.run("dispatchEvent(new Event('online'))")
    await expect(page.page.locator(".live-calls tbody tr")).to_have_count(1)
    await page.see("Live", ".connection")
    page.problems.clear()  # the browser's own lines on refused sockets


async def test_a_delta_too_many_asks_for_all_again(page: Tab, fake: FakeGateway) -> None:
    """A gap in the versions is noticed."""
    fake.calls = {}
    await page.go("#/")
    await page.see("Nobody is on the line")
    fake.calls[scenes.sid(4)] = scenes.live_call(4)
    fake.version += 5
    await fake.tell(calls=[scenes.live_call(5)])
    await expect(page.page.locator(".live-calls tbody tr")).to_have_count(2)


async def test_a_call_is_told_as_it_is_spoken(page: Tab, fake: FakeGateway) -> None:
    """Words grow, what is over stays; heard and unheard are told apart."""
    await page.go(f"#/calls/{scenes.sid(1)}")
    await page.see("I have found your booking")
    told = {"n": 90, "at_ms": 30_000.0, "kind": "caller", "item_id": "x", "from_ms": 30_000.0}
    await fake.tell(entries=[{**told, "to_ms": None, "text": None}])
    await page.see("speaking", "#transcript .none")
    await page.run("document.querySelector('#transcript li').marked = true")
    await fake.tell(entries=[{**told, "to_ms": 31_000.0, "text": "A window, please."}])
    await page.see("A window, please.", "#transcript")
    assert await page.run("document.querySelector('#transcript li').marked") is True
    assert await page.run("document.querySelectorAll('#transcript .speaking').length") == 0
    assert (
        await page.text("#transcript .pending")
        == "booking and can give you seat twelve A, which is at the window."
    )
    assert "kilograms and a cabin bag" in await page.text("#transcript s")


async def test_when_a_call_ends_its_record_takes_over(page: Tab, fake: FakeGateway) -> None:
    """Without loading the page anew: recording, costs and exports are there."""
    await page.go(f"#/calls/{scenes.sid(1)}")
    await page.see("Hang up")
    fake.records.append({**scenes.record_row(0), "call_sid": scenes.sid(1)})
    reason = {"call_sid": scenes.sid(1), "reason": "caller_hung_up"}
    await fake.tell(gone=[reason], ended=reason)
    await page.see("Recording (WAV)")
    assert await page.page.locator(".supervise").count() == 0
    links = await page.run(
        "[...document.querySelectorAll('.exports a')].map((a) => a.getAttribute('href'))"
    )
    path = f"/api/records/{scenes.sid(1)}"
    assert links == [f"{path}/audio"] + [
        f"{path}/transcript?format={f}" for f in ("text", "vtt", "json")
    ]


async def test_a_recording_is_played_from_where_one_clicks(page: Tab) -> None:
    """A line of the transcript, and a place of the drawing."""
    await page.go(f"#/calls/{scenes.sid(1000)}")
    await page.see("One bag per passenger")
    await page.run(
        "new Promise((r) => audio.readyState ? r() : audio.addEventListener('loadedmetadata', r))"
    )
    await page.page.locator("#transcript li .words").nth(2).click()
    at = await page.run("audio.currentTime")
    assert at > 5
    place: Any = {"x": 1000, "y": 80}
    await page.page.locator("#canvas").click(position=place)
    assert await page.run("audio.currentTime") > at
    await page.page.locator("#play").click()
    await page.run("new Promise((r) => audio.addEventListener('timeupdate', r))")
    await page.page.locator("#play").click()


# What one does


async def test_an_approval_is_given_in_the_page(page: Tab, fake: FakeGateway) -> None:
    """And goes from the page when it was decided."""
    await page.go("#/")
    await page.see("update_seat", ".approval")
    await page.page.get_by_role("button", name="Approve").click()
    await expect(page.page.locator(".approval")).to_have_count(0)
    assert fake.done == [("POST", "/api/approvals/call_1", {"decision": "approve"})]


async def test_a_rejection_tells_the_agent_why(page: Tab, fake: FakeGateway) -> None:
    """With the words of whoever rejects."""
    await page.go(f"#/calls/{scenes.sid(1)}")
    await page.page.get_by_label("What the agent is told when you reject").fill("Seat 12A is taken")
    await page.page.get_by_role("button", name="Reject").click()
    await expect(page.page.locator(".approval")).to_have_count(0)
    assert fake.done[0][2] == {"decision": "reject", "message": "Seat 12A is taken"}


async def test_a_call_is_supervised(page: Tab, fake: FakeGateway) -> None:
    """Whisper, take over, and hang up after a question."""
    await page.go(f"#/calls/{scenes.sid(1)}")
    button = page.page.get_by_role
    await button("button", name="Whisper").click()
    await page.page.get_by_label("What the agent should know").fill("Offer the window seat")
    await page.page.get_by_label("let the agent speak at once").check()
    await page.page.locator(".supervise-panel").get_by_role("button", name="Whisper").click()
    await page.see("The agent was told.")
    await button("button", name="Take over").click()
    await page.page.get_by_label("Phone to ring").fill("+1 202-555-0188")
    await button("button", name="Ring and take over").click()
    await page.see("The phone rings")
    await button("button", name="Hang up").click()
    await page.page.locator("dialog").get_by_role("button", name="Cancel").click()
    await button("button", name="Hang up").click()
    await page.page.locator("dialog").get_by_role("button", name="Hang up").click()
    await page.see("Hung up.")
    path = f"/api/live/calls/{scenes.sid(1)}"
    assert fake.done == [
        ("POST", f"{path}/whisper", {"text": "Offer the window seat", "answer": True}),
        ("POST", f"{path}/take-over", {"number": "+12025550188"}),
        ("POST", f"{path}/hang-up", {}),
    ]


async def test_a_refused_call_names_its_rule(page: Tab, fake: FakeGateway) -> None:
    """And the setting that would allow it."""
    said = {"error": "calls to +49 are not allowed", "rule": "countries"}
    fake.refusal = (422, {**said, "setting": "GATEWAY_OUTBOUND_COUNTRIES"})
    await page.go("#/call")
    await page.page.get_by_label("Number to ring").fill("+4930901820")
    await page.page.get_by_role("button", name="Ring").click()
    await page.see("calls to +49 are not allowed", ".refusal")
    await page.see("GATEWAY_OUTBOUND_COUNTRIES", ".refusal")
    page.problems.clear()  # the browser's own line on the 422


async def test_a_placed_call_is_followed(page: Tab, fake: FakeGateway) -> None:
    """From ringing to its end."""
    await page.go("#/call")
    await page.page.get_by_label("Number to ring").fill("+12025550123")
    await page.page.get_by_label("Agent", exact=True).select_option("booking")
    await page.page.get_by_role("button", name="Ring").click()
    await page.see("Ringing", ".progress .now")
    fake.dials["dial0"] |= {
        "state": "answered",
        "call_sid": scenes.sid(1),
        "answered_at": scenes.ago(),
    }
    await page.see("Open the call", ".progress")
    fake.dials["dial0"] |= {
        "state": "ended",
        "outcome": "completed",
        "words": "answered, and over",
        "well": True,
    }
    await page.see("Completed: answered, and over", ".progress")
    assert fake.done[0][2] == {"to": "+12025550123", "by": "api", "agent": "booking"}


async def test_a_number_is_pointed_here(page: Tab, fake: FakeGateway) -> None:
    """By an admin, after a question."""
    await page.go("#/numbers")
    await page.page.get_by_role("button", name="Point here").click()
    await page.page.locator("dialog").get_by_role("button", name="Point here").click()
    await page.see("rings here now", ".notices")
    assert fake.done == [("POST", "/api/numbers/+442079460123/point", {})]


async def test_the_history_is_filtered(page: Tab) -> None:
    """By what is chosen, which stands in the address, page after page."""
    await page.go("#/history")
    await page.see("Page 1, 25 calls")
    await page.page.get_by_role("button", name="Older").click()
    await page.see("Page 2, 25 calls")
    await page.page.get_by_role("button", name="Newer").click()
    await page.see("Page 1, 25 calls")
    await page.page.get_by_label("Outcome").select_option("missed")
    await page.see("Page 1, 8 calls")
    assert await page.run("location.hash") == "#/history?outcome=missed"
    assert set(await page.page.locator(".records .badge").all_inner_texts()) == {"Missed"}
    await page.page.get_by_role("button", name="Clear").click()
    await page.see("Page 1, 25 calls")
    await page.page.get_by_label("Search").fill("no such words")
    await page.page.keyboard.press("Enter")
    await page.see("No call fits")


async def test_times_are_the_viewers(browser: Browser, fake: FakeGateway) -> None:
    """In the zone the browser is in, with its name."""
    fake.records[0]["offered_at"] = "2026-03-03T14:02:00+00:00"
    async with tab(browser, fake.base, timezone_id="Asia/Tokyo") as opened:
        await opened.go("#/history")
        await opened.see("Times in Asia/Tokyo (GMT+9)")
        await opened.see("3 Mar, 23:02", ".records")


# Who may do what


OFFERED = {
    "viewer": {"Live calls", "History", "Agents", "Numbers", "Health"},
    "operator": {"Softphone", "Place a call"},
    "admin": {"Audit trail"},
}


@pytest.mark.parametrize("role", OFFERED)
async def test_what_one_may_not_do_is_not_offered(page: Tab, fake: FakeGateway, role: str) -> None:
    """Neither in the navigation nor on the pages."""
    fake.who = {"name": "grace", "role": role, "via": "session"}
    roles = list(OFFERED)
    offered = {name for each in roles[: roles.index(role) + 1] for name in OFFERED[each]}
    await page.go("#/")
    await page.see("grace", ".who-is")
    links = await page.page.locator("nav li:not([hidden]) a").all_inner_texts()
    assert {text.splitlines()[0] for text in links} == offered
    await page.go(f"#/calls/{scenes.sid(1)}")
    await page.see("still going on")
    acts = role != "viewer"
    assert (await page.page.locator(".supervise").count() > 0) is acts
    assert (await page.page.get_by_role("button", name="Approve").count() > 0) is acts
    await page.go("#/audit")
    await page.see("Signed in" if role == "admin" else "This page needs the role admin")
    await page.go("#/agents")
    await page.see("frontdesk")
    reloads = await page.page.get_by_role("button", name="Read the files again").count()
    assert (reloads > 0) is (role == "admin")


async def test_signing_in_and_out(page: Tab, fake: FakeGateway) -> None:
    """A wrong password is said to be wrong; one comes to where one wanted to go, and out again."""
    fake.who = None
    await page.go("#/numbers")
    await page.page.get_by_label("Name").fill("grace")
    await page.page.get_by_label("Password").fill("wrong")
    await page.page.keyboard.press("Enter")
    await page.see("the name or the password is wrong")
    await page.page.get_by_label("Password").fill("right")
    await page.page.keyboard.press("Enter")
    await page.see("Rings here")
    assert await page.run("location.hash") == "#/numbers"
    await page.see("Live", ".connection")
    await page.page.get_by_role("button", name="Sign out").click()
    await page.see("Sign in to the gateway")
    await until(lambda: not fake.viewers)


async def test_a_session_that_ended_leads_to_the_door(page: Tab, fake: FakeGateway) -> None:
    """Whatever page one was on."""
    await page.go("#/")
    await page.see("Live", ".connection")
    fake.who = None
    await page.page.get_by_role("link", name="History").click()
    await page.see("Sign in to the gateway")


# By keyboard


async def test_the_keyboard_reaches_everything(page: Tab, fake: FakeGateway) -> None:
    """From the first key on: skip link, navigation, an approval, a call."""
    await page.go("#/")
    await page.see("update_seat", ".approval")
    seen: list[str] = []
    for _ in range(40):
        await page.page.keyboard.press("Tab")
        seen.append(
            await page.run(
                "document.activeElement.textContent.trim() || document.activeElement.ariaLabel"
            )
        )
    for words in ("Skip to the page", "Sign out", "Approve update_seat", "Reject update_seat"):
        assert words in seen
    assert sum("→" in words for words in seen if words) >= 12
    assert await page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.page.get_by_role("link", name="+12025551001").focus()
    await page.page.keyboard.press("Enter")
    await page.see("still going on")
    await page.page.get_by_role("button", name="Hang up").focus()
    await page.page.keyboard.press("Enter")
    await page.page.keyboard.press("Escape")
    await expect(page.page.locator("dialog")).to_have_count(0)
    assert fake.done == []


async def test_the_menu_opens_on_small_screens(browser: Browser, fake: FakeGateway) -> None:
    """And closes when somebody went somewhere, or presses Escape."""
    async with tab(browser, fake.base, 400) as opened:
        await opened.go("#/")
        await opened.see("Live calls")
        menu = opened.page.get_by_role("button", name="Menu")
        await menu.click()
        await expect(menu).to_have_attribute("aria-expanded", "true")
        await opened.page.keyboard.press("Escape")
        await expect(menu).to_have_attribute("aria-expanded", "false")
        await menu.click()
        await opened.page.get_by_role("link", name="Numbers").click()
        await opened.see("Rings here")
        await expect(menu).to_have_attribute("aria-expanded", "false")
        assert await opened.run("document.activeElement.textContent") == "Numbers"


async def test_light_and_dark_are_remembered(page: Tab) -> None:
    """In the browser of whoever chose."""
    await page.go("#/")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = await page.run(colour)
    await page.page.get_by_role("button", name="Dark page").click()
    dark = await page.run(colour)
    assert light != dark
    await page.go("#/history")
    await page.see("Page 1")
    assert await page.run(colour) == dark


async def test_nothing_moves_for_who_wants_it_still(browser: Browser, fake: FakeGateway) -> None:
    """prefers-reduced-motion is heeded."""
    async with tab(browser, fake.base, reduced_motion="reduce") as opened:
        await opened.go("#/")
        await opened.see("Agent speaks", ".live-calls")
        assert await opened.run("document.getAnimations().length") == 0
