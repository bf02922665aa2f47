"""A headless Chromium for tests, driven over its DevTools protocol."""

import asyncio
import base64
import itertools
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

CHROMIUM = "chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--remote-debugging-port=0",
)
_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective));
"""


class Page:
    """One tab: what runs in it, and what it complained of or asked the network for."""

    def __init__(self, browser: "Chromium", session: str) -> None:
        self.problems: list[str] = []
        """Exceptions and errors of its console."""
        self.requests: list[str] = []
        """Addresses it asked for."""
        self._browser = browser
        self._session = session
        self.loaded = asyncio.Event()

    async def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """One command to this tab."""
        return await self._browser.tell(method, self._session, **params)

    async def run(self, expression: str) -> Any:
        """The value of an expression in the page, awaited when it is a promise."""
        done = await self.tell(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    async def look(self, width: int, height: int, scheme: str = "light") -> None:
        """A window of that size, for somebody who prefers light or dark pages."""
        await self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        preference = {"name": "prefers-color-scheme", "value": scheme}
        await self.tell("Emulation.setEmulatedMedia", features=[preference])
        await self.drawn()

    async def drawn(self) -> None:
        """Whatever was to be drawn has been."""
        await self.run("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")

    async def press(self, key: str, code: str = "") -> None:
        """A key, down and up; ``code`` where the key is no letter of its own."""
        text = {"text": key} if len(key) == 1 else {}
        names = {"key": key, "code": code or key}
        await self.tell("Input.dispatchKeyEvent", type="keyDown", **names, **text)
        await self.tell("Input.dispatchKeyEvent", type="keyUp", **names)

    async def click(self, selector: str) -> None:
        """In the middle of an element, brought into sight."""
        box = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        await self.click_at(*box)

    async def click_at(self, x: float, y: float) -> None:
        """At a place of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.tell(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def picture(self) -> bytes:
        """What is in sight as a PNG."""
        shot = await self.tell("Page.captureScreenshot", format="png")
        return base64.b64decode(shot["data"])

    async def choose(self, selector: str, file: Path) -> None:
        """A file for an input."""
        found = await self.tell(
            "Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})"
        )
        place = found["result"]["objectId"]
        await self.tell("DOM.setFileInputFiles", files=[str(file)], objectId=place)

    async def wheel(self, x: float, y: float, delta: float, *, control: bool) -> None:
        """Turns the wheel, perhaps with the control key held."""
        held = {"modifiers": 2 if control else 0}
        kind = {"type": "mouseWheel", "deltaX": 0, "deltaY": delta}
        await self.tell("Input.dispatchMouseEvent", x=x, y=y, **kind, **held)

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """An event of this tab's."""
        if method == "Page.loadEventFired":
            self.loaded.set()
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])


class Chromium:
    """A browser with a profile of its own in ``folder``; an async context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._process: asyncio.subprocess.Process
        self._socket: ClientConnection
        self._reader: asyncio.Task[None]
        self._drain: asyncio.Task[bytes]

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={self._folder}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if b"DevTools listening on " in line:
                break
        else:
            raise AssertionError("chromium ended before it listened")
        address = line.decode().split()[-1]
        self._drain = asyncio.create_task(self._process.stderr.read())
        self._socket = await connect(address, max_size=None, proxy=None)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tell("Browser.close")
        await self._process.wait()
        await self._socket.close()
        await asyncio.wait([self._reader, self._drain])

    async def open(self, path: Path) -> Page:
        """A new tab with that file, loaded."""
        target = await self.tell("Target.createTarget", url="about:blank")
        attached = await self.tell(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page = self._pages[attached["sessionId"]] = Page(self, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.tell(f"{domain}.enable")
        await page.tell("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
        await page.tell("Page.navigate", url=path.as_uri())
        await page.loaded.wait()
        return page

    async def tell(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """One command; raises AssertionError when the browser refuses it."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(message))
        told = await answer
        assert "error" not in told, told["error"]
        result: dict[str, Any] = told["result"]
        return result

    async def _read(self) -> None:
        with suppress(ConnectionClosedError):  # it leaves without a goodbye
            async for text in self._socket:
                self._hear(json.loads(text))

    def _hear(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers.pop(message["id"]).set_result(message)
        elif page := self._pages.get(message.get("sessionId", "")):
            page.hear(message["method"], message["params"])
