"""A gateway that is killed while it asks the carrier for a call, and started again: one ring."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.ops.apitokens import api_tokens
from gateway.settings import load_settings
from gateway.sim.twilio.faults import RestFault
from tests.call.watching import until
from tests.chaos.lab import TOKEN, Lab, lab

CALLEE = "+12025550123"
LIMIT_S = 45.0


async def ask(running: Lab, method: str, path: str, **more: Any) -> dict[str, Any]:
    """One request to the gateway's API, with the token its command line has."""
    (token,) = api_tokens(load_settings(_env_file=None, twilio_auth_token=TOKEN))
    base = running.gateway._environment["GATEWAY_PUBLIC_URL"]
    async with httpx2.AsyncClient(base_url=base, trust_env=False) as client:
        answer = await client.request(
            method, path, headers={"Authorization": f"Bearer {token}"}, **more
        )
    answer.raise_for_status()
    view: dict[str, Any] = answer.json()
    return view


async def until_view(
    running: Lab, dial: str, condition: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The call as soon as the condition holds."""
    async with asyncio.timeout(LIMIT_S):
        while not condition(view := await ask(running, "GET", f"/api/calls/{dial}")):  # noqa: ASYNC110 another process tells nobody
            await asyncio.sleep(0.1)
    return view


@pytest.mark.asyncio
async def test_killed_between_the_request_and_its_answer(tmp_path: Path) -> None:
    """The carrier made the call, and nobody lived to hear it: the next process finds it, knows what
    became of it, and rings nobody a second time.
    """
    async with lab(tmp_path, None, places=True) as running:
        await running.gateway.started()
        running.twin.faults.append(
            RestFault(delay_s=30, after=True, method="POST", path="/Calls.json")
        )
        asked = await ask(running, "POST", "/api/calls", json={"to": CALLEE, "ring_s": 30})
        await until(lambda: len(running.twin.calls) == 1)
        await running.gateway.kill()
        (call,) = running.twin.calls.values()
        call.callbacks = type(call.callbacks)()  # nothing is told of it any more
        await running.gateway.started()
        dial = asked["id"]
        view = await until_view(running, dial, lambda view: view["call_sid"] is not None)
        assert view["call_sid"] == call.sid
        await ask(running, "DELETE", f"/api/calls/{dial}")
        await call.wait(20)
        view = await until_view(running, dial, lambda view: view["state"] == "ended")
        assert view["outcome"] in ("completed", "canceled", "failed")
        assert len(running.twin.calls) == 1
        creates = [each for each in running.twin.rest_requests if each.path.endswith("Calls.json")]
        assert [each.method for each in creates].count("POST") == 1
