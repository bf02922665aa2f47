"""What pages of others can do with a real browser that is signed in, or on the gateway's machine.

Nothing: neither ask nor read nor embed. And what our own page can.
"""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request

from gateway.web.api.endpoint import Endpoint, Socket
from gateway.web.api.gate import SIGNED_OUT
from gateway.web.pages import FOLDER
from tests.web.api.people import PASSWORD, TALK, Talk, manned
from tests.web.running import Gateway, running

pytestmark = [pytest.mark.system, pytest.mark.asyncio, pytest.mark.timeout(120)]

CHROMIUM = "/usr/bin/chromium"
REBOUND = "rebound.example"
ARGS = ["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
SCRIPT = "/static/" + min(FOLDER.rglob("*.js")).relative_to(FOLDER).as_posix()
"""A file of our own page."""
ATTACKS = """async (base) => {
  const told = {};
  const attempt = async (name, what) => {
    try { told[name] = await what(); } catch (error) { told[name] = "failed"; }
  };
  const ways = { credentials: "include" };
  await attempt("read", async () => (await fetch(`${base}/api/poked`, ways)).text());
  await attempt("blind read", async () => (await fetch(`${base}/api/poked`, {
    ...ways, mode: "no-cors" })).text());
  await attempt("blind post", async () => (await fetch(`${base}/api/poke`, {
    ...ways, mode: "no-cors", method: "POST", body: "{}" })).text());
  await attempt("post", async () => (await fetch(`${base}/api/poke`, {
    ...ways, method: "POST", body: "{}" })).text());
  const json = { "Content-Type": "application/json" };
  await attempt("json", async () => (await fetch(`${base}/api/poke`, {
    ...ways, method: "POST", headers: json, body: "{}" })).text());
  await attempt("delete", async () => (await fetch(`${base}/api/poke`, {
    ...ways, method: "DELETE" })).text());
  await attempt("beacon", async () => `${navigator.sendBeacon(`${base}/api/poke`, "{}")}`);
  await attempt("sign in", async () => (await fetch(`${base}/api/session`, {
    ...ways, mode: "no-cors", method: "POST",
    body: JSON.stringify({ name: "vera", password: "a made-up password" }) })).text());
  const loads = (tag, source) => new Promise((settle) => {
    const element = document.createElement(tag);
    element.onload = () => settle("loaded");
    element.onerror = () => settle("failed");
    element.src = `${base}${source}`;
    document.body.append(element);
  });
  await attempt("script", () => loads("script", "SCRIPT"));
  await attempt("image", () => loads("img", "/api/poked"));
  await attempt("socket", () => new Promise((settle) => {
    const socket = new WebSocket(`${base.replace("http", "ws")}/api/talk`);
    socket.onopen = () => settle("opened");
    socket.onerror = () => settle("failed");
  }));
  await attempt("form", () => new Promise((settle) => {
    const frame = document.createElement("iframe");
    frame.name = "target";
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { action: `${base}/api/poke`, method: "post", target: "target" });
    document.body.append(form);
    frame.onload = () => settle("sent");
    form.submit();
  }));
  await attempt("frame", () => new Promise((settle) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
      try { settle(frame.contentDocument ? "read" : "opaque"); } catch { settle("opaque"); }
    };
    frame.src = `${base}/`;
    document.body.append(frame);
  }));
  return told;
}""".replace("SCRIPT", SCRIPT)
"""What a page can try, each with what came of it."""


class _Evil(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """A page without any policy."""
        content = b"<!doctype html><title>evil</title><body></body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def evil() -> Iterator[int]:
    """The port of a stranger's page on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Evil)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


class Poked:
    """An address that changes something."""

    def __init__(self) -> None:
        self.times = 0

    async def poke(self, _request: Request) -> dict[str, int]:
        """Changes it."""
        self.times += 1
        return {"times": self.times}

    async def read(self, _request: Request) -> dict[str, str]:
        """What nobody else is to read."""
        return {"secret": "what is said"}

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The addresses."""
        return (
            Endpoint("POST", "/api/poke", "operator", self.poke, "Pokes"),
            Endpoint("DELETE", "/api/poke", "operator", self.poke, "Pokes"),
            Endpoint("GET", "/api/poked", "viewer", self.read, "Reads"),
        )


@asynccontextmanager
async def browsing() -> AsyncIterator[tuple[Browser, BrowserContext]]:
    """A browser with an empty profile."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        try:
            yield browser, await browser.new_context()
        finally:
            await browser.close()


async def attacked(context: BrowserContext, origin: str, base: str) -> dict[str, str]:
    """What a page of that origin achieves."""
    page = await context.new_page()
    await page.goto(origin)
    told: dict[str, str] = await page.evaluate(ATTACKS, base)
    await page.close()
    return told


def assert_in_vain(told: dict[str, str]) -> None:
    """Nothing was read, and nothing is shown."""
    assert "what is said" not in repr(told)
    assert told["socket"] == "failed"
    assert told["image"] == told["script"] == "failed"
    assert told["frame"] == "opaque"
    assert told["read"] == told["post"] == told["json"] == told["delete"] == "failed"


async def test_pages_of_others_get_nothing_on_this_machine(tmp_path: Path, evil: int) -> None:
    """Where no password is needed: the browser of who sits there cannot be made to ask."""
    poked, talk = Poked(), Talk()

    def extend(app: Starlette) -> None:
        more = [*poked.endpoints(), Socket(TALK, "operator", talk.handle, "Talks")]
        app.router.routes += [app.state.gate.route(each) for each in more]

    async with running(tmp_path, extend=extend) as gateway, browsing() as (_, context):
        for base in (f"http://127.0.0.1:{gateway.port}", f"http://localhost:{gateway.port}"):
            for host in ("127.0.0.1", "localhost", REBOUND):
                before = gateway.counted()["foreign_origin"]
                told = await attacked(context, f"http://{host}:{evil}/", base)
                assert_in_vain(told)
                assert poked.times == 0
                assert gateway.counted()["foreign_origin"] > before
        await rebound(context, gateway)
        assert poked.times == 0
        page = await context.new_page()
        await page.goto(f"http://127.0.0.1:{gateway.port}/")
        assert await page.evaluate("async () => (await fetch('/api/poked')).json()") == {
            "secret": "what is said"
        }
        await page.evaluate("async () => (await fetch('/api/poke', {method: 'POST'})).json()")
        assert poked.times == 1


async def rebound(context: BrowserContext, gateway: Gateway) -> None:
    """A name of somebody else's that leads here is not here."""
    page = await context.new_page()
    answer = await page.goto(f"http://{REBOUND}:{gateway.port}/")
    assert answer is not None
    assert answer.status == 404
    read = "async () => (await fetch('/api/poked')).status"
    assert await page.evaluate(read) == 404
    assert (
        await page.evaluate("async () => (await fetch('/api/poke', {method:'POST'})).status") == 404
    )
    await page.close()


async def sign_in(page: Page) -> Any:
    """Signs in from our own page."""
    return await page.evaluate(
        """async (password) => (await fetch("/api/session", {
          method: "POST", body: JSON.stringify({ name: "anna", password }) })).json()""",
        PASSWORD,
    )


async def test_pages_of_others_get_nothing_of_a_session(tmp_path: Path, evil: int) -> None:
    """Even of one on the same host, to which the browser sends the cookie (ports do not count)."""
    poked = Poked()
    async with manned(tmp_path, poked.endpoints()) as house, browsing() as (_, context):
        page = await context.new_page()
        await page.goto(house.origin)
        assert (await sign_in(page))["name"] == "anna"
        for host in ("127.0.0.1", "localhost", REBOUND):
            assert_in_vain(await attacked(context, f"http://{host}:{evil}/", house.origin))
        assert poked.times == 0
        assert house.actions() == [("anna", "signed_in")]
        assert (await page.evaluate("async () => (await fetch('/api/session')).json()"))[
            "name"
        ] == "anna"
        await page.evaluate("async () => (await fetch('/api/poke', {method: 'POST'})).json()")
        assert poked.times == 1


async def test_what_our_own_page_can_do(tmp_path: Path) -> None:
    """Sign in, talk, sign out; no script sees the cookie, and the socket ends with the session."""
    async with manned(tmp_path) as house, browsing() as (_, context):
        page = await context.new_page()
        await page.goto(house.origin)
        assert await page.evaluate("async () => (await fetch('/api/session')).status") == 401
        await sign_in(page)
        assert await page.evaluate("document.cookie") == ""
        (cookie,) = await context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, "Strict", -1)
        talked = """() => new Promise((settle) => {
          const told = [];
          const socket = new WebSocket(`ws://${location.host}/api/talk`);
          socket.onmessage = async (event) => {
            told.push(event.data);
            await fetch("/api/session", { method: "DELETE" });
          };
          socket.onclose = (event) => settle([...told, event.code]);
        })"""
        assert await page.evaluate(talked) == ["anna", SIGNED_OUT]
        assert await context.cookies() == []


async def test_nothing_inline_runs(tmp_path: Path) -> None:
    """Whatever finds its way into our page."""
    async with running(tmp_path) as gateway, browsing() as (_, context):
        page = await context.new_page()
        await page.goto(f"http://127.0.0.1:{gateway.port}/")
        ways = """async () => {
          const found = [];
          document.addEventListener("securitypolicyviolation",
            (event) => found.push(event.effectiveDirective));
          const attempt = (what) => { try { what(); } catch (error) { found.push(error.name); } };
          window.ran = 0;
          attempt(() => { document.body.innerHTML = "<img src=x onerror='ran++'>"; });
          attempt(() => { const s = document.createElement("script"); s.textContent = "ran++";
            document.body.append(s); });
          attempt(() => { const s = document.createElement("style"); s.textContent = "p {}";
            document.body.append(s); });
          attempt(() => { setTimeout("ran++", 0); });
          attempt(() => { document.body.setAttribute("onclick", "ran++"); document.body.click(); });
          const away = await fetch("http://localhost:1/").catch((error) => error.name);
          await new Promise((settle) => setTimeout(settle, 50));
          return { ran: window.ran, away, found: [...new Set(found)].sort() };
        }"""
        told = await page.evaluate(ways)
        assert (told["ran"], told["away"]) == (0, "TypeError")
        assert {"connect-src", "require-trusted-types-for"} <= set(told["found"])
