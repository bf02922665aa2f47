"""A real browser on the dashboard, and everything it complained of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Dialog, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--mute-audio", "--js-flags=--expose-gc")
_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
  violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
"""
SIZES = {400: 860, 1600: 1000}
"""Heights of windows by their widths."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """One browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        await browser.close()


class Tab:
    """One page of the dashboard in a window of its own."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.problems: list[str] = []
        """Errors of its console, exceptions, dialogs."""

    async def go(self, place: str) -> None:
        """To an address behind the #, loaded anew."""
        await self.page.goto("about:blank")
        await self.page.goto(f"{self.base}/{place}")

    async def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        return await self.page.evaluate(expression)

    async def text(self, selector: str = "main") -> str:
        """What is to be read there."""
        return await self.page.locator(selector).first.inner_text()

    async def see(self, words: str, selector: str = "main", timeout_s: float = 30) -> None:
        """Waits until the words are to be read there."""
        place = self.page.locator(selector, has_text=words).first
        await place.wait_for(state="attached", timeout=timeout_s * 1000)

    async def until(self, predicate: str, argument: Any = None) -> None:
        """Waits until a function of the argument is true; asked from here: the policy allows the
        page to make no code of texts.
        """
        async with asyncio.timeout(30):
            while not await self.page.evaluate(predicate, argument):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def violations(self) -> list[str]:
        """What its policy stopped."""
        found: list[str] = await self.run("window.violations")
        return found

    def complain(self, message: ConsoleMessage) -> None:
        """An error of its console; that nobody is signed in is none."""
        if message.type == "error" and "401" not in message.text:
            self.problems.append(message.text)

    async def refuse(self, dialog: Dialog) -> None:
        """No page of ours opens the browser's own dialogs."""
        self.problems.append(f"dialog: {dialog.message}")
        await dialog.dismiss()


@asynccontextmanager
async def tab(
    browser: Browser, base: str, width: int = 1600, scheme: Any = "light", **more: Any
) -> AsyncIterator[Tab]:
    """A window of that width, for somebody who prefers light or dark pages."""
    size: Any = {"width": width, "height": SIZES.get(width, 900)}
    context = await browser.new_context(viewport=size, color_scheme=scheme, **more)
    await context.add_init_script(_WATCH)
    page = await context.new_page()
    opened = Tab(page, base)
    page.on("console", opened.complain)
    page.on("pageerror", lambda error: opened.problems.append(str(error)))
    page.on("dialog", opened.refuse)
    try:
        yield opened
    finally:
        await context.close()
