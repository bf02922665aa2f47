"""``/api/health``: everything a person wants to know of a gateway in one look."""

from pathlib import Path
from typing import Any

import pytest

from gateway import __version__
from gateway.observe.lag import Lag
from tests.web.carrier import new_call_sid
from tests.web.running import running

pytestmark = pytest.mark.asyncio

TOKEN = "a-made-up-api-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def test_a_gateway_tells_how_it_is(tmp_path: Path) -> None:
    """Before a call, and with one."""
    lag = Lag()
    lag.sample(0.002)
    async with running(tmp_path, api_token=TOKEN, max_calls=1, parts={"lag": lag}) as found:

        async def health() -> dict[str, Any]:
            answer: dict[str, Any] = (await found.http.get("/api/health", headers=BEARER)).json()
            return answer

        told = await health()
        assert told["started_at"].endswith("+00:00")
        assert told["rss_mb"] > 5
        assert told["model"] == {
            "url_host": "127.0.0.1",
            "connects": 0,
            "failures": 0,
            "last_connect_ms": None,
        }
        expected = {
            "status": "ready",
            "calls": 0,
            "capacity": 1,
            "loop_lag_p99_ms": 2.0,
            "records": None,
            "rejected": {},
            "version": __version__,
            "offline": False,
            "public_url": found.settings.public_url,
            "carrier": False,
        }
        assert {name: told[name] for name in expected} == expected
        await found.call(sid := new_call_sid())
        await found.until(lambda: found.live(sid).state == "live")
        told = await health()
        assert (told["status"], told["calls"], told["model"]["connects"]) == ("full", 1, 1)
        found.reception.drain()
        assert (await health())["status"] == "draining"
