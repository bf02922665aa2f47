"""Alive, and ready for calls?"""

from pathlib import Path

import pytest

from tests.web.carrier import new_call_sid
from tests.web.running import running

pytestmark = pytest.mark.asyncio


async def test_ready_means_that_a_call_would_be_taken(tmp_path: Path) -> None:
    """200 with room, 503 when full, overloaded or draining; alive all the time."""
    async with running(tmp_path, max_calls=1) as gateway:

        async def ready() -> tuple[int, str]:
            assert (await gateway.http.get("/healthz")).json() == {"status": "ok"}
            answer = await gateway.http.get("/readyz")
            return answer.status_code, answer.json()["status"]

        assert await ready() == (200, "ready")
        call_sid = new_call_sid()
        await gateway.ticket(call_sid)
        assert await ready() == (503, "full")
        gateway.live(call_sid).end("over")
        await gateway.ended(call_sid)
        assert await ready() == (200, "ready")
        for _ in range(20):
            gateway.reception.loop_late(1.0)
        assert await ready() == (503, "overloaded")
        gateway.reception.drain()
        assert await ready() == (503, "draining")


async def test_health_reads_nothing(tmp_path: Path) -> None:
    """HEAD works for probes that send it; POST does not."""
    async with running(tmp_path) as gateway:
        for path in ("/healthz", "/readyz"):
            assert (await gateway.http.head(path)).status_code == 200
            assert (await gateway.http.post(path)).status_code == 405
