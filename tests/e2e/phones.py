"""Phones that the gateway rings, at the twin: houses that may call them, and what became of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from gateway.ops.placing.waits import Waits
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import Callee, TwinCall
from tests.e2e.harness import API_TOKEN, LIMIT_S, NUMBER, House, house

CALLEE = "+12025550123"
OTHER = "+12025550147"
BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
QUICK = Waits(
    carrier_s=2.0,
    again_s=0.05,
    again_most_s=0.2,
    look_s=0.05,
    look_most_s=0.2,
    grace_s=1.5,
    seat_s=0.05,
    later_s=0.1,
    watch_s=0.2,
    overdue_s=1.0,
    sweep_s=0.5,
)
OPEN: dict[str, Any] = {
    "outbound_countries": ("US",),
    "outbound_quiet": "off",
    "outbound_per_number": 1000,
    "outbound_per_minute": 1000,
    "outbound_per_day": 1000,
    "outbound_at_once": 100,
    "calls_per_second": 50,
    "twilio_phone_number": NUMBER,
}
"""Settings under which every phone of the tests may be rung."""


@asynccontextmanager
async def calling_house(
    folder: Path,
    *callees: Callee,
    options: RealtimeOptions | None = None,
    waits: Waits = QUICK,
    **settings: Any,
) -> AsyncIterator[House]:
    """A house that may ring these people, and anybody else in the United States."""
    more = {**OPEN, **settings}
    async with house(options, callees=callees, kept_in=folder, waits=waits, **more) as running:
        yield running


async def request(running: House, method: str, path: str, **more: Any) -> httpx2.Response:
    """One request to the API, whatever is answered."""
    headers = {**BEARER, **more.pop("headers", {})}
    async with httpx2.AsyncClient(base_url=running.base, trust_env=False, timeout=30) as client:
        return await client.request(method, path, headers=headers, **more)


async def ring(running: House, to: str = CALLEE, *, key: str = "", **asked: Any) -> dict[str, Any]:
    """Asks for a call, which is let in."""
    headers = {"Idempotency-Key": key} if key else {}
    answer = await request(running, "POST", "/api/calls", json={"to": to, **asked}, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    view: dict[str, Any] = answer.json()
    return view


async def until_state(running: House, dial: str, *states: str) -> dict[str, Any]:
    """The call as soon as it is in one of these states."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            view: dict[str, Any] = (await request(running, "GET", f"/api/calls/{dial}")).json()
            if view["state"] in states:
                return view
            await asyncio.sleep(0.02)


class Post:
    """The twin's post: callbacks as they would be sent, for a test to lose or to shuffle."""

    def __init__(self, running: House) -> None:
        """From now on a status callback is only collected; everything else is sent."""
        self.letters: list[Letter] = []
        self._webhooks = running.twin._exchange.webhooks
        self._send = self._webhooks.notify
        self._webhooks.notify = self._notify  # type: ignore[method-assign]

    async def _notify(self, call_sid: str, url: str, pairs: Any, method: str = "POST") -> None:
        if "/twilio/status?" not in url:
            await self._send(call_sid, url, pairs, method)
            return
        self.letters.append((call_sid, url, pairs, method))

    async def deliver(self, letter: "Letter") -> None:
        """Sends one of them."""
        await self._send(*letter)


Letter = tuple[str, str, Any, str]


async def outcome(running: House, dial: str) -> dict[str, Any]:
    """What became of a call."""
    return await until_state(running, dial, "ended")


def rung(running: House, to: str = CALLEE) -> list[TwinCall]:
    """Every call of the twin that rang that phone, or was going to."""
    return [call for call in running.twin.calls.values() if call.identity.to == to]
